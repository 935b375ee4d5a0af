//! Norms. Sums run in f32 over short stretches and in f64 across them, always in the same order.

use super::act::silu;
use super::split::{chunk, each_chunk, shared, widest};

/// Pixels whose sums are taken together.
const STRETCH: usize = 64;

/// A group norm over channels that lie side by side.
#[derive(Debug, Clone, Copy)]
pub struct GroupNorm<'a> {
    pub groups: usize,
    pub epsilon: f64,
    /// One per channel.
    pub scale: &'a [f32],
    pub shift: &'a [f32],
    /// x·σ(x) afterwards.
    pub silu: bool,
}

/// Normalises `batch` pictures of pixels × channels.
///
/// # Panics
/// When lengths do not agree.
#[must_use]
pub fn group_norm(x: &[f32], batch: usize, norm: GroupNorm<'_>) -> Vec<f32> {
    let channels = norm.scale.len();
    assert!(norm.shift.len() == channels && channels.is_multiple_of(norm.groups), "{channels} channels in {} groups", norm.groups);
    assert!(batch > 0 && x.len().is_multiple_of(batch * channels), "{batch} pictures of {channels} channels");
    let image = x.len() / batch;
    let mut out = vec![0.0; x.len()];
    for (x, out) in x.chunks_exact(image).zip(out.chunks_exact_mut(image)) {
        let (scale, shift) = line(&moments(x, channels), image / channels, norm);
        let rows = chunk(image / channels, 8 * channels, STRETCH, 1024);
        each_chunk(out, rows * channels, 8 * image, |i, out| {
            let x = &x[i * rows * channels..][..out.len()];
            widest(
                #[inline(always)]
                || apply(x, &scale, &shift, norm.silu, out),
            );
        });
    }
    out
}

#[inline(always)]
fn apply(x: &[f32], scale: &[f32], shift: &[f32], with_silu: bool, out: &mut [f32]) {
    let n = scale.len();
    for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
        let terms = out.iter_mut().zip(x).zip(scale).zip(shift);
        if with_silu {
            terms.for_each(|(((o, x), a), b)| *o = silu(x * a + b));
        } else {
            terms.for_each(|(((o, x), a), b)| *o = x * a + b);
        }
    }
}

/// Mean and sum of squared deviations, channel by channel.
fn moments(x: &[f32], channels: usize) -> Vec<(f64, f64)> {
    use rayon::prelude::*;
    let one = |x: &[f32]| {
        widest(
            #[inline(always)]
            || stretch(x, channels),
        )
    };
    let len = STRETCH * channels;
    let parts: Vec<(Vec<f32>, Vec<f32>)> =
        if shared(4 * x.len()) { x.par_chunks(len).map(one).collect() } else { x.chunks(len).map(one).collect() };
    // Parallel variance: n₁n₂/(n₁+n₂)·(m₂−m₁)² joins two stretches (Chan, Golub, LeVeque 1979).
    let mut all = vec![(0.0f64, 0.0f64); channels];
    let mut seen = 0.0;
    for ((means, squares), x) in parts.iter().zip(x.chunks(len)) {
        let count = (x.len() / channels) as f64;
        let share = count / (seen + count);
        for (all, (mean, square)) in all.iter_mut().zip(means.iter().zip(squares)) {
            let step = f64::from(*mean) - all.0;
            all.0 += step * share;
            all.1 += f64::from(*square) + step * step * seen * share;
        }
        seen += count;
    }
    all
}

/// Means and sums of squared deviations of one stretch.
#[inline(always)]
fn stretch(x: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut means, mut squares) = (vec![0.0f32; channels], vec![0.0f32; channels]);
    for x in x.chunks_exact(channels) {
        means.iter_mut().zip(x).for_each(|(m, x)| *m += x);
    }
    let share = channels as f32 / x.len() as f32;
    means.iter_mut().for_each(|m| *m *= share);
    for x in x.chunks_exact(channels) {
        squares.iter_mut().zip(x).zip(&means).for_each(|((s, x), m)| *s += (x - m) * (x - m));
    }
    (means, squares)
}

/// The norm as a straight line per channel.
fn line(moments: &[(f64, f64)], pixels: usize, norm: GroupNorm<'_>) -> (Vec<f32>, Vec<f32>) {
    let width = moments.len() / norm.groups;
    let (mut scale, mut shift) = (Vec::with_capacity(moments.len()), Vec::with_capacity(moments.len()));
    for (group, moments) in moments.chunks_exact(width).enumerate() {
        let mean = moments.iter().map(|m| m.0).sum::<f64>() / width as f64;
        let squares: f64 = moments.iter().map(|m| m.1 + pixels as f64 * (m.0 - mean) * (m.0 - mean)).sum();
        let factor = 1.0 / (squares / (pixels * width) as f64 + norm.epsilon).sqrt();
        for c in group * width..(group + 1) * width {
            let a = factor * f64::from(norm.scale[c]);
            scale.push(a as f32);
            shift.push((f64::from(norm.shift[c]) - mean * a) as f32);
        }
    }
    (scale, shift)
}

