//! The image encoder and decoder: pictures of h × w to latents of h/8 × w/8 and back (with four levels).

mod tile;

pub use tile::Tiling;

use super::compute::Compute;
use super::config::Config;
use super::error::{ModelError, Result};
use super::layer::{Conv2d, Linear};
use super::norm::{GroupNorm, attend};
use super::resnet::Resnet;
use super::weights::Loader;
use crate::kernel::{Conv, Mask};
use candle_core::Tensor;
use weft_weights::family::Family;
use weft_weights::progress::Progress;

/// Epsilon of its norms.
const EPSILON: f64 = 1e-6;

/// A KL autoencoder.
#[derive(Debug)]
pub struct Vae {
    compute: Compute,
    encoder: Option<Encoder>,
    decoder: Decoder,
    /// Latents as denoisers see them are (mean − shift)·scale.
    pub scale: f64,
    pub shift: f64,
    /// Latent channels.
    pub channels: usize,
    /// Pixels along one side of a latent.
    pub factor: usize,
}

#[derive(Debug)]
struct Encoder {
    conv_in: Conv2d,
    levels: Vec<(Vec<Resnet>, Option<Conv2d>)>,
    mid: Mid,
    norm: GroupNorm,
    conv_out: Conv2d,
    quant: Option<Linear>,
}

#[derive(Debug)]
struct Decoder {
    quant: Option<Linear>,
    conv_in: Conv2d,
    mid: Mid,
    levels: Vec<(Vec<Resnet>, Option<Conv2d>)>,
    norm: GroupNorm,
    conv_out: Conv2d,
}

#[derive(Debug)]
struct Mid {
    first: Resnet,
    attention: Option<Attention>,
    second: Resnet,
}

#[derive(Debug)]
struct Attention {
    norm: GroupNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
}

impl Vae {
    /// `encoder`: false leaves the encoder out; only image to image and inpainting need it.
    pub(crate) fn load(l: &Loader<'_>, config: Config<'_>, family: Family, encoder: bool) -> Result<Self> {
        let groups = config.count("norm_num_groups").unwrap_or(32);
        let decoder = Decoder::load(l, groups)?;
        let encoder = if encoder && l.has("encoder_conv_in") { Some(Encoder::load(l, groups)?) } else { None };
        let channels = decoder.conv_in.cell.channels;
        let (scale, shift) = match family {
            Family::Sdxl => (0.13025, 0.0),
            Family::Flux1 => (0.3611, 0.1159),
            _ => (0.18215, 0.0),
        };
        let factor = 1 << decoder.levels.iter().filter(|l| l.1.is_some()).count();
        Ok(Self {
            compute: l.compute.clone(),
            encoder,
            decoder,
            scale: config.number("scaling_factor").filter(|s| *s != 0.0).unwrap_or(scale),
            shift: config.number("shift_factor").unwrap_or(shift),
            channels,
            factor,
        })
    }

    /// The picture of denoised latents (batch × channels × h × w): batch × 3 × factor·h × factor·w, −1 to 1 (not clamped).
    ///
    /// # Errors
    /// [`ModelError::NotFinite`] when the answer is no picture, [`ModelError::Cancelled`] between two tiles.
    pub fn decode(
        &self,
        latents: &[f32],
        shape: (usize, usize, usize),
        tiling: Option<Tiling>,
        progress: &dyn Progress,
    ) -> Result<Vec<f32>> {
        let raw: Vec<f32> = latents.iter().map(|v| (f64::from(*v) / self.scale + self.shift) as f32).collect();
        let one = |x: &[f32], (b, h, w): (usize, usize, usize)| -> Result<Vec<f32>> {
            let x = self.compute.enter(x, (b, self.channels, h, w))?;
            self.compute.leave(&self.decoder.forward(&self.compute, &x)?)
        };
        let out = match tiling {
            Some(tiling) => tile::decode(&raw, self.channels, shape, self.factor, tiling, progress, one)?,
            None => one(&raw, shape)?,
        };
        check(&out, "the decoded picture")?;
        Ok(out)
    }

