//! What all samplers share: the model, the noise, the levels, and the checks between two steps.

use super::Plan;
use super::mix::{combine, mix};
use super::rules::Ancestral;
use crate::noise::Noise;
use crate::schedule::Path;
use std::ops::ControlFlow;
use weft_domain::generation::Sampler;

/// A model, with prompt and guidance already in it.
pub trait Denoiser {
    type Error;

    /// Writes to `out` the clean latent that the model sees in `x`, a latent at level `sigma`.
    ///
    /// # Errors
    /// Whatever goes wrong in the model; the walk ends with it.
    fn denoise(&mut self, x: &[f32], sigma: f64, out: &mut [f32]) -> Result<(), Self::Error>;
}

/// Numbers of a sampler. Ranges and help are in `weft_domain::generation::parameter`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Share of noise that is new in samplers that add noise.
    pub eta: f64,
    /// Factor of added noise.
    pub s_noise: f64,
    /// Noise added before the steps of Euler, Heun and DPM2, over the whole walk.
    pub s_churn: f64,
    /// Levels between which `s_churn` adds noise.
    pub churn_levels: (f64, f64),
}

impl Settings {
    /// What users of other programs get when they touch nothing.
    #[must_use]
    pub const fn of(sampler: Sampler) -> Self {
        Self { eta: sampler.eta(), s_noise: 1.0, s_churn: 0.0, churn_levels: (0.0, f64::INFINITY) }
    }
}

/// Where the walk is.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// From 0.
    pub index: usize,
    /// How many there are in all.
    pub of: usize,
    /// The level of `x`.
    pub sigma: f64,
    /// The latent before the step.
    pub x: &'a [f32],
    /// The clean latent guessed from it.
    pub clean: &'a [f32],
}

/// Why a walk ended early.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error<E> {
    #[error("{0}")]
    Model(E),
    #[error(
        "the model gave numbers that are not finite at step {step} (noise level {sigma:.4}): its weights or adapters overflow; try f32, or lower weights"
    )]
    NotFinite { step: usize, sigma: f64 },
    #[error("cancelled at step {step}")]
    Cancelled { step: usize },
    #[error("noise levels must fall, be finite and end at 0 or above; number {at} is {sigma}")]
    Levels { at: usize, sigma: f64 },
}

/// One walk under way.
pub struct Walk<'a, E> {
    pub path: Path,
    pub sigmas: &'a [f64],
    pub settings: Settings,
    /// The latent.
    pub x: &'a mut [f32],
    /// The clean latent guessed last at the start of a step.
    pub clean: Vec<f32>,
    fresh: Vec<f32>,
    denoiser: &'a mut dyn Denoiser<Error = E>,
    noise: &'a mut dyn Noise,
    watch: &'a mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
}

impl<'a, E> Walk<'a, E> {
    pub fn new(
        plan: &Plan<'a>,
        x: &'a mut [f32],
        denoiser: &'a mut dyn Denoiser<Error = E>,
        noise: &'a mut dyn Noise,
        watch: &'a mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
    ) -> Result<Self, Error<E>> {
        check(plan)?;
        let clean = vec![0.0; x.len()];
        Ok(Self {
            path: plan.path,
            sigmas: plan.sigmas,
            settings: plan.settings,
            fresh: vec![0.0; x.len()],
            clean,
            x,
            denoiser,
            noise,
            watch,
        })
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.sigmas.len().saturating_sub(1)
    }

    /// Levels before and after step `i`.
    pub fn levels(&self, i: usize) -> (f64, f64) {
        (self.sigmas[i], self.sigmas[i + 1])
    }

    /// Begins step `i`: `clean` becomes the model's guess for `x` at `sigma`; the watcher sees it and may stop the walk.
    pub fn look(&mut self, i: usize, sigma: f64) -> Result<(), Error<E>> {
        let mut clean = std::mem::take(&mut self.clean);
        let guess = self.denoiser.denoise(self.x, sigma, &mut clean).map_err(Error::Model);
        self.clean = clean;
        guess?;
        finite(&self.clean, i, sigma)?;
        self.show(i, sigma)
    }

    /// Shows the watcher `x` at `sigma` and `clean`.
    pub fn show(&mut self, i: usize, sigma: f64) -> Result<(), Error<E>> {
        let step = Step { index: i, of: self.steps(), sigma, x: self.x, clean: &self.clean };
        if (self.watch)(step).is_break() { Err(Error::Cancelled { step: i }) } else { Ok(()) }
    }

