//! The noise levels a model was trained on.

use super::Path;

/// ᾱ of the last step of a zero-terminal-SNR model. Not quite 0, which would be no level at all; the figure is that of ComfyUI
/// (σ 4518.8), diffusers takes 2⁻²⁴ (σ 4096).
const LAST_ALPHA: f64 = 4.897_345_189_085_343_5e-8;

/// The variances β of the training steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Betas {
    /// Squares of evenly spaced roots: all Stable Diffusion models before SD 3.
    ScaledLinear { start: f64, end: f64, steps: usize },
    /// Evenly spaced: AnimateDiff's motion modules.
    Linear { start: f64, end: f64, steps: usize },
}

impl Betas {
    /// Those of SD 1, 2 and XL: √0.00085 to √0.012 in 1000 steps.
    pub const STABLE_DIFFUSION: Self = Self::ScaledLinear { start: 0.000_85, end: 0.012, steps: 1000 };

    fn values(self) -> Vec<f64> {
        let (from, to, steps, square) = match self {
            Self::ScaledLinear { start, end, steps } => (start.sqrt(), end.sqrt(), steps, true),
            Self::Linear { start, end, steps } => (start, end, steps, false),
        };
        spread(from, to, steps).map(|beta| if square { beta * beta } else { beta }).collect()
    }
}

/// `n` evenly spaced numbers from `from` to `to`, both included; one number is `from`.
pub(super) fn spread(from: f64, to: f64, n: usize) -> impl Iterator<Item = f64> {
    let last = n.saturating_sub(1);
    (0..n).map(move |i| if i == last && i > 0 { to } else { from + (to - from) * i as f64 / last.max(1) as f64 })
}

/// A flow's shift for a number of image tokens (each 16×16 pixels): e^μ, μ on the line through (256, 0.5) and (4096, 1.15).
/// Flux dev uses it, Flux schnell does without (1).
#[must_use]
pub fn flux_shift(tokens: usize) -> f64 {
    let slope = (1.15 - 0.5) / (4096.0 - 256.0);
    (0.5 + slope * (tokens as f64 - 256.0)).exp()
}

/// A table of noise levels, rising, with the time steps they belong to.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    table: Vec<f64>,
    path: Path,
    shift: f64,
}

impl Levels {
    /// Levels σ = √((1 − ᾱ)/ᾱ) of a model trained in steps, ᾱ the running product of 1 − β.
    ///
    /// With `zero_terminal_snr` the last level is moved to (nearly) pure noise and the others with it (Lin et al. 2024, "Common
    /// diffusion noise schedules and sample steps are flawed").
    ///
    /// # Panics
    /// When the betas have fewer than two steps or do not lie between 0 and 1: they come from a table, not from a user.
    #[must_use]
    pub fn trained(betas: Betas, zero_terminal_snr: bool) -> Self {
        let betas = betas.values();
        assert!(betas.len() > 1 && betas.iter().all(|b| *b > 0.0 && *b < 1.0), "betas lie between 0 and 1");
        let mut product = 1.0;
        let mut alphas: Vec<f64> = betas
            .iter()
            .map(|beta| {
                product *= 1.0 - beta;
                product
            })
            .collect();
        if zero_terminal_snr {
            rescale(&mut alphas);
        }
        Self { table: alphas.iter().map(|a| ((1.0 - a) / a).sqrt()).collect(), path: Path::Exploding, shift: 1.0 }
    }

    /// Those of SD 1, 2 and XL.
    #[must_use]
    pub fn stable_diffusion() -> Self {
        Self::trained(Betas::STABLE_DIFFUSION, false)
    }

    /// Levels of a flow model, σ = s·t/(1 + (s − 1)·t) for t in (0, 1] and the shift s, in 1000 (SD 3) or 10,000 (Flux) entries.
    /// SD 3 has shift 3, Flux dev [`flux_shift`], Flux schnell 1.
    ///
    /// # Panics
    /// When the shift is no positive number or there are fewer than two entries: a service checks the shift before.
    #[must_use]
    pub fn flow(shift: f64, entries: usize) -> Self {
        assert!(shift.is_finite() && shift > 0.0 && entries > 1, "a flow has a positive shift");
        let table = (1..=entries).map(|i| shifted(shift, i as f64 / entries as f64)).collect();
        Self { table, path: Path::Flow, shift }
    }

    #[must_use]
    pub const fn path(&self) -> Path {
        self.path
    }

    /// The levels, rising.
    #[must_use]
    pub fn table(&self) -> &[f64] {
        &self.table
    }

    /// The smallest level.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.table[0]
    }

    /// The largest level.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.table[self.table.len() - 1]
    }

    /// The level at a time step (0 to entries − 1, or 0 to 1000 for a flow), log σ interpolated between entries.
    #[must_use]
    pub fn sigma(&self, timestep: f64) -> f64 {
        if self.path == Path::Flow {
            return shifted(self.shift, timestep / 1000.0);
        }
        let t = timestep.clamp(0.0, (self.table.len() - 1) as f64);
        let (low, high) = (self.table[t.floor() as usize], self.table[t.ceil() as usize]);
        ((1.0 - t.fract()) * low.ln() + t.fract() * high.ln()).exp()
    }

    /// The time step handed to the model at a level: the nearest entry by log σ, a whole number, as ComfyUI does. For a flow 1000·σ.
    #[must_use]
    pub fn timestep(&self, sigma: f64) -> f64 {
        if self.path == Path::Flow {
            return sigma * 1000.0;
        }
        let above = self.table.partition_point(|s| *s < sigma).min(self.table.len() - 1);
        let below = above.saturating_sub(1);
        let log = sigma.max(f64::MIN_POSITIVE).ln();
        let nearer_below = log - self.table[below].ln() <= self.table[above].ln() - log;
        (if nearer_below { below } else { above }) as f64
    }

    /// The time step between entries, log σ interpolated, as k-diffusion, A1111 and diffusers' Euler do. For a flow 1000·σ.
    #[must_use]
    pub fn timestep_between(&self, sigma: f64) -> f64 {
        if self.path == Path::Flow {
            return sigma * 1000.0;
        }
        let low = self.table.partition_point(|s| *s <= sigma).saturating_sub(1).min(self.table.len() - 2);
        let (a, b) = (self.table[low].ln(), self.table[low + 1].ln());
        low as f64 + ((sigma.max(f64::MIN_POSITIVE).ln() - a) / (b - a)).clamp(0.0, 1.0)
    }
}

/// s·t/(1 + (s − 1)·t); with s = e^μ this is e^μ/(e^μ + 1/t − 1).
fn shifted(shift: f64, t: f64) -> f64 {
    shift * t / (1.0 + (shift - 1.0) * t)
}

/// √ᾱ moved and stretched so that the first stays and the last is (nearly) 0.
fn rescale(alphas: &mut [f64]) {
    let [first, .., last] = *alphas else { return };
    let (first, last) = (first.sqrt(), last.sqrt());
    for alpha in alphas.iter_mut() {
        *alpha = ((alpha.sqrt() - last) * first / (first - last)).powi(2);
    }
    if let Some(alpha) = alphas.last_mut() {
        *alpha = LAST_ALPHA;
    }
}