    /// The latents of a picture (batch × 3 × h × w, −1 to 1; sides that the factor divides): the mean, shifted and scaled, or with `noise`
    /// (shape of the latents) a sample.
    ///
    /// # Errors
    /// [`ModelError::NoPart`] when the model has no encoder.
    pub fn encode(
        &self,
        pixels: &[f32],
        shape: (usize, usize, usize),
        noise: Option<&[f32]>,
        tiling: Option<Tiling>,
        progress: &dyn Progress,
    ) -> Result<Vec<f32>> {
        let encoder = self.encoder.as_ref().ok_or(ModelError::NoPart { part: "image encoder (VAE)" })?;
        if !shape.1.is_multiple_of(self.factor) || !shape.2.is_multiple_of(self.factor) || shape.1 * shape.2 == 0 {
            return Err(ModelError::Request(format!("the sides of a picture must be multiples of {}", self.factor)));
        }
        let one = |x: &[f32], (b, h, w): (usize, usize, usize)| -> Result<Vec<f32>> {
            let x = self.compute.enter(x, (b, 3, h, w))?;
            self.compute.leave(&encoder.forward(&self.compute, &x)?)
        };
        let moments = match tiling {
            Some(tiling) => tile::encode(pixels, shape, self.factor, 2 * self.channels, tiling, progress, one)?,
            None => one(pixels, shape)?,
        };
        check(&moments, "the encoded picture")?;
        let image = self.channels * (shape.1 / self.factor) * (shape.2 / self.factor);
        let mut out = Vec::with_capacity(shape.0 * image);
        for (i, moments) in moments.chunks_exact(2 * image).enumerate() {
            let (mean, log_variance) = moments.split_at(image);
            let noise = noise.and_then(|n| n.get(i * image..(i + 1) * image));
            let sample = |j: usize| noise.map_or(0.0, |n| n[j] * (0.5 * log_variance[j].clamp(-30.0, 20.0)).exp());
            out.extend(mean.iter().enumerate().map(|(j, m)| ((f64::from(m + sample(j)) - self.shift) * self.scale) as f32));
        }
        Ok(out)
    }

    /// True with an encoder.
    #[must_use]
    pub fn can_encode(&self) -> bool {
        self.encoder.is_some()
    }
}

fn check(values: &[f32], what: &'static str) -> Result<()> {
    if values.iter().all(|v| v.is_finite()) {
        return Ok(());
    }
    let advice = "the image decoder overflows in half precision: choose f32 or bf16 for it, or another VAE";
    Err(ModelError::NotFinite { what, when: String::new(), advice })
}

impl Decoder {
    fn load(l: &Loader<'_>, groups: usize) -> Result<Self> {
        let inputs = l.shape("decoder_conv_in")?.get(1).copied().unwrap_or(0);
        let quant = if l.has("post_quant_conv") { Some(l.linear("post_quant_conv", inputs)?) } else { None };
        let l = l.at("decoder");
        let conv_in = l.conv("conv_in", inputs, Conv::same(3))?;
        let mut width = conv_in.cell.n;
        let mid = Mid::load(&l.at("mid_block"), width, groups)?;
        let mut levels = Vec::new();
        for level in 0..l.count("up_blocks_") {
            let l = l.at(format!("up_blocks_{level}"));
            let resnets = resnets(&l, &mut width, groups)?;
            let how = Conv::doubling();
            let larger = if l.has("upsamplers_0_conv") { Some(l.conv("upsamplers_0_conv", width, how)?) } else { None };
            levels.push((resnets, larger));
        }
        let norm = l.group_norm("conv_norm_out", width, groups, EPSILON)?;
        Ok(Self { quant, conv_in, mid, levels, norm, conv_out: l.conv("conv_out", width, Conv::same(3))? })
    }

    fn forward(&self, compute: &Compute, x: &Tensor) -> Result<Tensor> {
        let x = pointwise(compute, self.quant.as_ref(), x)?;
        let mut x = self.mid.forward(compute, &self.conv_in.forward(&x, None, None)?)?;
        for (resnets, larger) in &self.levels {
            for resnet in resnets {
                x = resnet.forward(&x, None)?;
            }
            if let Some(larger) = larger {
                x = larger.forward(&x, None, None)?;
            }
        }
        self.conv_out.forward(&self.norm.forward(&x, true)?, None, None)
    }
}

