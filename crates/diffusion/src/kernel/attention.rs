//! Attention by blocks of keys with a running softmax (Milakov and Gimelshein 2018; Dao et al. 2022): the scores of all queries and keys are
//! never in memory together.

use super::act::exp;
use super::gemm::{Packed, ROWS, STRIP, Walk};
use super::split::{shared, threads, widest};

/// Keys of a block.
const KEYS: usize = 256;
/// Most queries of a task.
const QUERIES: usize = 96;

/// What a query may look at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mask<'a> {
    /// Every key.
    All,
    /// Keys up to its own position.
    Causal,
    /// Every key, with heads × queries × keys values added to the scores.
    Added(&'a [f32]),
}

/// Shapes of an attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    pub batch: usize,
    pub heads: usize,
    /// Width of a head.
    pub width: usize,
    pub queries: usize,
    pub keys: usize,
    /// Factor of the scores, mostly 1/√width; above 0.
    pub scale: f32,
}

/// softmax(scale·q·kᵀ + mask)·v. `q` is batch × queries × heads·width, `k` and `v` batch × keys × heads·width; the answer has the shape of `q`.
///
/// # Panics
/// When lengths do not agree, or a dimension is 0.
#[must_use]
pub fn attention(q: &[f32], k: &[f32], v: &[f32], shape: Attention, mask: Mask<'_>) -> Vec<f32> {
    use rayon::prelude::*;
    let Attention { batch, heads, width, queries, keys, .. } = shape;
    let all = heads * width;
    assert!(q.len() == batch * queries * all && k.len() == batch * keys * all && v.len() == k.len() && keys > 0, "{shape:?}");
    let mut out = vec![0.0; q.len()];
    let pack = |i: usize| {
        let first = i / heads * keys * all + i % heads * width;
        (Packed::along(k, first, all, width, keys), Packed::across(v, first, all, keys, width))
    };
    if !shared(batch * heads * queries * keys * width) {
        let packed: Vec<_> = (0..batch * heads).map(pack).collect();
        for (image, out) in out.chunks_exact_mut(queries * all).enumerate() {
            for (i, out) in out.chunks_mut(QUERIES * all).enumerate() {
                Task { q, packed: &packed[image * heads..], shape, mask, image, first: i * QUERIES }.run(out);
            }
        }
        return out;
    }
    let packed: Vec<_> = (0..batch * heads).into_par_iter().map(pack).collect();
    let step = (batch * queries).div_ceil(threads() * 4).next_multiple_of(ROWS).clamp(ROWS, QUERIES);
    out.par_chunks_exact_mut(queries * all).enumerate().for_each(|(image, out)| {
        out.par_chunks_mut(step * all).enumerate().for_each(|(i, out)| {
            Task { q, packed: &packed[image * heads..], shape, mask, image, first: i * step }.run(out);
        });
    });
    out
}

/// Some queries of one picture, all heads.
struct Task<'a> {
    q: &'a [f32],
    packed: &'a [(Packed, Packed)],
    shape: Attention,
    mask: Mask<'a>,
    image: usize,
    first: usize,
}

impl Task<'_> {
    fn run(&self, out: &mut [f32]) {
        let Attention { heads, width, .. } = self.shape;
        let rows = out.len() / (heads * width);
        let mut scores = vec![0.0; rows * KEYS.min(self.shape.keys.next_multiple_of(STRIP))];
        let mut sums = vec![0.0; rows * width];
        for head in 0..heads {
            let mut state = vec![(f32::NEG_INFINITY, 0.0f32); rows];
            sums.fill(0.0);
            for start in (0..self.shape.keys).step_by(KEYS) {
                let len = KEYS.min(self.shape.keys - start);
                // Nothing of this block is before any of the queries.
                if self.mask == Mask::Causal && start > self.first + rows - 1 {
                    break;
                }
                self.block(head, start, len, &mut scores[..rows * len], &mut state, &mut sums);
            }
            for ((out, sums), (_, total)) in out.chunks_exact_mut(heads * width).zip(sums.chunks_exact(width)).zip(&state) {
                let factor = 1.0 / total;
                out[head * width..][..width].iter_mut().zip(sums).for_each(|(o, s)| *o = s * factor);
            }
        }
    }

    /// One block of keys for all rows of the task.
    fn block(&self, head: usize, start: usize, len: usize, scores: &mut [f32], state: &mut [(f32, f32)], sums: &mut [f32]) {
        let Attention { heads, width, queries, keys, scale, .. } = self.shape;
        let (rows, all) = (state.len(), heads * width);
        let (k, v) = &self.packed[head];
        scores.fill(0.0);
        let offsets: Vec<usize> = (0..rows).map(|r| (self.image * queries + self.first + r) * all + head * width).collect();
        let strips = start / STRIP..(start + len).div_ceil(STRIP);
        Walk {
            x: self.q,
            weights: k.data(),
            k: width,
            n: start + len,
            first: 0,
            taps: 1,
            channels: width,
            offsets: &offsets,
            strips,
            out: scores,
            stride: len,
        }
        .run();
        for (r, ((scores, state), sums)) in scores.chunks_exact_mut(len).zip(state.iter_mut()).zip(sums.chunks_exact_mut(width)).enumerate()
        {
            let query = self.first + r;
            let added: &[f32] = match self.mask {
                Mask::Added(values) => &values[(head * queries + query) * keys + start..][..len],
                _ => &[],
            };
            let seen = if self.mask == Mask::Causal { (query + 1).saturating_sub(start).min(len) } else { len };
            widest(
                #[inline(always)]
                || soften(scores, seen, scale, added, state, sums),
            );
        }
        let offsets: Vec<usize> = (0..rows).map(|r| r * len).collect();
        let strips = 0..v.strips();
        Walk {
            x: scores,
            weights: v.data(),
            k: keys,
            n: width,
            first: start,
            taps: 1,
            channels: len,
            offsets: &offsets,
            strips,
            out: sums,
            stride: width,
        }
        .run();
    }
}

