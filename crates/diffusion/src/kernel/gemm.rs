//! Matrix products with packed weights.

use super::split::{chunk, each_chunk, runs, shared, threads};
use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut};
use pulp::{Arch, Simd, WithSimd};

/// Columns of a strip.
pub(super) const STRIP: usize = 16;
/// Inputs that are packed at a time: 16 KiB of a strip, which stay in the first-level cache while all its rows are written.
const BLOCK: usize = 256;
/// The same for a convolution of nine taps.
const CHANNELS: usize = 32;
/// Rows of a register tile.
pub(super) const ROWS: usize = 6;
/// Depth of one walk: a block of weights of this depth and four strips stays in the second-level cache.
const DEPTH: usize = 768;
/// Most rows of one task: their inputs stay in the second-level cache too.
const MOST_ROWS: usize = 192;
/// Up to so many rows, the outputs are shared out over the cores and not the rows: the inputs of one walk still fit into the second-level cache.
const FEW_ROWS: usize = 3 * MOST_ROWS;
/// Least cache lines that one core clears.
const TOUCHED: usize = 1 << 14;
/// Offset that stands for a row of zeros (outside of the picture).
pub(super) const ZERO: usize = usize::MAX;

static ZEROS: [f32; DEPTH] = [0.0; DEPTH];

/// Weights of n outputs × k inputs, in strips of 16 outputs: strip s holds, input by input, the 16 weights of outputs 16s … 16s+15. Outputs
/// beyond the last are zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    n: usize,
    k: usize,
    data: Vec<Line>,
}

/// The weights of one input, which are one cache line: loaded across two, they take twice as long.
#[derive(Debug, Clone, Copy, PartialEq, Default, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([f32; STRIP]);

impl Packed {
    /// Packs row-major n×k weights.
    ///
    /// # Panics
    /// When `values` has another length.
    #[must_use]
    pub fn new(values: &[f32], n: usize, k: usize) -> Self {
        assert_eq!(values.len(), n * k, "{n}×{k} weights");
        Self::gather(n, k, |first, lanes, strip| {
            for (block, to) in strip.chunks_mut(BLOCK * STRIP).enumerate() {
                for lane in 0..lanes {
                    let from = &values[(first + lane) * k + block * BLOCK..];
                    to.iter_mut().skip(lane).step_by(STRIP).zip(from).for_each(|(to, v)| *to = *v);
                }
            }
        })
    }

    /// Packs the weights of a convolution, row-major n × channels × taps, so that the inputs of a tap are neighbours.
    ///
    /// # Panics
    /// When `values` has another length.
    #[must_use]
    pub fn convolution(values: &[f32], n: usize, channels: usize, taps: usize) -> Self {
        let k = channels * taps;
        assert_eq!(values.len(), n * k, "{n}×{channels}×{taps} weights");
        Self::gather(n, k, |first, lanes, strip| {
            for begin in (0..channels).step_by(CHANNELS) {
                let block = begin..(begin + CHANNELS).min(channels);
                for lane in 0..lanes {
                    let row = &values[(first + lane) * k..][..k];
                    for tap in 0..taps {
                        for channel in block.clone() {
                            strip[(tap * channels + channel) * STRIP + lane] = row[channel * taps + tap];
                        }
                    }
                }
            }
        })
    }

    /// `put` writes rows, from the first of a number of them on, into the lanes of a strip.
    fn gather(n: usize, k: usize, put: impl Fn(usize, usize, &mut [f32]) + Sync) -> Self {
        use rayon::prelude::*;
        // All cores touch it: the system clears a page when it is first written, which takes longer than all the rest.
        let mut data: Vec<Line> = (0..n.div_ceil(STRIP) * k).into_par_iter().with_min_len(TOUCHED).map(|_| Line::zeroed()).collect();
        data.par_chunks_mut(k.max(1)).enumerate().for_each(|(s, strip)| {
            put(s * STRIP, STRIP.min(n - s * STRIP), cast_slice_mut(strip));
        });
        Self { n, k, data }
    }

    /// Packs `k` × n values as they lie, one row of n neighbours per input; rows are `stride` apart and begin at `first`.
    pub(super) fn across(values: &[f32], first: usize, stride: usize, k: usize, n: usize) -> Self {
        let strips = n.div_ceil(STRIP);
        let mut data = vec![Line::zeroed(); strips * k];
        for (s, strip) in data.chunks_exact_mut(k.max(1)).enumerate() {
            let width = STRIP.min(n - s * STRIP);
            for (i, Line(to)) in strip.iter_mut().enumerate() {
                to[..width].copy_from_slice(&values[first + i * stride + s * STRIP..][..width]);
            }
        }
        Self { n, k, data }
    }

