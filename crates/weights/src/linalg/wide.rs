//! Gram matrices of factors in f64, from rows that are in memory or from panels that are filled piece by piece.

use super::kernel::{Arch, aligned, dots_f64, outer_f64};
use faer::Mat;
use std::ops::Range;

/// Columns that are worked on together: eight rows of them fill the nearest cache.
const PANEL: usize = 512;
/// Distance between the rows of a panel: not a power of two, so that columns do not fall onto the same cache lines.
const STRIDE: usize = PANEL + 8;
/// Rows of B that are worked on together.
const DEEP: usize = 128;
/// Widest block of the kernels.
const BLOCK: usize = 16;

/// XXᵀ of `rank` rows of `n` values that stand one after another, both triangles filled.
pub(crate) fn gram(x: &[f64], n: usize) -> Mat<f64> {
    let rank = x.len().checked_div(n).unwrap_or(0);
    let mut sums = Sums::new(rank);
    for start in (0..n).step_by(PANEL) {
        dots_f64(sums.arch, &x[start..], n, PANEL.min(n - start), rank, &mut sums.values, sums.width);
    }
    Mat::from_fn(rank, rank, |i, j| sums.at(i, j))
}

/// A Gram matrix that grows, upper triangle.
#[derive(Debug)]
pub(crate) struct Sums {
    values: Vec<f64>,
    width: usize,
    arch: Arch,
}

impl Sums {
    fn new(rank: usize) -> Self {
        let width = rank.next_multiple_of(BLOCK);
        Self { values: vec![0.0; width * width], width, arch: Arch::detect() }
    }

    /// Entry (i, j), whichever is larger.
    #[inline]
    pub(crate) fn at(&self, i: usize, j: usize) -> f64 {
        self.values[i.min(j) * self.width + i.max(j)]
    }
}

/// Factors B·A of one member of a stack: `b` is row-major rows×rank and covers the rows from `row0`, `a` row-major rank×n.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slab<'a> {
    pub(crate) b: &'a [f32],
    pub(crate) a: &'a [f32],
    pub(crate) rank: usize,
    pub(crate) row0: usize,
    /// The rows of B stand in halves the other way round.
    pub(crate) swap: bool,
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub(crate) struct Panels(Vec<f64>);

