//! Arithmetic on low-rank factors in f64: Gram matrices, the singular value decomposition of B·A through its factors, threads.
//!
//! A stack of R rank-one components is kept component by component: component j is a column b_j of B (m values) and a row a_j of A (n values),
//! so ΔW = Σ b_j a_jᵀ and ΔW itself, m×n, is never formed.

pub(crate) mod dense;
pub(crate) mod kernel;
mod par;
pub(crate) mod random;
pub(crate) mod select;
mod svd;
pub(crate) mod tiles;
pub(crate) mod wide;

pub(crate) use par::{join as par_join, map as par_map, map_init as par_map_init};
pub(crate) use svd::{Spectrum, Truncation, keep_for};

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

/// R rank-one components of an m×n matrix.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Stack {
    /// Rows of ΔW.
    pub(crate) m: usize,
    /// Columns of ΔW.
    pub(crate) n: usize,
    /// Columns of B, one after another: R·m values.
    pub(crate) b: Vec<f64>,
    /// Rows of A, one after another: R·n values.
    pub(crate) a: Vec<f64>,
}

impl Stack {
    /// No component yet.
    #[must_use]
    pub(crate) fn new(m: usize, n: usize) -> Self {
        Self { m, n, b: Vec::new(), a: Vec::new() }
    }

    /// R.
    #[must_use]
    pub(crate) fn rank(&self) -> usize {
        self.a.len().checked_div(self.n).unwrap_or(0)
    }

    /// Appends `scale`·B·A. `b` is row-major rows×r and covers the rows from `row0`; `a` is row-major r×n.
    ///
    /// # Panics
    /// When the sizes do not fit each other: callers have checked them against the header.
    pub(crate) fn push(&mut self, b: &[f32], a: &[f32], row0: usize, scale: f64) {
        assert_eq!(a.len() % self.n, 0, "rows of A have n values");
        let r = a.len() / self.n;
        let rows = b.len().checked_div(r).unwrap_or(0);
        assert!(row0 + rows <= self.m, "the window lies inside of the rows");
        self.a.extend(a.iter().map(|&x| f64::from(x)));
        let start = self.b.len();
        self.b.resize(start + r * self.m, 0.0);
        transpose_scaled(b, r, &mut self.b[start..], self.m, row0, scale);
    }

    /// B as an m×R view.
    pub(crate) fn b_view(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice(&self.b, self.m, self.rank())
    }

    /// Aᵀ as an n×R view.
    pub(crate) fn at_view(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice(&self.a, self.n, self.rank())
    }

    /// ΔW row by row, in f32.
    pub(crate) fn rows(&self) -> tiles::Factors {
        let rank = self.rank();
        let mut b = vec![0f32; self.m * rank];
        for (j, column) in self.b.chunks_exact(self.m.max(1)).enumerate() {
            column.iter().enumerate().for_each(|(i, v)| b[i * rank + j] = *v as f32);
        }
        tiles::Factors { m: self.m, n: self.n, b, a: self.a.iter().map(|v| *v as f32).collect() }
    }

    /// (BᵀB, AAᵀ), both R×R and symmetric.
    #[must_use]
    pub(crate) fn grams(&self) -> (Mat<f64>, Mat<f64>) {
        (wide::gram(&self.b, self.m), wide::gram(&self.a, self.n))
    }
}

/// `out[j·stride + row0 + i] = scale·b[i·r + j]`, in tiles that stay in the cache.
fn transpose_scaled(b: &[f32], r: usize, out: &mut [f64], stride: usize, row0: usize, scale: f64) {
    const TILE: usize = 64;
    if r == 0 {
        return;
    }
    for (t, tile) in b.chunks(TILE * r).enumerate() {
        let base = row0 + t * TILE;
        for j in 0..r {
            let column = &mut out[j * stride + base..];
            for (slot, row) in column.iter_mut().zip(tile.chunks_exact(r)) {
                *slot = scale * f64::from(row[j]);
            }
        }
    }
}

/// X·Y for column-major X (d×r) and small Y (r×k), as k columns of d values one after another.
pub(crate) fn times(x: MatRef<'_, f64>, y: MatRef<'_, f64>) -> Vec<f64> {
    let (d, k) = (x.nrows(), y.ncols());
    let mut out = vec![0.0; d * k];
    matmul(MatMut::from_column_major_slice_mut(&mut out, d, k), Accum::Replace, x, y, 1.0, Par::Seq);
    out
}

/// Σ over the components of two parts of a stack of (BᵀB)∘(AAᵀ): the inner product ⟨ΔW_i, ΔW_j⟩ of the parts.
#[must_use]
pub(crate) fn inner(gb: &Mat<f64>, ga: &Mat<f64>, rows: std::ops::Range<usize>, cols: std::ops::Range<usize>) -> f64 {
    let mut sum = 0.0;
    for j in cols {
        for i in rows.clone() {
            sum += gb[(i, j)] * ga[(i, j)];
        }
    }
    sum
}
