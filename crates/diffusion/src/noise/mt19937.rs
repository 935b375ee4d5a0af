//! The Mersenne Twister, 32 bits (Matsumoto and Nishimura 1998): the engine of PyTorch's CPU generator.

const SIZE: usize = 624;
const SHIFT: usize = 397;

/// The generator MT19937 with Matsumoto and Nishimura's `init_genrand`.
#[derive(Clone)]
pub struct Mt19937 {
    state: [u32; SIZE],
    at: usize,
}

impl std::fmt::Debug for Mt19937 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mt19937").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Mt19937 {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        let mut state = [0; SIZE];
        let mut last = seed;
        state[0] = last;
        for (i, word) in state.iter_mut().enumerate().skip(1) {
            last = 1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
            *word = last;
        }
        Self { state, at: SIZE }
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.at == SIZE {
            self.twist();
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C_5680;
        y ^= (y << 15) & 0xEFC6_0000;
        y ^ (y >> 18)
    }

    fn twist(&mut self) {
        for i in 0..SIZE {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % SIZE] & 0x7FFF_FFFF);
            let odd = if y & 1 == 1 { 0x9908_B0DF } else { 0 };
            self.state[i] = self.state[(i + SHIFT) % SIZE] ^ (y >> 1) ^ odd;
        }
        self.at = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figure of the C++ standard for `std::mt19937`: the 10000th number of the default seed.
    #[test]
    fn the_ten_thousandth_number() {
        let mut engine = Mt19937::new(5489);
        for _ in 0..9999 {
            engine.next_u32();
        }
        assert_eq!(engine.next_u32(), 4_123_659_995);
    }
}
