//! The best low-rank approximation of a dense matrix that is seen by tiles.
//!
//! Randomised (Halko, Martinsson, Tropp 2011, algorithm 4.4): Q spans D·Ω for a random thin Ω, sharpened by power iterations; the singular values
//! of the small Qᵀ·D are those of D as far as Q holds them. Products run in f32, bases in f64. Exact: eigenvectors of the Gram
//! matrix of the smaller side in f64; the approximation is the projection onto them, so squaring costs no precision in what is kept.

use super::kernel::THIN;
use super::tiles::{Held, Rows, Slim, energy, fold, normal_times, times, transposed_times};
use super::{Spectrum, Stack, Truncation, keep_for, random::Stream, wide};
use crate::progress::{Cancelled, Progress};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{BlockStructure, matmul as matmul_triangular};
use faer::linalg::solvers::Svd;
use faer::{Accum, Mat, MatRef, Par, Side};

/// Below this smaller side the exact way is taken: it is cheap there.
const SMALL: usize = 384;
/// Largest smaller side of the exact way, and most values of a matrix that it holds.
const EXACT_SIDE: usize = 6144;
const EXACT_VALUES: usize = 1 << 27;
/// Power iterations: two bring the spectrum's tail, which sparse differences have, down by its fourth power.
const POWER: usize = 2;
/// The same where the search begins near its end.
const NEAR_POWER: usize = 1;
/// Directions below this part of the largest, squared, are rounding.
const LOST: f64 = 1e-13;
/// First block of the search for an energy.
const BLOCK: usize = 32;

/// A low-rank approximation: D ≈ Σ b_j a_jᵀ with ‖b_j‖ = ‖a_j‖ = √σ_j, and the energies (kept, all).
#[derive(Debug)]
pub(crate) struct Approximation {
    pub(crate) stack: Stack,
    pub(crate) sigma: Vec<f64>,
    pub(crate) energy: (f64, f64),
}

/// Why there is no approximation.
#[derive(Debug)]
pub(crate) enum Failed {
    Cancelled,
    /// A decomposition did not converge.
    Numeric,
}

impl From<Cancelled> for Failed {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// How a matrix is approximated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aim<'a> {
    pub(crate) truncation: Truncation,
    /// The optimum on large matrices too.
    pub(crate) exact: bool,
    /// Components whose rows span nearly what the matrix's strongest directions do, where such are known: the search begins there.
    pub(crate) near: Option<&'a Stack>,
    pub(crate) stream: Stream,
}

/// Approximates `rows`.
pub(crate) fn approximate(rows: &dyn Rows, aim: Aim<'_>, progress: &dyn Progress) -> Result<Approximation, Failed> {
    let Aim { truncation, exact, stream, .. } = aim;
    let (m, n) = rows.shape();
    let side = m.min(n);
    let possible = side <= EXACT_SIDE && m.saturating_mul(n) <= EXACT_VALUES;
    let wide = truncation.rank.is_none_or(|r| oversampled(r) * 2 >= side) && truncation.energy.is_none();
    let now = side <= SMALL || (possible && (exact || wide));
    if let (Some(rank), None, false) = (truncation.rank, truncation.energy, now) {
        return subspace(rows, rank, &aim, progress);
    }
    let total = energy(rows, progress)?;
    if total == 0.0 {
        return Ok(nothing(m, n));
    }
    if now {
        return exactly(rows, truncation, total, progress);
    }
    match sketch(rows, truncation, total, stream, progress)? {
        Some(basis) => basis.finish(truncation, total),
        None if possible => exactly(rows, truncation, total, progress),
        None => Err(Failed::Numeric),
    }
}

