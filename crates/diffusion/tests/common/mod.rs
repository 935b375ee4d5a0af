//! Reading what diffusers computed (`golden/`).

use serde_json::Value;
use std::path::PathBuf;
use weft_diffusion::model::{Compute, LoadOptions, Model, ModelFiles, ModelPaths};
use weft_weights::header::Header;
use weft_weights::progress::Silent;
use weft_weights::source::{FileSource, TensorSource};

pub fn golden(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(path)
}

/// Tensors and cases of one family.
pub struct Golden {
    header: Header,
    source: FileSource,
    pub cases: Vec<Value>,
}

impl Golden {
    pub fn open(family: &str) -> Self {
        let source = FileSource::open(&golden(&format!("{family}/expected.safetensors"))).unwrap();
        let cases = std::fs::read_to_string(golden(&format!("{family}/cases.json"))).unwrap();
        let cases = serde_json::from_str(&cases).unwrap();
        Self { header: Header::read(&source).unwrap(), source, cases }
    }

    /// Values and shape of a tensor.
    pub fn tensor(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        let (_, info) = self.header.find(name).unwrap_or_else(|| panic!("no {name}"));
        let mut bytes = vec![0; info.byte_len() as usize];
        self.source.read_at(info.range.start, &mut bytes).unwrap();
        let mut out = vec![0.0; info.elements()];
        weft_weights::dtype::decode_f32(info.dtype, &bytes, &mut out).unwrap();
        (out, info.shape.clone())
    }

    /// The tensor that a case names under `key`.
    pub fn of(&self, case: &Value, key: &str) -> (Vec<f32>, Vec<usize>) {
        self.tensor(case[key].as_str().unwrap_or_else(|| panic!("no {key} in {case}")))
    }

    /// The token ids that a case names under `key`.
    pub fn ids(case: &Value, key: &str) -> Vec<u32> {
        case[key].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as u32).collect()
    }

    pub fn cases(&self, kind: &str) -> Vec<Value> {
        let found: Vec<Value> = self.cases.iter().filter(|c| c["kind"] == kind).cloned().collect();
        assert!(!found.is_empty(), "no cases of {kind}");
        found
    }

    pub fn case(&self, kind: &str, name: &str) -> Value {
        self.cases(kind).into_iter().find(|c| c["name"] == name).unwrap_or_else(|| panic!("no {kind} {name}"))
    }
}

/// Largest difference, relative to the largest value.
pub fn distance(got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len());
    let size = want.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
    got.iter().zip(want).map(|(a, b)| if a.is_finite() { (a - b).abs() } else { f32::INFINITY }).fold(0.0, f32::max) / size
}

pub fn load(paths: &ModelPaths, compute: Compute) -> Model {
    let files = ModelFiles::open(paths).unwrap();
    Model::load(files, &LoadOptions { compute, ..LoadOptions::default() }, &Silent).unwrap()
}

/// The tiny model of a family as one file with its configurations beside it.
pub fn single(family: &str) -> ModelPaths {
    ModelPaths {
        main: golden(&format!("{family}/model.safetensors")),
        configs: Some(golden(&format!("{family}/diffusers"))),
        ..ModelPaths::default()
    }
}
