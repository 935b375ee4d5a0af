//! Files of the traps, and plans.

use crate::support::{Build, Deltas, Random, dense, merged, open};
use weft_weights::adapter::{Module, Target};
use weft_weights::delta::{Base, Dense, Loader};
use weft_weights::merge::{MergeInput, MergePlan, MergeReport, Method, OutDtype};
use weft_weights::source::{MemorySource, ReadError};

/// A linear layer of SD 1, in IN01.
pub(crate) const Q: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";

pub(crate) fn plan(method: Method, weights: &[f64]) -> MergePlan {
    let inputs = weights.iter().enumerate().map(|(i, w)| MergeInput::new(format!("{i}.safetensors"), *w)).collect();
    let rank = (method == Method::Svd || method.is_dense()).then_some(64);
    MergePlan { rank, ..MergePlan::new(inputs, method, OutDtype::F32) }
}

/// The result of a merge, dense, and its report.
pub(crate) fn result(plan: &MergePlan, files: &[&[u8]]) -> (Deltas, MergeReport) {
    let (out, report) = merged(plan, files).unwrap_or_else(|e| panic!("{:?}: {e}", plan.method));
    (dense(&out), report)
}

/// The methods that store Σ w·ΔW.
pub(crate) const EXACT: [Method; 3] = [Method::Sum, Method::Concat, Method::Svd];

/// One kohya pair of random numbers on `stem`.
pub(crate) fn pair(stem: &str, size: (usize, usize, usize), alpha: Option<f32>, seed: u64) -> Vec<u8> {
    Build::default().kohya(stem, size, alpha, &mut Random(seed)).bytes()
}

/// ΔW of one module, row-major.
pub(crate) fn change(bytes: &[u8], pick: impl Fn(&Module) -> bool, base: Option<&dyn Base>) -> Vec<f64> {
    let adapter = open(bytes);
    let module = adapter.modules.iter().find(|m| pick(m)).unwrap_or_else(|| panic!("no such module: {:?}", adapter.warnings));
    let delta = Loader { adapter: &adapter, source: &MemorySource(bytes), base }.load(module).unwrap();
    let (m, n) = delta.shape();
    let mut out = vec![0f32; m * n];
    delta.rows(0..m, &mut out);
    out.into_iter().map(f64::from).collect()
}

/// m×n of m×r times r×n.
pub(crate) fn product(b: &[f32], a: &[f32], rank: usize) -> Vec<f64> {
    let (m, n) = (b.len() / rank, a.len() / rank);
    let one = |i: usize, j: usize| (0..rank).map(|k| f64::from(b[i * rank + k]) * f64::from(a[k * n + j])).sum();
    (0..m * n).map(|e| one(e / n, e % n)).collect()
}

/// ‖x − y‖ / ‖y‖.
pub(crate) fn apart(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len());
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    norm(&mut x.iter().zip(y).map(|(x, y)| x - y)) / norm(&mut y.iter().copied()).max(1e-300)
}

/// A base of one weight, whatever is asked for.
pub(crate) struct One(pub(crate) usize, pub(crate) usize, pub(crate) Vec<f32>);

impl Base for One {
    fn weight(&self, _: &Target, _: usize, _: usize) -> Result<Option<Dense>, ReadError> {
        Ok(Some(Dense { m: self.0, n: self.1, values: self.2.clone() }))
    }
}