/// Turns the scores of one row into weights e^(score − largest so far), and what was summed before into the same scale.
#[inline(always)]
fn soften(scores: &mut [f32], seen: usize, scale: f32, added: &[f32], state: &mut (f32, f32), sums: &mut [f32]) {
    let (live, hidden) = scores.split_at_mut(seen);
    hidden.fill(0.0);
    if !added.is_empty() {
        live.iter_mut().zip(added).for_each(|(s, a)| *s += a / scale);
    }
    let largest = (largest(live) * scale).max(state.0);
    if largest == f32::NEG_INFINITY {
        return;
    }
    let total = exponentials(live, scale, largest);
    let before = if state.0 == f32::NEG_INFINITY { 0.0 } else { exp(state.0 - largest) };
    *state = (largest, state.1 * before + total);
    sums.iter_mut().for_each(|s| *s *= before);
}

/// Replaces every value by e^(scale·value − largest); gives their sum.
#[inline(always)]
fn exponentials(values: &mut [f32], scale: f32, largest: f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (whole, rest) = values.as_chunks_mut::<16>();
    for chunk in whole {
        for (v, l) in chunk.iter_mut().zip(&mut lanes) {
            *v = exp(*v * scale - largest);
            *l += *v;
        }
    }
    for (v, l) in rest.iter_mut().zip(&mut lanes) {
        *v = exp(*v * scale - largest);
        *l += *v;
    }
    lanes.iter().sum()
}

#[inline(always)]
fn largest(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (whole, rest) = values.as_chunks::<16>();
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(l, v)| *l = if *v > *l { *v } else { *l });
    }
    rest.iter().zip(&mut lanes).for_each(|(v, l)| *l = if *v > *l { *v } else { *l });
    lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(n: usize, f: f32, size: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * f).sin() * size).collect()
    }

    fn reference(q: &[f32], k: &[f32], v: &[f32], s: Attention, mask: Mask<'_>) -> Vec<f64> {
        let all = s.heads * s.width;
        let mut out = vec![0.0; q.len()];
        for (b, h, t) in (0..s.batch * s.heads * s.queries).map(|i| (i / (s.heads * s.queries), i / s.queries % s.heads, i % s.queries)) {
            let row = &q[(b * s.queries + t) * all + h * s.width..][..s.width];
            let key = |j: usize| (b * s.keys + j) * all + h * s.width;
            let score = |j: usize| {
                let dot: f64 = row.iter().zip(&k[key(j)..]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                match mask {
                    Mask::Causal if j > t => f64::NEG_INFINITY,
                    Mask::Added(m) => dot * f64::from(s.scale) + f64::from(m[(h * s.queries + t) * s.keys + j]),
                    _ => dot * f64::from(s.scale),
                }
            };
            let scores: Vec<f64> = (0..s.keys).map(score).collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = scores.iter().map(|x| (x - largest).exp()).sum();
            for c in 0..s.width {
                let sum: f64 = (0..s.keys).map(|j| (scores[j] - largest).exp() * f64::from(v[key(j) + c])).sum();
                out[(b * s.queries + t) * all + h * s.width + c] = sum / total;
            }
        }
        out
    }

    #[test]
    fn blocks_agree_with_the_definition() {
        for (batch, heads, width, queries, keys) in
            [(1, 1, 8, 1, 1), (2, 3, 10, 7, 77), (1, 2, 24, 200, 600), (1, 2, 40, 64, 257), (2, 1, 5, 100, 100)]
        {
            let shape = Attention { batch, heads, width, queries, keys, scale: 1.0 / (width as f32).sqrt() };
            let all = heads * width;
            let (q, k, v) =
                (waves(batch * queries * all, 0.37, 3.0), waves(batch * keys * all, 0.71, 3.0), waves(batch * keys * all, 0.13, 1.0));
            let bias = waves(heads * queries * keys, 0.53, 2.0);
            let mut masks = vec![Mask::All, Mask::Added(&bias)];
            if queries == keys {
                masks.push(Mask::Causal);
            }
            for mask in masks {
                let got = attention(&q, &k, &v, shape, mask);
                let want = reference(&q, &k, &v, shape, mask);
                let worst = got.iter().zip(&want).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
                assert!(worst < 1e-5, "{shape:?}: {worst}");
            }
        }
    }

    #[test]
    fn scores_beyond_any_float_do_not_overflow() {
        let shape = Attention { batch: 1, heads: 1, width: 2, queries: 1, keys: 3, scale: 1.0 };
        let out = attention(&[1e4, 0.0], &[1e4, 0.0, 0.0, 0.0, -1e4, 0.0], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], shape, Mask::All);
        assert_eq!(out, [1.0, 2.0]);
    }

    #[test]
    fn a_nan_is_seen_in_the_answer() {
        let shape = Attention { batch: 1, heads: 1, width: 1, queries: 1, keys: 2, scale: 1.0 };
        assert!(attention(&[f32::NAN], &[1.0, 2.0], &[1.0, 1.0], shape, Mask::All)[0].is_nan());
    }
}
