//! Quick looks at latents: one matrix from latent channels to red, green and blue, measured at the model's own decoder.

use super::super::error::Result;
use super::super::load::Model;
use super::request::Picture;
use crate::noise::{Noise, TorchNormal};
use weft_weights::progress::Silent;

/// Side of the latents that the decoder is measured with.
const SIDE: usize = 16;
/// Ridge of the fit, relative to the number of samples: latents of one sample are alike.
const RIDGE: f64 = 1e-3;

/// The line from a latent's channels to a colour.
#[derive(Debug, Clone, PartialEq)]
pub struct LatentColours {
    /// Channels + 1 (the constant) rows of red, green, blue.
    rows: Vec<[f64; 3]>,
}

impl LatentColours {
    /// Fits the matrix by least squares: smooth random latents are decoded, and each latent is paired with the mean colour of its pixels.
    ///
    /// # Errors
    /// As [`super::super::Vae::decode`].
    pub fn measure(model: &Model) -> Result<Self> {
        let (channels, factor) = (model.vae().channels, model.vae().factor);
        let latents = smooth(channels);
        let picture = model.vae().decode(&latents, (1, SIDE, SIDE), None, &Silent)?;
        let (plane, side) = (SIDE * SIDE, SIDE * factor);
        let mut normal = vec![vec![0.0; channels + 4]; channels + 1];
        for at in 0..plane {
            let (y, x) = (at / SIDE, at % SIDE);
            let mut row: Vec<f64> = (0..channels).map(|c| f64::from(latents[c * plane + at])).collect();
            row.push(1.0);
            for c in 0..3 {
                let pixels = (0..factor * factor).map(|i| picture[(c * side + y * factor + i / factor) * side + x * factor + i % factor]);
                row.push(pixels.map(f64::from).sum::<f64>() / (factor * factor) as f64);
            }
            for (i, line) in normal.iter_mut().enumerate() {
                line.iter_mut().zip(&row).for_each(|(n, v)| *n += row[i] * v);
            }
        }
        (0..channels).for_each(|i| normal[i][i] += RIDGE * plane as f64);
        Ok(Self { rows: solve(normal) })
    }

    /// A picture of one pixel per latent; `latents` are channels × height × width.
    #[must_use]
    pub fn picture(&self, latents: &[f32], height: usize, width: usize) -> Picture {
        let plane = height * width;
        let mut planes = vec![0.0; 3 * plane];
        for (at, c) in (0..plane).flat_map(|at| (0..3).map(move |c| (at, c))) {
            let channels = self.rows.len() - 1;
            let sum: f64 = (0..channels).map(|i| self.rows[i][c] * f64::from(latents[i * plane + at])).sum();
            planes[c * plane + at] = (sum + self.rows[channels][c]) as f32;
        }
        Picture::of(&planes, height, width)
    }
}

/// Noise of a few sizes of blots, each channel of variance about 1.
fn smooth(channels: usize) -> Vec<f32> {
    let mut source = TorchNormal::new(7);
    let mut out = vec![0.0f32; channels * SIDE * SIDE];
    for block in [2usize, 4, 8] {
        let side = SIDE / block;
        let mut values = vec![0.0; channels * side * side];
        source.next(&mut values);
        for (i, o) in out.iter_mut().enumerate() {
            let (c, y, x) = (i / (SIDE * SIDE), i / SIDE % SIDE / block, i % SIDE / block);
            *o += values[(c * side + y) * side + x] / 3f32.sqrt();
        }
    }
    out
}

/// Solves the normal equations (n rows of n + 3) by elimination with pivots.
fn solve(mut m: Vec<Vec<f64>>) -> Vec<[f64; 3]> {
    let n = m.len();
    for i in 0..n {
        let pivot = (i..n).max_by(|a, b| m[*a][i].abs().total_cmp(&m[*b][i].abs())).unwrap_or(i);
        m.swap(i, pivot);
        let head = m[i].clone();
        if head[i].abs() < 1e-12 {
            continue;
        }
        for (_, row) in m.iter_mut().enumerate().filter(|(j, _)| *j != i) {
            let factor = row[i] / head[i];
            row.iter_mut().zip(&head).for_each(|(r, h)| *r -= factor * h);
        }
    }
    (0..n).map(|i| std::array::from_fn(|c| if m[i][i].abs() < 1e-12 { 0.0 } else { m[i][n + c] / m[i][i] })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_solved() {
        let rows = solve(vec![vec![0.0, 2.0, 4.0, 2.0, 0.0], vec![3.0, 0.0, 3.0, 6.0, 9.0]]);
        assert_eq!(rows, [[1.0, 2.0, 3.0], [2.0, 1.0, 0.0]]);
    }
}
