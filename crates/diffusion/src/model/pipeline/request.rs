//! What is asked for, and whether it can be.

use super::super::error::{ModelError, Result};
use super::super::load::Model;
use super::super::vae::Tiling;
use super::text::Conditioning;
use super::{MAX_BATCH, MAX_SIDE};
use crate::noise::Recipe;
use crate::sampler::Settings;
use weft_domain::generation::Sampler;

/// What a picture begins with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start<'a> {
    /// Noise alone.
    Noise,
    /// A picture: 3 × height × width, −1 to 1.
    Image(&'a [f32]),
    /// Denoised latents of one picture, channels × height/8 × width/8.
    Latents(&'a [f32]),
    /// A picture of which a part is painted anew.
    Inpaint {
        image: &'a [f32],
        /// Its latents, where they are known; else it is encoded.
        latents: Option<&'a [f32]>,
        /// height × width, 1 where paint goes, 0 where the picture stays.
        mask: &'a [f32],
        /// Paint on nothing but noise: nothing of what was there shines through. For a denoising strength of 1.
        blank: bool,
    },
}

/// A picture, or several of one prompt.
#[derive(Debug, Clone)]
pub struct PictureRequest<'a> {
    pub positive: &'a Conditioning,
    /// Not needed at a guidance (`cfg`) of 1.
    pub negative: Option<&'a Conditioning>,
    /// Height and width in pixels.
    pub size: (usize, usize),
    /// One per picture.
    pub noise: Vec<Recipe>,
    pub start: Start<'a>,
    pub sampler: Sampler,
    /// Falling noise levels, as [`Model::plan`] makes them.
    pub sigmas: Vec<f64>,
    pub settings: Settings,
    /// Classifier-free guidance; 1: none.
    pub cfg: f64,
    /// Share by which the guided answer gets the spread of the unguided one back.
    pub rescale: f64,
    /// Guidance that Flux dev takes as an input.
    pub guidance: f64,
    /// SDXL: original height and width, top and left of the crop, target height and width. None: the picture's size, uncropped.
    pub sizes: Option<[f32; 6]>,
    /// Start noise of size √(1 + σ²), as ComfyUI, instead of σ, as A1111.
    pub whole_start: bool,
    /// Time steps as whole numbers, as ComfyUI; else between two, as A1111 and diffusers.
    pub whole_steps: bool,
    /// The image decoder works by tiles.
    pub tiling: Option<Tiling>,
}

/// Prompts that take the place of the request's own from a step on, until the next edit.
#[derive(Debug, Clone, Copy)]
pub struct Edit<'a> {
    /// From 0, in the order of the list.
    pub step: usize,
    pub positive: &'a Conditioning,
    /// As in [`PictureRequest::negative`].
    pub negative: Option<&'a Conditioning>,
}

/// A finished picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub height: usize,
    pub width: usize,
    /// Row by row, red, green, blue.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// From planes of −1 to 1: 3 × height × width.
    ///
    /// # Panics
    /// When `planes` is shorter.
    #[must_use]
    pub fn of(planes: &[f32], height: usize, width: usize) -> Self {
        let plane = height * width;
        let level = |v: f32| ((v * 0.5 + 0.5).clamp(0.0, 1.0) * 255.0).round() as u8;
        let rgb = (0..plane).flat_map(|i| (0..3).map(move |c| c * plane + i)).map(|i| level(planes[i])).collect();
        Self { height, width, rgb }
    }
}

/// Refuses what cannot be drawn.
pub(super) fn check(model: &Model, request: &PictureRequest<'_>) -> Result<()> {
    let wrong = |why: String| Err(ModelError::Request(why));
    let ((h, w), step) = (request.size, model.side_step());
    if h == 0 || w == 0 || h > MAX_SIDE || w > MAX_SIDE || !h.is_multiple_of(step) || !w.is_multiple_of(step) {
        let near = |side: usize| side.clamp(step, MAX_SIDE).next_multiple_of(step).min(MAX_SIDE / step * step);
        return wrong(format!(
            "a picture of {w}×{h} pixels cannot be made; sides are multiples of {step} up to {MAX_SIDE}, the nearest is {}×{}",
            near(w),
            near(h)
        ));
    }
    if request.noise.is_empty() || request.noise.len() > MAX_BATCH {
        return wrong(format!("{} pictures at once are not between 1 and {MAX_BATCH}", request.noise.len()));
    }
    if !request.cfg.is_finite() || !request.rescale.is_finite() || !request.guidance.is_finite() {
        return wrong("guidance must be a number".to_owned());
    }
    match request.start {
        Start::Noise => Ok(()),
        Start::Image(image) => check_image(image, h, w),
        Start::Latents(latents) => check_latents(model, latents, h, w),
        Start::Inpaint { image, latents, mask, .. } => {
            check_image(image, h, w)?;
            latents.map_or(Ok(()), |l| check_latents(model, l, h, w))?;
            if mask.len() == h * w && mask.iter().all(|m| (0.0..=1.0).contains(m)) {
                return Ok(());
            }
            wrong(format!("the mask must have {h}×{w} values from 0 to 1"))
        }
    }
}

fn check_image(image: &[f32], h: usize, w: usize) -> Result<()> {
    if image.len() == 3 * h * w && image.iter().all(|v| v.is_finite()) {
        return Ok(());
    }
    Err(ModelError::Request(format!("the picture to begin with must have 3×{h}×{w} finite values, but has {}", image.len())))
}

fn check_latents(model: &Model, latents: &[f32], h: usize, w: usize) -> Result<()> {
    let (channels, factor) = (model.vae().channels, model.vae().factor);
    if latents.len() == channels * (h / factor) * (w / factor) && latents.iter().all(|v| v.is_finite()) {
        return Ok(());
    }
    Err(ModelError::Request(format!(
        "latents must have {channels}×{}×{} finite values, but there are {}",
        h / factor,
        w / factor,
        latents.len()
    )))
}