    /// Packs n rows of `k` values that are `stride` apart and begin at `first`.
    pub(super) fn along(values: &[f32], first: usize, stride: usize, k: usize, n: usize) -> Self {
        let mut data = vec![Line::zeroed(); n.div_ceil(STRIP) * k];
        for (s, strip) in data.chunks_exact_mut(k.max(1)).enumerate() {
            for lane in 0..STRIP.min(n - s * STRIP) {
                let row = &values[first + (s * STRIP + lane) * stride..][..k];
                row.iter().zip(strip.iter_mut()).for_each(|(v, Line(to))| to[lane] = *v);
            }
        }
        Self { n, k, data }
    }

    /// The weights again, row-major n×k, in the order they are multiplied in.
    #[must_use]
    pub fn unpack(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.n * self.k];
        for (row, to) in out.chunks_exact_mut(self.k.max(1)).enumerate() {
            let strip = &self.data[row / STRIP * self.k..];
            to.iter_mut().zip(strip).for_each(|(t, Line(v))| *t = v[row % STRIP]);
        }
        out
    }

    /// Outputs.
    #[must_use]
    pub fn n(&self) -> usize {
        self.n
    }

    /// Inputs.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
    }

    pub(super) fn data(&self) -> &[f32] {
        cast_slice(&self.data)
    }

    pub(super) fn strips(&self) -> usize {
        self.n.div_ceil(STRIP)
    }
}

/// `out` += `x`·weightsᵀ; `x` is rows × k, `out` rows × n.
///
/// # Panics
/// When lengths do not agree.
pub fn linear(x: &[f32], weights: &Packed, out: &mut [f32]) {
    let (n, k) = (weights.n, weights.k);
    let rows = x.len().checked_div(k).unwrap_or(0);
    assert!(x.len() == rows * k && out.len() == rows * n, "{} inputs and {} outputs of {n}×{k} weights", x.len(), out.len());
    product(rows, 1, k, x, weights, |row, _| row * k, out);
}

/// `out`[row] += Σ over taps of `channels` values of `x` from `at(row, tap)` on, times the weights.
pub(super) fn product(
    rows: usize,
    taps: usize,
    channels: usize,
    x: &[f32],
    weights: &Packed,
    at: impl Fn(usize, usize) -> usize + Sync,
    out: &mut [f32],
) {
    let (n, work) = (weights.n, weights.n * weights.k);
    if rows == 0 || n == 0 {
        return;
    }
    let per_task = chunk(rows, work, ROWS, MOST_ROWS);
    let table = |first: usize, count: usize| -> Vec<usize> {
        (first..first + count).flat_map(|row| (0..taps).map(move |tap| (row, tap))).map(|(row, tap)| at(row, tap)).collect()
    };
    // Few rows and many outputs: the outputs are shared out instead, so that the weights, which are more, are read once.
    if rows <= FEW_ROWS && shared(rows * work) && weights.strips() >= 2 * threads() {
        return by_columns(rows, taps, channels, x, weights, &table(0, rows), out);
    }
    each_chunk(out, per_task * n, rows * work, |i, out| {
        let count = out.len() / n;
        let offsets = table(i * per_task, count);
        Walk {
            x,
            weights: weights.data(),
            k: weights.k,
            n,
            first: 0,
            taps,
            channels,
            offsets: &offsets,
            strips: 0..weights.strips(),
            out,
            stride: n,
        }
        .run();
    });
}

fn by_columns(rows: usize, taps: usize, channels: usize, x: &[f32], weights: &Packed, offsets: &[usize], out: &mut [f32]) {
    use rayon::prelude::*;
    let (n, k) = (weights.n, weights.k);
    let parts = runs(weights.strips(), threads() * 2, 4);
    let before = &*out;
    let done: Vec<Vec<f32>> = parts
        .par_iter()
        .map(|strips| {
            let width = strips.len() * STRIP;
            // From what is there already, as the other way does it: the same sums in the same order.
            let mut part = vec![0.0; rows * width];
            for (part, out) in part.chunks_exact_mut(width).zip(before.chunks_exact(n)) {
                let out = &out[strips.start * STRIP..n.min(strips.end * STRIP)];
                part[..out.len()].copy_from_slice(out);
            }
            let data = &weights.data()[strips.start * k * STRIP..strips.end * k * STRIP];
            Walk {
                x,
                weights: data,
                k,
                n: width,
                first: 0,
                taps,
                channels,
                offsets,
                strips: 0..strips.len(),
                out: &mut part,
                stride: width,
            }
            .run();
            part
        })
        .collect();
    for (strips, part) in parts.iter().zip(&done) {
        let width = strips.len() * STRIP;
        for (out, part) in out.chunks_exact_mut(n).zip(part.chunks_exact(width)) {
            let out = &mut out[strips.start * STRIP..n.min(strips.end * STRIP)];
            out.copy_from_slice(&part[..out.len()]);
        }
    }
}

