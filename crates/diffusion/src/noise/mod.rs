//! Random numbers that a seed stands for, the same on every machine.
//!
//! A picture has one seed and one stream: the start noise first, then whatever the sampler asks for. Pictures of a batch have streams
//! of their own, so a picture does not change with its neighbours.

mod brownian;
mod mt19937;
mod philox;
mod picture;
mod torch;
mod variation;

pub use brownian::Brownian;
pub use mt19937::Mt19937;
pub use philox::Philox;
pub(crate) use philox::philox4x32;
pub use picture::{BatchNoise, PictureNoise, Recipe, Variation};
pub use torch::TorchNormal;
pub use variation::slerp;

/// Standard normal numbers for a sampler.
pub trait Noise {
    /// Fills `out` with the next numbers of the stream.
    fn next(&mut self, out: &mut [f32]);

    /// Noise of the path between two noise levels, scaled to variance 1: for samplers that follow one random path, in which
    /// overlapping intervals share noise. A source without such a path gives the next numbers.
    fn between(&mut self, from: f64, to: f64, out: &mut [f32]) {
        let _ = (from, to);
        self.next(out);
    }
}

/// No noise at all: zeros. For samplers that ask for none, and for tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoNoise;

impl Noise for NoNoise {
    fn next(&mut self, out: &mut [f32]) {
        out.fill(0.0);
    }
}
