//! DPM-Solver++ of second order within one step (Lu et al. 2022).

use super::mix::{combine, mix};
use super::rules::Ancestral;
use super::walk::{Error, Walk};
use crate::schedule::Path;

/// DPM-Solver++(2S) to a lower level and noise back up.
pub fn dpmpp_2s_ancestral<E>(walk: &mut Walk<'_, E>) -> Result<(), Error<E>> {
    let n = walk.x.len();
    let (mut ahead, mut clean) = (vec![0.0; n], vec![0.0; n]);
    for i in 0..walk.steps() {
        let (sigma, next) = walk.levels(i);
        walk.look(i, sigma)?;
        let step = Ancestral::split(walk.path, sigma, next, walk.settings.eta);
        if step.down == 0.0 {
            walk.straight(sigma, 0.0);
        } else {
            let ratio = middle(walk.path, sigma, step.down) / sigma;
            combine(&mut ahead, [(ratio, &*walk.x), (1.0 - ratio, &walk.clean)]);
            walk.guess(i, &ahead, ratio * sigma, &mut clean)?;
            let ratio = step.down / sigma;
            mix(walk.x, ratio, [(1.0 - ratio, &clean)]);
        }
        walk.climb(step);
    }
    Ok(())
}

/// The level half-way in λ. From a flow's very first level, where λ has no value, just under it (as ComfyUI).
fn middle(path: Path, from: f64, to: f64) -> f64 {
    if path == Path::Flow && from >= 1.0 {
        return 0.9999;
    }
    path.sigma(0.5 * (path.lambda(from) + path.lambda(to)))
}

/// DPM-Solver++(2S) of the stochastic equation, with the second guess half-way in λ.
pub fn dpmpp_sde<E>(walk: &mut Walk<'_, E>) -> Result<(), Error<E>> {
    let n = walk.x.len();
    let (mut ahead, mut clean) = (vec![0.0; n], vec![0.0; n]);
    for i in 0..walk.steps() {
        let (sigma, next) = walk.levels(i);
        walk.look(i, sigma)?;
        if next == 0.0 {
            walk.straight(sigma, next);
            continue;
        }
        let path = walk.path;
        let between = path.sigma(0.5 * (path.lambda(sigma) + path.lambda(next)));
        let first = Stochastic::new(path, sigma, between, walk.settings.eta);
        combine(&mut ahead, [(first.of_x, &*walk.x), (first.of_clean, &walk.clean)]);
        walk.stir(&mut ahead, first.noise, sigma, between);
        walk.guess(i, &ahead, between, &mut clean)?;
        // With the middle guess half-way, 1 − 1/2r = 0: the second guess counts alone.
        let second = Stochastic::new(path, sigma, next, walk.settings.eta);
        mix(walk.x, second.of_x, [(second.of_clean, &clean)]);
        walk.stir_x(second.noise, sigma, next);
    }
    Ok(())
}

/// Weights of an exponential step with noise: the ancestral split of κ = σ/α, in which both paths are one.
struct Stochastic {
    of_x: f64,
    of_clean: f64,
    noise: f64,
}

impl Stochastic {
    fn new(path: Path, from: f64, to: f64, eta: f64) -> Self {
        let (start, end) = (path.lambda(from), path.lambda(to));
        let step = Ancestral::split(Path::Exploding, (-start).exp(), (-end).exp(), eta);
        let (alpha_from, alpha) = (path.alpha(path.sigma(start)), path.alpha(to));
        let ratio = step.down * start.exp();
        Self { of_x: alpha / alpha_from * ratio, of_clean: alpha * (1.0 - ratio), noise: alpha * step.up }
    }
}
