//! Smooth random strengths along the network.

use super::rng::Rng;

/// A few bumps over a floor: where in the network an adapter works.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    floor: f64,
    /// (centre, width, height).
    bumps: Vec<(f64, f64, f64)>,
    ripple: (f64, f64, f64),
}

impl Curve {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let bumps = (0..2 + rng.below(3)).map(|_| (rng.unit(), 0.04 + 0.2 * rng.unit(), 0.4 + rng.unit())).collect();
        let ripple = (3.0 + 9.0 * rng.unit(), 6.3 * rng.unit(), 0.05 + 0.15 * rng.unit());
        Self { floor: 0.08 + 0.25 * rng.unit(), bumps, ripple }
    }

    /// Strength at `x`, 0 to 1 along the network: about 0.1 to 1.5.
    pub(super) fn at(&self, x: f64) -> f64 {
        let bumps: f64 = self.bumps.iter().map(|(c, w, h)| h * (-((x - c) / w).powi(2)).exp()).sum();
        let (frequency, phase, size) = self.ripple;
        ((self.floor + bumps) * (1.0 + size * (frequency * x * std::f64::consts::TAU + phase).sin())).max(0.02)
    }
}
