//! From f32 to the stored type, rounded once: to nearest, or at random by how near each neighbour is.

use crate::dtype::{Dtype, encode_f32};
use crate::linalg::kernel::widest;
use crate::linalg::random::mix;

/// Largest finite f16, and the smallest value that rounds beyond it.
const F16_LIMIT: f32 = 65519.996;

/// How values of one tensor are stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rounding {
    pub(super) dtype: Dtype,
    /// Seed of stochastic rounding, the tensor's name mixed in.
    pub(super) seed: Option<u64>,
}

/// A value is beyond the range of the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfRange;

impl Rounding {
    /// The seed of a tensor depends on its name alone, not on its place in a file or on the threads.
    pub(super) fn of(dtype: Dtype, seed: Option<u64>, name: &str) -> Self {
        let mix = |seed: u64| name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Self { dtype, seed: seed.map(mix) }
    }

    /// Appends `values` in the stored type. `first` is the index of the first in its tensor. Returns how many were beyond the range of an 8-bit
    /// type and became its largest.
    ///
    /// # Errors
    /// [`OutOfRange`] when a finite value would become infinite in f16.
    pub(super) fn store(self, values: &mut [f32], first: u64, out: &mut Vec<u8>) -> Result<u64, OutOfRange> {
        if self.dtype == Dtype::F16 && !below(values, F16_LIMIT) {
            return Err(OutOfRange);
        }
        let largest = match self.dtype {
            Dtype::F8E4M3 => 448.0,
            Dtype::F8E5M2 => 57344.0,
            _ => f32::INFINITY,
        };
        let saturated = if largest.is_finite() { values.iter().filter(|v| v.is_finite() && v.abs() > largest).count() as u64 } else { 0 };
        if let (Some(seed), Some(grid)) = (self.seed, Grid::of(self.dtype)) {
            by_chance(values, grid, seed, first);
        }
        match self.dtype {
            Dtype::BF16 => bf16(values, out),
            Dtype::F8E4M3 => e4m3(values, out),
            Dtype::F8E5M2 => e5m2(values, out),
            Dtype::F64 => out.extend(values.iter().flat_map(|v| f64::from(*v).to_le_bytes())),
            // The other types of floats can all be written.
            other => drop(encode_f32(other, values, out)),
        }
        Ok(saturated)
    }
}

/// True when no finite value is as large as `limit`: infinities of the checkpoint itself stay what they are.
fn below(values: &[f32], limit: f32) -> bool {
    values.iter().all(|v| v.abs() < limit || !v.is_finite())
}

widest! {
    /// Rounds each value to one of its neighbours, by chance.
    by_chance(values: &mut [f32], grid: Grid, seed: u64, first: u64) = by_chance_with
}

#[inline(always)]
fn by_chance_with(values: &mut [f32], grid: Grid, seed: u64, first: u64) {
    values.iter_mut().zip(first..).for_each(|(v, i)| *v = grid.round(*v, random(seed, i)));
}

widest! {
    /// To the nearest, ties to even.
    bf16(values: &[f32], out: &mut Vec<u8>) = bf16_with
}

widest! {
    /// The same with 4 bits of exponent and 3 of mantissa.
    e4m3(values: &[f32], out: &mut Vec<u8>) = e4m3_with
}

widest! {
    /// The same with 5 bits of exponent and 2 of mantissa.
    e5m2(values: &[f32], out: &mut Vec<u8>) = e5m2_with
}

#[inline(always)]
fn e4m3_with(values: &[f32], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + values.len(), 0);
    out[start..].iter_mut().zip(values).for_each(|(to, v)| *to = eight::<3, -6>(*v, 0x7e, 0x7e));
}

#[inline(always)]
fn e5m2_with(values: &[f32], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + values.len(), 0);
    out[start..].iter_mut().zip(values).for_each(|(to, v)| *to = eight::<2, -14>(*v, 0x7b, 0x7c));
}

/// Without a branch: the compiler makes vector code of it.
#[inline(always)]
fn bf16_with(values: &[f32], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + values.len() * 2, 0);
    for (to, v) in out[start..].as_chunks_mut::<2>().0.iter_mut().zip(values) {
        let bits = v.to_bits();
        let rounded = (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16;
        let nan = (bits >> 16) as u16 | 0x40;
        *to = if bits & 0x7fff_ffff > 0x7f80_0000 { nan } else { rounded }.to_le_bytes();
    }
}

