//! One body of tests for every backend: native CPU, native GPU, and the GPU of a browser's page.
//!
//! The reference is plain f64 here, from the stored bytes, in another order than either backend sums.

mod codes;
mod gram;
mod merge;
mod numbers;
mod product;

use weft_weights_gpu::Backend;

pub(crate) use numbers::{Made, Random};

/// What one check found: the worst error in words, or why it failed.
pub(crate) type Outcome = Result<String, String>;

/// Runs every check and gives each outcome with its name.
pub(crate) async fn all<B: Backend>(backend: &B) -> Vec<(&'static str, Outcome)> {
    vec![
        ("gram matrices of one member", gram::single(backend).await),
        ("gram matrices of mixed members", gram::mixed(backend).await),
        ("gram matrices beyond one batch", gram::many(backend).await),
        ("gram matrices out of f32's range", gram::extreme(backend).await),
        ("dense rows", product::shapes(backend).await),
        ("every code in", codes::decoded(backend).await),
        ("every rounding out", codes::rounded(backend).await),
        ("merge of integers is exact", merge::exact(backend).await),
        ("merge of every type into every type", merge::types(backend).await),
        ("merge of parts of a fused weight", merge::windows(backend).await),
        ("merge of more rows than one piece", merge::long(backend).await),
        ("inputs that cannot be", merge::refused(backend).await),
    ]
}

/// Errors unless `error` is at most `limit`; NaN is never.
pub(crate) fn within(what: &str, error: f64, limit: f64) -> Result<f64, String> {
    if error <= limit { Ok(error) } else { Err(format!("{what}: {error:.3e}, allowed {limit:.1e}")) }
}
