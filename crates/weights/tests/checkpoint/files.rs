//! Files of the tests: read, written, compared.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use weft_weights::adapter::Adapter;
use weft_weights::checkpoint::Checkpoint;
use weft_weights::dtype::{Dtype, decode_f32, encode_f32};
use weft_weights::header::Header;
use weft_weights::merge::{Member, MergeInput};
use weft_weights::ops::bake::{BakeError, BakePlan, BakeReport, bake};
use weft_weights::progress::Silent;
use weft_weights::source::{FileSource, MemorySource};
use weft_weights::write::{Planned, TensorWriter, header_bound};

/// A tensor of a file: type, shape, values, bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/checkpoints").join(name)
}

/// `names.json` of the golden data.
pub(crate) fn names() -> Value {
    serde_json::from_slice(&std::fs::read(golden("names.json")).unwrap()).unwrap()
}

pub(crate) fn held(path: &Path) -> BTreeMap<String, Held> {
    let bytes = std::fs::read(path).unwrap();
    let header = Header::parse(&bytes, bytes.len() as u64).unwrap();
    let one = |t: &weft_weights::header::TensorInfo| {
        let bytes = bytes[t.range.start as usize..t.range.end as usize].to_vec();
        let mut values = vec![0.0; t.elements()];
        decode_f32(t.dtype, &bytes, &mut values).unwrap();
        (t.name.clone(), Held { dtype: t.dtype, shape: t.shape.clone(), values, bytes })
    };
    header.tensors.iter().map(one).collect()
}

/// Writes tensors (name, type, shape, values).
pub(crate) fn write(path: &Path, tensors: &[(&str, Dtype, &[usize], Vec<f32>)]) {
    write_meta(path, tensors, &BTreeMap::new());
}

pub(crate) fn write_meta(path: &Path, tensors: &[(&str, Dtype, &[usize], Vec<f32>)], metadata: &BTreeMap<String, String>) {
    let planned: Vec<Planned> = tensors.iter().map(|t| Planned { name: t.0.into(), dtype: t.1, shape: t.2.to_vec() }).collect();
    let mut writer = TensorWriter::new(Cursor::new(Vec::new()), header_bound(&planned, metadata)).unwrap();
    for (name, dtype, shape, values) in tensors {
        let mut bytes = Vec::new();
        match dtype {
            Dtype::I8 | Dtype::U8 => bytes.extend(values.iter().map(|v| *v as u8)),
            dtype => encode_f32(*dtype, values, &mut bytes).unwrap(),
        }
        writer.tensor(name, *dtype, shape, &bytes).unwrap();
    }
    std::fs::write(path, writer.finish(metadata).unwrap().into_inner()).unwrap();
}

/// The file at `path` as an adapter, with its bytes.
pub(crate) fn adapter(path: &Path) -> (Adapter, FileSource) {
    let source = FileSource::open(path).unwrap();
    let header = Header::read(&source).unwrap();
    (Adapter::from_header(header, path.file_name().and_then(|n| n.to_str()), None).unwrap(), source)
}

pub(crate) fn plan(weights: &[f64]) -> BakePlan {
    BakePlan::new(weights.iter().enumerate().map(|(i, w)| MergeInput::new(format!("{i}.safetensors"), *w)).collect())
}

/// Bakes adapter files into the checkpoint at `from`.
pub(crate) fn baked(from: &Path, plan: &BakePlan, adapters: &[&Path], out: &Path) -> Result<BakeReport, BakeError> {
    let checkpoint = Checkpoint::open(from).unwrap();
    let open: Vec<(Adapter, FileSource)> = adapters.iter().map(|p| adapter(p)).collect();
    let members: Vec<Member<'_>> = open.iter().map(|(adapter, source)| Member { adapter, source }).collect();
    bake(&checkpoint, plan, &members, out, &Silent)
}

/// ‖a − b‖ and ‖b‖.
pub(crate) fn distance(a: impl Iterator<Item = f64>, b: impl Iterator<Item = f64>) -> (f64, f64) {
    let (d, n) = a.zip(b).fold((0.0, 0.0), |(d, n), (a, b)| (d + (a - b) * (a - b), n + b * b));
    (f64::sqrt(d), f64::sqrt(n))
}

pub(crate) fn memory(bytes: &[u8]) -> Adapter {
    Adapter::from_header(Header::read(&MemorySource(bytes)).unwrap(), None, None).unwrap()
}

/// A small generator for test data.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    }

    pub(crate) fn many(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.next()).collect()
    }
}