/// Subspace iteration: X spans (DᵀD)^q·X₀, one pass over D for each power, and D ≈ (D·X)·Xᵀ.
fn subspace(rows: &dyn Rows, rank: usize, aim: &Aim<'_>, progress: &dyn Progress) -> Result<Approximation, Failed> {
    let (m, n) = rows.shape();
    // The kernels work on so many columns at once, so that those in between are for nothing.
    let width = oversampled(rank).next_multiple_of(THIN).min(m).min(n);
    let (mut x, powers) = beginning(n, width, aim)?;
    let mut total = 0.0;
    for _ in 0..powers {
        let (image, energy) = normal_times(rows, &Slim::of(x.as_ref()), progress)?;
        total = energy;
        if total == 0.0 {
            return Ok(nothing(m, n));
        }
        x = basis_of(&image)?;
    }
    let y = times(rows, &Slim::of(x.as_ref()), progress)?;
    let stack = Stack { m, n, b: flat(&y), a: flat(&x) };
    let spectrum = Spectrum::of(&stack).ok_or(Failed::Numeric)?;
    let keep = keep_for(&spectrum.sigma, Truncation { rank: Some(rank), energy: None });
    let best = spectrum.truncate(&stack, keep);
    let (kept, _) = spectrum.energy(keep);
    Ok(Approximation { stack: best, sigma: spectrum.sigma[..keep].to_vec(), energy: (kept.min(total), total) })
}

/// The approximation of zero.
fn nothing(m: usize, n: usize) -> Approximation {
    Approximation { stack: Stack::new(m, n), sigma: Vec::new(), energy: (0.0, 0.0) }
}

/// X₀, orthonormal, and how many powers it needs.
fn beginning(n: usize, width: usize, aim: &Aim<'_>) -> Result<(Mat<f64>, usize), Failed> {
    let mut columns: Vec<f64> = Vec::with_capacity(n * width);
    if let Some(near) = aim.near {
        let spectrum = Spectrum::of(near).ok_or(Failed::Numeric)?;
        let best = spectrum.truncate(near, width);
        for (row, sigma) in best.a.chunks_exact(n.max(1)).zip(&spectrum.sigma) {
            columns.extend(row.iter().map(|v| v / sigma.sqrt()));
        }
    }
    let known = columns.len() / n.max(1);
    // As long as the known ones.
    let length = 1.0 / (n.max(1) as f64).sqrt();
    columns.extend((known * n..width * n).map(|i| f64::from(aim.stream.normal(i as u64)) * length));
    let x = Mat::from_fn(n, width, |i, j| columns[j * n + i]);
    Ok((basis_of(&x)?, if known > 0 { NEAR_POWER } else { POWER }))
}

/// An orthonormal basis of the columns' span, by the Gram matrix, twice: what the first pass leaves of rounding the second removes.
fn basis_of(x: &Mat<f64>) -> Result<Mat<f64>, Failed> {
    let n = x.nrows();
    let mut columns = flat(x);
    for _ in 0..2 {
        let eigen = wide::gram(&columns, n).self_adjoint_eigen(Side::Lower).map_err(|_| Failed::Numeric)?;
        let values = eigen.S().column_vector();
        let r = values.nrows();
        if r == 0 {
            break;
        }
        let kept: Vec<usize> = (0..r).filter(|i| values[*i] > values[r - 1] * LOST).collect();
        let turn = Mat::from_fn(r, kept.len(), |i, j| eigen.U()[(i, kept[j])] / values[kept[j]].sqrt());
        columns = super::times(MatRef::from_column_major_slice(&columns, n, r), turn.as_ref());
    }
    let width = columns.len() / n.max(1);
    Ok(Mat::from_fn(n, width, |i, j| columns[j * n + i]))
}

/// The columns one after another.
fn flat(x: &Mat<f64>) -> Vec<f64> {
    (0..x.ncols()).flat_map(|j| x.col(j).iter().copied()).collect()
}

fn oversampled(rank: usize) -> usize {
    rank + (rank / 2).max(10)
}

/// Orthonormal Q (m×l) with Bᵀ = DᵀQ (n×l).
struct Basis {
    q: Mat<f64>,
    bt: Mat<f64>,
}