impl Panels {
    /// (BᵀB, AAᵀ) of all slabs side by side, of an m×n matrix.
    pub(crate) fn grams(&mut self, slabs: &[Slab<'_>], (m, n): (usize, usize)) -> (Sums, Sums) {
        let rank = slabs.iter().map(|s| s.rank).sum();
        (self.columns(slabs, rank, m), self.rows(slabs, rank, n))
    }

    fn rows(&mut self, slabs: &[Slab<'_>], rank: usize, n: usize) -> Sums {
        let mut sums = Sums::new(rank);
        let panel = aligned(&mut self.0, rank * STRIDE);
        for start in (0..n).step_by(PANEL) {
            let len = PANEL.min(n - start);
            let rows = slabs.iter().flat_map(|s| s.a.chunks_exact(n.max(1)));
            for (row, to) in rows.zip(panel.chunks_exact_mut(STRIDE)) {
                widen(&row[start..start + len], &mut to[..len]);
            }
            dots_f64(sums.arch, panel, STRIDE, len, rank, &mut sums.values, sums.width);
        }
        sums
    }

    fn columns(&mut self, slabs: &[Slab<'_>], rank: usize, m: usize) -> Sums {
        let mut sums = Sums::new(rank);
        let width = sums.width;
        let panel = aligned(&mut self.0, DEEP * width);
        panel.fill(0.0);
        for start in (0..m).step_by(DEEP) {
            let rows = start..m.min(start + DEEP);
            let panel = &mut panel[..rows.len() * width];
            let mut column = 0;
            for slab in slabs {
                slab.fill(rows.clone(), &mut panel[column..], width);
                column += slab.rank;
            }
            outer_f64(sums.arch, panel, rank, width, &mut sums.values);
        }
        sums
    }
}

impl Slab<'_> {
    /// Writes its part of `rows` to the beginning of each row of `out`; zeros where it has none.
    fn fill(&self, rows: Range<usize>, out: &mut [f64], width: usize) {
        let count = self.b.len().checked_div(self.rank).unwrap_or(0);
        for (row, out) in rows.zip(out.chunks_mut(width)) {
            let out = &mut out[..self.rank];
            match row.checked_sub(self.row0).filter(|i| *i < count) {
                Some(i) => {
                    let i = if self.swap { (i + count / 2) % count } else { i };
                    widen(&self.b[i * self.rank..][..self.rank], out);
                }
                None => out.fill(0.0),
            }
        }
    }
}

fn widen(from: &[f32], to: &mut [f64]) {
    to.iter_mut().zip(from).for_each(|(t, f)| *t = f64::from(*f));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(i: usize, c: usize) -> f32 {
        ((i * 31 + c * 17) % 13) as f32 - 6.0
    }

    /// Small whole numbers: every product and sum is exact, in each way that this processor has.
    #[test]
    fn grams_of_integers_are_exact_in_every_way() {
        for arch in Arch::available() {
            for rank in [1usize, 2, 3, 5, 8, 15, 16, 17, 33] {
                for n in [1, 3, 7, 8, 9, 63, 200] {
                    let want = |i: usize, j: usize| (0..n).map(|c| f64::from(value(i, c) * value(j, c))).sum::<f64>();
                    let width = rank.next_multiple_of(BLOCK);
                    let rows: Vec<f64> = (0..rank * n).map(|k| f64::from(value(k / n, k % n))).collect();
                    let mut by_rows = vec![0.0; width * width];
                    dots_f64(arch, &rows, n, n, rank, &mut by_rows, width);
                    let columns: Vec<f64> =
                        (0..width * n).map(|k| if k % width < rank { f64::from(value(k % width, k / width)) } else { 0.0 }).collect();
                    let mut by_columns = vec![0.0; width * width];
                    outer_f64(arch, &columns, rank, width, &mut by_columns);
                    for (i, j) in (0..rank).flat_map(|i| (i..rank).map(move |j| (i, j))) {
                        assert_eq!(by_rows[i * width + j], want(i, j), "{arch:?} rows {rank} {n} ({i}, {j})");
                        assert_eq!(by_columns[i * width + j], want(i, j), "{arch:?} columns {rank} {n} ({i}, {j})");
                    }
                }
            }
        }
    }

    /// A window, a whole matrix and swapped halves side by side, against the stack of the same.
    #[test]
    fn slabs_side_by_side_are_a_stack() {
        let (m, n) = (300, 700);
        let parts = [(3, 40, 100, false), (5, 0, 300, false), (2, 0, 300, true)];
        let factors: Vec<(Vec<f32>, Vec<f32>)> = parts
            .iter()
            .map(|(r, _, rows, _)| ((0..rows * r).map(|k| value(k % r, k)).collect(), (0..n * r).map(|k| value(k / n, k)).collect()))
            .collect();
        let mut stack = super::super::Stack::new(m, n);
        let mut slabs = Vec::new();
        for ((rank, row0, rows, swap), (b, a)) in parts.into_iter().zip(&factors) {
            let mut turned = b.clone();
            if swap {
                turned.rotate_left(rows / 2 * rank);
            }
            stack.push(&turned, a, row0, 1.0);
            slabs.push(Slab { b, a, rank, row0, swap });
        }
        let (gb, ga) = stack.grams();
        let (sb, sa) = Panels::default().grams(&slabs, (m, n));
        for (i, j) in (0..10).flat_map(|i| (0..10).map(move |j| (i, j))) {
            assert_eq!((sb.at(i, j), sa.at(i, j)), (gb[(i, j)], ga[(i, j)]), "({i}, {j})");
        }
    }
}
