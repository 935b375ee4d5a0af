//! From a request to a picture: text, noise, sampler, image decoder.

mod guided;
mod preview;
mod request;
mod start;
mod text;

pub use preview::LatentColours;
pub use request::{Edit, Picture, PictureRequest, Start};
pub use text::{ClipTokens, Conditioning, PromptTokens, Weigh, Words};

use super::error::{ModelError, Result};
use super::load::{Denoiser, Model};
use crate::noise::BatchNoise;
use crate::sampler::{self, Plan, Step};
use crate::schedule::{Levels, Prediction, flux_shift, plan};
use guided::Guided;
use std::ops::ControlFlow;
use weft_domain::generation::{Sampler, Schedule};
use weft_weights::progress::{Cancelled, Progress};

/// Largest side of a picture in pixels.
pub const MAX_SIDE: usize = 8192;
/// Most pictures at once.
pub const MAX_BATCH: usize = 64;
/// What to do about a decoder that overflows.
const DECODER: &str = "the image decoder overflows or its file is damaged: work in f32, or give another VAE";

impl Model {
    /// Pixels that the sides of a picture must be multiples of: those of one latent, or of one of Flux's patches of 2 × 2.
    #[must_use]
    pub fn side_step(&self) -> usize {
        match self.denoiser() {
            Denoiser::Unet(_) => self.vae().factor,
            Denoiser::Flux(_) => 2 * self.vae().factor,
        }
    }

    /// What the denoiser predicts.
    #[must_use]
    pub fn prediction(&self) -> Prediction {
        match self.denoiser() {
            Denoiser::Unet(unet) => unet.config.prediction,
            Denoiser::Flux(_) => Prediction::Flow,
        }
    }

    /// Noise levels for a picture of height × width.
    #[must_use]
    pub fn levels(&self, (h, w): (usize, usize)) -> Levels {
        match self.denoiser() {
            Denoiser::Unet(_) => Levels::trained(crate::schedule::Betas::STABLE_DIFFUSION, self.zero_snr()),
            // dev's shift grows with the picture, schnell has none.
            Denoiser::Flux(flux) => {
                let tokens = h / (2 * self.vae().factor) * (w / (2 * self.vae().factor));
                Levels::flow(if flux.is_guided() { flux_shift(tokens) } else { 1.0 }, 10_000)
            }
        }
    }

    fn zero_snr(&self) -> bool {
        let scheduler = self.files().configs().part("scheduler");
        scheduler.get("rescale_betas_zero_snr").and_then(serde_json::Value::as_bool).unwrap_or(false)
    }

    /// The noise levels that a picture visits; `denoise` below 1 for image to image.
    #[must_use]
    pub fn plan(&self, schedule: Schedule, sampler: Sampler, steps: usize, denoise: f64, size: (usize, usize)) -> Vec<f64> {
        plan(&self.levels(size), schedule, sampler, steps, denoise)
    }

    /// Denoised latents (batch × channels × h/8 × w/8) of a request. `watch` sees every step and may end the walk.
    ///
    /// # Errors
    /// [`ModelError::Request`] for what cannot be drawn; [`ModelError::NotFinite`] when the model's numbers overflow; [`ModelError::Cancelled`].
    pub fn paint(
        &mut self,
        request: &PictureRequest<'_>,
        watch: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
        progress: &dyn Progress,
    ) -> Result<Vec<f32>> {
        self.paint_edited(request, &[], watch, progress)
    }

    /// The same with prompts that change on the way.
    ///
    /// # Errors
    /// As [`Self::paint`].
    pub fn paint_edited(
        &mut self,
        request: &PictureRequest<'_>,
        edits: &[Edit<'_>],
        watch: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
        progress: &dyn Progress,
    ) -> Result<Vec<f32>> {
        request::check(self, request)?;
        Cancelled::check(progress)?;
        let (mut x, noise, streams) = start::latents(self, request, progress)?;
        let prediction = self.prediction();
        let Some(first) = request.sigmas.first() else { return Ok(x) };
        let inpaint = start::inpaint(self, request, &x, &noise, progress)?;
        if let Start::Inpaint { blank: true, .. } = request.start {
            x.fill(0.0);
        }
        let all_noise = matches!(request.start, Start::Noise | Start::Inpaint { blank: true, .. });
        prediction.path().add_noise(*first, request.whole_start && all_noise, &mut x, &noise);
        let walk = Plan { sampler: request.sampler, sigmas: &request.sigmas, path: prediction.path(), settings: request.settings };
        let mut streams = BatchNoise(streams);
        let mut guided = Guided::new(self, request, edits, inpaint)?;
        let total = request.sigmas.len().saturating_sub(1) as u64;
        let mut seen = |step: Step<'_>| {
            progress.step(step.index as u64, total, "Painting");
            if progress.cancelled() { ControlFlow::Break(()) } else { watch(step) }
        };
        let ended = sampler::run(&walk, &mut x, &mut guided, &mut streams, &mut seen);
        self.adapters_at(0.0)?;
        ended.map_err(failed)?;
        progress.step(total, total, "Painting");
        Ok(x)
    }

    /// Pictures of denoised latents.
    ///
    /// # Errors
    /// As [`super::Vae::decode`].
    pub fn pictures(&self, latents: &[f32], request: &PictureRequest<'_>, progress: &dyn Progress) -> Result<Vec<Picture>> {
        let (h, w) = request.size;
        let (batch, factor) = (request.noise.len(), self.vae().factor);
        let image = latents.len() / batch.max(1);
        let mut out = Vec::with_capacity(batch);
        for latents in latents.chunks_exact(image.max(1)) {
            Cancelled::check(progress)?;
            let planes = self.vae().decode(latents, (1, h / factor, w / factor), request.tiling, progress)?;
            if planes.iter().any(|v| !v.is_finite()) {
                return Err(ModelError::NotFinite { what: "the picture", when: " after the image decoder".to_owned(), advice: DECODER });
            }
            out.push(Picture::of(&planes, h, w));
        }
        Ok(out)
    }
}

fn failed(error: sampler::Error<ModelError>) -> ModelError {
    match error {
        sampler::Error::Model(error) => error,
        sampler::Error::Cancelled { .. } => ModelError::Cancelled(Cancelled),
        sampler::Error::NotFinite { step, .. } => ModelError::NotFinite {
            what: "the picture",
            when: format!(" at step {}", step + 1),
            advice: "the model or an adapter overflows: lower the adapters' weights or the guidance, or work in f32",
        },
        error @ sampler::Error::Levels { .. } => ModelError::Request(error.to_string()),
    }
}
