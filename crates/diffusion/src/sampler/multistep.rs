//! DPM-Solver++ with memory (Lu et al. 2022): one call of the model a step.

use super::mix::mix;
use super::rules::History;
use super::walk::{Error, Walk};

/// DPM-Solver++(2M): the guess is extrapolated from the last two, along −ln σ. The first and the last step are of first order.
pub fn dpmpp_2m<E>(walk: &mut Walk<'_, E>) -> Result<(), Error<E>> {
    let mut last: Option<(f64, Vec<f32>)> = None;
    for i in 0..walk.steps() {
        let (sigma, next) = walk.levels(i);
        walk.look(i, sigma)?;
        let ratio = next / sigma;
        match &last {
            Some((before, old)) if next > 0.0 => {
                let r = (before / sigma).ln() / (sigma / next).ln();
                let more = (1.0 - ratio) / (2.0 * r);
                mix(walk.x, ratio, [(1.0 - ratio + more, &walk.clean), (-more, old)]);
            }
            _ => walk.straight(sigma, next),
        }
        let mut buffer = last.map_or_else(Vec::new, |(_, buffer)| buffer);
        buffer.clear();
        buffer.extend_from_slice(&walk.clean);
        last = Some((sigma, buffer));
    }
    Ok(())
}

/// A step of the stochastic equation in λ: h its length, with `eta` of noise.
struct Stochastic {
    h: f64,
    /// h·(1 + eta).
    long: f64,
    of_x: f64,
    /// 1 − e^(−h(1+eta)).
    decay: f64,
    alpha: f64,
    noise: f64,
}

impl Stochastic {
    fn new<E>(walk: &Walk<'_, E>, from: f64, to: f64) -> Self {
        let eta = walk.settings.eta;
        let h = walk.path.lambda(to) - walk.path.lambda(from);
        let long = h * (1.0 + eta);
        Self {
            h,
            long,
            of_x: to / from * (-h * eta).exp(),
            decay: -(-long).exp_m1(),
            alpha: walk.path.alpha(to),
            noise: to * (-(-2.0 * h * eta).exp_m1()).max(0.0).sqrt(),
        }
    }
}

/// DPM-Solver++(2M) of the stochastic equation, midpoint form.
pub fn dpmpp_2m_sde<E>(walk: &mut Walk<'_, E>) -> Result<(), Error<E>> {
    let mut old = History::new(1);
    let mut before = 0.0;
    for i in 0..walk.steps() {
        let (sigma, next) = walk.levels(i);
        walk.look(i, sigma)?;
        if next == 0.0 {
            walk.straight(sigma, next);
            continue;
        }
        let step = Stochastic::new(walk, sigma, next);
        let first = step.alpha * step.decay;
        if old.len() == 0 {
            mix(walk.x, step.of_x, [(first, &walk.clean)]);
        } else {
            let more = 0.5 * first * step.h / before;
            mix(walk.x, step.of_x, [(first + more, &walk.clean), (-more, old.get(0))]);
        }
        walk.stir_x(step.noise, sigma, next);
        old.push(&walk.clean);
        before = step.h;
    }
    Ok(())
}

/// Third order from the last three guesses, as k-diffusion has it.
pub fn dpmpp_3m_sde<E>(walk: &mut Walk<'_, E>) -> Result<(), Error<E>> {
    let mut old = History::new(2);
    let (mut h1, mut h2) = (0.0, 0.0);
    for i in 0..walk.steps() {
        let (sigma, next) = walk.levels(i);
        walk.look(i, sigma)?;
        if next == 0.0 {
            walk.straight(sigma, next);
            continue;
        }
        let step = Stochastic::new(walk, sigma, next);
        let first = step.alpha * step.decay;
        let phi2 = step.alpha * (1.0 - step.decay / step.long);
        match old.len() {
            0 => mix(walk.x, step.of_x, [(first, &walk.clean)]),
            1 => {
                let more = phi2 * step.h / h1;
                mix(walk.x, step.of_x, [(first + more, &walk.clean), (-more, old.get(0))]);
            }
            _ => {
                let phi3 = phi2 / step.long - 0.5 * step.alpha;
                let [now, one, two] = third(h1 / step.h, h2 / step.h, phi2, phi3);
                mix(walk.x, step.of_x, [(first + now, &walk.clean), (one, old.get(0)), (two, old.get(1))]);
            }
        }
        walk.stir_x(step.noise, sigma, next);
        old.push(&walk.clean);
        (h1, h2) = (step.h, h1);
    }
    Ok(())
}

/// Weights of the three guesses in φ₂·d₁ − φ₃·d₂, where d₁ and d₂ are the first and second differences of the guesses over steps whose
/// lengths, as parts of this one, are `r0` and `r1`.
fn third(r0: f64, r1: f64, phi2: f64, phi3: f64) -> [f64; 3] {
    // d = d10 + (d10 − d11)·r0/(r0 + r1), second = (d10 − d11)/(r0 + r1), d10 = (now − one)/r0, d11 = (one − two)/r1.
    let sum = r0 + r1;
    let of_d10 = phi2 * (1.0 + r0 / sum) - phi3 / sum;
    let of_d11 = -phi2 * r0 / sum + phi3 / sum;
    [of_d10 / r0, of_d11 / r1 - of_d10 / r0, -of_d11 / r1]
}
