//! A dense matrix that is computed row by row where it is needed, and its products with thin matrices.
//!
//! Every pass goes over the same tiles in the same order, and parts that run beside each other are added in a fixed order: results do not
//! depend on the number of threads.

use super::par_map;
use crate::progress::{Cancelled, Progress};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use std::ops::Range;

/// Values of one tile: with its neighbours it stays in the second-level cache.
const TILE: usize = 1 << 17;

/// Parts that may run beside each other.
const PARTS: usize = 16;

/// A matrix whose rows can be had.
pub(crate) trait Rows: Sync {
    /// (m, n).
    fn shape(&self) -> (usize, usize);

    /// Writes rows `rows`, row-major.
    fn rows(&self, rows: Range<usize>, out: &mut [f32]);

    /// The rows themselves where they are in memory.
    fn held(&self, _rows: Range<usize>) -> Option<&[f32]> {
        None
    }
}

/// A matrix in memory, row-major.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) values: Vec<f32>,
}

impl Held {
    /// Computes all of `rows` once.
    pub(crate) fn of(rows: &dyn Rows, progress: &dyn Progress) -> Result<Self, Cancelled> {
        let (m, n) = rows.shape();
        let mut values = vec![0f32; m * n];
        let step = tile_rows(n);
        let tiles: Vec<(Range<usize>, std::sync::Mutex<&mut [f32]>)> = values
            .chunks_mut((step * n).max(1))
            .enumerate()
            .map(|(i, out)| (i * step..m.min((i + 1) * step), std::sync::Mutex::new(out)))
            .collect();
        let done = par_map(&tiles, |(range, out)| {
            Cancelled::check(progress)?;
            // Each tile is taken by one thread alone; a poisoned lock still holds its slice.
            let mut out = out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            rows.rows(range.clone(), &mut out);
            Ok(())
        });
        done.into_iter().collect::<Result<(), Cancelled>>()?;
        drop(tiles);
        Ok(Self { m, n, values })
    }
}

impl Rows for Held {
    fn shape(&self) -> (usize, usize) {
        (self.m, self.n)
    }

    fn rows(&self, rows: Range<usize>, out: &mut [f32]) {
        out.copy_from_slice(&self.values[rows.start * self.n..rows.end * self.n]);
    }

    fn held(&self, rows: Range<usize>) -> Option<&[f32]> {
        Some(&self.values[rows.start * self.n..rows.end * self.n])
    }
}

/// B·A, row by row: `b` is row-major m×r, `a` row-major r×n.
#[derive(Debug, Clone)]
pub(crate) struct Factors {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) b: Vec<f32>,
    pub(crate) a: Vec<f32>,
}

impl Rows for Factors {
    fn shape(&self) -> (usize, usize) {
        (self.m, self.n)
    }

    fn rows(&self, rows: Range<usize>, out: &mut [f32]) {
        let rank = self.a.len().checked_div(self.n).unwrap_or(0);
        if rank == 0 {
            out.fill(0.0);
        }
        product_rows(&self.b, &self.a, (rank, self.n), 1.0, rows, out, false);
    }
}

/// Rows of one tile of an m×n matrix.
pub(crate) fn tile_rows(n: usize) -> usize {
    (TILE / n.max(1)).clamp(8, 4096)
}

/// Runs of whole tiles, at most `parts` of them.
pub(crate) fn parts(m: usize, n: usize, parts: usize) -> Vec<Range<usize>> {
    let step = tile_rows(n);
    let tiles = m.div_ceil(step).max(1);
    let each = tiles.div_ceil(parts.max(1)) * step;
    (0..m.div_ceil(each.max(1)).max(1)).map(|i| i * each..m.min((i + 1) * each)).collect()
}