impl Encoder {
    fn load(l: &Loader<'_>, groups: usize) -> Result<Self> {
        let e = l.at("encoder");
        let conv_in = e.conv("conv_in", 3, Conv::same(3))?;
        let mut width = conv_in.cell.n;
        let mut levels = Vec::new();
        for level in 0..e.count("down_blocks_") {
            let l = e.at(format!("down_blocks_{level}"));
            let resnets = resnets(&l, &mut width, groups)?;
            // Zeros below and right only.
            let how = Conv::halving(0);
            let smaller = if l.has("downsamplers_0_conv") { Some(l.conv("downsamplers_0_conv", width, how)?) } else { None };
            levels.push((resnets, smaller));
        }
        let mid = Mid::load(&e.at("mid_block"), width, groups)?;
        let norm = e.group_norm("conv_norm_out", width, groups, EPSILON)?;
        let conv_out = e.conv("conv_out", width, Conv::same(3))?;
        let quant = if l.has("quant_conv") { Some(l.linear("quant_conv", conv_out.cell.n)?) } else { None };
        Ok(Self { conv_in, levels, mid, norm, conv_out, quant })
    }

    fn forward(&self, compute: &Compute, x: &Tensor) -> Result<Tensor> {
        let mut x = self.conv_in.forward(x, None, None)?;
        for (resnets, smaller) in &self.levels {
            for resnet in resnets {
                x = resnet.forward(&x, None)?;
            }
            if let Some(smaller) = smaller {
                x = smaller.forward(&x, None, None)?;
            }
        }
        let x = self.mid.forward(compute, &x)?;
        let x = self.conv_out.forward(&self.norm.forward(&x, true)?, None, None)?;
        pointwise(compute, self.quant.as_ref(), &x)
    }
}

fn resnets(l: &Loader<'_>, width: &mut usize, groups: usize) -> Result<Vec<Resnet>> {
    let mut out = Vec::new();
    for j in 0..l.count("resnets_") {
        let resnet = Resnet::load(&l.at(format!("resnets_{j}")), *width, None, groups, EPSILON)?;
        *width = resnet.width();
        out.push(resnet);
    }
    Ok(out)
}

fn pointwise(compute: &Compute, layer: Option<&Linear>, x: &Tensor) -> Result<Tensor> {
    let Some(layer) = layer else { return Ok(x.clone()) };
    let (_, h, w, _) = compute.dims(x)?;
    compute.picture(&layer.forward(&compute.tokens(x)?, None)?, h, w)
}

impl Mid {
    fn load(l: &Loader<'_>, width: usize, groups: usize) -> Result<Self> {
        let a = l.at("attentions_0");
        let attention = if a.has("to_q") {
            let linear = |name: &str| a.linear(name, width);
            let norm = a.group_norm("group_norm", width, groups, EPSILON)?;
            Some(Attention { norm, q: linear("to_q")?, k: linear("to_k")?, v: linear("to_v")?, out: linear("to_out_0")? })
        } else {
            None
        };
        let resnet = |i: usize| Resnet::load(&l.at(format!("resnets_{i}")), width, None, groups, EPSILON);
        Ok(Self { first: resnet(0)?, attention, second: resnet(1)? })
    }

    fn forward(&self, compute: &Compute, x: &Tensor) -> Result<Tensor> {
        let mut x = self.first.forward(x, None)?;
        if let Some(a) = &self.attention {
            let (_, h, w, c) = compute.dims(&x)?;
            let y = compute.tokens(&a.norm.forward(&x, false)?)?;
            let (q, k, v) = (a.q.forward(&y, None)?, a.k.forward(&y, None)?, a.v.forward(&y, None)?);
            let y = attend(compute, &q, &k, &v, 1, 1.0 / (c as f32).sqrt(), Mask::All)?;
            x = compute.picture(&a.out.forward(&y, Some(&compute.tokens(&x)?))?, h, w)?;
        }
        self.second.forward(&x, None)
    }
}
