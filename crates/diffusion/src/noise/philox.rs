//! Philox 4×32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): the counter-based engine of cuRAND.

use super::Noise;

/// 2⁻³², and 2π·2⁻³² rounded to single precision first, as A1111's software generator has it.
const SCALE: f64 = 1.0 / 4_294_967_296.0;
const ANGLE: f64 = std::f32::consts::TAU as f64 / 4_294_967_296.0;

/// Ten rounds over a counter of four words and a key of two.
#[must_use]
pub fn philox4x32(mut counter: [u32; 4], key: u64) -> [u32; 4] {
    let (mut low, mut high) = (key as u32, (key >> 32) as u32);
    for _ in 0..10 {
        let a = u64::from(counter[0]) * 0xD251_1F53;
        let b = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [(b >> 32) as u32 ^ counter[1] ^ low, b as u32, (a >> 32) as u32 ^ counter[3] ^ high, a as u32];
        low = low.wrapping_add(0x9E37_79B9);
        high = high.wrapping_add(0xBB67_AE85);
    }
    counter
}

/// `torch.randn` on an NVIDIA card as A1111 computes it in software: number i of draw k has the counter (k, 0, i, 0).
///
/// Equal to a real card only while a draw has at most (multiprocessors × 8 × 256) numbers; above, the card deals in another order.
/// All 64 bits of the seed count.
#[derive(Debug, Clone)]
pub struct Philox {
    seed: u64,
    draws: u32,
}

impl Philox {
    /// The stream of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, draws: 0 }
    }
}

impl Noise for Philox {
    fn next(&mut self, out: &mut [f32]) {
        for (i, x) in out.iter_mut().enumerate() {
            let [a, b, ..] = philox4x32([self.draws, 0, i as u32, 0], self.seed);
            let u = f64::from(a) * SCALE + SCALE / 2.0;
            let v = f64::from(b) * ANGLE + ANGLE / 2.0;
            *x = ((-2.0 * u.ln()).sqrt() * v.sin()) as f32;
        }
        self.draws = self.draws.wrapping_add(1);
    }
}

/// Four independent normal numbers for a place in a table: exact Box-Muller over the words of one counter.
pub(super) fn normals4(counter: [u32; 4], key: u64) -> [f64; 4] {
    let words = philox4x32(counter, key).map(|word| (f64::from(word) + 0.5) * SCALE);
    let pair = |u: f64, v: f64| {
        let radius = (-2.0 * u.ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * v).sin_cos();
        (radius * cos, radius * sin)
    };
    let ((a, b), (c, d)) = (pair(words[0], words[1]), pair(words[2], words[3]));
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the authors' Random123 library.
    #[test]
    fn known_answers() {
        assert_eq!(philox4x32([0; 4], 0), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox4x32([u32::MAX; 4], u64::MAX), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let counter = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        assert_eq!(philox4x32(counter, 0x299f_31d0_a409_3822), [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn first_numbers_of_seed_0() {
        let mut out = [0.0; 5];
        Philox::new(0).next(&mut out);
        let want = [-0.924_662_6, -0.425_344_15, -2.643_845_8, 0.145_183_88, -0.120_866_47];
        assert!(out.iter().zip(want).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6), "{out:?}");
    }
}
