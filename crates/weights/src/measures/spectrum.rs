//! Singular values of ΔW by the cheapest exact route for its form.

use crate::delta::{Delta, Dense, Form, KronSide, Product};
use crate::linalg::{Spectrum, Stack};
use faer::Accum;
use faer::linalg::matmul::matmul;
use faer::{Mat, MatRef, Par};

/// Singular values of ΔW, scale included, without those that are rounding. Any order. None for a matrix without factors whose m·n·min(m, n) is
/// above `dense_work`, and for values that no decomposition can be made of.
pub(crate) fn singular_values(delta: &Delta, dense_work: f64) -> Option<Vec<f64>> {
    let scale = delta.scale.abs();
    let mut sigma = match &delta.form {
        Form::Product(p) => product(p),
        Form::Hadamard(one, _) => hadamard(delta, one.m.min(one.n), dense_work),
        Form::Kron(one, two) => {
            let (one, two) = (side(one, dense_work)?, side(two, dense_work)?);
            Some(one.iter().flat_map(|x| two.iter().map(move |y| x * y)).collect())
        }
        Form::Dense(d) => dense(d, dense_work),
    }?;
    sigma.iter_mut().for_each(|s| *s *= scale);
    Some(sigma)
}

/// Through the Khatri-Rao factors while these are smaller than the matrix, else of the matrix itself.
fn hadamard(delta: &Delta, smaller: usize, dense_work: f64) -> Option<Vec<f64>> {
    // The factors' way costs about rank²·(m + n), the matrix' way about 6·smaller²·larger.
    if let Some(factors) = delta.factors(smaller) {
        return product(&factors);
    }
    let (m, n) = delta.shape();
    if work(m, n) > dense_work {
        return None;
    }
    let mut values = vec![0f32; m * n];
    Delta { scale: 1.0, form: delta.form.clone() }.rows(0..m, &mut values);
    dense(&Dense { m, n, values }, dense_work)
}

fn side(side: &KronSide, dense_work: f64) -> Option<Vec<f64>> {
    match side {
        KronSide::Product(p) => product(p),
        KronSide::Dense(d) => dense(d, dense_work),
    }
}

fn product(p: &Product) -> Option<Vec<f64>> {
    if p.rank >= p.m.min(p.n) {
        return wide(p);
    }
    let mut stack = Stack::new(p.m, p.n);
    stack.push(&p.b, &p.a, 0, 1.0);
    Spectrum::of(&stack).map(|s| s.sigma)
}

/// Factors that are no smaller than their product: multiplied out in f64.
fn wide(p: &Product) -> Option<Vec<f64>> {
    let b = MatRef::from_row_major_slice(&p.b, p.m, p.rank);
    let a = MatRef::from_row_major_slice(&p.a, p.rank, p.n);
    let (b, a) = (Mat::from_fn(p.m, p.rank, |i, j| f64::from(b[(i, j)])), Mat::from_fn(p.rank, p.n, |i, j| f64::from(a[(i, j)])));
    let mut out = Mat::<f64>::zeros(p.m, p.n);
    matmul(out.as_mut(), Accum::Replace, b.as_ref(), a.as_ref(), 1.0, Par::Seq);
    values(&out)
}

fn dense(d: &Dense, dense_work: f64) -> Option<Vec<f64>> {
    if d.m.min(d.n) == 1 {
        let energy: f64 = d.values.iter().map(|v| f64::from(*v).powi(2)).sum();
        return Some(vec![energy.sqrt()]);
    }
    if work(d.m, d.n) > dense_work {
        return None;
    }
    let view = MatRef::from_row_major_slice(&d.values, d.m, d.n);
    values(&Mat::from_fn(d.m, d.n, |i, j| f64::from(view[(i, j)])))
}

/// The values above rounding.
fn values(x: &Mat<f64>) -> Option<Vec<f64>> {
    let mut sigma = x.singular_values().ok()?;
    let largest = sigma.iter().copied().fold(0.0, f64::max);
    sigma.retain(|s| *s > largest * 1e-14);
    Some(sigma)
}

fn work(m: usize, n: usize) -> f64 {
    m as f64 * n as f64 * m.min(n) as f64
}
