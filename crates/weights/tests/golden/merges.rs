//! Merges against the dense float64 sum of the inputs and its best approximations, and against PEFT's own results.

use crate::read::{Opened, data, distance, json, norm, target, tensor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use weft_weights::header::Header;
use weft_weights::merge::{Member, MergeInput, MergePlan, Method, OutDtype, merge};
use weft_weights::profile::Profile;
use weft_weights::progress::Silent;
use weft_weights::source::FileSource;

/// Exact methods in f32: relative to Σ‖wᵢΔWᵢ‖, which is what the stored factors round against, also where the inputs cancel.
const EXACT: f64 = 1e-6;
/// Compression: relative to ‖ΣwᵢΔWᵢ‖, for the matrix and for its distance to the dense optimum.
const OPTIMUM: f64 = 1e-5;
/// The best rank-k matrix is well defined only where σk/σk+1 is above this.
const GAP: f64 = 1.01;

/// One golden merge: its plan and its expected matrices.
struct Case {
    name: String,
    plan: Value,
    expected: Header,
    source: FileSource,
    inputs: Vec<Opened>,
}

/// ΔW of a target, whole or at the chosen rows and columns.
type Matrices = BTreeMap<String, Vec<f64>>;

impl Case {
    fn all() -> Vec<Self> {
        let folder = data().join("merges");
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .filter_map(|e| e.unwrap().file_name().to_str().and_then(|n| n.strip_suffix(".expected.safetensors")).map(str::to_owned))
            .collect();
        names.sort();
        assert!(names.len() >= 10, "golden merges are missing");
        names.into_iter().map(|name| Self::open(&folder, name)).collect()
    }

    fn open(folder: &Path, name: String) -> Self {
        let plan = json(&folder.join(format!("{name}.json")));
        let source = FileSource::open(&folder.join(format!("{name}.expected.safetensors"))).unwrap();
        let expected = Header::read(&source).unwrap();
        let open = |given: &Value| Opened::new(&folder.join(given["file"].as_str().unwrap()), given["adapter_config"].as_str());
        let inputs = plan["inputs"].as_array().unwrap().iter().map(open).collect();
        Self { name, plan, expected, source, inputs }
    }

    fn plan(&self, method: Method, dtype: OutDtype) -> MergePlan {
        let layout = self.inputs.iter().find_map(|i| i.adapter.detection.layout).unwrap_or_else(|| panic!("{}: no layout", self.name));
        let input = |given: &Value| {
            let mut input = MergeInput::new(given["file"].as_str().unwrap(), given["weight"].as_f64().unwrap());
            input.te_weight = given["te_weight"].as_f64();
            input.profile = given["profile"].as_object().map(|slots| {
                let mut profile = Profile::neutral(layout);
                for (slot, value) in slots {
                    profile.set_named(slot, value.as_f64().unwrap()).unwrap();
                }
                profile
            });
            input
        };
        MergePlan::new(self.plan["inputs"].as_array().unwrap().iter().map(input).collect(), method, dtype)
    }

    /// Merges and reads the result back.
    fn merged(&self, plan: &MergePlan) -> Opened {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("merged.safetensors");
        let members: Vec<Member<'_>> = self.inputs.iter().map(|i| Member { adapter: &i.adapter, source: &i.source }).collect();
        merge(plan, &members, &out, &Silent).unwrap_or_else(|e| panic!("{} {:?}: {e}", self.name, plan.method));
        Opened::new(&out, None)
    }

    fn target(&self, name: &str) -> &Value {
        &self.plan["targets"][name]
    }

    fn stored(&self, kind: &str, name: &str) -> Option<Vec<f64>> {
        let (index, _) = self.expected.find(&format!("{kind}/{name}"))?;
        Some(tensor(&self.expected, &self.source, index))
    }

    /// Rows and columns of a target that the golden data keeps.
    fn picked(&self, name: &str) -> (Vec<usize>, Vec<usize>) {
        let info = self.target(name);
        let size = |i: usize| info["shape"][i].as_u64().unwrap();
        let list = |key: &str, n: u64| match info[key].as_array() {
            Some(found) => found.iter().map(|v| usize::try_from(v.as_u64().unwrap()).unwrap()).collect(),
            None => (0..usize::try_from(n).unwrap()).collect(),
        };
        (list("picked_rows", size(0)), list("picked_columns", size(1)))
    }

    /// ΔW of every target of a merged file at the kept rows and columns; a target that the file leaves out is zero.
    fn matrices(&self, merged: &Opened) -> Matrices {
        let mut out: Matrices = BTreeMap::new();
        for name in self.plan["targets"].as_object().unwrap().keys() {
            let (rows, columns) = self.picked(name);
            out.insert(name.clone(), vec![0.0; rows.len() * columns.len()]);
        }
        for module in &merged.adapter.modules {
            let name = target(module);
            let into = out.get_mut(&name).unwrap_or_else(|| panic!("{}: {name} was not asked for", self.name));
            let (rows, columns) = self.picked(&name);
            let (b, a, rank) = merged.factors(module);
            let (first, height) = module.target.rows.unwrap_or((0, module.out_dim));
            for (i, row) in rows.iter().enumerate().filter(|(_, r)| (first..first + height).contains(r)) {
                for (j, column) in columns.iter().enumerate() {
                    let dot: f64 = (0..rank).map(|k| b[(row - first) * rank + k] * a[k * module.in_dim + column]).sum();
                    into[i * columns.len() + j] += dot;
                }
            }
        }
        out
    }

    /// Largest distance to the expected sum, relative to the parts of each target.
    fn worst(&self, merged: &Opened, divisor: f64) -> (f64, String) {
        let mut worst = (0.0, String::new());
        for (name, found) in self.matrices(merged) {
            let want: Vec<f64> = self.stored("sum", &name).unwrap().iter().map(|x| x / divisor).collect();
            // Where rows and columns were chosen, the parts shrink with them on average.
            let share = (want.len() as f64
                / (self.target(&name)["shape"][0].as_f64().unwrap() * self.target(&name)["shape"][1].as_f64().unwrap()))
            .sqrt();
            let parts = self.target(&name)["parts"].as_f64().unwrap() * share / divisor;
            let gap = if parts == 0.0 { norm(&found) } else { distance(&found, &want) / parts };
            if gap > worst.0 || gap.is_nan() {
                worst = (gap, name);
            }
        }
        worst
    }
}

/// ‖ΔW‖ per target of a file by the factors' Gram matrices, for targets of which only a choice of entries is kept.
fn norms(case: &Case, merged: &Opened) -> BTreeMap<String, f64> {
    let mut out: BTreeMap<String, f64> = BTreeMap::new();
    for module in &merged.adapter.modules {
        let (b, a, r) = merged.factors(module);
        let gram = |rows: usize, get: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            (0..r * r).map(|k| (0..rows).map(|i| get(i, k / r) * get(i, k % r)).sum()).collect()
        };
        let (gb, ga) = (gram(module.out_dim, &|i, k| b[i * r + k]), gram(module.in_dim, &|j, k| a[k * module.in_dim + j]));
        // Windows of one fused weight do not overlap, so their squares add up.
        *out.entry(target(module)).or_default() += gb.iter().zip(&ga).map(|(x, y)| x * y).sum::<f64>();
    }
    assert!(!out.is_empty(), "{}: nothing merged", case.name);
    out.into_iter().map(|(name, square)| (name, square.max(0.0).sqrt())).collect()
}

