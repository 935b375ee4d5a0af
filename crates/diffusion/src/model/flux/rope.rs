//! Rotary position embedding in three coordinates (Su et al. 2021; the pairs are neighbours).

use super::super::compute::{Compute, with};
use super::super::error::Result;
use candle_core::{D, Device, Tensor};

/// Period of the slowest rotation, in positions, over 2π.
const THETA: f64 = 10_000.0;

/// Cosines and sines, positions × half a head.
#[derive(Debug)]
pub(super) struct Rope {
    cos: Vec<f32>,
    sin: Vec<f32>,
    half: usize,
}

impl Rope {
    /// Text tokens stand at the origin, picture tokens at (0, row, column).
    pub(super) fn new(axes: [usize; 3], text: usize, (rows, columns): (usize, usize)) -> Self {
        let picture = (0..rows * columns).map(|i| [0, i / columns, i % columns]);
        let angles: Vec<f64> = std::iter::repeat_n([0, 0, 0], text).chain(picture).flat_map(|at| turns(axes, at)).collect();
        Self {
            cos: angles.iter().map(|a| a.cos() as f32).collect(),
            sin: angles.iter().map(|a| a.sin() as f32).collect(),
            half: axes.iter().sum::<usize>() / 2,
        }
    }

    /// Turns batch × positions × heads·width.
    pub(super) fn turn(&self, compute: &Compute, x: &Tensor, heads: usize) -> Result<Tensor> {
        let (batch, positions, all) = x.dims3()?;
        if compute.own {
            let mut values = with(x, <[f32]>::to_vec)?;
            for (i, token) in values.chunks_exact_mut(all).enumerate() {
                let at = i % positions * self.half;
                let (cos, sin) = (&self.cos[at..at + self.half], &self.sin[at..at + self.half]);
                for head in token.chunks_exact_mut(2 * self.half) {
                    for ((pair, c), s) in head.as_chunks_mut::<2>().0.iter_mut().zip(cos).zip(sin) {
                        *pair = [pair[0] * c - pair[1] * s, pair[1] * c + pair[0] * s];
                    }
                }
            }
            return Ok(Tensor::from_vec(values, (batch, positions, all), &Device::Cpu)?);
        }
        let pairs = x.reshape((batch, positions, heads, self.half, 2))?;
        let part = |i: usize| -> Result<Tensor> { Ok(pairs.narrow(D::Minus1, i, 1)?.squeeze(D::Minus1)?) };
        let table = |v: &[f32]| compute.tensor(v, &[1, positions, 1, self.half]);
        let (a, b, cos, sin) = (part(0)?, part(1)?, table(&self.cos)?, table(&self.sin)?);
        let one = (a.broadcast_mul(&cos)? - b.broadcast_mul(&sin)?)?;
        let two = (b.broadcast_mul(&cos)? + a.broadcast_mul(&sin)?)?;
        Ok(Tensor::stack(&[one, two], D::Minus1)?.reshape((batch, positions, all))?)
    }
}

fn turns(axes: [usize; 3], at: [usize; 3]) -> impl Iterator<Item = f64> {
    axes.into_iter().zip(at).flat_map(|(width, at)| (0..width / 2).map(move |i| at as f64 * THETA.powf(-2.0 * i as f64 / width as f64)))
}
