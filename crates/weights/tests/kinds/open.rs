//! Opening golden files and comparing matrices.

use std::path::{Path, PathBuf};
use weft_weights::adapter::{Adapter, Module};
use weft_weights::delta::{Base, Delta, DeltaError, Loader};
use weft_weights::header::Header;
use weft_weights::source::FileSource;

/// Folder of the golden data.
pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/data")
}

pub(crate) struct Opened {
    pub(crate) adapter: Adapter,
    pub(crate) source: FileSource,
}

impl Opened {
    pub(crate) fn new(path: &Path) -> Self {
        let config = std::fs::read_to_string(path.with_extension("adapter_config.json")).ok();
        let source = FileSource::open(path).unwrap();
        let name = path.file_name().and_then(|n| n.to_str());
        let adapter = Adapter::from_header(Header::read(&source).unwrap(), name, config.as_deref()).unwrap();
        Self { adapter, source }
    }

    pub(crate) fn load(&self, module: &Module, base: Option<&dyn Base>) -> Result<Delta, DeltaError> {
        Loader { adapter: &self.adapter, source: &self.source, base }.load(module)
    }
}

/// Every adapter among the golden files, merges left out.
pub(crate) fn all() -> Vec<(String, Opened)> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(data()).unwrap().map(|e| e.unwrap().path()).collect();
    names.retain(|p| p.extension().is_some_and(|e| e == "safetensors"));
    names.sort();
    assert!(names.len() > 50, "golden files are missing");
    names.iter().map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), Opened::new(p))).collect()
}

/// All rows of ΔW.
pub(crate) fn whole(delta: &Delta) -> Vec<f32> {
    let (m, n) = delta.shape();
    let mut out = vec![0.0; m * n];
    delta.rows(0..m, &mut out);
    out
}

pub(crate) fn norm(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// ‖a − b‖ / ‖b‖.
pub(crate) fn gap(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    norm(a.iter().zip(b).map(|(x, y)| f64::from(*x) - y)) / norm(b.iter().copied()).max(1e-300)
}