impl Basis {
    fn finish(&self, truncation: Truncation, total: f64) -> Result<Approximation, Failed> {
        let qr = self.bt.qr();
        let svd = Svd::new_thin(qr.thin_R()).map_err(|_| Failed::Numeric)?;
        let sigma: Vec<f64> = svd.S().column_vector().iter().map(|s| s.max(0.0)).collect();
        let keep = keep_within(&sigma, truncation, total);
        // Bᵀ = P·X·S·Yᵀ, so D ≈ Q·B = (Q·Y)·S·(P·X)ᵀ.
        let left = svd.V().subcols(0, keep);
        let right = svd.U().subcols(0, keep);
        Ok(assemble(&self.q * left, &qr.compute_thin_Q() * right, sigma[..keep].to_vec(), total))
    }
}

/// As [`keep_for`], with the energy measured against all of the matrix and not against the singular values that were looked for.
fn keep_within(sigma: &[f64], truncation: Truncation, total: f64) -> usize {
    let real = keep_for(sigma, Truncation { rank: truncation.rank, energy: None });
    let Some(wanted) = truncation.energy else { return real };
    let mut kept = 0.0;
    for (i, s) in sigma[..real].iter().enumerate() {
        kept += s * s;
        if kept >= wanted * total {
            return i + 1;
        }
    }
    real
}

fn assemble(u: Mat<f64>, v: Mat<f64>, sigma: Vec<f64>, total: f64) -> Approximation {
    let flat = |x: &Mat<f64>| -> Vec<f64> {
        sigma.iter().enumerate().flat_map(|(j, s)| x.col(j).iter().map(move |v| v * s.sqrt()).collect::<Vec<f64>>()).collect()
    };
    let stack = Stack { m: u.nrows(), n: v.nrows(), b: flat(&u), a: flat(&v) };
    let kept: f64 = sigma.iter().map(|s| s * s).sum();
    Approximation { stack, energy: (kept.min(total), total), sigma }
}

/// Finds a basis for the rank, or grows one until it holds the energy. None: the energy takes so many directions that the exact way is cheaper.
fn sketch(rows: &dyn Rows, wanted: Truncation, total: f64, stream: Stream, progress: &dyn Progress) -> Result<Option<Basis>, Failed> {
    let (m, n) = rows.shape();
    let limit = wanted.rank.map_or(m.min(n) / 3, oversampled).min(m.min(n));
    let mut width = if wanted.energy.is_some() { BLOCK.min(limit) } else { limit };
    let mut basis = Basis { q: Mat::zeros(m, 0), bt: Mat::zeros(n, 0) };
    for round in 0.. {
        let q = block(rows, &basis.q, width, stream.child(round), progress)?;
        let bt = transposed_times(rows, &Slim::of(q.as_ref()), progress)?;
        basis = Basis { q: beside(&basis.q, &q), bt: beside(&basis.bt, &bt) };
        let have = basis.q.ncols();
        if wanted.energy.is_none_or(|e| basis.bt.squared_norm_l2() >= e * total) || (have >= limit && wanted.rank.is_some()) {
            return Ok(Some(basis));
        }
        if have >= limit {
            return Ok(None);
        }
        width = have.min(limit - have);
    }
    Ok(None)
}

/// `width` more directions of D's range, orthogonal to `known`.
fn block(rows: &dyn Rows, known: &Mat<f64>, width: usize, stream: Stream, progress: &dyn Progress) -> Result<Mat<f64>, Failed> {
    let n = rows.shape().1;
    let omega = Slim::from_fn(n, width, |i, j| stream.normal((j * n + i) as u64));
    let mut q = orthonormal(times(rows, &omega, progress)?, known);
    for _ in 0..POWER {
        let w = transposed_times(rows, &Slim::of(q.as_ref()), progress)?.qr().compute_thin_Q();
        q = orthonormal(times(rows, &Slim::of(w.as_ref()), progress)?, known);
    }
    Ok(q)
}