#[test]
fn concatenation_is_the_weighted_sum() {
    for case in Case::all() {
        let merged = case.merged(&case.plan(Method::Concat, OutDtype::F32));
        let (gap, name) = case.worst(&merged, 1.0);
        assert!(gap <= EXACT, "{}: {name} is off by {gap:e}", case.name);
        for (name, found) in norms(&case, &merged) {
            let (want, parts) = (case.target(&name)["frobenius"].as_f64().unwrap(), case.target(&name)["parts"].as_f64().unwrap());
            // A Gram norm of cancelling factors is exact to the root of the machine precision only.
            assert!((found - want).abs() <= EXACT * parts, "{}: ‖{name}‖ is {found}, not {want}", case.name);
        }
    }
}

#[test]
fn the_sum_at_its_numerical_rank_is_the_weighted_sum() {
    for case in Case::all() {
        let (gap, name) = case.worst(&case.merged(&case.plan(Method::Sum, OutDtype::F32)), 1.0);
        assert!(gap <= EXACT, "{}: {name} is off by {gap:e}", case.name);
    }
}

#[test]
fn the_average_is_the_sum_over_the_absolute_weights() {
    for case in Case::all().into_iter().filter(|c| c.plan["inputs"].as_array().unwrap().iter().all(|i| i["te_weight"].is_null())) {
        let divisor: f64 = case.plan["inputs"].as_array().unwrap().iter().map(|i| i["weight"].as_f64().unwrap().abs()).sum();
        let (gap, name) = case.worst(&case.merged(&case.plan(Method::Average, OutDtype::F32)), divisor);
        assert!(gap <= EXACT, "{}: {name} is off by {gap:e}", case.name);
    }
}

