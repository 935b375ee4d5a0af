//! Small files for tests, in memory or on disk.

use std::collections::BTreeMap;
use std::path::Path;
use weft_weights::adapter::Adapter;
use weft_weights::dtype::{Dtype, encode_f32};
use weft_weights::header::Header;
use weft_weights::merge::Member;
use weft_weights::source::{MemorySource, TensorSource};

/// Bytes that own themselves.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl TensorSource for Bytes {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), weft_weights::source::ReadError> {
        MemorySource(&self.0).read_at(offset, buf)
    }
}

pub(crate) struct Opened {
    pub(crate) adapter: Adapter,
    pub(crate) source: Bytes,
}

impl Opened {
    pub(crate) fn of(bytes: Vec<u8>, name: &str) -> Self {
        let source = Bytes(bytes);
        let adapter = Adapter::from_header(Header::read(&source).unwrap(), Some(name), None).unwrap();
        Self { adapter, source }
    }

    pub(crate) fn read(path: &Path) -> Self {
        Self::of(std::fs::read(path).unwrap(), path.file_name().unwrap().to_str().unwrap())
    }

    pub(crate) fn member(&self) -> Member<'_> {
        Member { adapter: &self.adapter, source: &self.source }
    }
}

/// A safetensors file in the making.
#[derive(Default)]
pub(crate) struct Build {
    entries: Vec<String>,
    body: Vec<u8>,
    metadata: BTreeMap<String, String>,
}

impl Build {
    pub(crate) fn tensor(mut self, name: &str, shape: &[usize], values: &[f32]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len());
        let start = self.body.len();
        encode_f32(Dtype::F32, values, &mut self.body).unwrap();
        self.entries.push(format!(r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{}]}}"#, self.body.len()));
        self
    }

    pub(crate) fn meta(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// A pair in kohya's names: `b` m×r, `a` r×n.
    pub(crate) fn pair(self, stem: &str, (m, r, n): (usize, usize, usize), b: &[f32], a: &[f32], alpha: f32) -> Self {
        self.tensor(&format!("{stem}.lora_down.weight"), &[r, n], a).tensor(&format!("{stem}.lora_up.weight"), &[m, r], b).tensor(
            &format!("{stem}.alpha"),
            &[],
            &[alpha],
        )
    }

    pub(crate) fn open(self, name: &str) -> Opened {
        let metadata = serde_json::to_string(&self.metadata).unwrap();
        let json = format!(r#"{{"__metadata__":{metadata},{}}}"#, self.entries.join(","));
        let mut out = (json.len() as u64).to_le_bytes().to_vec();
        out.extend(json.bytes());
        out.extend(&self.body);
        Opened::of(out, name)
    }
}

/// Numbers that look random and repeat on every run.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn many(&mut self, n: usize) -> Vec<f32> {
        let mut one = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        (0..n).map(|_| one()).collect()
    }
}

pub(crate) fn close(got: f64, want: f64, tolerance: f64, what: &str) {
    assert!((got - want).abs() <= tolerance * want.abs(), "{what}: {got} is not {want}, {:.1e} off", (got - want).abs() / want.abs());
}

pub(crate) fn between(got: f64, want: f64, tolerance: f64, what: &str) {
    assert!((got - want).abs() <= tolerance, "{what}: {got} is not {want}");
}