/// An orthonormal basis of what `y` has outside of `known`. Twice, for the first pass leaves rounding behind.
fn orthonormal(mut y: Mat<f64>, known: &Mat<f64>) -> Mat<f64> {
    for _ in 0..2 {
        if known.ncols() > 0 {
            let inside = known.transpose() * &y;
            matmul(y.as_mut(), Accum::Add, known.as_ref(), inside.as_ref(), -1.0, Par::Seq);
        }
        y = y.qr().compute_thin_Q();
    }
    y
}

fn beside(x: &Mat<f64>, y: &Mat<f64>) -> Mat<f64> {
    let k = x.ncols();
    Mat::from_fn(x.nrows().max(y.nrows()), k + y.ncols(), |i, j| if j < k { x[(i, j)] } else { y[(i, j - k)] })
}

/// Eigenvectors of the Gram matrix of the smaller side, then the projection onto them.
fn exactly(rows: &dyn Rows, truncation: Truncation, total: f64, progress: &dyn Progress) -> Result<Approximation, Failed> {
    let (m, n) = rows.shape();
    let flipped;
    let (tall, turned): (&dyn Rows, bool) = if n <= m {
        (rows, false)
    } else {
        flipped = transposed(&Held::of(rows, progress)?);
        (&flipped, true)
    };
    let gram = gram(tall, progress)?;
    let eigen = gram.self_adjoint_eigen(Side::Lower).map_err(|_| Failed::Numeric)?;
    let side = m.min(n);
    // Ascending: the largest stand last.
    let sigma: Vec<f64> = eigen.S().column_vector().iter().rev().map(|l| l.max(0.0).sqrt()).collect();
    // Squared, what lies below the root of the rounding of f64 is noise; it has no energy worth keeping.
    let real = sigma.iter().take_while(|s| **s > sigma[0] * 1e-8).count();
    let keep = keep_within(&sigma[..real], truncation, total);
    let vectors = Mat::from_fn(side, keep, |i, j| eigen.U()[(i, side - 1 - j)]);
    let image = times_double(tall, vectors.as_ref(), progress)?;
    let lengths: Vec<f64> = (0..keep).map(|j| image.col(j).norm_l2()).collect();
    let unit = Mat::from_fn(image.nrows(), keep, |i, j| if lengths[j] > 0.0 { image[(i, j)] / lengths[j] } else { 0.0 });
    let (u, v) = if turned { (vectors, unit) } else { (unit, vectors) };
    Ok(assemble(u, v, lengths, total))
}

fn transposed(x: &Held) -> Held {
    let mut values = vec![0f32; x.m * x.n];
    for (i, row) in x.values.chunks_exact(x.n.max(1)).enumerate() {
        row.iter().enumerate().for_each(|(j, v)| values[j * x.m + i] = *v);
    }
    Held { m: x.n, n: x.m, values }
}

/// DᵀD in f64, lower triangle.
fn gram(rows: &dyn Rows, progress: &dyn Progress) -> Result<Mat<f64>, Cancelled> {
    let n = rows.shape().1;
    // Each part holds an n×n matrix.
    let limit = ((160 << 20) / (8 * n * n).max(1)).max(1);
    let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    let parts = fold(
        rows,
        limit,
        progress,
        || Mat::<f64>::zeros(n, n),
        |g, range, tile| {
            let d = double(tile, range.len(), n);
            matmul_triangular(g.as_mut(), lower, Accum::Add, d.transpose(), full, d.as_ref(), full, 1.0, Par::Seq);
        },
    )?;
    let mut parts = parts.into_iter();
    let first = parts.next().unwrap_or_else(|| Mat::zeros(n, n));
    Ok(parts.fold(first, |sum, part| sum + part))
}

/// D·X in f64.
fn times_double(rows: &dyn Rows, x: MatRef<'_, f64>, progress: &dyn Progress) -> Result<Mat<f64>, Cancelled> {
    let ((m, n), l) = (rows.shape(), x.ncols());
    let found = fold(rows, 16, progress, Vec::new, |out: &mut Vec<(usize, Mat<f64>)>, range, tile| {
        out.push((range.start, double(tile, range.len(), n) * x));
    })?;
    let mut out = Mat::zeros(m, l);
    for (start, y) in found.iter().flatten() {
        out.as_mut().subrows_mut(*start, y.nrows()).copy_from(y);
    }
    Ok(out)
}

