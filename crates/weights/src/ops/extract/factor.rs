//! Factors of a dense ΔW.

use super::find::{Change, Weight};
use super::plan::ExtractPlan;
use crate::linalg::Truncation;
use crate::linalg::dense::{Aim, Failed, approximate};
use crate::linalg::random::Stream;
use crate::linalg::tiles::Held;
use crate::ops::OpError;
use crate::progress::{Cancelled, Progress};

/// B·A ≈ ΔW.
#[derive(Debug)]
pub(super) struct Factors {
    pub(super) rank: usize,
    /// Row-major rows × rank.
    pub(super) up: Vec<f32>,
    /// Row-major rank × columns.
    pub(super) down: Vec<f32>,
    /// Part of ‖ΔW‖² that B·A holds.
    pub(super) kept: f64,
}

pub(super) fn factor(change: Change, weight: &Weight, plan: &ExtractPlan, progress: &dyn Progress) -> Result<Factors, OpError> {
    let (m, n) = (weight.rows, weight.columns);
    let numeric = || OpError::Numeric(weight.stem.clone());
    let rows = Held { m, n, values: change.values };
    let truncation = Truncation { rank: plan.rank, energy: plan.energy };
    let aim = Aim { truncation, exact: false, near: None, stream: Stream::new(plan.seed, &weight.stem) };
    let best = approximate(&rows, aim, progress).map_err(|failed| match failed {
        Failed::Cancelled => OpError::Cancelled(Cancelled),
        Failed::Numeric => numeric(),
    })?;
    let rank = best.stack.rank();
    if rank == 0 {
        return Err(numeric());
    }
    let mut up = vec![0f32; m * rank];
    for (j, column) in best.stack.b.chunks_exact(m).enumerate() {
        column.iter().enumerate().for_each(|(i, v)| up[i * rank + j] = *v as f32);
    }
    let mut down: Vec<f32> = best.stack.a.iter().map(|v| *v as f32).collect();
    if let Some(quantile) = plan.clamp {
        clamp(&mut up, quantile);
        clamp(&mut down, quantile);
    }
    let (kept, all) = best.energy;
    Ok(Factors { rank, up, down, kept: if all > 0.0 { (kept / all).min(1.0) } else { 1.0 } })
}

/// Cuts values at the given quantile of their sizes.
fn clamp(values: &mut [f32], quantile: f64) {
    if values.is_empty() {
        return;
    }
    let mut sizes: Vec<f32> = values.iter().map(|v| v.abs()).collect();
    let at = (((sizes.len() - 1) as f64) * quantile).round() as usize;
    let (_, limit, _) = sizes.select_nth_unstable_by(at, f32::total_cmp);
    let limit = *limit;
    values.iter_mut().for_each(|v| *v = v.clamp(-limit, limit));
}