/// Folds all tiles, part by part; the results in the order of the rows.
pub(crate) fn fold<T: Send>(
    rows: &dyn Rows,
    limit: usize,
    progress: &dyn Progress,
    start: impl Fn() -> T + Sync,
    add: impl Fn(&mut T, Range<usize>, &[f32]) + Sync,
) -> Result<Vec<T>, Cancelled> {
    let (m, n) = rows.shape();
    let step = tile_rows(n);
    let fold_part = |part: &Range<usize>| {
        let mut state = start();
        let mut buffer = Vec::new();
        for first in part.clone().step_by(step) {
            Cancelled::check(progress)?;
            let range = first..part.end.min(first + step);
            if let Some(values) = rows.held(range.clone()) {
                add(&mut state, range, values);
            } else {
                buffer.resize(range.len() * n, 0.0);
                rows.rows(range.clone(), &mut buffer);
                add(&mut state, range, &buffer);
            }
        }
        Ok(state)
    };
    par_map(&parts(m, n, limit.min(PARTS)), fold_part).into_iter().collect()
}

/// Σ of all squares, in f64.
pub(crate) fn energy(rows: &dyn Rows, progress: &dyn Progress) -> Result<f64, Cancelled> {
    Ok(fold(rows, PARTS, progress, || 0.0, |sum, _, tile| *sum += squares(tile))?.into_iter().sum())
}

/// Σ of squares of one tile, in f64.
pub(crate) fn squares(values: &[f32]) -> f64 {
    let mut lanes = [0f64; 8];
    let (whole, rest) = values.as_chunks::<8>();
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(l, v)| *l += f64::from(*v) * f64::from(*v));
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>()
}

/// D·X for a thin X (n×l): m×l.
pub(crate) fn times(rows: &dyn Rows, x: MatRef<'_, f32>, progress: &dyn Progress) -> Result<Mat<f64>, Cancelled> {
    let ((m, n), l) = (rows.shape(), x.ncols());
    let found = fold(rows, PARTS, progress, Vec::new, |out: &mut Vec<(usize, Mat<f32>)>, range, tile| {
        let mut y = Mat::<f32>::zeros(range.len(), l);
        matmul(y.as_mut(), Accum::Replace, MatRef::from_row_major_slice(tile, range.len(), n), x, 1.0, Par::Seq);
        out.push((range.start, y));
    })?;
    let mut out = Mat::<f64>::zeros(m, l);
    for (start, y) in found.iter().flatten() {
        for j in 0..l {
            let column = out.col_mut(j).subrows_mut(*start, y.nrows());
            column.iter_mut().zip(y.col(j).iter()).for_each(|(o, v)| *o = f64::from(*v));
        }
    }
    Ok(out)
}

/// Dᵀ·Q for a thin Q (m×l): n×l. Tiles are summed in f32, parts in f64.
pub(crate) fn transposed_times(rows: &dyn Rows, q: MatRef<'_, f32>, progress: &dyn Progress) -> Result<Mat<f64>, Cancelled> {
    let ((_, n), l) = (rows.shape(), q.ncols());
    let found = fold(
        rows,
        PARTS,
        progress,
        || Mat::<f32>::zeros(n, l),
        |sum, range, tile| {
            let d = MatRef::from_row_major_slice(tile, range.len(), n);
            matmul(sum.as_mut(), Accum::Add, d.transpose(), q.subrows(range.start, range.len()), 1.0, Par::Seq);
        },
    )?;
    let mut out = Mat::<f64>::zeros(n, l);
    for part in &found {
        for j in 0..l {
            out.col_mut(j).iter_mut().zip(part.col(j).iter()).for_each(|(o, v)| *o += f64::from(*v));
        }
    }
    Ok(out)
}

/// B[rows]·A·scale, row-major. `b` is row-major m×r, `a` row-major r×n.
pub(crate) fn product_rows(b: &[f32], a: &[f32], (rank, n): (usize, usize), scale: f32, rows: Range<usize>, out: &mut [f32], add: bool) {
    if rank == 0 || out.is_empty() {
        return;
    }
    let count = rows.len();
    let b = MatRef::from_row_major_slice(&b[rows.start * rank..rows.end * rank], count, rank);
    let a = MatRef::from_row_major_slice(a, rank, n);
    let how = if add { Accum::Add } else { Accum::Replace };
    matmul(MatMut::from_row_major_slice_mut(out, count, n), how, b, a, scale, Par::Seq);
}
