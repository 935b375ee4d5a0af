//! The same arithmetic on the CPU: Gram matrices in f64, products in f32, all cores.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use weft_weights::dtype::{Dtype, decode_f32, decode_f64, encode_f32};
use weft_weights::progress::{Cancelled, Progress};

use crate::backend::{About, Backend, Tile};
use crate::error::GpuError;
use crate::factors::{Factor, Joint, LowRank, Stored, check_group};

/// Rows that one core works on at a time.
const BAND: usize = 128;

/// The processor, with all its cores (one in the browser).
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu;

impl Backend for Cpu {
    fn about(&self) -> About {
        About { name: "CPU".into(), api: String::new(), driver: String::new(), software: false }
    }

    async fn gram(&self, groups: &[Vec<LowRank<'_>>], progress: &dyn Progress) -> Result<Vec<Joint>, GpuError> {
        let mut done = Vec::with_capacity(groups.len());
        for some in groups.chunks(64) {
            Cancelled::check(progress)?;
            done.extend(map(some, |group| joint(group)).into_iter().collect::<Result<Vec<_>, _>>()?);
            progress.step(done.len() as u64, groups.len() as u64, "comparing on the CPU");
        }
        Ok(done)
    }

    async fn product_rows(&self, change: &LowRank<'_>, rows: Range<usize>, out: &mut [f32]) -> Result<(), GpuError> {
        check_product(change, &rows, out)?;
        let change = Decoded::new(change)?;
        bands(out, change.n, |band, out| {
            out.fill(0.0);
            change.add(rows.start + band * BAND, out);
            Ok(())
        })
    }

    async fn merge_tile(&self, tile: &Tile<'_>, changes: &[LowRank<'_>], dtype: Dtype, out: &mut Vec<u8>) -> Result<(), GpuError> {
        tile.check(changes, dtype)?;
        let changes = changes.iter().map(Decoded::new).collect::<Result<Vec<_>, _>>()?;
        let row = tile.n * dtype.size();
        let start = out.len();
        out.resize(start + tile.rows.len() * row, 0);
        let merged = pieces(&mut out[start..], BAND * row, |band, out| merge_band(tile, &changes, dtype, band * BAND, out));
        if merged.is_err() {
            out.truncate(start);
        }
        merged
    }
}

/// Sizes of [`Backend::product_rows`].
pub(crate) fn check_product(change: &LowRank<'_>, rows: &Range<usize>, out: &[f32]) -> Result<(), GpuError> {
    change.check()?;
    let inside = rows.start <= rows.end && change.window().start <= rows.start && rows.end <= change.window().end;
    if inside && rows.len().checked_mul(change.n) == Some(out.len()) {
        return Ok(());
    }
    Err(GpuError::Shape(format!("rows {rows:?} of a change of {}×{} do not fill {} values", change.m, change.n, out.len())))
}

/// Joint Gram matrices of one group in f64.
pub(crate) fn joint(group: &[LowRank<'_>]) -> Result<Joint, GpuError> {
    check_group(group)?;
    let mut joint = Joint::new(group);
    let floats = |stored: &Stored<'_>, what| {
        let mut values = vec![0.0; stored.bytes.len() / stored.dtype.size()];
        decode_f64(stored.dtype, stored.bytes, &mut values).map_err(|e| GpuError::Shape(e.to_string()))?;
        if values.iter().all(|v| v.is_finite()) { Ok(values) } else { Err(GpuError::NotFinite(what)) }
    };
    let b = group.iter().map(|member| floats(&member.b, "B")).collect::<Result<Vec<_>, _>>()?;
    let a = group.iter().map(|member| floats(&member.a, "A")).collect::<Result<Vec<_>, _>>()?;
    for (i, x) in group.iter().enumerate() {
        for (j, y) in group.iter().enumerate().skip(i) {
            let ax = MatRef::from_row_major_slice(&a[i], x.rank, x.n);
            let ay = MatRef::from_row_major_slice(&a[j], y.rank, y.n);
            block(&mut joint, Factor::A, (i, j), ax, ay.transpose());
            let shared = x.shared(&y.window());
            let rows = |m: &LowRank<'_>, values| {
                MatRef::from_row_major_slice(values, m.m, m.rank).subrows(shared.start.saturating_sub(m.row0), shared.len())
            };
            if !shared.is_empty() {
                block(&mut joint, Factor::B, (i, j), rows(x, &b[i]).transpose(), rows(y, &b[j]));
            }
        }
    }
    Ok(joint)
}

