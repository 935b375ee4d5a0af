//! Flux.1: a transformer over picture and text together, dev and schnell.

mod block;
mod rope;

use super::compute::Compute;
use super::config::Config;
use super::error::Result;
use super::layer::Linear;
use super::norm::{activate, plain_norm};
use super::unet::sinusoid;
use super::weights::Loader;
use crate::kernel::Activation;
use block::{Double, Single};
use candle_core::{D, Tensor};
use rope::Rope;

/// Width of the embeddings of time and guidance.
const TIME_WIDTH: usize = 256;
/// Epsilon of its norms.
const EPSILON: f32 = 1e-6;

/// Flux.1's denoiser.
#[derive(Debug)]
pub struct Flux {
    compute: Compute,
    img_in: Linear,
    txt_in: Linear,
    time: (Linear, Linear),
    vector: (Linear, Linear),
    guidance: Option<(Linear, Linear)>,
    double: Vec<Double>,
    single: Vec<Single>,
    modulation: Linear,
    out: Linear,
    heads: usize,
    /// Widths of the rotary embedding of the three coordinates.
    axes: [usize; 3],
}

/// What a picture is to show.
#[derive(Debug, Clone)]
pub struct FluxCondition {
    /// Batch × tokens × width: T5's.
    pub text: Tensor,
    /// Batch × width: CLIP's pooled state.
    pub pooled: Tensor,
    /// Strength of the guidance, for dev; schnell takes none.
    pub guidance: f64,
}

impl Flux {
    pub(crate) fn load(l: &Loader<'_>, config: Config<'_>) -> Result<Self> {
        let shape = l.shape("img_in")?;
        let &[width, inputs] = shape.as_slice() else { return Err(l.misshapen("img_in", "a matrix".to_owned())) };
        let head = l.shape("double_blocks_0_img_attn_norm_query_norm")?.first().copied().unwrap_or(0);
        if head == 0 || !width.is_multiple_of(head) || !head.is_multiple_of(2) {
            return Err(l.misshapen("img_in", format!("a width of whole heads of {head}")));
        }
        let pair = |name: &str, inputs: usize| -> Result<(Linear, Linear)> {
            let first = l.linear(&format!("{name}_in_layer"), inputs)?;
            let inner = first.0.n;
            Ok((first, l.linear(&format!("{name}_out_layer"), inner)?))
        };
        let text = l.shape("txt_in")?.get(1).copied().unwrap_or(0);
        let pooled = l.shape("vector_in_in_layer")?.get(1).copied().unwrap_or(0);
        Ok(Self {
            compute: l.compute.clone(),
            img_in: l.linear("img_in", inputs)?,
            txt_in: l.linear("txt_in", text)?,
            time: pair("time_in", TIME_WIDTH)?,
            vector: pair("vector_in", pooled)?,
            guidance: if l.has("guidance_in_in_layer") { Some(pair("guidance_in", TIME_WIDTH)?) } else { None },
            double: (0..l.count("double_blocks_"))
                .map(|i| Double::load(&l.at(format!("double_blocks_{i}")), width, head))
                .collect::<Result<_>>()?,
            single: (0..l.count("single_blocks_"))
                .map(|i| Single::load(&l.at(format!("single_blocks_{i}")), width, head))
                .collect::<Result<_>>()?,
            modulation: l.linear("final_layer_adaLN_modulation_1", width)?,
            out: l.linear("final_layer_linear", width)?,
            heads: width / head,
            axes: axes(config, head)
                .ok_or_else(|| l.misshapen("img_in", "rotary widths that make up a head (axes_dims_rope)".to_owned()))?,
        })
    }

    /// True for dev, which takes a strength of guidance.
    #[must_use]
    pub fn is_guided(&self) -> bool {
        self.guidance.is_some()
    }

    /// The device and way it works with.
    #[must_use]
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    /// The model's answer (noise − picture) for `tokens` (batch × rows·columns × channels; 2×2 latents each) at noise level `sigma`, 0 to 1.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] when shapes do not fit.
    pub fn forward(&self, tokens: &Tensor, size: (usize, usize), sigma: f64, condition: &FluxCondition) -> Result<Tensor> {
        let batch = tokens.dim(0)?;
        let mut img = self.img_in.forward(tokens, None)?;
        let mut txt = self.txt_in.forward(&condition.text, None)?;
        let mut vector = self.embedded(&self.time, sigma * 1000.0, batch, None)?;
        if let Some(guidance) = &self.guidance {
            vector = self.embedded(guidance, condition.guidance * 1000.0, batch, Some(&vector))?;
        }
        let pooled = activate(&self.compute, &self.vector.0.forward(&condition.pooled, None)?, Activation::Silu)?;
        let vector = self.vector.1.forward(&pooled, Some(&vector))?;
        let vector = activate(&self.compute, &vector, Activation::Silu)?;
        let rope = Rope::new(self.axes, txt.dim(1)?, size);
        for block in &self.double {
            (img, txt) = block.forward(&self.compute, &img, &txt, &vector, &rope, self.heads)?;
        }
        let (written, drawn) = (txt.dim(1)?, img.dim(1)?);
        let mut x = Tensor::cat(&[&txt, &img], 1)?;
        for block in &self.single {
            x = block.forward(&self.compute, &x, &vector, &rope, self.heads)?;
        }
        let x = x.narrow(1, written, drawn)?.contiguous()?;
        let parts = split(&self.modulation.forward(&vector, None)?, 2)?;
        self.out.forward(&modulated(&self.compute, &x, &parts[0], &parts[1])?, None)
    }

    fn embedded(&self, (one, two): &(Linear, Linear), value: f64, batch: usize, more: Option<&Tensor>) -> Result<Tensor> {
        let row = sinusoid(value, TIME_WIDTH);
        let rows: Vec<f32> = std::iter::repeat_n(row, batch).flatten().collect();
        let x = self.compute.tensor(&rows, &[batch, TIME_WIDTH])?;
        two.forward(&activate(&self.compute, &one.forward(&x, None)?, Activation::Silu)?, more)
    }
}

/// The configuration's word, else 16, 56, 56 of a head of 128 and the like.
fn axes(config: Config<'_>, head: usize) -> Option<[usize; 3]> {
    let axes = match config.counts("axes_dims_rope", 3).or_else(|| config.counts("axes_dim", 3)) {
        Some(stated) => [stated[0], stated[1], stated[2]],
        None => [head / 8, head / 16 * 7, head / 16 * 7],
    };
    (axes.iter().sum::<usize>() == head && axes.iter().all(|a| a.is_multiple_of(2))).then_some(axes)
}

/// Batch × n·width as n tensors of batch × 1 × width.
fn split(x: &Tensor, n: usize) -> Result<Vec<Tensor>> {
    Ok(x.unsqueeze(1)?.chunk(n, D::Minus1)?)
}

/// norm(x)·(1 + scale) + shift.
fn modulated(compute: &Compute, x: &Tensor, shift: &Tensor, scale: &Tensor) -> Result<Tensor> {
    Ok(plain_norm(compute, x, EPSILON)?.broadcast_mul(&(scale + 1.0)?)?.broadcast_add(shift)?)
}
