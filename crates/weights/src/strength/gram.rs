//! Gram matrices of factors. Products are summed in f32 over runs of at most [`RUN`] steps and carried on in f64: the relative error of a
//! sum of squares is at most RUN·2⁻²⁴ = 8e-6, and near 1e-7 in practice, where rounding goes either way.
//!
//! Two ways, by how the factor is stored, so that none is transposed: dot products of its rows (A, r×n), or the sum of the outer products
//! of its rows (B, m×r). Pairs of bf16 have instructions of their own on newer processors and are not even decoded there; some multiply whole
//! tiles of them, and of f16 split in two.

use crate::dtype::Dtype;
use crate::linalg::kernel::{self, Arch, LANES, RUN, Tiles, aligned};

/// Columns of one panel of f32 values.
pub(super) const PANEL: usize = 512;
/// Distance between the rows of a panel: not a power of two, so that columns do not fall onto the same cache lines.
const STRIDE: usize = PANEL + LANES;
/// Columns of one panel of bf16 values: sixteen rows of them fill the nearest cache.
const PANEL_BF16: usize = 1024;
/// Values of one instruction on bf16.
const STEP_BF16: usize = 32;

/// Bytes that are read at once: a part of the second-level cache.
const PIECE: usize = 256 << 10;

/// Rows of `bytes` each for one call of [`Gram::add_columns`]: whole runs, so that the sums are those of one call with all.
pub(super) fn rows_at_once(bytes: usize) -> usize {
    (PIECE / bytes.max(1)).max(1).next_multiple_of(2 * RUN)
}

/// The Gram matrix of r rows or columns, upper triangle, and the buffers it is fed from.
#[derive(Debug, Default)]
pub(super) struct Gram {
    panel: Vec<f32>,
    pairs: Vec<u32>,
    tiles: Tiles,
    /// Unfinished f32 sums, [`LANES`] or fewer for each product.
    lanes: Vec<f32>,
    /// Sums that were added up in each of the lanes.
    sums_held: usize,
    sums: Vec<f64>,
    /// Distance between the rows of `sums`.
    stride: usize,
    rank: usize,
    arch: Arch,
}

impl Gram {
    /// Begins anew with `rank` rows.
    pub(super) fn start(&mut self, rank: usize) {
        self.start_with(rank, Arch::detect());
    }

    fn start_with(&mut self, rank: usize, arch: Arch) {
        self.arch = arch;
        self.rank = rank;
        self.stride = rank.next_multiple_of(LANES);
        self.sums_held = 0;
        self.sums.clear();
        self.sums.resize(self.stride * self.stride, 0.0);
        self.lanes.clear();
        self.lanes.resize(kernel::lanes(rank), 0.0);
    }

    /// Adds XXᵀ of X, stored in `raw` as rank rows of `dtype`; every value is multiplied by `gain` first.
    pub(super) fn add_rows(&mut self, dtype: Dtype, raw: &[u8], gain: f32) {
        let size = dtype.size();
        let n = raw.len() / size / self.rank;
        if gain == 1.0 && self.arch.has_tiles(self.rank, dtype) {
            return kernel::tiles_of_rows(self.arch, dtype, raw, n, self.rank, &mut self.tiles, &mut self.sums);
        }
        let start = if dtype == Dtype::BF16 && gain == 1.0 && self.arch.has_bf16() { self.add_rows_bf16(raw, n) } else { 0 };
        for at in (start..n).step_by(PANEL) {
            let len = PANEL.min(n - at);
            for i in 0..self.rank {
                let from = (i * n + at) * size;
                let arch = self.arch;
                let to = &mut self.row(i)[..len];
                kernel::decode(arch, dtype, &raw[from..from + len * size], to);
                amplify(to, gain);
            }
            self.add(len);
        }
        self.finish();
    }

    /// Adds the columns that fill whole instructions and returns how many they are.
    fn add_rows_bf16(&mut self, raw: &[u8], n: usize) -> usize {
        let whole = n / STEP_BF16 * STEP_BF16;
        for at in (0..whole).step_by(PANEL_BF16) {
            let len = PANEL_BF16.min(whole - at);
            self.count(len / STEP_BF16);
            kernel::dots_bf16(self.arch, raw, n, self.rank, at..at + len, &mut self.lanes);
        }
        // What is left in the lanes has the same layout as that of f32.
        whole
    }

