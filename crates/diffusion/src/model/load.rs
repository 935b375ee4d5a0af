//! A model in memory.

use super::adapter::Applied;
use super::clip::{ClipText, Encoded, Take};
use super::compute::Compute;
use super::error::{ModelError, Result};
use super::flux::Flux;
use super::t5::T5;
use super::unet::{Unet, UnetConfig};
use super::vae::Vae;
use super::weights::{Loader, Meter, ModelFiles, Part, Registry};
use candle_core::{DType, Device};
use std::cell::RefCell;
use weft_weights::family::Family;
use weft_weights::progress::Progress;

/// How a model is loaded.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    pub compute: Compute,
    /// With the image encoder, for image to image and inpainting.
    pub encoder: bool,
    /// Most bytes that weights and work may take; None: no limit.
    pub budget: Option<u64>,
    /// Size of the pictures that the work is estimated for: height and width in pixels. (0, 0): the family's usual size.
    pub size: (usize, usize),
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { compute: Compute::processor(), encoder: true, budget: None, size: (0, 0) }
    }
}

/// The network that takes noise away.
#[derive(Debug)]
pub enum Denoiser {
    Unet(Box<Unet>),
    Flux(Box<Flux>),
}

/// Memory that a model takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Footprint {
    pub weights: u64,
    /// About what one picture takes beside them, with the decoder working by tiles.
    pub work: u64,
    /// The same with the decoder working on the whole picture.
    pub work_whole: u64,
}

/// A loaded model.
#[derive(Debug)]
pub struct Model {
    pub(super) files: ModelFiles,
    family: Family,
    pub(super) compute: Compute,
    clip: Vec<ClipText>,
    t5: Option<T5>,
    denoiser: Denoiser,
    vae: Vae,
    footprint: Footprint,
    pub(super) registry: Registry,
    pub(super) applied: Applied,
}

impl ModelFiles {
    /// What the model will take, from the headers alone.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`], [`ModelError::NoPart`].
    pub fn footprint(&self, options: &LoadOptions) -> Result<Footprint> {
        let family = self.family()?;
        let mut elements = 0;
        for part in self.parts(family)? {
            elements += part.size().0;
        }
        let vae = self.vae()?;
        let each = options.compute.dtype.size_in_bytes() as u64;
        let weights = elements * each + vae.size().0 * vae_compute(&options.compute).dtype.size_in_bytes() as u64;
        let (h, w) = if options.size == (0, 0) { usual_size(family) } else { options.size };
        let width = |part: &Part<'_>, path: &str| part.shape(path).and_then(|s| s.first().copied()).unwrap_or(0) as u64;
        let denoiser = self.denoiser();
        let (pixels, latents) = ((h * w) as u64, (h / 8 * (w / 8)) as u64);
        // Two pictures at once (with and without the prompt); about 16 maps of the first level are alive at the widest place of a UNet, 24
        // token-wide rows at that of Flux.
        let network = match family {
            Family::Flux1 => latents / 4 * width(&denoiser, "img_in") * 24 * each,
            _ => 2 * latents * width(&denoiser, "conv_in") * 16 * each,
        };
        // Four maps of the last level are alive in the decoder.
        let decoder = |pixels: u64| pixels * width(&vae, "decoder_conv_norm_out").max(1) * 4 * 4;
        Ok(Footprint { weights, work: network.max(decoder(pixels.min(512 * 512))), work_whole: network.max(decoder(pixels)) })
    }

    /// Pixels that the sides of a picture must be multiples of, from the headers alone: see [`Model::side_step`].
    ///
    /// # Errors
    /// [`ModelError::Unsupported`], [`ModelError::NoPart`].
    pub fn side_step(&self) -> Result<usize> {
        let vae = self.vae()?;
        let doublings = (0..8).filter(|i| vae.has(&format!("decoder_up_blocks_{i}_upsamplers_0_conv"))).count();
        Ok(1 << (doublings + usize::from(self.family()? == Family::Flux1)))
    }

    /// Pixels whose multiples are halved without a remainder down to the bottom of the denoiser: [`Model::side_step`] times its halvings.
    ///
    /// # Errors
    /// As [`Self::side_step`].
    pub fn even_step(&self) -> Result<usize> {
        let halvings = if self.family()? == Family::Flux1 { 0 } else { self.denoiser().count("down_blocks_").clamp(1, 8) - 1 };
        Ok(self.side_step()? << halvings)
    }

    /// Denoiser and text encoders.
    fn parts(&self, family: Family) -> Result<Vec<Part<'_>>> {
        let mut parts = vec![self.denoiser(), self.clip(1)?];
        match family {
            Family::Sdxl => parts.push(self.clip(2)?),
            Family::Flux1 => parts.push(self.t5()?),
            _ => {}
        }
        Ok(parts)
    }
}

/// Height and width that a family is made for.
#[must_use]
pub fn usual_size(family: Family) -> (usize, usize) {
    match family {
        Family::Sdxl | Family::Flux1 => (1024, 1024),
        _ => (512, 512),
    }
}

/// The image decoder overflows in f16: there it works in f32.
fn vae_compute(compute: &Compute) -> Compute {
    Compute { dtype: if compute.dtype == DType::F16 { DType::F32 } else { compute.dtype }, ..compute.clone() }
}