/// Normalises rows of `width` values to mean 0 and variance 1, then scales and shifts them; either may be empty (no change).
///
/// # Panics
/// When lengths do not agree.
#[must_use]
pub fn layer_norm(x: &[f32], width: usize, scale: &[f32], shift: &[f32], epsilon: f32) -> Vec<f32> {
    rows(x, width, [scale, shift], |x, out| {
        let mean = sum(x, |v| v) / width as f32;
        let variance = sum(x, |v| (v - mean) * (v - mean)) / width as f32;
        let factor = 1.0 / (variance + epsilon).sqrt();
        out.iter_mut().zip(x).for_each(|(o, x)| *o = (x - mean) * factor);
    })
}

/// Divides rows of `width` values by their root mean square, then scales them.
///
/// # Panics
/// When lengths do not agree.
#[must_use]
pub fn rms_norm(x: &[f32], width: usize, scale: &[f32], epsilon: f32) -> Vec<f32> {
    rows(x, width, [scale, &[]], |x, out| {
        let factor = 1.0 / (sum(x, |v| v * v) / width as f32 + epsilon).sqrt();
        out.iter_mut().zip(x).for_each(|(o, x)| *o = x * factor);
    })
}

fn rows(x: &[f32], width: usize, affine: [&[f32]; 2], f: impl Fn(&[f32], &mut [f32]) + Sync + Copy) -> Vec<f32> {
    let [scale, shift] = affine;
    assert!(width > 0 && x.len().is_multiple_of(width), "rows of {width} values");
    assert!(affine.iter().all(|a| a.is_empty() || a.len() == width), "factors for {width} values");
    let mut out = vec![0.0; x.len()];
    let rows = chunk(x.len() / width, 8 * width, 1, 256);
    each_chunk(&mut out, rows * width, 8 * x.len(), |i, out| {
        let x = &x[i * rows * width..][..out.len()];
        widest(
            #[inline(always)]
            || {
                for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                    f(x, out);
                    out.iter_mut().zip(scale).for_each(|(o, s)| *o *= s);
                    out.iter_mut().zip(shift).for_each(|(o, s)| *o += s);
                }
            },
        );
    });
    out
}

/// Σ f(x) in 16 lanes.
#[inline(always)]
fn sum(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (whole, rest) = x.as_chunks::<16>();
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(l, v)| *l += f(*v));
    }
    rest.iter().zip(&mut lanes).for_each(|(v, l)| *l += f(*v));
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_norm_gives_mean_zero_and_variance_one_per_group() {
        let (pixels, channels, groups) = (150, 12, 3);
        // Means far from zero: a difference of squares would lose all digits.
        let x: Vec<f32> = (0..2 * pixels * channels).map(|i| (i as f32 * 0.77).sin() + 300.0 * (i % channels / 4) as f32).collect();
        let norm = GroupNorm { groups, epsilon: 0.0, scale: &[2.0; 12], shift: &[0.5; 12], silu: false };
        let out = group_norm(&x, 2, norm);
        for image in out.chunks_exact(pixels * channels) {
            for g in 0..groups {
                let of: Vec<f64> =
                    image.chunks_exact(channels).flat_map(|p| &p[g * 4..g * 4 + 4]).map(|v| (f64::from(*v) - 0.5) / 2.0).collect();
                let mean = of.iter().sum::<f64>() / of.len() as f64;
                let variance = of.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / of.len() as f64;
                assert!(mean.abs() < 1e-4 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
            }
        }
        let with = group_norm(&x, 2, GroupNorm { silu: true, ..norm });
        assert!(out.iter().zip(&with).all(|(o, w)| (silu(*o) - w).abs() < 1e-6));
    }

    #[test]
    fn layer_and_rms_norm_follow_their_formulas() {
        let x = [1.0, 2.0, 3.0, 6.0];
        let out = layer_norm(&x, 4, &[1.0; 4], &[0.0; 4], 0.0);
        let want = [-1.069_045, -0.534_522_5, 0.0, 1.603_567_5];
        assert!(out.iter().zip(want).all(|(o, w)| (o - w).abs() < 1e-6), "{out:?}");
        let out = rms_norm(&x, 4, &[1.0, 1.0, 1.0, 2.0], 0.0);
        assert!((out[3] - 12.0 / 12.5f32.sqrt()).abs() < 1e-6, "{out:?}");
    }
}