/// An 8-bit float of `M` bits of mantissa, evenly spaced below 2^`LOWEST`, to nearest, ties to even. Beyond the code `largest` it stays that;
/// infinity becomes the code `infinity`. No powers, no calls: a few nanoseconds would be half a minute on a large checkpoint.
#[inline(always)]
fn eight<const M: i32, const LOWEST: i32>(value: f32, largest: u32, infinity: u32) -> u8 {
    // Adding 2^23 leaves no bit behind the point, and the addition rounds as wanted.
    const WHOLE: f32 = 8_388_608.0;
    let bits = value.to_bits();
    let size = f32::from_bits(bits & 0x7fff_ffff);
    let exponent = ((bits >> 23 & 0xff) as i32 - 127).max(LOWEST);
    // In units of the spacing at this size rounding to an integer is rounding to the type.
    let steps = (size * f32::from_bits(((127 + M - exponent) as u32) << 23) + WHOLE) - WHOLE;
    let code = (((exponent - LOWEST) as u32) << M).saturating_add(steps as u32).min(largest);
    let code = if size.is_nan() { 0x7f } else { code };
    let code = if size == f32::INFINITY { infinity } else { code };
    (bits >> 24 & 0x80) as u8 | code as u8
}

/// The values of a type: how many bits of mantissa, and the exponent below which they are evenly spaced.
#[derive(Debug, Clone, Copy)]
struct Grid {
    mantissa: u32,
    lowest: i32,
    largest: f32,
}

impl Grid {
    fn of(dtype: Dtype) -> Option<Self> {
        Some(match dtype {
            Dtype::F16 => Self { mantissa: 10, lowest: -14, largest: 65504.0 },
            // As f32 in its exponents: below the lowest it is evenly spaced where f32 is.
            Dtype::BF16 => Self { mantissa: 7, lowest: -127, largest: f32::from_bits(0x7f7f_0000) },
            Dtype::F8E4M3 => Self { mantissa: 3, lowest: -6, largest: 448.0 },
            Dtype::F8E5M2 => Self { mantissa: 2, lowest: -14, largest: 57344.0 },
            _ => return None,
        })
    }

    /// The neighbour above with the probability that the value is near it, else the one below: right on average. `chance` is 32 random bits.
    #[inline(always)]
    fn round(self, value: f32, chance: u32) -> f32 {
        let bits = value.to_bits();
        let size = f32::from_bits(bits & 0x7fff_ffff);
        if size.is_nan() || size >= self.largest {
            return value;
        }
        let exponent = (bits >> 23 & 0xff) as i32 - 127;
        if exponent >= self.lowest {
            // A random number below the last kept bit carries into it as often as the cut bits are large.
            let cut = 23 - self.mantissa;
            return f32::from_bits(bits.wrapping_add(chance >> (32 - cut)) & !((1 << cut) - 1));
        }
        // Evenly spaced: in units of the spacing, which is a power of two, so that both products are exact.
        let power = self.mantissa as i32 - self.lowest;
        let unit = |power: i32| f32::from_bits(((127 + power) as u32) << 23);
        let steps = size * unit(power);
        let whole = steps as u32;
        let up = (steps - whole as f32) * 16_777_216.0 > (chance >> 8) as f32;
        ((whole + u32::from(up)) as f32 * unit(-power)).copysign(value)
    }
}

