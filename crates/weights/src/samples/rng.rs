//! A small generator: the same seed gives the same files on every machine.

/// splitmix64.
#[derive(Debug, Clone)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = Self(seed ^ stream.wrapping_mul(0xA076_1D64_78BD_642F));
        rng.next();
        rng
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// `count` values that look normal, with the standard deviation `std`: sums of four bytes, two values per step.
    pub(super) fn normal(&mut self, count: usize, std: f64) -> Vec<f32> {
        // A uniform byte has the variance (256² − 1)/12; four of them the standard deviation 147.8 around 510.
        let scale = (std / (4.0f64 * 65535.0 / 12.0).sqrt()) as f32;
        let mut out = Vec::with_capacity(count + 1);
        while out.len() < count {
            let bytes = self.next().to_le_bytes();
            for four in bytes.as_chunks::<4>().0 {
                let sum: i32 = four.iter().map(|b| i32::from(*b)).sum();
                out.push((sum - 510) as f32 * scale);
            }
        }
        out.truncate(count);
        out
    }
}
