//! Results of all methods against the dense float64 ones.

use crate::support::{merged, open};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weft_weights::delta::Loader;
use weft_weights::dtype::decode_f64;
use weft_weights::header::Header;
use weft_weights::merge::{Form, MergeInput, MergePlan, Method, Options, OutDtype};
use weft_weights::source::MemorySource;

/// f32 arithmetic on elements, f64 on spectra.
const LIMIT: f64 = 1e-5;

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/methods")
}

/// ΔW of every module of a file by its name; vectors by their key.
pub(crate) fn dense(bytes: &[u8]) -> BTreeMap<String, Vec<f64>> {
    let adapter = open(bytes);
    let source = MemorySource(bytes);
    let loader = Loader { adapter: &adapter, source: &source, base: None };
    let mut out = BTreeMap::new();
    for module in &adapter.modules {
        let delta = loader.load(module).unwrap();
        let (m, n) = delta.shape();
        let mut values = vec![0f32; m * n];
        delta.rows(0..m, &mut values);
        let bias = module.target.path.ends_with("_bias");
        let endings: &[&str] = if bias { &["diff_b", "b_norm"] } else { &["w_norm"] };
        let key = endings.iter().map(|e| format!("{}.{e}", module.name)).find(|k| n == 1 && adapter.header.find(k).is_some());
        out.insert(key.unwrap_or_else(|| module.name.clone()), values.iter().map(|v| f64::from(*v)).collect());
    }
    out
}

pub(crate) fn plan(case: &Value) -> MergePlan {
    let weights = case["weights"].as_array().unwrap();
    let inputs = case["files"].as_array().unwrap().iter().zip(weights);
    let inputs = inputs.map(|(f, w)| MergeInput::new(f.as_str().unwrap(), w.as_f64().unwrap())).collect();
    let method: Method = serde_json::from_value(case["method"].clone()).unwrap();
    let mut plan = MergePlan::new(inputs, method, OutDtype::F32);
    plan.options = serde_json::from_value(case["options"].clone()).unwrap();
    plan
}

fn expected(id: &str) -> BTreeMap<String, Vec<f64>> {
    let bytes = std::fs::read(folder().join("expected.safetensors")).unwrap();
    let header = Header::read(&MemorySource(&bytes)).unwrap();
    let own = header.tensors.iter().filter_map(|t| t.name.strip_prefix(&format!("{id}/")).map(|stem| (stem.to_owned(), t)));
    own.map(|(stem, t)| {
        let mut out = vec![0.0; t.elements()];
        decode_f64(t.dtype, &bytes[t.range.start as usize..t.range.end as usize], &mut out).unwrap();
        (stem, out)
    })
    .collect()
}

fn compare(what: &str, found: &BTreeMap<String, Vec<f64>>, want: &BTreeMap<String, Vec<f64>>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>(), "{what}");
    for (stem, want) in want {
        let gap = crate::support::norm(&found[stem].iter().zip(want).map(|(a, b)| a - b).collect::<Vec<_>>()) / crate::support::norm(want);
        assert!(gap < LIMIT, "{what} {stem}: off by {gap:e}");
    }
}

#[test]
fn every_method_is_the_formula_of_its_paper() {
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(folder().join("cases.json")).unwrap()).unwrap();
    let mut methods = std::collections::BTreeSet::new();
    for case in &cases {
        let files: Vec<Vec<u8>> = case["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| std::fs::read(folder().join(format!("{}.safetensors", f.as_str().unwrap()))).unwrap())
            .collect();
        let refs: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        let mut plan = plan(case);
        methods.insert(plan.method.as_str());
        if plan.method.is_dense() {
            plan.rank = Some(10_000);
        }
        let want = expected(case["id"].as_str().unwrap());
        let what = format!("case {} {}", case["id"], case);
        let (out, report) = merged(&plan, &refs).unwrap_or_else(|e| panic!("{what}: {e}"));
        compare(&what, &dense(&out), &want);
        assert!(report.energy_kept > 1.0 - 1e-9, "{what}: kept {}", report.energy_kept);
        plan.rank = None;
        plan.options = Options { form: Form::Diff, ..plan.options };
        let (out, report) = merged(&plan, &refs).unwrap_or_else(|e| panic!("{what} whole: {e}"));
        compare(&format!("{what}, whole"), &dense(&out), &want);
        assert_eq!((report.whole, report.rank_max), (report.modules, 0), "{what}");
        let total = want.values().flatten().map(|v| v * v).sum::<f64>().sqrt();
        assert!((report.frobenius.unwrap() - total).abs() < 1e-5 * total, "{what}");
    }
    assert!(methods.len() >= 12, "{methods:?}");
}
