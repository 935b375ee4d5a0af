//! The tiny image decoder (TAESD, of Ollin Boer Bohan): live previews for a fraction of the decoder's work.

use super::compute::Compute;
use super::error::{ModelError, Result};
use super::layer::{Conv2d, Linear};
use super::weights::{Loader, Meter, Part, Registry};
use crate::kernel::Conv;
use candle_core::Tensor;
use std::cell::RefCell;
use std::path::Path;
use weft_weights::checkpoint::Checkpoint;
use weft_weights::progress::Progress;

/// A decoder of latents as the denoiser sees them. Its file is read as the original program writes it (`3.conv.0.weight`) and as diffusers does
/// (`decoder.layers.2.conv.0.weight`).
#[derive(Debug)]
pub struct TinyDecoder {
    compute: Compute,
    layers: Vec<Layer>,
}

#[derive(Debug)]
enum Layer {
    Conv(Conv2d),
    Relu,
    /// Three convolutions beside the input.
    Block(Box<[Conv2d; 3]>, Option<Linear>),
}

impl TinyDecoder {
    /// Reads a decoder.
    ///
    /// # Errors
    /// [`ModelError::NoPart`] when the file holds none; as [`super::Model::load`] for damaged ones.
    pub fn load(path: &Path, compute: &Compute, progress: &dyn Progress) -> Result<Self> {
        let checkpoint = Checkpoint::open(path)?;
        let part = Part::tiny_decoder(&checkpoint).ok_or(ModelError::NoPart { part: "tiny image decoder (TAESD)" })?;
        let (registry, meter) = (RefCell::new(Registry::default()), Meter::new(progress, part.size().0));
        let l = Loader::new(&part, compute, &registry, &meter);
        let mut layers = Vec::new();
        let (mut width, mut doubled) = (l.shape("layers_0")?.get(1).copied().unwrap_or(0), false);
        for i in 0..l.count("layers_") {
            let name = format!("layers_{i}");
            if l.has(&name) {
                let conv = l.conv(&name, width, if doubled { Conv::doubling() } else { Conv::same(3) })?;
                (width, doubled) = (conv.cell.n, false);
                layers.push(Layer::Conv(conv));
                if i == 0 {
                    layers.push(Layer::Relu);
                }
            } else if l.has(&format!("{name}_conv_0")) {
                let conv = |j: usize| l.conv(&format!("{name}_conv_{j}"), width, Conv::same(3));
                let skip = format!("{name}_skip");
                let side = if l.has(&skip) { Some(l.linear(&skip, width)?) } else { None };
                layers.push(Layer::Block(Box::new([conv(0)?, conv(2)?, conv(4)?]), side));
            } else {
                // The first of these is the function behind the first convolution, the others double the picture.
                doubled = i > 1;
            }
        }
        Ok(Self { compute: compute.clone(), layers })
    }

    /// The picture of latents (batch × channels × h × w): batch × 3 × 8h × 8w, −1 to 1 (not clamped).
    ///
    /// # Errors
    /// [`ModelError::Tensor`] when the latents have other channels.
    pub fn decode(&self, latents: &[f32], shape: (usize, usize, usize, usize)) -> Result<Vec<f32>> {
        let bounded: Vec<f32> = latents.iter().map(|v| (v / 3.0).tanh() * 3.0).collect();
        let mut x = self.compute.enter(&bounded, shape)?;
        for layer in &self.layers {
            x = match layer {
                Layer::Conv(conv) => conv.forward(&x, None, None)?,
                Layer::Relu => x.relu()?,
                Layer::Block(convs, side) => self.block(&x, convs, side.as_ref())?,
            };
        }
        Ok(self.compute.leave(&x)?.into_iter().map(|v| 2.0 * v - 1.0).collect())
    }

    fn block(&self, x: &Tensor, convs: &[Conv2d; 3], side: Option<&Linear>) -> Result<Tensor> {
        let y = convs[0].forward(x, None, None)?.relu()?;
        let y = convs[1].forward(&y, None, None)?.relu()?;
        let side = match side {
            None => x.clone(),
            Some(layer) => {
                let (_, h, w, _) = self.compute.dims(x)?;
                self.compute.picture(&layer.forward(&self.compute.tokens(x)?, None)?, h, w)?
            }
        };
        Ok(convs[2].forward(&y, None, Some(&side))?.relu()?)
    }
}
