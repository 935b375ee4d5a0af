//! Reading golden data: adapters, their index, and plain float64 matrices.

use std::path::{Path, PathBuf};
use weft_weights::adapter::{Adapter, Component, Factors, Module, Side};
use weft_weights::dtype::decode_f64;
use weft_weights::header::Header;
use weft_weights::source::{FileSource, TensorSource};

/// Folder of the golden data.
pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/data")
}

/// A JSON file of the golden data.
pub(crate) fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// An adapter with its bytes. `config` is the name of the `adapter_config.json` beside it.
pub(crate) struct Opened {
    pub(crate) adapter: Adapter,
    pub(crate) source: FileSource,
}

impl Opened {
    pub(crate) fn new(path: &Path, config: Option<&str>) -> Self {
        let config = config.map(|name| std::fs::read_to_string(path.with_file_name(name)).unwrap());
        let source = FileSource::open(path).unwrap();
        let header = Header::read(&source).unwrap();
        let name = path.file_name().and_then(|n| n.to_str());
        let adapter = Adapter::from_header(header, name, config.as_deref()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Self { adapter, source }
    }

    /// One tensor as float64.
    pub(crate) fn tensor(&self, index: usize) -> Vec<f64> {
        tensor(&self.adapter.header, &self.source, index)
    }

    /// Keys of the tensors that make a module, without its alpha.
    pub(crate) fn keys(&self, module: &Module) -> impl Iterator<Item = &str> {
        let side = |side: &Side| match side {
            Side::Whole(i) => vec![*i],
            Side::Product(i, j) => vec![*i, *j],
        };
        let tensors = match &module.factors {
            Factors::Pair(pair) => vec![pair.down, pair.up],
            Factors::Loha { w1a, .. } => vec![*w1a],
            Factors::Lokr { w1, w2, .. } => [side(w1), side(w2)].concat(),
            Factors::Other(tensors) => tensors.clone(),
        };
        tensors.into_iter().map(|i| self.adapter.header.tensors[i].name.as_str())
    }

    /// Factors of a pair with the scale in B: (B m×r, A r×n, r). Only plain pairs, which is what merges write.
    pub(crate) fn factors(&self, module: &Module) -> (Vec<f64>, Vec<f64>, usize) {
        let Factors::Pair(pair) = &module.factors else { panic!("{} is no pair", module.name) };
        assert!(pair.mid.is_none(), "{} has a Tucker core", module.name);
        let alpha = module.alpha.map(|i| self.tensor(i)[0]);
        let scale = module.scale(alpha);
        let b = self.tensor(pair.up).into_iter().map(|x| x * scale).collect();
        (b, self.tensor(pair.down), module.rank)
    }
}

/// One tensor of a file as float64.
pub(crate) fn tensor(header: &Header, source: &dyn TensorSource, index: usize) -> Vec<f64> {
    let info = &header.tensors[index];
    let mut bytes = vec![0; usize::try_from(info.byte_len()).unwrap()];
    source.read_at(info.range.start, &mut bytes).unwrap();
    let mut out = vec![0.0; info.elements()];
    decode_f64(info.dtype, &bytes, &mut out).unwrap();
    out
}

/// `denoiser:path` or `te1:path`, as the golden data names a target.
pub(crate) fn target(module: &Module) -> String {
    match module.target.component {
        Component::Denoiser => format!("denoiser:{}", module.target.path),
        Component::TextEncoder(n) => format!("te{n}:{}", module.target.path),
    }
}

/// ‖x‖ of a slice.
pub(crate) fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// ‖a − b‖.
pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}