fn block(joint: &mut Joint, side: Factor, (i, j): (usize, usize), left: MatRef<'_, f64>, right: MatRef<'_, f64>) {
    let mut product = Mat::<f64>::zeros(left.nrows(), right.ncols());
    matmul(product.as_mut(), Accum::Replace, left, right, 1.0, Par::Seq);
    let (rows, cols) = (joint.span(i).start, joint.span(j).start);
    for q in 0..product.ncols() {
        for p in 0..product.nrows() {
            joint.set(side, rows + p, cols + q, product[(p, q)]);
        }
    }
}

/// A change with its factors as f32.
#[derive(Debug)]
struct Decoded {
    window: Range<usize>,
    n: usize,
    rank: usize,
    b: Vec<f32>,
    a: Vec<f32>,
    scale: f32,
}

impl Decoded {
    fn new(change: &LowRank<'_>) -> Result<Self, GpuError> {
        let (b, a) = (floats(&change.b, "B")?, floats(&change.a, "A")?);
        Ok(Self { window: change.window(), n: change.n, rank: change.rank, b, a, scale: change.scale as f32 })
    }

    /// Adds this change to the rows of `out`, which begin with row `first` of the weight.
    fn add(&self, first: usize, out: &mut [f32]) {
        let rows = out.len() / self.n;
        let start = self.window.start.max(first);
        let end = self.window.end.min(first + rows);
        if start >= end {
            return;
        }
        let b = &self.b[(start - self.window.start) * self.rank..(end - self.window.start) * self.rank];
        let b = MatRef::from_row_major_slice(b, end - start, self.rank);
        let a = MatRef::from_row_major_slice(&self.a, self.rank, self.n);
        let out = MatMut::from_row_major_slice_mut(&mut out[(start - first) * self.n..(end - first) * self.n], end - start, self.n);
        matmul(out, Accum::Add, b, a, self.scale, Par::Seq);
    }
}

fn floats(stored: &Stored<'_>, what: &'static str) -> Result<Vec<f32>, GpuError> {
    let mut values = vec![0.0; stored.bytes.len() / stored.dtype.size()];
    decode_f32(stored.dtype, stored.bytes, &mut values).map_err(|e| GpuError::Shape(e.to_string()))?;
    if values.iter().all(|v| v.is_finite()) { Ok(values) } else { Err(GpuError::NotFinite(what)) }
}

fn merge_band(tile: &Tile<'_>, changes: &[Decoded], dtype: Dtype, first: usize, out: &mut [u8]) -> Result<(), GpuError> {
    let rows = out.len() / (tile.n * dtype.size());
    let mut values = floats(&tile.weight.rows(first..first + rows, tile.n), "the weight")?;
    changes.iter().for_each(|change| change.add(tile.rows.start + first, &mut values));
    let mut bytes = Vec::with_capacity(out.len());
    encode_f32(dtype, &values, &mut bytes).map_err(|_| GpuError::Dtype(dtype))?;
    out.copy_from_slice(&bytes);
    Ok(())
}

fn bands(out: &mut [f32], n: usize, work: impl Fn(usize, &mut [f32]) -> Result<(), GpuError> + Sync) -> Result<(), GpuError> {
    pieces(out, BAND * n, work)
}

/// Hands pieces of `out` with their number to `work`, on all cores where there are threads.
#[cfg(not(target_arch = "wasm32"))]
fn pieces<T: Send>(out: &mut [T], size: usize, work: impl Fn(usize, &mut [T]) -> Result<(), GpuError> + Sync) -> Result<(), GpuError> {
    use rayon::prelude::*;
    out.par_chunks_mut(size).enumerate().try_for_each(|(i, piece)| work(i, piece))
}

#[cfg(target_arch = "wasm32")]
fn pieces<T: Send>(out: &mut [T], size: usize, work: impl Fn(usize, &mut [T]) -> Result<(), GpuError> + Sync) -> Result<(), GpuError> {
    out.chunks_mut(size).enumerate().try_for_each(|(i, piece)| work(i, piece))
}

#[cfg(not(target_arch = "wasm32"))]
fn map<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    use rayon::prelude::*;
    items.par_iter().with_max_len(1).map(&f).collect()
}

#[cfg(target_arch = "wasm32")]
fn map<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    items.iter().map(f).collect()
}
