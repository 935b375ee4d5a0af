//! Random numbers by counter: the value of an element depends on the seed, a name and the element's index, never on who asks first. So the
//! same seed gives the same result with any number of threads.

/// A stream of random numbers, addressed by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stream(u64);

impl Stream {
    /// The stream of `name` under `seed`.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        // FNV-1a over the name, spread by the finaliser: streams of different names have nothing in common.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Self(mix(mix(seed ^ 0x5DEE_CE66_D1CE_4E5B) ^ hash))
    }

    /// Another stream of the same seed and name.
    pub(crate) fn child(self, index: u64) -> Self {
        Self(mix(self.0 ^ index.wrapping_mul(0xD6E8_FEB8_6659_FD93)))
    }

    /// 64 random bits of element `index`.
    #[inline(always)]
    pub(crate) fn bits(self, index: u64) -> u64 {
        mix(self.0.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// Uniform in [0, 1), in steps of 2⁻²⁴.
    #[inline(always)]
    pub(crate) fn unit(self, index: u64) -> f32 {
        (self.bits(index) >> 40) as f32 * (1.0 / (1u64 << 24) as f32)
    }

    /// Standard normal, by the sum of twelve uniform numbers: exact enough for the directions of a random projection, and the same on
    /// every machine, which logarithms are not.
    pub(crate) fn normal(self, index: u64) -> f32 {
        let sum = |bits: u64| (0..4).map(|i| (bits >> (16 * i) & 0xFFFF) as i64).sum::<i64>();
        let total: i64 = (0..3).map(|i| sum(self.bits(index * 3 + i))).sum();
        // Twelve values of variance (65536² − 1)/12 have together that of one value squared: 65536² − 1.
        (total as f64 - 6.0 * 65535.0) as f32 / 65536.0
    }
}

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
#[inline(always)]
pub(crate) fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_numbers_have_the_moments_of_uniform_numbers() {
        let s = Stream::new(7, "a");
        let n = 200_000u64;
        let mean = (0..n).map(|i| f64::from(s.unit(i))).sum::<f64>() / n as f64;
        let square = (0..n).map(|i| f64::from(s.unit(i)).powi(2)).sum::<f64>() / n as f64;
        // Standard errors: 0.289/√n = 6.5e-4 and 0.298/√n.
        assert!((mean - 0.5).abs() < 2.6e-3 && (square - 1.0 / 3.0).abs() < 2.7e-3, "{mean} {square}");
        let next = (0..n).map(|i| (f64::from(s.unit(i)) - 0.5) * (f64::from(s.unit(i + 1)) - 0.5)).sum::<f64>() / n as f64;
        assert!(next.abs() < 4.0 * (1.0 / 12.0) / (n as f64).sqrt(), "neighbours are related: {next}");
    }

    #[test]
    fn normal_numbers_have_the_moments_of_normal_numbers() {
        let s = Stream::new(7, "b").child(3);
        let n = 100_000u64;
        let m = |p: i32| (0..n).map(|i| f64::from(s.normal(i)).powi(p)).sum::<f64>() / n as f64;
        assert!(m(1).abs() < 0.013 && (m(2) - 1.0).abs() < 0.018, "{} {}", m(1), m(2));
        // Twelve uniform numbers: kurtosis 3 − 0.1.
        assert!((m(4) - 2.9).abs() < 0.15, "{}", m(4));
    }

    #[test]
    fn streams_differ_by_seed_name_and_child() {
        let all =
            [Stream::new(1, "a"), Stream::new(2, "a"), Stream::new(1, "b"), Stream::new(1, "a").child(1), Stream::new(1, "a").child(2)];
        for (i, x) in all.iter().enumerate() {
            for y in &all[i + 1..] {
                let equal = (0..64_000).filter(|k| (x.bits(*k) ^ y.bits(*k)) & 1 == 0).count();
                assert!(equal.abs_diff(32_000) < 4 * 127, "{equal}");
            }
        }
    }
}
