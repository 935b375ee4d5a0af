//! Colours of the cloth: hue from family and content, light from strength.

use super::colour::Lch;

/// SplitMix64: small, even, the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next()
    }

    pub(crate) fn pick(&mut self, count: usize) -> usize {
        ((self.next() * count as f64) as usize).min(count.saturating_sub(1))
    }
}

/// What colours the threads.
#[derive(Debug, Clone)]
pub(crate) struct Palette {
    pub(crate) warp: f64,
    /// Turn of the hue per group.
    lean: f64,
    /// Turn of the hue from weak to strong.
    turn: f64,
    weft: [Lch; 2],
    /// Order of the two weft colours.
    pub(crate) stripes: Vec<u8>,
    grey: f64,
}

impl Palette {
    pub(crate) fn new(family: &str, measured: bool, random: &mut Random) -> Self {
        let home = match family {
            "sd1" => 62.0,
            "sd2" => 105.0,
            "sdxl" => 272.0,
            "sd3" => 196.0,
            "flux1" => 348.0,
            "wan" => 158.0,
            _ => 238.0,
        };
        // Most files of a family stay near its home hue, some go far.
        let drift = random.between(-1.0, 1.0);
        let warp = home + drift.signum() * drift.abs().powf(1.4) * 62.0;
        let turn = random.between(18.0, 46.0) * if random.next() < 0.5 { -1.0 } else { 1.0 };
        let scheme = [150.0, 180.0, 205.0, 62.0, -62.0, 120.0, -120.0][random.pick(7)];
        let first = match random.pick(5) {
            0 => Lch::new(0.88, 0.045, 85.0),                       // undyed linen
            1 => Lch::new(0.80, 0.115, random.between(68.0, 88.0)), // gold
            _ => Lch::new(0.80, 0.105, warp + scheme),
        };
        let second = match random.pick(3) {
            0 => Lch::new(0.86, 0.03, warp + 30.0),
            1 => Lch::new(0.72, 0.12, warp + turn * 1.6),
            _ => Lch::new(0.70, 0.12, first.h + random.between(-50.0, 50.0)),
        };
        let stripes = stripes(random);
        let lean = random.between(9.0, 26.0) * if random.next() < 0.5 { -1.0 } else { 1.0 };
        Self { warp, lean, turn, weft: [first, second], stripes, grey: if measured { 1.0 } else { 0.07 } }
    }

    pub(crate) fn tone(&self, l: f64, c: f64, h: f64) -> String {
        Lch::new(l, c * self.grey, h).hex()
    }

    pub(crate) fn hue(&self, group: u8, v: f64) -> f64 {
        self.warp + f64::from(group) * self.lean + self.turn * (v - 0.5)
    }

    /// Body colour of a warp thread.
    pub(crate) fn warp(&self, group: u8, v: f64, lift: f64) -> String {
        let l = 0.30 + 0.44 * v.powf(1.15) + lift;
        self.tone(l, 0.055 + 0.125 * v - lift.abs() * 0.1, self.hue(group, v))
    }

    /// Colour of a weft thread where it passes over a block of strength `v`.
    pub(crate) fn weft(&self, which: u8, v: f64, lift: f64) -> String {
        let base = self.weft[usize::from(which) % 2];
        let l = 0.27 + (base.l - 0.27) * (0.16 + 0.84 * v.powf(0.9)) + lift;
        self.tone(l, base.c * (0.35 + 0.65 * v), base.h - 10.0 * (1.0 - v))
    }
}

/// A repeating order of two colours, as a weaver would choose one.
fn stripes(random: &mut Random) -> Vec<u8> {
    let known: [&[u8]; 7] =
        [&[0], &[0, 0, 1], &[0, 0, 0, 1], &[0, 0, 0, 0, 1, 1], &[0, 1], &[0, 0, 1, 0, 0, 0, 1, 1, 1], &[0, 0, 0, 0, 0, 1, 0, 1]];
    known[random.pick(known.len())].to_vec()
}