    /// Adds XᵀX of X, stored in `raw` as rows of rank values of `dtype`; every value is multiplied by `gain` first. `block` is a buffer.
    pub(super) fn add_columns(&mut self, dtype: Dtype, raw: &[u8], gain: f32, block: &mut Vec<f32>) {
        let row = dtype.size() * self.rank;
        if gain == 1.0 && self.arch.has_tiles(self.rank, dtype) {
            return kernel::tiles_of_columns(self.arch, dtype, raw, self.rank, &mut self.tiles, &mut self.sums);
        }
        if dtype == Dtype::BF16 && gain == 1.0 && self.arch.has_bf16() {
            for raw in raw.chunks(2 * RUN * row) {
                kernel::outer_bf16(self.arch, raw, self.rank, self.stride, &mut self.pairs, &mut self.sums);
            }
            return;
        }
        block.resize(block.len().max(RUN * self.stride), 0.0);
        for raw in raw.chunks(RUN * row) {
            let rows = raw.len() / row;
            let block = &mut block[..rows * self.stride];
            // Decoded to the end of the block, then moved to the front row by row where rows must be padded.
            let packed = rows * (self.stride - self.rank);
            kernel::decode(self.arch, dtype, raw, &mut block[packed..]);
            amplify(&mut block[packed..], gain);
            if packed > 0 {
                for i in 0..rows {
                    let from = packed + i * self.rank;
                    block.copy_within(from..from + self.rank, i * self.stride);
                    block[i * self.stride + self.rank..(i + 1) * self.stride].fill(0.0);
                }
            }
            kernel::outer(self.arch, block, self.rank, self.stride, &mut self.sums);
        }
    }

    /// Row `i` of the panel, to be filled with up to [`PANEL`] values.
    pub(super) fn row(&mut self, i: usize) -> &mut [f32] {
        &mut aligned(&mut self.panel, self.stride * STRIDE)[i * STRIDE..i * STRIDE + PANEL]
    }

    /// Adds the products of the first `len` columns of the panel. [`Self::finish`] must follow the last one.
    pub(super) fn add(&mut self, len: usize) {
        let full = len.next_multiple_of(LANES);
        self.count(full / self.arch.width());
        let panel = aligned(&mut self.panel, self.stride * STRIDE);
        for i in 0..self.rank.next_multiple_of(kernel::ROWS) {
            let filled = if i < self.rank { len } else { 0 };
            panel[i * STRIDE + filled..i * STRIDE + full].fill(0.0);
        }
        kernel::dots(self.arch, panel, STRIDE, full, self.rank, &mut self.lanes);
    }

    /// Keeps the chains of f32 additions short: one of so many steps begins at zero, and its sum is added to what the lanes hold.
    fn count(&mut self, steps: usize) {
        if self.sums_held + 1 + steps > RUN {
            self.finish();
        }
        self.sums_held += 1;
    }

    /// Carries the f32 sums over to f64.
    pub(super) fn finish(&mut self) {
        if self.sums_held > 0 {
            kernel::drain(self.arch, &mut self.lanes, self.rank, self.stride, &mut self.sums);
            self.sums_held = 0;
        }
    }

    /// Entry (i, j); i ≤ j.
    pub(super) fn at(&self, i: usize, j: usize) -> f64 {
        self.sums[i * self.stride + j]
    }

    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    /// Sum of the squares of all values.
    pub(super) fn trace(&self) -> f64 {
        (0..self.rank).map(|i| self.at(i, i)).sum()
    }

    /// Multiplies every entry.
    pub(super) fn scale(&mut self, factor: f64) {
        self.sums.iter_mut().for_each(|s| *s *= factor);
    }