/// 32 random bits that depend on the seed and the position alone (splitmix64, Steele et al. 2014).
#[inline(always)]
fn random(seed: u64, index: u64) -> u32 {
    (mix(seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::decode_f32;

    fn stored(dtype: Dtype, seed: Option<u64>, values: &[f32]) -> Vec<f32> {
        let (mut bytes, mut values) = (Vec::new(), values.to_vec());
        Rounding::of(dtype, seed, "x").store(&mut values, 0, &mut bytes).unwrap();
        let mut out = vec![0.0; values.len()];
        decode_f32(dtype, &bytes, &mut out).unwrap();
        out
    }

    #[test]
    fn bf16_rounds_as_half_does() {
        let mut seed = 1u32;
        let mut values =
            vec![0.0, -0.0, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, 1e-45, f32::from_bits(0x3f80_8000), f32::from_bits(0x3f81_8000)];
        values.extend((0..5000).map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from_bits(seed)
        }));
        for (a, v) in stored(Dtype::BF16, None, &values).into_iter().zip(values) {
            let b = half::bf16::from_f32(v).to_f32();
            assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()), "{v} {a} {b}");
        }
    }

    #[test]
    fn e5m2_takes_the_nearest_code() {
        let codes: Vec<u8> = (0..=0x7b).collect();
        let mut all = vec![0.0; codes.len()];
        decode_f32(Dtype::F8E5M2, &codes, &mut all).unwrap();
        assert_eq!(stored(Dtype::F8E5M2, None, &all), all);
        for (i, pair) in all.windows(2).enumerate() {
            let middle = f32::midpoint(pair[0], pair[1]);
            let even = if i % 2 == 0 { pair[0] } else { pair[1] };
            assert_eq!(stored(Dtype::F8E5M2, None, &[middle, middle * 0.999, middle * 1.001]), [even, pair[0], pair[1]]);
        }
        assert_eq!(stored(Dtype::F8E5M2, None, &[1e9, -1e9]), [57344.0, -57344.0]);
    }

    #[test]
    fn e4m3_equals_the_reader_s_own_writer() {
        let mut seed = 1u32;
        let mut values = vec![0.0, -0.0, 448.0, 464.0, 1e9, f32::INFINITY, f32::NAN, 1e-40, 0.001, 0.000_976_562_5];
        values.extend((0..20_000).map(|i| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if i % 2 == 0 { f32::from_bits(seed) } else { (seed as f32 / u32::MAX as f32 - 0.5) * 4.0 }
        }));
        let (mut a, mut b) = (Vec::new(), Vec::new());
        Rounding::of(Dtype::F8E4M3, None, "x").store(&mut values.clone(), 0, &mut a).unwrap();
        encode_f32(Dtype::F8E4M3, &values, &mut b).unwrap();
        for ((a, b), v) in a.iter().zip(&b).zip(&values) {
            assert_eq!(a, b, "{v}");
        }
    }

    #[test]
    fn values_beyond_f16_are_an_error_and_beyond_f8_are_counted() {
        let store = |dtype, v: f32| Rounding::of(dtype, None, "x").store(&mut [v], 0, &mut Vec::new());
        assert_eq!(store(Dtype::F16, 70000.0), Err(OutOfRange));
        assert_eq!(store(Dtype::F16, f32::INFINITY), Ok(0));
        assert_eq!(store(Dtype::F8E4M3, 500.0), Ok(1));
        assert_eq!(store(Dtype::F8E4M3, 448.0), Ok(0));
    }

    /// The mean of many roundings is the value: within four standard errors, for each type. Nearest rounding is off by the whole remainder.
    #[test]
    fn stochastic_rounding_is_right_on_average() {
        for (dtype, value) in
            [(Dtype::F8E4M3, 1.03), (Dtype::F8E5M2, -0.30), (Dtype::BF16, 1.003), (Dtype::F16, 0.1), (Dtype::F8E4M3, 0.0017)]
        {
            let n = 20_000;
            let out = stored(dtype, Some(7), &vec![value; n]);
            let mean = out.iter().map(|v| f64::from(*v)).sum::<f64>() / n as f64;
            let (low, high) = out.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
            assert!(low <= value && value <= high, "{dtype}");
            let step = f64::from(high - low);
            assert!((mean - f64::from(value)).abs() < 4.0 * 0.5 * step / (n as f64).sqrt(), "{dtype} {mean} {value}");
        }
    }

    #[test]
    fn what_the_type_holds_exactly_is_never_moved() {
        for dtype in [Dtype::F16, Dtype::BF16, Dtype::F8E4M3, Dtype::F8E5M2] {
            let values = [0.0, 1.0, -1.5, 0.25, 256.0];
            assert_eq!(stored(dtype, Some(3), &values), values);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_values_wherever_the_tile_begins() {
        let rounding = Rounding::of(Dtype::F8E4M3, Some(5), "x");
        let values: Vec<f32> = (0..64).map(|i| 1.0 + i as f32 * 0.007).collect();
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        rounding.store(&mut values.clone(), 0, &mut whole).unwrap();
        rounding.store(&mut values[..10].to_vec(), 0, &mut parts).unwrap();
        rounding.store(&mut values[10..].to_vec(), 10, &mut parts).unwrap();
        assert_eq!(whole, parts);
    }
}
