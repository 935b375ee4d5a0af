//! A dense matrix that is computed row by row where it is needed, and its products with thin matrices.
//!
//! Every pass goes over the same tiles in the same order, and parts that run beside each other are added in a fixed order: results do not
//! depend on the number of threads.

use super::kernel::{THIN, add_turned, product, times_thin, widest};
use super::par_map;
use crate::progress::{Cancelled, Progress};
use faer::{Mat, MatRef};
use std::ops::Range;

/// Values of one tile: with its neighbours it stays in the second-level cache.
const TILE: usize = 1 << 17;

/// Parts that may run beside each other.
const PARTS: usize = 16;
/// Bytes of all parts' own sums together.
const SUMS: usize = 64 << 20;

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
    // The kernels take eight rows at once.
    (TILE / n.max(1)).clamp(8, 4096) / 8 * 8
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
    // What is in memory is read from there, so that its tiles need not leave room for what they are made of.
    let step = tile_rows(n) * if rows.held(0..m.min(1)).is_some() { 2 } else { 1 };
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
    let mut sum = 0.0;
    add_squares(values, &mut sum);
    sum
}

widest! {
    /// Adds the squares in f64, eight sums side by side.
    add_squares(values: &[f32], sum: &mut f64) = add_squares_with
}

#[inline(always)]
fn add_squares_with(values: &[f32], sum: &mut f64) {
    let mut lanes = [0f64; 8];
    let (whole, rest) = values.as_chunks::<8>();
    for chunk in whole {
        for l in 0..8 {
            lanes[l] += f64::from(chunk[l]) * f64::from(chunk[l]);
        }
    }
    *sum += lanes.iter().sum::<f64>() + rest.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>();
}

/// D·X for a thin X (n×l): m×l.
pub(crate) fn times(rows: &dyn Rows, x: &Slim, progress: &dyn Progress) -> Result<Mat<f64>, Cancelled> {
    let (m, n) = rows.shape();
    let found = fold(rows, PARTS, progress, Vec::new, |out: &mut Vec<(usize, Vec<f32>)>, range, tile| {
        out.push((range.start, x.times(tile, n)));
    })?;
    let mut out = Mat::<f64>::zeros(m, x.width);
    for (start, y) in found.iter().flatten() {
        let count = y.len() / x.stride().max(1);
        for (c, block) in y.chunks_exact((count * THIN).max(1)).enumerate() {
            for j in 0..THIN.min(x.width - c * THIN) {
                let column = out.col_mut(c * THIN + j).subrows_mut(*start, count);
                column.iter_mut().zip(block.iter().skip(j).step_by(THIN)).for_each(|(o, v)| *o = f64::from(*v));
            }
        }
    }
    Ok(out)
}

/// Dᵀ·Q for a thin Q (m×l): n×l. Tiles are summed in f32, parts in f64.
pub(crate) fn transposed_times(rows: &dyn Rows, q: &Slim, progress: &dyn Progress) -> Result<Mat<f64>, Cancelled> {
    let n = rows.shape().1;
    let parts = fold(
        rows,
        parts_of(n, q),
        progress,
        || vec![0f32; n * q.stride()],
        |sum, range, tile| {
            for (q, sum) in q.blocks().zip(sum.chunks_exact_mut(n * THIN)) {
                add_turned(tile, n, &q[range.start * THIN..range.end * THIN], sum);
            }
        },
    )?;
    Ok(summed(&parts, n, q.width))
}

/// Dᵀ·(D·X) in one pass over D, for a thin X (n×l): n×l, and the sum of all squares of D. Tiles are summed in f32, parts in f64.
pub(crate) fn normal_times(rows: &dyn Rows, x: &Slim, progress: &dyn Progress) -> Result<(Mat<f64>, f64), Cancelled> {
    let n = rows.shape().1;
    let parts = fold(
        rows,
        parts_of(n, x),
        progress,
        || (vec![0f32; n * x.stride()], 0.0),
        |(sum, energy), range, tile| {
            *energy += squares(tile);
            let y = x.times(tile, n);
            for (y, sum) in y.chunks_exact(range.len() * THIN).zip(sum.chunks_exact_mut(n * THIN)) {
                add_turned(tile, n, y, sum);
            }
        },
    )?;
    let (sums, energies): (Vec<Vec<f32>>, Vec<f64>) = parts.into_iter().unzip();
    Ok((summed(&sums, n, x.width), energies.iter().sum()))
}

/// Parts whose sums, n rows as wide as `x`, together stay below [`SUMS`].
fn parts_of(n: usize, x: &Slim) -> usize {
    (SUMS / (n * x.stride() * size_of::<f32>()).max(1)).clamp(2, PARTS)
}

fn summed(parts: &[Vec<f32>], n: usize, width: usize) -> Mat<f64> {
    let at = |part: &Vec<f32>, i: usize, j: usize| f64::from(part[(j / THIN * n + i) * THIN + j % THIN]);
    Mat::from_fn(n, width, |i, j| parts.iter().map(|p| at(p, i, j)).sum())
}

/// A thin matrix in f32 as the kernels take it: blocks of [`THIN`] columns, each row by row; zeros fill the last.
#[derive(Debug, Clone)]
pub(crate) struct Slim {
    len: usize,
    width: usize,
    values: Vec<f32>,
}

impl Slim {
    /// Of a `len`×`width` matrix.
    pub(crate) fn from_fn(len: usize, width: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let blocks = width.div_ceil(THIN);
        let mut values = vec![0f32; blocks * len * THIN];
        for (c, block) in values.chunks_exact_mut((len * THIN).max(1)).enumerate() {
            for (i, row) in block.chunks_exact_mut(THIN).enumerate() {
                row.iter_mut().enumerate().take(width - c * THIN).for_each(|(j, v)| *v = value(i, c * THIN + j));
            }
        }
        Self { len, width, values }
    }

    /// The same values, rounded.
    pub(crate) fn of(x: MatRef<'_, f64>) -> Self {
        Self::from_fn(x.nrows(), x.ncols(), |i, j| x[(i, j)] as f32)
    }

    fn stride(&self) -> usize {
        self.width.next_multiple_of(THIN)
    }

    fn blocks(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact((self.len * THIN).max(1))
    }

    /// tile·X, block by block.
    fn times(&self, tile: &[f32], n: usize) -> Vec<f32> {
        let count = tile.len() / n.max(1);
        let mut out = vec![0f32; count * self.stride()];
        for (x, y) in self.blocks().zip(out.chunks_exact_mut((count * THIN).max(1))) {
            times_thin(tile, n, x, y);
        }
        out
    }
}

/// B[rows]·A·scale, row-major. `b` is row-major m×r, `a` row-major r×n.
pub(crate) fn product_rows(b: &[f32], a: &[f32], (rank, n): (usize, usize), scale: f32, rows: Range<usize>, out: &mut [f32], add: bool) {
    if rank == 0 || out.is_empty() {
        return;
    }
    product(&b[rows.start * rank..rows.end * rank], a, rank, n, scale, out, add);
}