    /// Σ (this ∘ other) over the whole symmetric matrices.
    pub(super) fn dot(&self, other: &Self) -> f64 {
        let mut sum = 0.0;
        for i in 0..self.rank {
            let (a, b) = (&self.sums[i * self.stride..][..self.rank], &other.sums[i * other.stride..][..self.rank]);
            sum += a[i] * b[i];
            sum += 2.0 * a[i + 1..].iter().zip(&b[i + 1..]).map(|(a, b)| a * b).sum::<f64>();
        }
        sum
    }

    /// The Gram matrix of Σ_q mid[p, q, k]·row q, over all p and k summed: G'[p,p'] = Σ_k Σ_qq' mid[p,q,k]·G[q,q']·mid[p',q',k].
    /// `mid` is [out, rank, taps].
    pub(super) fn through_core(&self, mid: &[f32], out: usize, taps: usize) -> Self {
        let r = self.rank;
        let full = |i: usize, j: usize| if i <= j { self.at(i, j) } else { self.at(j, i) };
        let mut next = Self::default();
        next.start(out);
        let mut half = vec![0.0; out * r];
        for k in 0..taps {
            let m = |p: usize, q: usize| f64::from(mid[(p * r + q) * taps + k]);
            for p in 0..out {
                for j in 0..r {
                    half[p * r + j] = (0..r).map(|q| m(p, q) * full(q, j)).sum();
                }
            }
            for p in 0..out {
                for t in p..out {
                    next.sums[p * next.stride + t] += (0..r).map(|q| half[p * r + q] * m(t, q)).sum::<f64>();
                }
            }
        }
        next
    }
}

