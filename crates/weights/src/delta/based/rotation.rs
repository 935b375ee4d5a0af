//! Block rotations of the rows or the columns of a weight, in one stage (OFT) or several with a shuffle between them (BOFT).
//!
//! With each block given as R − I, the change D = (R − I)·W of one stage needs no difference of large numbers; over several stages
//! D ← D + (Rᵢ − I)(W + D).

use faer::linalg::matmul::matmul;
use faer::prelude::Solve;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use super::super::Dense;

/// Columns (or rows) that go through all stages together.
const LANES: usize = 256;

/// One stage: blocks of R − I on the diagonal of a shuffled order.
#[derive(Debug)]
pub(super) struct Stage {
    /// Width b of a block.
    pub(super) size: usize,
    /// Row-major b×b blocks, one after another. A single block may stand for all.
    pub(super) blocks: Vec<f32>,
    /// Index in the weight of the j-th row of the blocks; None: as they stand.
    pub(super) order: Option<Vec<usize>>,
}

/// A generator: a skew-symmetric b×b matrix.
pub(super) type Generator = Mat<f64>;

/// X − Xᵀ of row-major blocks, multiplied by `factor`.
pub(super) fn generators(values: &[f32], size: usize, factor: f64) -> Vec<Generator> {
    let at = |block: &[f32], i: usize, j: usize| f64::from(block[i * size + j]);
    let of = |block: &[f32]| Mat::from_fn(size, size, |i, j| factor * (at(block, i, j) - at(block, j, i)));
    values.chunks_exact((size * size).max(1)).map(of).collect()
}

/// R − I of the Cayley transform R = (I + Q)·(I − Q)⁻¹: 2·(I − Q)⁻¹·Q. Its transpose, which is its inverse, has −Q in Q's place.
pub(super) fn cayley(q: &Generator) -> Mat<f64> {
    let size = q.nrows();
    let left = Mat::from_fn(size, size, |i, j| if i == j { 1.0 } else { 0.0 } - q[(i, j)]);
    let mut out = left.partial_piv_lu().solve(q);
    out *= faer::Scale(2.0);
    out
}

impl Stage {
    /// From R − I per block.
    pub(super) fn new(size: usize, blocks: impl Iterator<Item = Mat<f64>>, order: Option<Vec<usize>>) -> Self {
        let mut values = Vec::new();
        for block in blocks {
            values.extend((0..size * size).map(|at| block[(at / size, at % size)] as f32));
        }
        Self { size, blocks: values, order }
    }

    /// d += (R − I)(w + d) for a panel of rows × `lanes`.
    fn apply(&self, w: &[f32], d: &mut [f32], lanes: usize, scratch: &mut Vec<f32>) {
        let size = self.size;
        scratch.resize(2 * size * lanes, 0.0);
        let (input, output) = scratch.split_at_mut(size * lanes);
        let rows = d.len() / lanes;
        for block in 0..rows / size {
            let index = |j: usize| self.order.as_ref().map_or(block * size + j, |order| order[block * size + j]);
            for (j, line) in input.chunks_exact_mut(lanes).enumerate() {
                let at = index(j) * lanes;
                line.iter_mut().zip(w[at..].iter().zip(&d[at..])).for_each(|(x, (w, d))| *x = w + d);
            }
            let start = (block * size * size) % self.blocks.len();
            let turn = MatRef::from_row_major_slice(&self.blocks[start..start + size * size], size, size);
            let x = MatRef::from_row_major_slice(input, size, lanes);
            matmul(MatMut::from_row_major_slice_mut(output, size, lanes), Accum::Replace, turn, x, 1.0, Par::Seq);
            for (j, line) in output.chunks_exact(lanes).enumerate() {
                let at = index(j) * lanes;
                d[at..at + lanes].iter_mut().zip(line).for_each(|(d, x)| *d += x);
            }
        }
    }
}

/// Turns W into the change (R·W)∘s − W of its rows; `gain` is s, one factor per row.
pub(super) fn rows(weight: &mut Dense, stages: &[Stage], gain: Option<&[f32]>) {
    let (m, n) = (weight.m, weight.n);
    let mut scratch = Vec::new();
    for first in (0..n).step_by(LANES) {
        let lanes = LANES.min(n - first);
        let panel: Vec<f32> = (0..m).flat_map(|i| weight.values[i * n + first..][..lanes].iter().copied()).collect();
        let mut change = vec![0f32; m * lanes];
        stages.iter().for_each(|stage| stage.apply(&panel, &mut change, lanes, &mut scratch));
        for i in 0..m {
            let s = gain.map_or(1.0, |g| g[i]);
            let line = panel[i * lanes..].iter().zip(&change[i * lanes..]);
            weight.values[i * n + first..][..lanes].iter_mut().zip(line).for_each(|(to, (w, d))| *to = s * d + (s - 1.0) * w);
        }
    }
}

/// Turns W into the change (W·Rᵀ)∘s − W of its columns; `gain` is s, one factor per row.
pub(super) fn columns(weight: &mut Dense, stages: &[Stage], gain: Option<&[f32]>) {
    let n = weight.n;
    let mut scratch = Vec::new();
    for (t, tile) in weight.values.chunks_mut((LANES * n).max(1)).enumerate() {
        let lanes = tile.len() / n;
        let mut panel = vec![0f32; tile.len()];
        for (i, row) in tile.chunks_exact(n).enumerate() {
            row.iter().enumerate().for_each(|(j, v)| panel[j * lanes + i] = *v);
        }
        let mut change = vec![0f32; tile.len()];
        stages.iter().for_each(|stage| stage.apply(&panel, &mut change, lanes, &mut scratch));
        for (i, row) in tile.chunks_exact_mut(n).enumerate() {
            let s = gain.map_or(1.0, |g| g[t * LANES + i]);
            row.iter_mut().enumerate().for_each(|(j, w)| *w = s * change[j * lanes + i] + (s - 1.0) * *w);
        }
    }
}
