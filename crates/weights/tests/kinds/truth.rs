//! ΔW of every module of every file in `golden/kinds` against float64. The files come from lycoris-lora, peft and the key rules of trainers;
//! the figures from definitions in float64 with which those libraries agree (`golden/make_kinds.py` stops otherwise).

use crate::open::{Opened, gap, whole};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use weft_weights::adapter::{Component, Target};
use weft_weights::delta::{Base, DeltaError, Dense, needs_base};
use weft_weights::dtype::decode_f64;
use weft_weights::header::Header;
use weft_weights::source::{FileSource, ReadError, TensorSource};

/// Relative Frobenius error of ΔW. Truth and stored factors are exact, so this is the engine's own error in f32.
const LIMIT: f64 = 1e-6;

struct Truth {
    deltas: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
    bases: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/kinds")
}

pub(crate) fn cases() -> Vec<String> {
    let names = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter_map(|n| n.strip_suffix(".truth.safetensors").map(str::to_owned)).collect();
    names.sort();
    assert!(names.len() > 50, "golden files are missing");
    names
}

pub(crate) fn open(case: &str) -> Opened {
    Opened::new(&folder().join(format!("{case}.safetensors")))
}

impl Truth {
    fn read(case: &str) -> Self {
        let source = FileSource::open(&folder().join(format!("{case}.truth.safetensors"))).unwrap();
        let mut truth = Self { deltas: BTreeMap::new(), bases: BTreeMap::new() };
        for info in Header::read(&source).unwrap().tensors {
            let mut bytes = vec![0; usize::try_from(info.byte_len()).unwrap()];
            source.read_at(info.range.start, &mut bytes).unwrap();
            let mut values = vec![0.0; info.elements()];
            decode_f64(info.dtype, &bytes, &mut values).unwrap();
            let (kind, target) = info.name.split_once(' ').unwrap();
            let map = if kind == "delta" { &mut truth.deltas } else { &mut truth.bases };
            map.insert(target.to_owned(), (info.shape, values));
        }
        truth
    }
}

fn name(target: &Target) -> String {
    match target.component {
        Component::Denoiser => format!("denoiser:{}", target.path),
        Component::TextEncoder(n) => format!("te{n}:{}", target.path),
    }
}

impl Base for Truth {
    fn weight(&self, target: &Target, m: usize, n: usize) -> Result<Option<Dense>, ReadError> {
        let Some((shape, values)) = self.bases.get(&name(target)) else { return Ok(None) };
        assert!((m == 0 || m == shape[0]) && (n == 0 || n == shape[1]), "{target:?} is asked for as {m}×{n}, it is {shape:?}");
        Ok(Some(Dense { m: shape[0], n: shape[1], values: values.iter().map(|v| *v as f32).collect() }))
    }
}

#[test]
fn every_kind_is_what_float64_says() {
    let mut off = Vec::new();
    for case in cases() {
        let (opened, truth) = (open(&case), Truth::read(&case));
        let mut found = BTreeSet::new();
        for module in &opened.adapter.modules {
            let target = name(&module.target);
            let Some((shape, values)) = truth.deltas.get(&target) else {
                off.push(format!("{case}: {target} is no target, {:?}", opened.adapter.warnings));
                continue;
            };
            assert!(found.insert(target.clone()), "{case}: {target} twice");
            let delta = match opened.load(module, Some(&truth)) {
                Ok(delta) => delta,
                Err(e) => {
                    off.push(format!("{case}: {e}"));
                    continue;
                }
            };
            if delta.shape() != (shape[0], shape[1]) {
                off.push(format!("{case} {target}: {:?}, should be {shape:?}", delta.shape()));
                continue;
            }
            let zero = values.iter().all(|v| *v == 0.0);
            let error =
                if zero { whole(&delta).iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max) } else { gap(&whole(&delta), values) };
            if error > LIMIT || error.is_nan() {
                off.push(format!("{case} {target}: off by {error:e}"));
            }
        }
        if found.len() != truth.deltas.len() {
            off.push(format!(
                "{case}: {:?} was not found; {:?}",
                truth.deltas.keys().find(|k| !found.contains(*k)),
                opened.adapter.warnings
            ));
        }
    }
    assert!(off.is_empty(), "{} differences:\n{}", off.len(), off.join("\n"));
}

#[test]
fn kinds_that_need_the_base_say_so_and_the_others_do_not() {
    for case in cases() {
        let (opened, truth) = (open(&case), Truth::read(&case));
        for module in &opened.adapter.modules {
            let needs = truth.bases.contains_key(&name(&module.target));
            assert_eq!(needs_base(module), needs, "{case} {}", module.name);
            match opened.load(module, None) {
                Err(DeltaError::NeedsBase { kind, .. }) => assert!(needs && kind == module.kind),
                other => assert!(!needs && other.is_ok(), "{case} {}: {other:?}", module.name),
            }
        }
    }
}

/// A base of another model: nothing, or a weight of another shape.
struct Wrong(Option<(usize, usize)>);

impl Base for Wrong {
    fn weight(&self, _: &Target, _: usize, _: usize) -> Result<Option<Dense>, ReadError> {
        Ok(self.0.map(|(m, n)| Dense { m, n, values: vec![1.0; m * n] }))
    }
}

#[test]
fn a_base_that_does_not_fit_is_an_error_and_never_a_panic() {
    for case in cases() {
        let opened = open(&case);
        for module in opened.adapter.modules.iter().filter(|m| needs_base(m)) {
            let missing = opened.load(module, Some(&Wrong(None)));
            assert!(matches!(missing, Err(DeltaError::NotInBase { .. })), "{case}: {missing:?}");
            for (m, n) in [(0, 0), (1, 1), (7, 5), (0, 3), (3, 0)] {
                let other = opened.load(module, Some(&Wrong(Some((m, n)))));
                assert!(matches!(other, Err(DeltaError::Shape { .. })), "{case} {} {m}×{n}: {other:?}", module.name);
            }
        }
    }
}