fn double(tile: &[f32], rows: usize, n: usize) -> Mat<f64> {
    let view = MatRef::from_row_major_slice(tile, rows, n);
    Mat::from_fn(rows, n, |i, j| f64::from(view[(i, j)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    /// Spectrum of a known shape between random orthonormal bases.
    fn matrix(m: usize, n: usize, sigma: &[f64], seed: u64) -> Held {
        let s = Stream::new(seed, "test");
        let basis = |d: usize, k: u64| {
            Mat::<f64>::from_fn(d, sigma.len(), |i, j| f64::from(s.child(k).normal((i * 1000 + j) as u64))).qr().compute_thin_Q()
        };
        let (u, v) = (basis(m, 1), basis(n, 2));
        let scaled = Mat::from_fn(m, sigma.len(), |i, j| u[(i, j)] * sigma[j]);
        let d = scaled * v.transpose();
        Held { m, n, values: (0..m * n).map(|x| d[(x / n, x % n)] as f32).collect() }
    }

    fn run(d: &Held, rank: Option<usize>, energy: Option<f64>, exact: bool) -> Approximation {
        let aim = Aim { truncation: Truncation { rank, energy }, exact, near: None, stream: Stream::new(1, "x") };
        approximate(d, aim, &Silent).unwrap()
    }

    fn error(d: &Held, found: &Approximation) -> f64 {
        let whole = double(&d.values, d.m, d.n);
        (whole - found.stack.b_view() * found.stack.at_view().transpose()).norm_l2()
    }

    #[test]
    fn both_ways_find_the_optimum_of_a_falling_spectrum() {
        let sigma: Vec<f64> = (0..60).map(|i| 0.8f64.powi(i)).collect();
        for (m, n) in [(450, 410), (410, 700)] {
            let d = matrix(m, n, &sigma, 3);
            for exact in [false, true] {
                let found = run(&d, Some(12), None, exact);
                let best = sigma[12..].iter().map(|s| s * s).sum::<f64>().sqrt();
                let all = sigma.iter().map(|s| s * s).sum::<f64>();
                assert_eq!(found.sigma.len(), 12);
                assert!((error(&d, &found) - best).abs() < 2e-6, "{m}×{n} {exact}: {} and {best}", error(&d, &found));
                assert!((found.energy.0 / found.energy.1 - (1.0 - best * best / all)).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn an_energy_gets_the_rank_it_needs() {
        let sigma: Vec<f64> = (0..80).map(|i| 0.95f64.powi(i)).collect();
        let d = matrix(500, 400, &sigma, 5);
        let all = sigma.iter().map(|s| s * s).sum::<f64>();
        let needed = (1..).find(|k| sigma[..*k].iter().map(|s| s * s).sum::<f64>() >= 0.9 * all).unwrap();
        for exact in [false, true] {
            let found = run(&d, None, Some(0.9), exact);
            assert!(found.energy.0 >= 0.9 * found.energy.1 * (1.0 - 1e-6));
            assert!(found.sigma.len().abs_diff(needed) <= 1, "{} for {needed}", found.sigma.len());
        }
        assert_eq!(run(&d, Some(5), Some(0.9), false).sigma.len(), 5);
    }

    #[test]
    fn full_rank_gives_the_matrix_back_and_zero_gives_nothing() {
        for (m, n) in [(40, 30), (30, 40), (5, 400)] {
            let sigma: Vec<f64> = (0..m.min(n)).map(|i| 1.0 / (i + 1) as f64).collect();
            let d = matrix(m, n, &sigma, 9);
            let found = run(&d, Some(1000), None, false);
            assert!(error(&d, &found) < 1e-7, "{}", error(&d, &found));
        }
        let zero = Held { m: 20, n: 10, values: vec![0.0; 200] };
        assert!(run(&zero, Some(4), None, false).sigma.is_empty());
    }
}