/// One task: some rows by some strips.
pub(super) struct Walk<'a> {
    pub(super) x: &'a [f32],
    /// Strips as in [`Packed`].
    pub(super) weights: &'a [f32],
    /// Depth of a strip.
    pub(super) k: usize,
    /// Columns that count.
    pub(super) n: usize,
    /// Depth at which the walk begins.
    pub(super) first: usize,
    pub(super) taps: usize,
    pub(super) channels: usize,
    /// Where each row's inputs begin, tap by tap.
    pub(super) offsets: &'a [usize],
    pub(super) strips: std::ops::Range<usize>,
    /// Rows of `stride` values; column 0 is that of `strips.start`.
    pub(super) out: &'a mut [f32],
    pub(super) stride: usize,
}

/// A run of the depth that lies in one tap.
#[derive(Clone, Copy)]
struct Segment {
    tap: usize,
    channel: usize,
    depth: usize,
    len: usize,
}

impl Walk<'_> {
    pub(super) fn run(self) {
        Arch::new().dispatch(self);
    }

    /// The depth in passes of at most [`DEPTH`], each in runs of one tap.
    fn passes(&self) -> Vec<Vec<Segment>> {
        let mut passes: Vec<Vec<Segment>> = vec![Vec::new()];
        let mut depth = 0;
        for tap in 0..self.taps {
            for channel in (0..self.channels).step_by(DEPTH) {
                let len = DEPTH.min(self.channels - channel);
                if depth + len > DEPTH {
                    passes.push(Vec::new());
                    depth = 0;
                }
                depth += len;
                if let Some(pass) = passes.last_mut() {
                    pass.push(Segment { tap, channel, depth: self.first + tap * self.channels + channel, len });
                }
            }
        }
        passes
    }

    /// All rows of the `V`·lanes columns that begin at `strip`.
    #[inline(always)]
    fn tiles<S: Simd, const V: usize>(&mut self, simd: S, pass: &[Segment], strip: usize) {
        let rows = self.offsets.len() / self.taps;
        for row in (0..rows).step_by(ROWS) {
            self.tile::<S, V>(simd, pass, strip, row, rows);
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize>(&mut self, simd: S, pass: &[Segment], strip: usize, row: usize, rows: usize) {
        let mut sums = [[simd.splat_f32s(0.0); V]; ROWS];
        // Rows beyond the last are the last again: what they give is not stored.
        let at: [usize; ROWS] = std::array::from_fn(|m| (row + m).min(rows - 1) * self.taps);
        for &Segment { tap, channel, depth, len } in pass {
            let x: [&[f32]; ROWS] = std::array::from_fn(|m| match self.offsets[at[m] + tap] {
                ZERO => &ZEROS[..len],
                offset => &self.x[offset + channel..][..len],
            });
            let w: [&[[f32; STRIP]]; V] = std::array::from_fn(|v| {
                let from = ((strip + v * S::F32_LANES / STRIP) * self.k + depth) * STRIP;
                &self.weights[from..].as_chunks::<STRIP>().0[..len]
            });
            sums = deepen(simd, x, w, sums);
        }
        let column = (strip - self.strips.start) * STRIP;
        for (m, sums) in sums.iter().enumerate().take(rows - row) {
            let out = &mut self.out[(row + m) * self.stride + column..];
            let columns = self.n - strip * STRIP;
            for (v, sum) in sums.iter().enumerate() {
                let at = v * S::F32_LANES;
                if at < columns {
                    store(simd, *sum, S::F32_LANES.min(columns - at), &mut out[at..]);
                }
            }
        }
    }
}

impl WithSimd for Walk<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        if self.offsets.is_empty() {
            return;
        }
        let strips = self.strips.clone();
        for pass in self.passes() {
            let mut at = strips.start;
            while at < strips.end {
                let left = strips.end - at;
                match S::F32_LANES {
                    16 if left >= 4 => self.tiles::<S, 4>(simd, &pass, at),
                    16 if left == 3 => self.tiles::<S, 3>(simd, &pass, at),
                    16 if left == 2 => self.tiles::<S, 2>(simd, &pass, at),
                    16 => self.tiles::<S, 1>(simd, &pass, at),
                    8 => self.tiles::<S, 2>(simd, &pass, at),
                    4 => self.tiles::<S, 4>(simd, &pass, at),
                    _ => self.tiles::<S, 16>(simd, &pass, at),
                }
                at += if S::F32_LANES == 16 { left.min(4) } else { 1 };
            }
        }
    }
}