impl Model {
    /// Loads all networks of a model.
    ///
    /// # Errors
    /// [`ModelError::Budget`] before anything is read; [`ModelError::Missing`], [`ModelError::Shape`], [`ModelError::NotFinite`] for files that
    /// are no sound model; [`ModelError::Cancelled`] between two tensors.
    pub fn load(files: ModelFiles, options: &LoadOptions, progress: &dyn Progress) -> Result<Self> {
        let family = files.family()?;
        let footprint = files.footprint(options)?;
        check_budget(&footprint, options, family)?;
        if options.compute.own && !(matches!(options.compute.device, Device::Cpu) && options.compute.dtype == DType::F32) {
            return Err(ModelError::Unsupported("this crate's kernels work in f32 on the processor".to_owned()));
        }
        let total = files.parts(family)?.iter().map(|p| p.size().0).sum::<u64>() + files.vae()?.size().0;
        let meter = Meter::new(progress, total);
        let registry = RefCell::new(Registry::default());
        let (clip, t5, denoiser, vae) = {
            let configs = files.configs();
            let load = |part: &Part<'_>, second: bool| {
                let config = configs.part(if second { "text_encoder_2" } else { "text_encoder" });
                ClipText::load(&Loader::new(part, &options.compute, &registry, &meter), config, second)
            };
            let mut clip = vec![load(&files.clip(1)?, false)?];
            if family == Family::Sdxl {
                clip.push(load(&files.clip(2)?, true)?);
            }
            let part = files.denoiser();
            let l = Loader::new(&part, &options.compute, &registry, &meter);
            let (t5, denoiser) = if family == Family::Flux1 {
                let part = files.t5()?;
                let t5 = T5::load(&Loader::new(&part, &options.compute, &registry, &meter), configs.part("text_encoder_2"))?;
                (Some(t5), Denoiser::Flux(Box::new(Flux::load(&l, configs.part("transformer"))?)))
            } else {
                let stated = files.checkpoint().model().prediction.as_deref();
                let config = UnetConfig::read(&l, configs.part("unet"), configs.part("scheduler"), family, stated)?;
                (None, Denoiser::Unet(Box::new(Unet::load(&l, config)?)))
            };
            let (part, compute) = (files.vae()?, vae_compute(&options.compute));
            let vae = Vae::load(&Loader::new(&part, &compute, &registry, &meter), configs.part("vae"), family, options.encoder)?;
            (clip, t5, denoiser, vae)
        };
        let (registry, compute) = (registry.into_inner(), options.compute.clone());
        Ok(Self { files, family, compute, clip, t5, denoiser, vae, footprint, registry, applied: Applied::default() })
    }

    /// What model it is.
    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// Its files.
    #[must_use]
    pub fn files(&self) -> &ModelFiles {
        &self.files
    }

    /// Its memory.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        self.footprint
    }

    /// Its CLIP text encoders: one, or two for SDXL.
    #[must_use]
    pub fn clip(&self) -> &[ClipText] {
        &self.clip
    }

    /// Flux's T5.
    #[must_use]
    pub fn t5(&self) -> Option<&T5> {
        self.t5.as_ref()
    }

    /// Its denoiser.
    #[must_use]
    pub fn denoiser(&self) -> &Denoiser {
        &self.denoiser
    }

    /// Its image encoder and decoder.
    #[must_use]
    pub fn vae(&self) -> &Vae {
        &self.vae
    }

    /// The `n`-th CLIP encoder's answer, by the rule of the family: `skip` 1 takes the last layer that the family uses.
    ///
    /// # Errors
    /// As [`ClipText::encode`].
    pub fn encode_clip(&self, n: usize, sequences: &[&[u32]], extra: &[Vec<f32>], skip: usize) -> Result<Encoded> {
        let encoder = self.clip.get(n).ok_or(ModelError::NoPart { part: "second text encoder" })?;
        let take = match self.family {
            // SDXL reads the last layer but one, without the final norm.
            Family::Sdxl => Take { layer: skip + 1, norm: false },
            // So does SD 2, with the norm; diffusers' folders leave the last layer out.
            Family::Sd2 => Take { layer: skip + usize::from(encoder.layers() == 24), norm: true },
            _ => Take { layer: skip, norm: true },
        };
        encoder.encode(sequences, extra, take)
    }
}

fn check_budget(footprint: &Footprint, options: &LoadOptions, family: Family) -> Result<()> {
    let Some(budget) = options.budget.filter(|b| footprint.weights.saturating_add(footprint.work) > *b) else { return Ok(()) };
    let advice = if footprint.weights > budget {
        let smaller = if family == Family::Flux1 { "an SDXL or SD 1.5 model" } else { "a smaller model" };
        format!("choose {smaller}, a machine with more memory, or a larger limit")
    } else {
        "choose a smaller picture or a larger limit".to_owned()
    };
    Err(ModelError::Budget { weights: footprint.weights, work: footprint.work, budget, advice })
}

impl Model {
    /// Latents (batch × channels × height × width) in the order that the denoiser works with.
    ///
    /// # Errors
    /// [`ModelError::Tensor`].
    pub fn enter(&self, values: &[f32], shape: (usize, usize, usize, usize)) -> Result<candle_core::Tensor> {
        self.compute.enter(values, shape)
    }

    /// The inverse of [`Self::enter`].
    ///
    /// # Errors
    /// [`ModelError::Tensor`].
    pub fn leave(&self, x: &candle_core::Tensor) -> Result<Vec<f32>> {
        self.compute.leave(x)
    }
}