    /// The model's guess for another latent within step `i`.
    pub fn guess(&mut self, i: usize, x: &[f32], sigma: f64, out: &mut [f32]) -> Result<(), Error<E>> {
        self.denoiser.denoise(x, sigma, out).map_err(Error::Model)?;
        finite(out, i, sigma)
    }

    /// Moves `x` from one level to another along the line through `x` and `clean`: exact while the guess stays the same, on both paths.
    pub fn straight(&mut self, from: f64, to: f64) {
        let ratio = to / from;
        mix(self.x, ratio, [(1.0 - ratio, &self.clean)]);
    }

    /// x ← scale·x + size·s_noise·n with new noise n. Draws nothing when the size is 0.
    pub fn renoise(&mut self, scale: f64, size: f64) {
        if size * self.settings.s_noise == 0.0 {
            if scale != 1.0 {
                mix(self.x, scale, []);
            }
            return;
        }
        self.noise.next(&mut self.fresh);
        mix(self.x, scale, [(size * self.settings.s_noise, &self.fresh)]);
    }

    /// The second half of an ancestral step.
    pub fn climb(&mut self, ancestral: Ancestral) {
        self.renoise(ancestral.scale, ancestral.up);
    }

    /// `latent` ← latent + size·s_noise·(noise of the path between two levels).
    pub fn stir(&mut self, latent: &mut [f32], size: f64, from: f64, to: f64) {
        if size * self.settings.s_noise != 0.0 {
            self.noise.between(from, to, &mut self.fresh);
            mix(latent, 1.0, [(size * self.settings.s_noise, &self.fresh)]);
        }
    }

    /// [`Self::stir`] on the walk's own latent.
    pub fn stir_x(&mut self, size: f64, from: f64, to: f64) {
        if size * self.settings.s_noise != 0.0 {
            self.noise.between(from, to, &mut self.fresh);
            mix(self.x, 1.0, [(size * self.settings.s_noise, &self.fresh)]);
        }
    }

    /// Adds the noise that `s_churn` asks for before step `i` and gives the level after it (Karras et al. 2022, algorithm 2).
    pub fn churn(&mut self, i: usize) -> f64 {
        let sigma = self.sigmas[i];
        let (low, high) = self.settings.churn_levels;
        if self.settings.s_churn <= 0.0 || sigma < low || sigma > high {
            return sigma;
        }
        let gamma = (self.settings.s_churn / self.steps() as f64).min(std::f64::consts::SQRT_2 - 1.0);
        let top = if self.path == Path::Flow { 1.0 } else { f64::INFINITY };
        let higher = (sigma * (gamma + 1.0)).min(top);
        let alpha = self.path.alpha(sigma);
        if higher <= sigma || alpha <= 0.0 {
            return sigma;
        }
        let scale = self.path.alpha(higher) / alpha;
        self.renoise(scale, (higher * higher - (scale * sigma).powi(2)).max(0.0).sqrt());
        higher
    }

    /// The slope dx/dσ at `x`, for methods that follow slopes.
    pub fn slope(&self, sigma: f64, out: &mut [f32]) {
        combine(out, [(1.0 / sigma, &*self.x), (-1.0 / sigma, &self.clean)]);
    }
}

/// Levels fall, are finite, and only the last may be 0.
fn check<E>(plan: &Plan<'_>) -> Result<(), Error<E>> {
    let top = if plan.path == Path::Flow { 1.0 } else { f64::INFINITY };
    let mut above = f64::INFINITY;
    for (at, &sigma) in plan.sigmas.iter().enumerate() {
        let last = at + 1 == plan.sigmas.len();
        let fine = sigma.is_finite() && sigma <= top && sigma < above && (sigma > 0.0 || last && sigma == 0.0);
        if !fine {
            return Err(Error::Levels { at, sigma });
        }
        above = sigma;
    }
    Ok(())
}

fn finite<E>(values: &[f32], step: usize, sigma: f64) -> Result<(), Error<E>> {
    // Without an early exit, so that it vectorises.
    let bad = values.iter().fold(false, |bad, v| bad | !v.is_finite());
    if bad { Err(Error::NotFinite { step, sigma }) } else { Ok(()) }
}
