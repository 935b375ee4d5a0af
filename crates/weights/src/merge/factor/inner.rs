//! What is done with the inputs once they stand in one small space.

use super::align::side_by_side;
use super::{Member, elementwise};
use crate::merge::plan::Method;
use faer::Mat;
use faer::linalg::solvers::Svd;
use weft_domain::merge::{Inner, Options};

/// Singular values below this part of the largest count as none.
const ROUNDING: f64 = 1e-10;

/// Merges the inputs' pieces, all of one shape. None: no convergence.
pub(super) fn merge(method: Method, options: &Options, members: &[Member], pieces: Vec<Mat<f64>>) -> Option<Mat<f64>> {
    let (rows, columns) = pieces.first().map(|p| (p.nrows(), p.ncols()))?;
    if rows == 0 || columns == 0 {
        return Some(Mat::zeros(rows, columns));
    }
    match options.inner {
        Inner::Ties => elementwise(method, options, members, pieces),
        Inner::Sum => Some(sum(members, &pieces)),
        Inner::Tsv => tsv(members, &pieces),
        Inner::Iso => iso(&sum(members, &pieces)),
    }
}

fn sum(members: &[Member], pieces: &[Mat<f64>]) -> Mat<f64> {
    let zero = pieces.first().map_or_else(Mat::new, |p| Mat::zeros(p.nrows(), p.ncols()));
    members.iter().zip(pieces).fold(zero, |sum, (member, piece)| sum + piece * faer::Scale(member.weight))
}

/// Thin singular value decomposition without what is rounding.
struct Thin {
    u: Mat<f64>,
    s: Vec<f64>,
    v: Mat<f64>,
}

fn thin(x: &Mat<f64>) -> Option<Thin> {
    let svd = Svd::new_thin(x.as_ref()).ok()?;
    let s: Vec<f64> = svd.S().column_vector().iter().copied().collect();
    let live = s.iter().take_while(|v| **v > 0.0 && **v > s[0] * ROUNDING).count();
    Some(Thin { u: svd.U().subcols(0, live).to_owned(), v: svd.V().subcols(0, live).to_owned(), s: s[..live].to_vec() })
}

/// TSV-Merge (Gargiulo and others 2025): singular vectors of all inputs beside each other, made orthogonal to each other by the nearest
/// orthogonal matrix (U → P·Qᵀ of U = P·D·Qᵀ), with their own singular values between them. Every input keeps all of its
/// directions: the space has room for the sum of the ranks.
fn tsv(members: &[Member], pieces: &[Mat<f64>]) -> Option<Mat<f64>> {
    let parts: Vec<Thin> = pieces.iter().map(thin).collect::<Option<_>>()?;
    let (rows, columns) = (pieces.first()?.nrows(), pieces.first()?.ncols());
    let signed = |(member, part): (&Member, &Thin)| &part.u * faer::Scale(member.weight.signum());
    let left = nearest(&side_by_side(&members.iter().zip(&parts).map(signed).collect::<Vec<_>>(), rows))?;
    let right = nearest(&side_by_side(&parts.iter().map(|p| p.v.clone()).collect::<Vec<_>>(), columns))?;
    let sigma: Vec<f64> = members.iter().zip(&parts).flat_map(|(m, p)| p.s.iter().map(|s| s * m.weight.abs())).collect();
    let scaled = Mat::from_fn(rows, sigma.len(), |i, j| left[(i, j)] * sigma[j]);
    Some(scaled * right.transpose())
}

/// The matrix with orthonormal columns (or rows) that is nearest to `x`.
fn nearest(x: &Mat<f64>) -> Option<Mat<f64>> {
    let svd = thin(x)?;
    Some(&svd.u * svd.v.transpose())
}

/// Iso-C (Marczak and others 2025): the sum with every singular value replaced by their mean.
fn iso(sum: &Mat<f64>) -> Option<Mat<f64>> {
    let svd = thin(sum)?;
    let mean = svd.s.iter().sum::<f64>() / svd.s.len().max(1) as f64;
    Some(&svd.u * svd.v.transpose() * faer::Scale(mean))
}
