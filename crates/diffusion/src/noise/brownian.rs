//! One random path through all noise levels, known everywhere from a seed.
//!
//! Samplers of stochastic equations ask for the noise of an interval [σ', σ]. When that noise is the increment of one Brownian path,
//! W(σ) − W(σ'), overlapping intervals agree and another number of steps sees the same path: the picture keeps its composition.

use super::philox::normals4;

/// The path is known from 2^LOWEST to 2^HIGHEST; a level outside is moved to the border.
const LOWEST: f64 = -14.0;
const HIGHEST: f64 = 14.0;
/// Halvings of the log σ axis: the last intervals are 28 octaves / 2^DEPTH = 0.014 octaves wide, a part of the smallest step that
/// anyone takes.
const DEPTH: u32 = 11;
/// Sets the path's numbers apart from those of other uses of the same seed ("brownian" in ASCII).
const SALT: u64 = u64::from_be_bytes(*b"brownian");

/// A Brownian motion with σ as its time, for each element of a latent.
///
/// Values come from a tree: the value at the upper end first, then at the (geometric) middle of each interval given its two ends, by
/// the law of the Brownian bridge, with numbers that Philox draws from the seed, the place in the tree and the element. The answer
/// does not depend on what was asked before, on the sampler or on the schedule. A level inside one of the smallest intervals gets a
/// draw of its own, so that increments from interval to interval follow the law exactly.
///
/// The law is that of torchsde's `BrownianTree`, which ComfyUI, A1111 and k-diffusion use; the numbers are not, as torchsde's depend
/// on NumPy's seed sequences and on the first and last level of the schedule.
#[derive(Debug, Clone)]
pub struct Brownian {
    seed: u64,
    /// The last levels asked for and the path there: an interval mostly starts where another one did or ended.
    known: Vec<(f64, Vec<f64>)>,
}

impl Brownian {
    /// The path of `seed`; all 64 bits count.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed: seed ^ SALT, known: Vec::new() }
    }

    /// (W(a) − W(b)) / √|a − b|, where a is the larger level: standard normal numbers. Zeros when the two are one.
    pub fn increment(&mut self, from: f64, to: f64, out: &mut [f32]) {
        let lowest = LOWEST.exp2();
        let (from, to) = (from.clamp(lowest, HIGHEST.exp2()), to.clamp(lowest, HIGHEST.exp2()));
        let scale = 1.0 / (from - to).abs().sqrt();
        if !scale.is_finite() {
            out.fill(0.0);
            return;
        }
        let (start, end) = (self.take(from, out.len()), self.take(to, out.len()));
        let sign = if from > to { scale } else { -scale };
        for ((x, a), b) in out.iter_mut().zip(&start).zip(&end) {
            *x = ((a - b) * sign) as f32;
        }
        self.known.clear();
        self.known.extend([(from, start), (to, end)]);
    }

    /// The path at a level, out of what is known or from the tree.
    fn take(&mut self, level: f64, n: usize) -> Vec<f64> {
        match self.known.iter().position(|(known, path)| *known == level && path.len() == n) {
            Some(at) => self.known.swap_remove(at).1,
            None => self.path(level, n),
        }
    }

    /// W(level) for each of `n` elements; 0 at the lowest level.
    fn path(&self, level: f64, n: usize) -> Vec<f64> {
        // The same intervals for all elements: found once, then walked by each group of four.
        let steps = descent(level);
        let mut values = vec![0.0; n];
        in_blocks(&mut values, |first, block| {
            for (group, four) in block.chunks_mut(4).enumerate() {
                four.copy_from_slice(&self.walk(&steps, (first / 4 + group) as u32)[..four.len()]);
            }
        });
        values
    }

    fn walk(&self, steps: &Descent, group: u32) -> [f64; 4] {
        let deviation = (HIGHEST.exp2() - LOWEST.exp2()).sqrt();
        let mut low = [0.0; 4];
        let mut high = normals4([0, 0, group, 0], self.seed).map(|n| n * deviation);
        for split in &steps.splits {
            let normal = normals4([split.node, split.depth, group, 1], self.seed);
            let middle: [f64; 4] = std::array::from_fn(|k| low[k] + split.share * (high[k] - low[k]) + split.deviation * normal[k]);
            if split.upper {
                low = middle;
            } else {
                high = middle;
            }
        }
        let [bits_low, bits_high] = steps.bits;
        let normal = normals4([bits_low, bits_high, group, 2], self.seed);
        std::array::from_fn(|k| low[k] + steps.share * (high[k] - low[k]) + steps.deviation * normal[k])
    }
}

/// Elements that one thread fills in one go: a multiple of four.
const BLOCK: usize = 1024;

/// Calls `fill` with the first index and the elements of each block, on all cores: a latent of SDXL takes a million normal numbers.
#[cfg(feature = "engine")]
fn in_blocks(values: &mut [f64], fill: impl Fn(usize, &mut [f64]) + Sync) {
    use rayon::prelude::*;
    values.par_chunks_mut(BLOCK).enumerate().for_each(|(i, block)| fill(i * BLOCK, block));
}

/// Without the models, as in the browser, on one thread.
#[cfg(not(feature = "engine"))]
fn in_blocks(values: &mut [f64], fill: impl Fn(usize, &mut [f64])) {
    values.chunks_mut(BLOCK).enumerate().for_each(|(i, block)| fill(i * BLOCK, block));
}

/// One halving on the way down to a level.
struct Split {
    node: u32,
    depth: u32,
    /// (m − a) / (b − a) of the middle m of [a, b].
    share: f64,
    /// √((m − a)(b − m) / (b − a)).
    deviation: f64,
    /// The way goes on in [m, b].
    upper: bool,
}

struct Descent {
    splits: Vec<Split>,
    /// As in [`Split`], of the level in the last interval.
    share: f64,
    deviation: f64,
    /// The level, as a key for its draw.
    bits: [u32; 2],
}

fn descent(level: f64) -> Descent {
    let (mut low, mut high) = (LOWEST, HIGHEST);
    let mut node = 0;
    let mut splits = Vec::with_capacity(DEPTH as usize);
    for depth in 0..DEPTH {
        let middle = (low + high) / 2.0;
        let (a, m, b) = (low.exp2(), middle.exp2(), high.exp2());
        let upper = level >= m;
        splits.push(Split { node, depth, share: (m - a) / (b - a), deviation: ((m - a) * (b - m) / (b - a)).sqrt(), upper });
        node = node << 1 | u32::from(upper);
        if upper {
            low = middle;
        } else {
            high = middle;
        }
    }
    let (a, b) = (low.exp2(), high.exp2());
    let share = ((level - a) / (b - a)).clamp(0.0, 1.0);
    let bits = level.to_bits();
    Descent { splits, share, deviation: (share * (1.0 - share) * (b - a)).sqrt(), bits: [bits as u32, (bits >> 32) as u32] }
}
