//! A common orthonormal basis of several low-rank matrices, by QR and one small decomposition: nothing is squared.

use faer::linalg::solvers::Svd;
use faer::{Mat, MatRef};
use std::ops::Range;

/// Components of one matrix inside of a stack.
pub(super) type Span = Range<usize>;

/// Singular values below this part of the largest are rounding: their directions mean nothing.
const ROUNDING: f64 = 1e-12;

/// Left singular vectors of [X₁Y₁ᵀ … X_NY_Nᵀ], largest singular value first; `spans` picks the columns of each Xᵢ and Yᵢ. None: no
/// convergence.
///
/// With X = Q·R over the columns that are picked and Yᵢ = Qᵢ·Rᵢ the small matrix [R₍₁₎R₁ᵀ … ] has the same singular values, and Q times
/// its left vectors are those looked for.
pub(super) fn left(x: MatRef<'_, f64>, y: MatRef<'_, f64>, spans: &[Span]) -> Option<Mat<f64>> {
    let columns: usize = spans.iter().map(Range::len).sum();
    let mut picked = Mat::zeros(x.nrows(), columns);
    let mut at = 0;
    for span in spans {
        picked.as_mut().subcols_mut(at, span.len()).copy_from(x.subcols(span.start, span.len()));
        at += span.len();
    }
    let qr = picked.qr();
    let r = qr.thin_R();
    let mut at = 0;
    let mut blocks = Vec::with_capacity(spans.len());
    for span in spans {
        let own = r.subcols(at, span.len());
        at += span.len();
        blocks.push(own * y.subcols(span.start, span.len()).qr().thin_R().transpose());
    }
    let small = side_by_side(&blocks, r.nrows());
    let svd = Svd::new_thin(small.as_ref()).ok()?;
    let sigma = svd.S().column_vector();
    let live = (0..sigma.nrows()).take_while(|i| sigma[*i] > 0.0 && sigma[*i] > sigma[0] * ROUNDING).count();
    Some(qr.compute_thin_Q() * svd.U().subcols(0, live))
}

/// Matrices of `rows` rows beside each other.
pub(super) fn side_by_side(blocks: &[Mat<f64>], rows: usize) -> Mat<f64> {
    let mut out = Mat::zeros(rows, blocks.iter().map(Mat::ncols).sum());
    let mut at = 0;
    for block in blocks {
        out.as_mut().subcols_mut(at, block.ncols()).copy_from(block);
        at += block.ncols();
    }
    out
}
