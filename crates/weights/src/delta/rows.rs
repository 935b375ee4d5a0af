//! Rows of the dense matrix, tile by tile.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use super::{Dense, Form, KronSide, Product};

/// Rows of a Hadamard product that are multiplied out together: two tiles of them stay in the second-level cache.
const HADAMARD_ROWS: usize = 32;

pub(super) fn write(form: &Form, scale: f32, rows: Range<usize>, out: &mut [f32]) {
    match form {
        Form::Product(p) => product(p, scale, rows, out),
        Form::Hadamard(one, two) => hadamard(one, two, scale, rows, out),
        Form::Kron(one, two) => kron(one, two, scale, rows, out),
        Form::Dense(d) => dense(d, scale, rows, out),
    }
}

/// scale·B[rows]·A.
pub(super) fn product(p: &Product, scale: f32, rows: Range<usize>, out: &mut [f32]) {
    if out.is_empty() {
        return;
    }
    let count = rows.len();
    let b = MatRef::from_row_major_slice(&p.b[rows.start * p.rank..rows.end * p.rank], count, p.rank);
    let a = MatRef::from_row_major_slice(&p.a, p.rank, p.n);
    matmul(MatMut::from_row_major_slice_mut(out, count, p.n), Accum::Replace, b, a, scale, Par::Seq);
}

fn dense(d: &Dense, scale: f32, rows: Range<usize>, out: &mut [f32]) {
    let values = &d.values[rows.start * d.n..rows.end * d.n];
    if scale == 1.0 {
        out.copy_from_slice(values);
    } else {
        out.iter_mut().zip(values).for_each(|(o, v)| *o = scale * v);
    }
}

fn hadamard(one: &Product, two: &Product, scale: f32, rows: Range<usize>, out: &mut [f32]) {
    let n = one.n;
    let mut other = vec![0f32; HADAMARD_ROWS.min(rows.len()) * n];
    for (i, tile) in out.chunks_mut((HADAMARD_ROWS * n).max(1)).enumerate() {
        let start = rows.start + i * HADAMARD_ROWS;
        let here = start..start + tile.len() / n;
        let other = &mut other[..tile.len()];
        product(one, scale, here.clone(), tile);
        product(two, 1.0, here, other);
        tile.iter_mut().zip(other).for_each(|(x, y)| *x *= *y);
    }
}

/// Row i₁·m₂ + i₂ is row i₁ of the first side ⊗ row i₂ of the second.
fn kron(one: &KronSide, two: &KronSide, scale: f32, rows: Range<usize>, out: &mut [f32]) {
    let ((_, n1), (m2, n2)) = (one.shape(), two.shape());
    if out.is_empty() {
        return;
    }
    let first = rows.start / m2..rows.end.div_ceil(m2);
    let left = side_rows(one, scale, first.clone());
    // A tile of less than m₂ rows needs only those of the second side, which may wrap around once.
    let whole = rows.len() >= m2 || first.len() > 1;
    let second = if whole { 0..m2 } else { rows.start % m2..rows.start % m2 + rows.len() };
    let right = side_rows(two, 1.0, second.clone());
    for (row, out) in rows.zip(out.chunks_exact_mut(n1 * n2)) {
        let (i1, i2) = (row / m2 - first.start, row % m2 - second.start);
        let right = &right[i2 * n2..][..n2];
        for (out, w) in out.chunks_exact_mut(n2).zip(&left[i1 * n1..][..n1]) {
            out.iter_mut().zip(right).for_each(|(o, v)| *o = w * v);
        }
    }
}

fn side_rows(side: &KronSide, scale: f32, rows: Range<usize>) -> Vec<f32> {
    let mut out = vec![0f32; rows.len() * side.shape().1];
    match side {
        KronSide::Dense(d) => dense(d, scale, rows, &mut out),
        KronSide::Product(p) => product(p, scale, rows, &mut out),
    }
    out
}
