//! Singular values of ΔW by the cheapest exact route for its form.

use super::largest::largest;
use crate::delta::{Delta, Dense, Form, KronSide, Product};
use crate::linalg::{Spectrum, Stack};
use faer::Accum;
use faer::linalg::matmul::matmul;
use faer::{Mat, MatRef, Par};

/// What is known of the singular values of ΔW.
#[derive(Debug)]
pub(super) struct Spectra {
    pub(super) largest: f64,
    /// All but those that are rounding, in any order. None for a matrix that was too large.
    pub(super) sigma: Option<Vec<f64>>,
}

/// Singular values of ΔW, scale included. Of a matrix without factors whose m·n·min(m, n) is above `dense_work` only the largest. None for
/// values that no decomposition can be made of.
pub(super) fn spectra(delta: &Delta, dense_work: f64) -> Option<Spectra> {
    let found = match &delta.form {
        Form::Product(p) => whole(product(p)?),
        Form::Hadamard(one, _) => hadamard(delta, one.m.min(one.n), dense_work)?,
        Form::Kron(one, two) => kron(&side(one, dense_work)?, &side(two, dense_work)?),
        Form::Dense(d) => dense(d, dense_work)?,
    };
    let scale = delta.scale.abs();
    let scaled = |sigma: Vec<f64>| sigma.into_iter().map(|s| s * scale).collect();
    Some(Spectra { largest: found.largest * scale, sigma: found.sigma.map(scaled) })
}

fn whole(sigma: Vec<f64>) -> Spectra {
    Spectra { largest: sigma.iter().copied().fold(0.0, f64::max), sigma: Some(sigma) }
}

/// The products of the sides' values.
fn kron(one: &Spectra, two: &Spectra) -> Spectra {
    let both = one.sigma.as_ref().zip(two.sigma.as_ref());
    let sigma = both.map(|(one, two)| one.iter().flat_map(|x| two.iter().map(move |y| x * y)).collect());
    Spectra { largest: one.largest * two.largest, sigma }
}

/// Through the Khatri-Rao factors while these are smaller than the matrix, else of the matrix itself.
fn hadamard(delta: &Delta, smaller: usize, dense_work: f64) -> Option<Spectra> {
    if let Some(factors) = delta.factors(smaller) {
        return product(&factors).map(whole);
    }
    let (m, n) = delta.shape();
    let mut values = vec![0f32; m * n];
    Delta { scale: 1.0, form: delta.form.clone() }.rows(0..m, &mut values);
    dense(&Dense { m, n, values }, dense_work)
}

fn side(side: &KronSide, dense_work: f64) -> Option<Spectra> {
    match side {
        KronSide::Product(p) => product(p).map(whole),
        KronSide::Dense(d) => dense(d, dense_work),
    }
}

fn product(p: &Product) -> Option<Vec<f64>> {
    if p.rank >= p.m.min(p.n) {
        return multiplied_out(p);
    }
    let mut stack = Stack::new(p.m, p.n);
    stack.push(&p.b, &p.a, 0, 1.0);
    Spectrum::of(&stack).map(|s| s.sigma)
}

/// Factors that are no smaller than their product: multiplied out in f64.
fn multiplied_out(p: &Product) -> Option<Vec<f64>> {
    let b = MatRef::from_row_major_slice(&p.b, p.m, p.rank);
    let a = MatRef::from_row_major_slice(&p.a, p.rank, p.n);
    let (b, a) = (Mat::from_fn(p.m, p.rank, |i, j| f64::from(b[(i, j)])), Mat::from_fn(p.rank, p.n, |i, j| f64::from(a[(i, j)])));
    let mut out = Mat::<f64>::zeros(p.m, p.n);
    matmul(out.as_mut(), Accum::Replace, b.as_ref(), a.as_ref(), 1.0, Par::Seq);
    values(&out)
}

fn dense(d: &Dense, dense_work: f64) -> Option<Spectra> {
    if d.m.min(d.n) == 1 {
        let energy: f64 = d.values.iter().map(|v| f64::from(*v).powi(2)).sum();
        return Some(whole(vec![energy.sqrt()]));
    }
    if d.m as f64 * d.n as f64 * d.m.min(d.n) as f64 > dense_work {
        return Some(Spectra { largest: largest(d)?, sigma: None });
    }
    let view = MatRef::from_row_major_slice(&d.values, d.m, d.n);
    values(&Mat::from_fn(d.m, d.n, |i, j| f64::from(view[(i, j)]))).map(whole)
}

/// The values above rounding.
fn values(x: &Mat<f64>) -> Option<Vec<f64>> {
    let mut sigma = x.singular_values().ok()?;
    let largest = sigma.iter().copied().fold(0.0, f64::max);
    sigma.retain(|s| *s > largest * 1e-14);
    Some(sigma)
}