/// `sums` plus the products of one run of the depth. Rows and strips are walked together, so that no index is checked inside, and the sums
/// go in and out by value, so that they live in registers.
#[inline(always)]
fn deepen<S: Simd, const V: usize>(
    simd: S,
    x: [&[f32]; ROWS],
    w: [&[[f32; STRIP]]; V],
    mut sums: [[S::f32s; V]; ROWS],
) -> [[S::f32s; V]; ROWS] {
    let [x0, x1, x2, x3, x4, x5] = x;
    let len = x0.len();
    // The compiler sees one length here, and that every index below stays under it.
    let (x1, x2, x3, x4, x5) = (&x1[..len], &x2[..len], &x3[..len], &x4[..len], &x5[..len]);
    let w: [&[[f32; STRIP]]; V] = std::array::from_fn(|v| &w[v][..len]);
    for i in 0..len {
        let wide: [S::f32s; V] = std::array::from_fn(|v| S::as_simd_f32s(&w[v][i]).0[v % (STRIP / S::F32_LANES).max(1)]);
        for (sums, x) in sums.iter_mut().zip([x0[i], x1[i], x2[i], x3[i], x4[i], x5[i]]) {
            let one = simd.splat_f32s(x);
            for v in 0..V {
                sums[v] = simd.mul_add_e_f32s(one, wide[v], sums[v]);
            }
        }
    }
    sums
}

/// Adds the first `left` lanes of `sum` to `out`.
#[inline(always)]
fn store<S: Simd>(simd: S, sum: S::f32s, left: usize, out: &mut [f32]) {
    if left == S::F32_LANES {
        let to = &mut S::as_mut_simd_f32s(&mut out[..left]).0[0];
        *to = simd.add_f32s(*to, sum);
    } else {
        let lanes: &[f32] = cast_slice(std::slice::from_ref(&sum));
        out.iter_mut().zip(&lanes[..left]).for_each(|(o, s)| *o += s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..n).map(|_| next()).collect()
    }

    fn reference(x: &[f32], w: &[f32], rows: usize, n: usize, k: usize) -> Vec<f64> {
        let dot = |r: usize, c: usize| (0..k).map(|i| f64::from(x[r * k + i]) * f64::from(w[c * k + i])).sum();
        (0..rows * n).map(|i| dot(i / n, i % n)).collect()
    }

    #[test]
    fn products_of_awkward_sizes_agree_with_f64() {
        for (rows, n, k) in [(1, 1, 1), (5, 17, 3), (6, 64, 40), (13, 50, 801), (100, 72, 96), (7, 130, 1600)] {
            let (x, w) = (values(rows * k, 1), values(n * k, 2));
            let mut out = vec![1.0; rows * n];
            linear(&x, &Packed::new(&w, n, k), &mut out);
            for (got, want) in out.iter().zip(reference(&x, &w, rows, n, k)) {
                assert!((f64::from(*got) - 1.0 - want).abs() < 1e-5 * (k as f64), "{rows} {n} {k}: {got} {want}");
            }
        }
    }

    #[test]
    fn packing_loses_nothing() {
        let w = values(50 * 7, 3);
        assert_eq!(Packed::new(&w, 50, 7).unpack(), w);
        let turned: Vec<f32> = (0..7 * 50).map(|i| w[i % 50 * 7 + i / 50]).collect();
        assert_eq!(Packed::across(&turned, 0, 50, 7, 50), Packed::new(&w, 50, 7));
        assert_eq!(Packed::along(&w, 0, 7, 7, 50), Packed::new(&w, 50, 7));
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        // Rows shared out, then outputs, where there are few rows; with 64 threads there are too few outputs for that.
        let (x, w) = (values(700 * 300, 1), Packed::new(&values(320 * 300, 2), 320, 300));
        let (small, wide) = (values(40 * 900, 1), Packed::new(&values(2000 * 900, 2), 2000, 900));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (mut a, mut b) = (vec![0.3; 700 * 320], vec![0.3; 40 * 2000]);
            pool.install(|| {
                linear(&x, &w, &mut a);
                linear(&small, &wide, &mut b);
            });
            (a, b)
        };
        assert_eq!(run(1), run(64));
        assert_eq!(run(1), run(3));
    }
}
