//! From noise to a clean latent, given a model that guesses the clean latent at each noise level.
//!
//! [`run`] walks down a list of levels ([`crate::schedule::plan`]). The model is a [`Denoiser`]; it hides the kind of prediction, the
//! guidance and the device. Latents are `f32`; coefficients, and the sums within one element, are `f64`.
//!
//! Formulas are those of k-diffusion, and of ComfyUI where k-diffusion knows no flow models. docs/sampling.md compares programs.

mod euler;
mod guidance;
mod heun;
mod linear;
mod mix;
mod multistep;
mod rules;
mod singlestep;
mod unipc;
mod walk;

pub use guidance::{guide, rescale};
pub use walk::{Denoiser, Error, Settings, Step};

use crate::noise::Noise;
use crate::schedule::Path;
use std::ops::ControlFlow;
use walk::Walk;
use weft_domain::generation::Sampler;

/// What to walk: the method, the levels and the numbers that go with it.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    pub sampler: Sampler,
    /// Falling levels as [`crate::schedule::plan`] makes them. Fewer than two leave the latent as it is.
    pub sigmas: &'a [f64],
    pub path: Path,
    pub settings: Settings,
}

/// Walks `x`, a latent at the first level, down to the last level, in place.
///
/// `watch` is called once a step with the clean latent as it is guessed so far (a preview), before the step is taken; when it breaks,
/// the walk ends with [`Error::Cancelled`]. The same input gives the same output, bit for bit, on the same machine.
///
/// # Errors
/// What the model says; a model that makes NaN or infinity; levels that do not fall; cancellation. `x` is then worth nothing.
pub fn run<E>(
    plan: &Plan<'_>,
    x: &mut [f32],
    denoiser: &mut dyn Denoiser<Error = E>,
    noise: &mut dyn Noise,
    watch: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<(), Error<E>> {
    let mut walk = Walk::new(plan, x, denoiser, noise, watch)?;
    match plan.sampler {
        Sampler::Euler => euler::euler(&mut walk),
        Sampler::EulerA | Sampler::Ddim => euler::ancestral(&mut walk),
        Sampler::Lcm => euler::lcm(&mut walk),
        Sampler::Heun => heun::heun(&mut walk),
        Sampler::Dpm2 => heun::dpm2(&mut walk),
        Sampler::Dpm2A => heun::dpm2_ancestral(&mut walk),
        Sampler::Dpmpp2sA => singlestep::dpmpp_2s_ancestral(&mut walk),
        Sampler::DpmppSde => singlestep::dpmpp_sde(&mut walk),
        Sampler::Dpmpp2m => multistep::dpmpp_2m(&mut walk),
        Sampler::Dpmpp2mSde => multistep::dpmpp_2m_sde(&mut walk),
        Sampler::Dpmpp3mSde => multistep::dpmpp_3m_sde(&mut walk),
        Sampler::UniPc => unipc::unipc(&mut walk, unipc::Form::Bh1),
        Sampler::UniPcBh2 => unipc::unipc(&mut walk, unipc::Form::Bh2),
        Sampler::Lms => linear::lms(&mut walk),
        Sampler::Ipndm => linear::ipndm(&mut walk),
    }
}
