//! How noise and picture are mixed at a level, and what a model says about the mixture.

/// The mixture x(σ) of a clean latent and noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// x = x0 + σ·n, σ from 0 to about 15: Stable Diffusion 1, 2 and XL.
    Exploding,
    /// x = (1 − σ)·x0 + σ·n, σ from 0 to 1: flow models (SD 3, Flux).
    Flow,
}

impl Path {
    /// Share of the clean latent at a level.
    #[must_use]
    pub fn alpha(self, sigma: f64) -> f64 {
        match self {
            Self::Exploding => 1.0,
            Self::Flow => 1.0 - sigma,
        }
    }

    /// λ = ln(α/σ), half the logarithm of the signal-to-noise ratio. A flow's first level, σ = 1, has none: it is taken as 0.9999.
    #[must_use]
    pub fn lambda(self, sigma: f64) -> f64 {
        let sigma = if self == Self::Flow { sigma.min(0.9999) } else { sigma };
        (self.alpha(sigma) / sigma).ln()
    }

    /// The level of a λ.
    #[must_use]
    pub fn sigma(self, lambda: f64) -> f64 {
        match self {
            Self::Exploding => (-lambda).exp(),
            Self::Flow => 1.0 / (1.0 + lambda.exp()),
        }
    }

    /// `latent` at level `sigma`, in place; the noise has variance 1.
    ///
    /// `whole` says that the picture starts from nothing but noise: then the exploding path takes √(1 + σ²)·n, the mixture's own size,
    /// as ComfyUI does. A1111 always takes σ·n; at σ 14.6 the two differ by 0.2 %.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn add_noise(self, sigma: f64, whole: bool, latent: &mut [f32], noise: &[f32]) {
        assert_eq!(latent.len(), noise.len(), "latent and noise have one shape");
        let size = if whole && self == Self::Exploding { sigma.hypot(1.0) } else { sigma };
        let alpha = self.alpha(sigma);
        for (x, n) in latent.iter_mut().zip(noise) {
            *x = (alpha * f64::from(*x) + size * f64::from(*n)) as f32;
        }
    }
}

/// What a model's output stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prediction {
    /// The noise: SD 1, most of SD 2, SDXL.
    Epsilon,
    /// v = α·n − σ·x0 of the variance-preserving mixture (Salimans and Ho 2022): SD 2 at 768, many anime XL models.
    V,
    /// v = n − x0 of a straight path: SD 3, Flux.
    Flow,
}

impl Prediction {
    /// The path that models of this kind are trained on.
    #[must_use]
    pub const fn path(self) -> Path {
        match self {
            Self::Epsilon | Self::V => Path::Exploding,
            Self::Flow => Path::Flow,
        }
    }

    /// The model wants its input multiplied by this: 1/√(σ² + 1), or 1 for a flow.
    #[must_use]
    pub fn input_scale(self, sigma: f64) -> f64 {
        match self {
            Self::Epsilon | Self::V => 1.0 / sigma.hypot(1.0),
            Self::Flow => 1.0,
        }
    }

    /// The clean latent that `output` implies at `x`, written over `output`. `x` is the sampler's latent, not the scaled input.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn clean(self, sigma: f64, x: &[f32], output: &mut [f32]) {
        assert_eq!(x.len(), output.len(), "input and output have one shape");
        let (of_x, of_output) = match self {
            Self::Epsilon | Self::Flow => (1.0, -sigma),
            Self::V => (1.0 / (sigma * sigma + 1.0), -sigma / sigma.hypot(1.0)),
        };
        for (out, x) in output.iter_mut().zip(x) {
            *out = (of_x * f64::from(*x) + of_output * f64::from(*out)) as f32;
        }
    }
}