#[test]
fn half_precision_rounds_the_factors_once() {
    for (dtype, limit) in [(OutDtype::F16, 1e-3), (OutDtype::Bf16, 8e-3)] {
        for case in Case::all() {
            let (gap, name) = case.worst(&case.merged(&case.plan(Method::Concat, dtype)), 1.0);
            assert!(gap <= limit, "{} {dtype:?}: {name} is off by {gap:e}", case.name);
        }
    }
}

#[test]
fn svd_reaches_the_dense_optimum() {
    let mut checked = 0;
    for case in Case::all() {
        for rank in case.plan["ranks"].as_array().unwrap() {
            let rank = usize::try_from(rank.as_u64().unwrap()).unwrap();
            let mut plan = case.plan(Method::Svd, OutDtype::F32);
            plan.rank = Some(rank);
            let merged = case.merged(&plan);
            assert!(merged.adapter.modules.iter().all(|m| m.rank <= rank), "{}: above rank {rank}", case.name);
            let lengths = norms(&case, &merged);
            for (name, found) in case.matrices(&merged) {
                checked += usize::from(check_optimum(&case, &name, rank, &found, lengths.get(&name).copied().unwrap_or(0.0)));
            }
        }
    }
    assert!(checked > 40, "only {checked} targets");
}

/// Compares one target cut to `rank` with the dense optimum. `length` is its ‖ΔW‖. False where fused windows leave no single optimum.
fn check_optimum(case: &Case, name: &str, rank: usize, found: &[f64], length: f64) -> bool {
    let info = case.target(name);
    let whole = info["frobenius"].as_f64().unwrap();
    let best = &info["optimum"][rank.to_string()];
    let error = best["error"].as_f64().unwrap();
    let what = format!("{} rank {rank}: {name}", case.name);
    if whole == 0.0 {
        assert!(length == 0.0, "{what} should be zero");
        return true;
    }
    if info["picked_rows"].is_null() {
        let left = distance(found, &case.stored("sum", name).unwrap());
        assert!((left - error).abs() <= OPTIMUM * whole, "{what}: error {left}, the optimum is {error}");
    }
    // The best approximation is a projection: what it keeps and what it loses add up as squares.
    let kept = (whole * whole - error * error).max(0.0).sqrt();
    assert!((length - kept).abs() <= OPTIMUM * whole, "{what}: norm {length}, the optimum has {kept}");
    let clear = best["gap"].as_f64().is_none_or(|gap| gap > GAP);
    if let (true, Some(want)) = (clear, case.stored(&format!("rank{rank}"), name)) {
        let gap = distance(found, &want) / whole;
        assert!(gap <= OPTIMUM, "{what}: off by {gap:e}");
    }
    true
}

#[test]
fn pefts_own_merges_agree() {
    let case = Case::open(&data().join("merges"), "peft_cat_and_svd".into());
    let mut plan = case.plan(Method::Svd, OutDtype::F32);
    plan.rank = Some(4);
    let ours = [("peft_cat", EXACT * 10.0, case.plan(Method::Concat, OutDtype::F32)), ("peft_svd", OPTIMUM, plan)];
    for (label, limit, plan) in ours {
        let found = case.matrices(&case.merged(&plan));
        let mut compared = 0;
        for (name, matrix) in &found {
            let Some(theirs) = case.stored(label, name) else { continue };
            let gap = distance(matrix, &theirs) / norm(&theirs);
            assert!(gap <= limit, "{label} {name}: off by {gap:e}");
            compared += 1;
        }
        assert!(compared >= 4, "{label}: only {compared} targets");
    }
}
