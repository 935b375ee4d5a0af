//! Element by element: the functions between the layers.

use super::split::{chunk, each_chunk, widest};

/// A function between two layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x·σ(x).
    Silu,
    /// x·Φ(x) with the normal distribution's Φ.
    Gelu,
    /// The same with Φ(x) ≈ ½(1 + tanh(√(2/π)(x + 0.044715x³))): T5, Flux.
    GeluTanh,
    /// x·σ(1.702x): the first CLIP.
    QuickGelu,
}

impl Activation {
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        match self {
            Self::Silu => silu(x),
            Self::Gelu => gelu(x),
            Self::GeluTanh => {
                // ½(1 + tanh u) = σ(2u)
                x / (1.0 + exp(-1.595_769 * (x + 0.044_715 * x * x * x)))
            }
            Self::QuickGelu => x / (1.0 + exp(-1.702 * x)),
        }
    }
}

/// e^x to 2 units in the last place; 1e-38 below −87, and largest at 88 (no infinities). NaN stays NaN. After Cephes' `expf`: x = n·ln 2 + r, a
/// polynomial in r, and n put into the exponent.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0; // 1.5·2²³: adding it rounds to an integer, which is then in the low bits
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    let r = x - n * 0.693_359_4;
    let r = r + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    f32::from_bits(shifted.to_bits().wrapping_add(127) << 23) * p
}

#[inline(always)]
pub(super) fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// x·½(1 + erf(x/√2)); erf by formula 7.1.26 of Abramowitz and Stegun, error below 1.5e-7.
#[inline(always)]
fn gelu(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let p = 1.061_405_4;
    let p = p * t - 1.453_152;
    let p = p * t + 1.421_413_8;
    let p = p * t - 0.284_496_74;
    let p = p * t + 0.254_829_6;
    let erf = 1.0 - p * t * exp(-z * z);
    0.5 * x * (1.0 + if x < 0.0 { -erf } else { erf })
}

/// Applies `f` to every value.
pub fn activate(values: &mut [f32], f: Activation) {
    let (len, work) = (chunk(values.len(), 16, 4096, 1 << 16), 16 * values.len());
    each_chunk(values, len, work, |_, values| {
        widest(
            #[inline(always)]
            || match f {
                Activation::Silu => values.iter_mut().for_each(|v| *v = silu(*v)),
                Activation::Gelu => values.iter_mut().for_each(|v| *v = gelu(*v)),
                Activation::GeluTanh => values.iter_mut().for_each(|v| *v = Activation::GeluTanh.of(*v)),
                Activation::QuickGelu => values.iter_mut().for_each(|v| *v = Activation::QuickGelu.of(*v)),
            },
        );
    });
}

/// The gated unit: of rows a ‖ b of 2·`width` values, a·f(b).
///
/// # Panics
/// When `x` is no whole number of rows.
#[must_use]
pub fn geglu(x: &[f32], width: usize) -> Vec<f32> {
    assert!(width > 0 && x.len().is_multiple_of(2 * width), "rows of 2·{width} values");
    let mut out = vec![0.0; x.len() / 2];
    let rows = chunk(x.len() / 2 / width, 24 * width, 1, 64);
    each_chunk(&mut out, rows * width, 12 * x.len(), |i, out| {
        let x = &x[i * rows * width * 2..][..out.len() * 2];
        widest(
            #[inline(always)]
            || {
                for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(2 * width)) {
                    let (a, b) = x.split_at(width);
                    out.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| *o = a * gelu(*b));
                }
            },
        );
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exact_to_the_last_places() {
        for i in -8600..8700 {
            let x = i as f32 / 100.0;
            let want = f64::from(x).exp();
            assert!((f64::from(exp(x)) / want - 1.0).abs() < 3e-7, "{x}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(1e9).is_finite());
    }

    #[test]
    fn functions_have_their_known_values() {
        // torch 2.15: F.silu, F.gelu, F.gelu(approximate="tanh"), x·sigmoid(1.702x) at −3, −0.5, 0, 1, 4.
        let x = [-3.0f32, -0.5, 0.0, 1.0, 4.0];
        for (f, want) in [
            (Activation::Silu, [-0.142_277_6, -0.188_770_34, 0.0, 0.731_058_6, 3.928_055]),
            (Activation::Gelu, [-0.004_049_7, -0.154_268_77, 0.0, 0.841_344_7, 3.999_873_2]),
            (Activation::GeluTanh, [-0.003_637_4, -0.154_285_98, 0.0, 0.841_192, 3.999_929_7]),
            (Activation::QuickGelu, [-0.018_071_31, -0.149_611_56, 0.0, 0.845_795_77, 3.995_585_2]),
        ] {
            let mut got = x;
            activate(&mut got, f);
            for (g, w) in got.iter().zip(want) {
                assert!((g - w).abs() < 3e-6, "{f:?}: {g} {w}");
            }
        }
        assert!(Activation::Silu.of(f32::NAN).is_nan());
    }

    #[test]
    fn the_gate_is_the_second_half() {
        assert_eq!(geglu(&[2.0, 3.0, 0.0, 100.0], 2), [0.0, 300.0]);
    }
}
