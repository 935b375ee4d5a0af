//! Second-order methods that look at a second slope within the step.

use super::mix::{combine, mix};
use super::rules::{Ancestral, halfway};
use super::walk::{Error, Walk};

/// Mean of the slopes at both ends (Karras et al. 2022, algorithm 2).
pub fn heun<E>(walk: &mut Walk<'_, E>) -> Result<(), Error<E>> {
    let n = walk.x.len();
    let (mut ahead, mut clean) = (vec![0.0; n], vec![0.0; n]);
    for i in 0..walk.steps() {
        let sigma = walk.churn(i);
        let next = walk.sigmas[i + 1];
        walk.look(i, sigma)?;
        if next == 0.0 {
            walk.straight(sigma, next);
            continue;
        }
        let ratio = next / sigma;
        combine(&mut ahead, [(ratio, &*walk.x), (1.0 - ratio, &walk.clean)]);
        walk.guess(i, &ahead, next, &mut clean)?;
        let half = (next - sigma) / 2.0;
        let (here, there) = (half / sigma, half / next);
        mix(walk.x, 1.0 + here, [(-here, &walk.clean), (there, &ahead), (-there, &clean)]);
    }
    Ok(())
}

/// Slope at the level half-way on the log scale.
pub fn dpm2<E>(walk: &mut Walk<'_, E>) -> Result<(), Error<E>> {
    let mut middle = Middle::new(walk.x.len());
    for i in 0..walk.steps() {
        let sigma = walk.churn(i);
        walk.look(i, sigma)?;
        middle.step(walk, i, sigma, walk.sigmas[i + 1])?;
    }
    Ok(())
}

/// DPM2 to a lower level and noise back up.
pub fn dpm2_ancestral<E>(walk: &mut Walk<'_, E>) -> Result<(), Error<E>> {
    let mut middle = Middle::new(walk.x.len());
    for i in 0..walk.steps() {
        let (sigma, next) = walk.levels(i);
        walk.look(i, sigma)?;
        let step = Ancestral::split(walk.path, sigma, next, walk.settings.eta);
        middle.step(walk, i, sigma, step.down)?;
        walk.climb(step);
    }
    Ok(())
}

/// Buffers of a midpoint step.
struct Middle {
    x: Vec<f32>,
    clean: Vec<f32>,
}

impl Middle {
    fn new(n: usize) -> Self {
        Self { x: vec![0.0; n], clean: vec![0.0; n] }
    }

    /// From `sigma` to `next` by the slope in the middle; a straight line to level 0.
    fn step<E>(&mut self, walk: &mut Walk<'_, E>, i: usize, sigma: f64, next: f64) -> Result<(), Error<E>> {
        if next == 0.0 {
            walk.straight(sigma, next);
            return Ok(());
        }
        let middle = halfway(sigma, next);
        let ratio = middle / sigma;
        combine(&mut self.x, [(ratio, &*walk.x), (1.0 - ratio, &walk.clean)]);
        walk.guess(i, &self.x, middle, &mut self.clean)?;
        let slope = (next - sigma) / middle;
        mix(walk.x, 1.0, [(slope, &self.x), (-slope, &self.clean)]);
        Ok(())
    }
}
