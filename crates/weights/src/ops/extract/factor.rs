//! Factors of a dense ΔW: exact for small ones, by a randomised range finder for large ones.

use super::find::{Change, Weight};
use super::plan::ExtractPlan;
use crate::linalg::random::mix;
use crate::linalg::{Spectrum, Stack, Truncation, keep_for};
use crate::ops::OpError;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

/// Up to this many rows or columns the whole is decomposed.
const SMALL: usize = 192;
/// Directions beyond the wanted rank: what the random start misses of the last ones is in them.
const MORE: usize = 12;
/// Multiplications by ΔWᵀ and ΔW: each squares the ratio by which wanted directions stand out.
const POWER: usize = 2;
/// Directions of the first try when only an energy is asked for.
const FIRST: usize = 48;

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

pub(super) fn factor(change: &Change, weight: &Weight, plan: &ExtractPlan) -> Result<Factors, OpError> {
    let (m, n) = (weight.rows, weight.columns);
    let full = m.min(n);
    let numeric = || OpError::Numeric(weight.stem.clone());
    let mut tried = plan.rank.unwrap_or(FIRST).min(full);
    loop {
        let directions = tried + MORE;
        let exact = full <= SMALL || directions * 2 >= full;
        let stack =
            if exact { whole(&change.values, m, n) } else { range(&change.values, (m, n), directions, plan.seed ^ hash(&weight.stem)) };
        let spectrum = Spectrum::of(&stack).ok_or_else(numeric)?;
        let total = change.size * change.size;
        let caught = spectrum.energy(usize::MAX).0;
        // An energy is one of the whole ΔW; where the range does not hold so much of it, a wider one is tried.
        let missing = plan.energy.filter(|_| plan.rank.is_none_or(|r| tried < r)).is_some_and(|e| caught < e * total);
        if missing && !exact {
            tried = (tried * 2).min(plan.rank.unwrap_or(full)).min(full);
            continue;
        }
        let energy = plan.energy.map(|e| if caught > 0.0 { (e * total / caught).min(1.0) } else { 1.0 });
        let keep = keep_for(&spectrum.sigma, Truncation { rank: plan.rank, energy }).max(1);
        let best = spectrum.truncate(&stack, keep);
        let rank = best.rank();
        if rank == 0 {
            return Err(numeric());
        }
        let mut up = vec![0f32; m * rank];
        for (j, column) in best.b.chunks_exact(m).enumerate() {
            column.iter().enumerate().for_each(|(i, v)| up[i * rank + j] = *v as f32);
        }
        let mut down: Vec<f32> = best.a.iter().map(|v| *v as f32).collect();
        if let Some(quantile) = plan.clamp {
            clamp(&mut up, quantile);
            clamp(&mut down, quantile);
        }
        let kept = (spectrum.energy(keep).0 / total).min(1.0);
        return Ok(Factors { rank, up, down, kept });
    }
}

/// ΔW as it is: the identity on its smaller side.
fn whole(values: &[f32], m: usize, n: usize) -> Stack {
    let mut stack = Stack::new(m, n);
    let one = |size: usize| {
        let mut identity = vec![0f32; size * size];
        identity.iter_mut().step_by(size + 1).for_each(|v| *v = 1.0);
        identity
    };
    if m <= n {
        stack.push(&one(m), values, 0, 1.0)
    } else {
        stack.push(values, &one(n), 0, 1.0)
    }
    stack
}

/// Q·(QᵀΔW) with Q an orthonormal basis of the range of (ΔWΔWᵀ)^p·ΔW·Ω.
fn range(values: &[f32], (m, n): (usize, usize), directions: usize, seed: u64) -> Stack {
    let w = MatRef::from_row_major_slice(values, m, n);
    let omega: Vec<f32> = (0..n * directions).map(|i| gauss(seed, i as u64)).collect();
    let mut q = basis(product(w, MatRef::from_column_major_slice(&omega, n, directions)));
    for _ in 0..POWER {
        let back = basis(product(w.transpose(), q.as_ref()));
        q = basis(product(w, back.as_ref()));
    }
    let mut a = vec![0f32; directions * n];
    matmul(MatMut::from_row_major_slice_mut(&mut a, directions, n), Accum::Replace, q.transpose(), w, 1.0, Par::Seq);
    let mut b = vec![0f32; m * directions];
    MatMut::from_row_major_slice_mut(&mut b, m, directions).copy_from(&q);
    let mut stack = Stack::new(m, n);
    stack.push(&b, &a, 0, 1.0);
    stack
}

fn product(a: MatRef<'_, f32>, b: MatRef<'_, f32>) -> Mat<f32> {
    let mut out = Mat::<f32>::zeros(a.nrows(), b.ncols());
    matmul(out.as_mut(), Accum::Replace, a, b, 1.0, Par::Seq);
    out
}

/// An orthonormal basis of the columns, by QR in f64: in f32 it would be orthonormal to 1e-6 only.
fn basis(x: Mat<f32>) -> Mat<f32> {
    let wide = Mat::from_fn(x.nrows(), x.ncols(), |i, j| f64::from(x[(i, j)]));
    let q = wide.qr().compute_thin_Q();
    Mat::from_fn(q.nrows(), q.ncols(), |i, j| q[(i, j)] as f32)
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

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// A value near the normal distribution (the sum of four uniform ones) that depends on seed and index alone: directions need no more.
fn gauss(seed: u64, index: u64) -> f32 {
    let z = mix(seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let sum: i32 = (0..4).map(|k| ((z >> (16 * k)) & 0xffff) as i32).sum();
    (sum - 131_070) as f32 / 37_837.0
}
