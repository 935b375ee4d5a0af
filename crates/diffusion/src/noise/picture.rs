//! The noise of one picture: which numbers its seeds stand for.

use super::{Brownian, Noise, Philox, TorchNormal, slerp};
use weft_domain::generation::NoiseSource;

/// A second seed that the start noise is turned towards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variation {
    pub seed: u64,
    /// 0 keeps the first seed's noise, 1 gives the second's.
    pub strength: f64,
}

/// What has to be stored to draw the same noise again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    pub source: NoiseSource,
    /// One per picture. The CPU source uses its low 32 bits, the GPU source all.
    pub seed: u64,
    pub variation: Option<Variation>,
    /// A1111's "eta noise seed delta" (31337 by habit of some anime recipes): noise after the start comes from seed + this. 0: from
    /// the stream of the seed itself.
    pub step_seed_delta: u64,
}

impl Recipe {
    /// A seed and nothing else.
    #[must_use]
    pub const fn new(source: NoiseSource, seed: u64) -> Self {
        Self { source, seed, variation: None, step_seed_delta: 0 }
    }

    /// The start noise of a latent of channels × rows × columns, of variance 1, and the stream for the steps after it.
    #[must_use]
    pub fn start(&self, channels: usize, rows: usize, columns: usize) -> (Vec<f32>, PictureNoise) {
        let mut stream = Stream::new(self.source, self.seed);
        let mut noise = vec![0.0; channels * rows * columns];
        stream.next(&mut noise);
        if let Some(variation) = self.variation.filter(|v| v.strength != 0.0 && !noise.is_empty()) {
            let mut other = vec![0.0; noise.len()];
            Stream::new(self.source, variation.seed).next(&mut other);
            slerp(&mut noise, &other, variation.strength, rows, columns);
        }
        let steps = self.seed.wrapping_add(self.step_seed_delta);
        if self.step_seed_delta != 0 {
            stream = Stream::new(self.source, steps);
        }
        (noise, PictureNoise { stream, path: Brownian::new(steps) })
    }
}

#[derive(Debug, Clone)]
enum Stream {
    Cpu(Box<TorchNormal>),
    Gpu(Philox),
}

impl Stream {
    fn new(source: NoiseSource, seed: u64) -> Self {
        match source {
            NoiseSource::Cpu => Self::Cpu(Box::new(TorchNormal::new(seed))),
            NoiseSource::Gpu => Self::Gpu(Philox::new(seed)),
        }
    }

    fn next(&mut self, out: &mut [f32]) {
        match self {
            Self::Cpu(stream) => stream.next(out),
            Self::Gpu(stream) => stream.next(out),
        }
    }
}

/// Noise for the steps of one picture: the seed's stream going on, and the seed's [`Brownian`] path.
#[derive(Debug, Clone)]
pub struct PictureNoise {
    stream: Stream,
    path: Brownian,
}

impl Noise for PictureNoise {
    fn next(&mut self, out: &mut [f32]) {
        self.stream.next(out);
    }

    fn between(&mut self, from: f64, to: f64, out: &mut [f32]) {
        self.path.increment(from, to, out);
    }
}

/// The noise of several pictures whose latents lie after one another: each part is filled by its own stream.
#[derive(Debug, Clone)]
pub struct BatchNoise(pub Vec<PictureNoise>);

impl BatchNoise {
    fn parts<'a>(&'a mut self, out: &'a mut [f32]) -> impl Iterator<Item = (&'a mut PictureNoise, &'a mut [f32])> {
        let size = out.len().div_ceil(self.0.len().max(1)).max(1);
        self.0.iter_mut().zip(out.chunks_mut(size))
    }
}

impl Noise for BatchNoise {
    fn next(&mut self, out: &mut [f32]) {
        self.parts(out).for_each(|(noise, part)| noise.next(part));
    }

    fn between(&mut self, from: f64, to: f64, out: &mut [f32]) {
        self.parts(out).for_each(|(noise, part)| noise.between(from, to, part));
    }
}
