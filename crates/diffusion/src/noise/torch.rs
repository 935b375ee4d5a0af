//! Normal numbers as PyTorch's CPU generator draws them in `torch.randn(n, dtype=float32)`.
//!
//! Checked against torch 2.15. Under 16 numbers and from 16 numbers on PyTorch takes two different ways, so the size of a draw is part
//! of the stream: two draws equal one large draw only when both sizes are multiples of 16.

use super::{Mt19937, Noise};
use std::f64::consts::TAU;

const BLOCK: usize = 16;
/// A double has 53 bits of mantissa, a float 24.
const F64_BITS: u64 = (1 << 53) - 1;
const F32_BITS: u32 = (1 << 24) - 1;

/// `torch.Generator().manual_seed(seed)` and the `randn` calls after it.
#[derive(Debug, Clone)]
pub struct TorchNormal {
    engine: Mt19937,
    /// Second number of the last Box-Muller pair; PyTorch keeps it between small draws.
    spare: Option<f64>,
}

impl TorchNormal {
    /// The stream of `seed`. PyTorch's engine takes its low 32 bits only: `seed` and `seed + 2³²` give the same numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { engine: Mt19937::new(seed as u32), spare: None }
    }

    /// Uniform in [0, 1) from 53 of 64 bits, the first 32 of which are the high half.
    fn uniform_f64(&mut self) -> f64 {
        let high = u64::from(self.engine.next_u32());
        let low = u64::from(self.engine.next_u32());
        ((high << 32 | low) & F64_BITS) as f64 / (F64_BITS + 1) as f64
    }

    /// Uniform in [0, 1) from 24 of 32 bits.
    fn uniform_f32(&mut self) -> f32 {
        (self.engine.next_u32() & F32_BITS) as f32 / (F32_BITS + 1) as f32
    }

    /// One number of a small draw: Box-Muller in doubles, cosine first.
    fn one(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let u1 = self.uniform_f64();
        let u2 = self.uniform_f64();
        let radius = (-2.0 * (-u2).ln_1p()).sqrt();
        let (sin, cos) = (TAU * u1).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }
}

/// Turns 16 uniforms into 16 normals: number j and number j + 8 make a pair. The logarithm and the angle's functions are taken in
/// doubles and rounded, so that every machine gives the same; PyTorch's vector code is up to 4 units in the last place away.
fn box_muller(block: &mut [f32]) {
    let (left, right) = block.split_at_mut(BLOCK / 2);
    for (a, b) in left.iter_mut().zip(right) {
        let radius = (-2.0 * f64::from(1.0 - *a).ln()).sqrt();
        let (sin, cos) = f64::from(std::f32::consts::TAU * *b).sin_cos();
        *a = (radius * cos) as f32;
        *b = (radius * sin) as f32;
    }
}

impl Noise for TorchNormal {
    fn next(&mut self, out: &mut [f32]) {
        let n = out.len();
        if n < BLOCK {
            out.iter_mut().for_each(|x| *x = self.one() as f32);
            return;
        }
        out.iter_mut().for_each(|x| *x = self.uniform_f32());
        out.chunks_exact_mut(BLOCK).for_each(box_muller);
        // A tail of less than a block: the last 16 places are drawn anew and overwritten.
        if !n.is_multiple_of(BLOCK) {
            let tail = &mut out[n - BLOCK..];
            tail.iter_mut().for_each(|x| *x = self.uniform_f32());
            box_muller(tail);
        }
    }
}
