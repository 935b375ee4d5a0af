//! Exact low-rank factors and norms without the dense matrix.

use std::borrow::Cow;

use faer::Mat;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatRef, Par};

use super::{Dense, Form, KronSide, Product, rows};

/// Above this rank of the Khatri-Rao factors the dense matrix is summed instead: its Gram matrices would cost more.
const KHATRI_RAO: usize = 256;

/// Values of a tile when a dense matrix is summed.
const TILE: usize = 1 << 18;

pub(super) fn rank(form: &Form) -> Option<usize> {
    match form {
        Form::Product(p) => Some(p.rank),
        Form::Hadamard(one, two) => one.rank.checked_mul(two.rank),
        Form::Kron(one, two) => side_rank(one).checked_mul(side_rank(two)),
        Form::Dense(_) => None,
    }
}

/// A side counts with the smaller of its dimensions where its factors have a higher rank than that.
fn side_rank(side: &KronSide) -> usize {
    let (m, n) = side.shape();
    match side {
        KronSide::Dense(_) => m.min(n),
        KronSide::Product(p) => p.rank.min(m).min(n),
    }
}

pub(super) fn exact(form: &Form, limit: usize) -> Option<Cow<'_, Product>> {
    if rank(form)? > limit {
        return None;
    }
    match form {
        Form::Product(p) => Some(Cow::Borrowed(p)),
        Form::Hadamard(one, two) => Some(Cow::Owned(khatri_rao(one, two))),
        Form::Kron(one, two) => Some(Cow::Owned(kron(&side_factors(one), &side_factors(two)))),
        Form::Dense(_) => None,
    }
}

/// (B₁A₁)∘(B₂A₂) = B·A with B[i, (p, q)] = B₁[i, p]·B₂[i, q] and A[(p, q), j] = A₁[p, j]·A₂[q, j].
fn khatri_rao(one: &Product, two: &Product) -> Product {
    let rank = one.rank * two.rank;
    let mut b = Vec::with_capacity(one.m * rank);
    for (x, y) in one.b.chunks_exact(one.rank).zip(two.b.chunks_exact(two.rank)) {
        x.iter().for_each(|x| b.extend(y.iter().map(|y| x * y)));
    }
    let mut a = Vec::with_capacity(rank * one.n);
    for x in one.a.chunks_exact(one.n) {
        for y in two.a.chunks_exact(one.n) {
            a.extend(x.iter().zip(y).map(|(x, y)| x * y));
        }
    }
    Product { m: one.m, n: one.n, rank, b, a }
}

/// (B₁A₁)⊗(B₂A₂) = (B₁⊗B₂)·(A₁⊗A₂).
fn kron(one: &Product, two: &Product) -> Product {
    Product {
        m: one.m * two.m,
        n: one.n * two.n,
        rank: one.rank * two.rank,
        b: kron_values((&one.b, one.rank), (&two.b, two.rank)),
        a: kron_values((&one.a, one.n), (&two.a, two.n)),
    }
}

/// Kronecker product of row-major matrices given with their columns.
fn kron_values((x, xn): (&[f32], usize), (y, yn): (&[f32], usize)) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len() * y.len());
    for x in x.chunks_exact(xn) {
        for y in y.chunks_exact(yn) {
            x.iter().for_each(|x| out.extend(y.iter().map(|y| x * y)));
        }
    }
    out
}

/// The side as a product of the rank that [`side_rank`] tells; a whole matrix is itself times the identity of its smaller dimension.
fn side_factors(side: &KronSide) -> Product {
    match side {
        KronSide::Product(p) if p.rank <= p.m.min(p.n) => p.clone(),
        KronSide::Product(p) => {
            let mut values = vec![0f32; p.m * p.n];
            rows::product(p, 1.0, 0..p.m, &mut values);
            with_identity(&Dense { m: p.m, n: p.n, values })
        }
        KronSide::Dense(d) => with_identity(d),
    }
}

fn with_identity(d: &Dense) -> Product {
    let rank = d.m.min(d.n);
    let identity = (0..rank * rank).map(|i| if i / rank == i % rank { 1.0 } else { 0.0 }).collect();
    let (b, a) = if d.n <= d.m { (d.values.clone(), identity) } else { (identity, d.values.clone()) };
    Product { m: d.m, n: d.n, rank, b, a }
}

/// Sum of squares of the form.
pub(super) fn energy(form: &Form) -> f64 {
    match form {
        Form::Product(p) => product_energy(p),
        Form::Hadamard(one, two) if one.rank * two.rank <= KHATRI_RAO => {
            // The Gram matrix of a Khatri-Rao product needs the product itself only row by row; these are small.
            let energy = product_energy(&khatri_rao(one, two));
            // It multiplies left with left and right with right first: what is beyond f32 there may not be in ΔW.
            if energy.is_finite() { energy } else { tiled_energy(form, one.m, one.n) }
        }
        Form::Hadamard(one, _) => tiled_energy(form, one.m, one.n),
        Form::Kron(one, two) => side_energy(one) * side_energy(two),
        Form::Dense(d) => squares(&d.values),
    }
}

fn side_energy(side: &KronSide) -> f64 {
    match side {
        KronSide::Dense(d) => squares(&d.values),
        KronSide::Product(p) => product_energy(p),
    }
}

/// Σ (BᵀB)∘(AAᵀ).
fn product_energy(p: &Product) -> f64 {
    let b = MatRef::from_row_major_slice(&p.b, p.m, p.rank);
    let a = MatRef::from_row_major_slice(&p.a, p.rank, p.n);
    let (left, right) = (gram(b.transpose()), gram(a));
    (0..p.rank).flat_map(|j| (0..p.rank).map(move |i| (i, j))).map(|at| left[at] * right[at]).sum()
}

/// X·Xᵀ of an r×d matrix in f64, in panels.
fn gram(x: MatRef<'_, f32>) -> Mat<f64> {
    const PANEL: usize = 1024;
    let (r, d) = (x.nrows(), x.ncols());
    let mut out = Mat::<f64>::zeros(r, r);
    for start in (0..d).step_by(PANEL) {
        let part = x.subcols(start, PANEL.min(d - start));
        let panel = Mat::<f64>::from_fn(r, part.ncols(), |i, j| f64::from(part[(i, j)]));
        matmul(out.as_mut(), Accum::Add, panel.as_ref(), panel.transpose(), 1.0, Par::Seq);
    }
    out
}

fn tiled_energy(form: &Form, m: usize, n: usize) -> f64 {
    let step = (TILE / n.max(1)).clamp(1, m.max(1));
    let mut tile = vec![0f32; step * n];
    let mut sum = 0.0;
    for start in (0..m).step_by(step) {
        let rows = start..m.min(start + step);
        let tile = &mut tile[..rows.len() * n];
        rows::write(form, 1.0, rows, tile);
        sum += squares(tile);
    }
    sum
}

/// Sum of squares, in f64.
pub(super) fn squares(values: &[f32]) -> f64 {
    let (whole, rest) = values.as_chunks::<8>();
    let mut lanes = [0f64; 8];
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(l, v)| *l += f64::from(*v) * f64::from(*v));
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hadamard_product_that_is_zero_has_no_energy_however_large_its_factors() {
        let pair = |b: f32, a: f32| Product { m: 1, n: 1, rank: 1, b: vec![b], a: vec![a] };
        assert_eq!(energy(&Form::Hadamard(pair(3e38, 0.0), pair(3e38, 0.0))), 0.0);
        assert_eq!(energy(&Form::Hadamard(pair(1e30, 1e-30), pair(1e30, 2e-30))), 4.0);
    }
}