fn amplify(values: &mut [f32], gain: f32) {
    if gain != 1.0 {
        values.iter_mut().for_each(|v| *v *= gain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::{decode_f32, encode_f32};

    /// Small whole numbers: every product and sum is exact in every type.
    fn value(i: usize, c: usize) -> f32 {
        ((i * 31 + c * 17) % 13) as f32 - 6.0
    }

    fn check(gram: &Gram, rank: usize, n: usize, what: &str) {
        check_values(gram, rank, n, what, value);
    }

    fn check_values(gram: &Gram, rank: usize, n: usize, what: &str, value: impl Fn(usize, usize) -> f32) {
        for i in 0..rank {
            for j in i..rank {
                let want: f64 = (0..n).map(|c| f64::from(value(i, c)) * f64::from(value(j, c))).sum();
                assert!((gram.at(i, j) - want).abs() == 0.0, "{what}: rank {rank} n {n} ({i}, {j}): {} is not {want}", gram.at(i, j));
            }
        }
    }

    /// The machine that runs the tests never chooses the narrow ways: they are asked for by name.
    #[test]
    fn gram_of_integers_is_exact_in_every_way() {
        let mut block = Vec::new();
        for arch in Arch::available() {
            for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
                for rank in [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 33, 48] {
                    for n in [1, 2, 7, 31, 32, 33, 63, 255, 511, 513, 1300] {
                        let what = format!("{arch:?} {dtype}");
                        let rows: Vec<f32> = (0..rank * n).map(|k| value(k / n, k % n)).collect();
                        let columns: Vec<f32> = (0..rank * n).map(|k| value(k % rank, k / rank)).collect();
                        let raw = |values: &[f32]| {
                            let mut raw = Vec::new();
                            encode_f32(dtype, values, &mut raw).unwrap();
                            raw
                        };
                        let mut gram = Gram::default();
                        gram.start_with(rank, arch);
                        gram.add_rows(dtype, &raw(&rows), 1.0);
                        check(&gram, rank, n, &what);
                        gram.start_with(rank, arch);
                        gram.add_columns(dtype, &raw(&columns), 1.0, &mut block);
                        check(&gram, rank, n, &what);
                        gram.start_with(rank, arch);
                        gram.add_columns(dtype, &raw(&columns), 0.5, &mut block);
                        gram.scale(4.0);
                        check(&gram, rank, n, &what);
                    }
                }
            }
        }
    }

    /// All the bits of f16, of which tiles take eight and three apart: a sum of sixteen products fits into the 24 bits of f32.
    #[test]
    fn eleven_bits_are_exact_in_every_way() {
        let value = |i: usize, c: usize| ((i * 37 + c * 101) % 2047) as f32 - 1023.0;
        for arch in Arch::available() {
            for (rank, n, dtype) in [(20, 16), (40, 1), (72, 15)].into_iter().flat_map(|(r, n)| [(r, n, Dtype::F16), (r, n, Dtype::F32)]) {
                let raw = |values: Vec<f32>| {
                    let mut raw = Vec::new();
                    encode_f32(dtype, &values, &mut raw).unwrap();
                    raw
                };
                let what = format!("{arch:?} {dtype}");
                let mut gram = Gram::default();
                gram.start_with(rank, arch);
                gram.add_rows(dtype, &raw((0..rank * n).map(|k| value(k / n, k % n)).collect()), 1.0);
                check_values(&gram, rank, n, &what, value);
                gram.start_with(rank, arch);
                gram.add_columns(dtype, &raw((0..rank * n).map(|k| value(k % rank, k / rank)).collect()), 1.0, &mut Vec::new());
                check_values(&gram, rank, n, &what, value);
            }
        }
    }

    /// As the type keeps them: of 24 bits f16 takes eleven, bf16 eight.
    fn stored(dtype: Dtype, count: usize) -> (Vec<u8>, Vec<f32>) {
        let mut seed = 5u64;
        let values: Vec<f32> = (0..count)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 40) as f32 / (1u64 << 24) as f32
            })
            .collect();
        let mut raw = Vec::new();
        encode_f32(dtype, &values, &mut raw).unwrap();
        let mut kept = vec![0.0; count];
        decode_f32(dtype, &raw, &mut kept).unwrap();
        (raw, kept)
    }

    #[test]
    fn long_runs_stay_near_f64() {
        for (rank, n) in [(6, 40_000), (40, 3_000)] {
            for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
                let (raw, values) = stored(dtype, rank * n);
                for (arch, by_rows) in Arch::available().into_iter().flat_map(|arch| [(arch, true), (arch, false)]) {
                    let mut gram = Gram::default();
                    gram.start_with(rank, arch);
                    if by_rows {
                        gram.add_rows(dtype, &raw, 1.0)
                    } else {
                        gram.add_columns(dtype, &raw, 1.0, &mut Vec::new())
                    }
                    for (i, j) in (0..rank).flat_map(|i| [(i, i), (i / 2, i)]) {
                        let at = |i: usize, c: usize| f64::from(if by_rows { values[i * n + c] } else { values[c * rank + i] });
                        let want: f64 = (0..n).map(|c| at(i, c) * at(j, c)).sum();
                        let error = (gram.at(i, j) - want).abs() / want;
                        assert!(error < 5e-7, "{arch:?} {dtype} rank {rank} rows {by_rows} ({i}, {j}): {error}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_seen_in_the_trace() {
        let (rank, n) = (20, 100);
        for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
            for (bad, at) in [(f32::INFINITY, 0), (f32::NAN, rank * n - 1), (f32::NEG_INFINITY, 777)] {
                let mut values = vec![1.0; rank * n];
                values[at] = bad;
                let mut raw = Vec::new();
                encode_f32(dtype, &values, &mut raw).unwrap();
                for arch in Arch::available() {
                    let mut gram = Gram::default();
                    gram.start_with(rank, arch);
                    gram.add_rows(dtype, &raw, 1.0);
                    assert!(!gram.trace().is_finite(), "{arch:?} {dtype} rows {bad}");
                    gram.start_with(rank, arch);
                    gram.add_columns(dtype, &raw, 1.0, &mut Vec::new());
                    assert!(!gram.trace().is_finite(), "{arch:?} {dtype} columns {bad}");
                }
            }
        }
    }

    #[test]
    fn panels_give_the_same() {
        let (rank, n) = (5, 1300);
        let mut gram = Gram::default();
        gram.start(rank);
        for start in (0..n).step_by(PANEL) {
            let len = PANEL.min(n - start);
            for i in 0..rank {
                gram.row(i)[..len].iter_mut().enumerate().for_each(|(c, v)| *v = value(i, start + c));
            }
            gram.add(len);
        }
        gram.finish();
        check(&gram, rank, n, "panels");
    }
}
