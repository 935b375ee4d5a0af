//! First-order methods.

use super::rules::Ancestral;
use super::walk::{Error, Walk};

/// x' = x + (x − x0)/σ·(σ' − σ).
pub fn euler<E>(walk: &mut Walk<'_, E>) -> Result<(), Error<E>> {
    for i in 0..walk.steps() {
        let sigma = walk.churn(i);
        walk.look(i, sigma)?;
        walk.straight(sigma, walk.sigmas[i + 1]);
    }
    Ok(())
}

/// Euler to a lower level and noise back up to the wanted one. With the exploding path this is DDIM (Song et al. 2021) too: in
/// x/√ᾱ its σ(η) is the ancestral noise of the same eta, and eta 1 is DDPM.
pub fn ancestral<E>(walk: &mut Walk<'_, E>) -> Result<(), Error<E>> {
    for i in 0..walk.steps() {
        let (sigma, next) = walk.levels(i);
        walk.look(i, sigma)?;
        let step = Ancestral::split(walk.path, sigma, next, walk.settings.eta);
        walk.straight(sigma, step.down);
        walk.climb(step);
    }
    Ok(())
}

/// The model's guess, with all noise new (Luo et al. 2023, latent consistency models).
pub fn lcm<E>(walk: &mut Walk<'_, E>) -> Result<(), Error<E>> {
    for i in 0..walk.steps() {
        let (sigma, next) = walk.levels(i);
        walk.look(i, sigma)?;
        walk.x.copy_from_slice(&walk.clean);
        if next > 0.0 {
            walk.renoise(walk.path.alpha(next), next);
        }
    }
    Ok(())
}
