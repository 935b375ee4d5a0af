//! Arithmetic of levels that several samplers share.

use crate::schedule::Path;

/// An ancestral step: down to a lower level than wanted, then up again by new noise: x ← scale·x + up·n.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ancestral {
    pub down: f64,
    pub scale: f64,
    pub up: f64,
}

impl Ancestral {
    /// Splits the step between two levels. `eta` 0 gives a plain step.
    ///
    /// Exploding path: k-diffusion's rule; with eta 1 the result has the distribution of the reverse process. Flow: ComfyUI's rule, in
    /// which eta moves the lower level from `to` (0) to `to`²/`from` (1).
    pub fn split(path: Path, from: f64, to: f64, eta: f64) -> Self {
        match path {
            Path::Exploding => {
                let up = (eta * (to * to * (from * from - to * to) / (from * from)).max(0.0).sqrt()).min(to);
                Self { down: (to * to - up * up).max(0.0).sqrt(), scale: 1.0, up }
            }
            Path::Flow => {
                let down = (to * (1.0 + (to / from - 1.0) * eta)).max(0.0);
                let scale = (1.0 - to) / (1.0 - down);
                Self { down, scale, up: (to * to - (down * scale).powi(2)).max(0.0).sqrt() }
            }
        }
    }
}

/// The level half-way on the log scale.
pub fn halfway(a: f64, b: f64) -> f64 {
    (0.5 * (a.ln() + b.ln())).exp()
}

/// The last few latents, newest first, in buffers that are used again.
pub struct History {
    kept: std::collections::VecDeque<Vec<f32>>,
    most: usize,
}

impl History {
    pub fn new(most: usize) -> Self {
        Self { kept: std::collections::VecDeque::with_capacity(most + 1), most }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// `age` 0 is the newest.
    pub fn get(&self, age: usize) -> &[f32] {
        &self.kept[age]
    }

    pub fn push(&mut self, values: &[f32]) {
        let mut buffer = if self.kept.len() == self.most { self.kept.pop_back().unwrap_or_default() } else { Vec::new() };
        buffer.clear();
        buffer.extend_from_slice(values);
        self.kept.push_front(buffer);
    }
}
