//! The UNet of SD 1, SD 2 and SDXL.

mod block;
mod config;
mod transformer;

pub use config::UnetConfig;

use super::compute::Compute;
use super::error::{ModelError, Result};
use super::layer::{Conv2d, Linear};
use super::norm::{GroupNorm, activate};
use super::weights::Loader;
use crate::kernel::{Activation, Conv};
use block::{Down, Mid, Up};
use candle_core::Tensor;

/// A denoiser of the SD families.
#[derive(Debug)]
pub struct Unet {
    pub config: UnetConfig,
    compute: Compute,
    conv_in: Conv2d,
    time: (Linear, Linear),
    added: Option<(Linear, Linear)>,
    down: Vec<Down>,
    mid: Mid,
    up: Vec<Up>,
    norm: GroupNorm,
    conv_out: Conv2d,
}

/// What a picture is to show, for each picture of a batch.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Batch × tokens × width.
    pub context: Tensor,
    /// SDXL: pooled text and six sizes, embedded; batch × width.
    pub added: Option<Tensor>,
}

impl Unet {
    pub(crate) fn load(l: &Loader<'_>, config: UnetConfig) -> Result<Self> {
        let first = config.channels[0];
        let linear_1 = l.linear("time_embedding_linear_1", first)?;
        let time = linear_1.0.n;
        let added = match config.added {
            None => None,
            Some(inputs) => Some((l.linear("add_embedding_linear_1", inputs)?, l.linear("add_embedding_linear_2", time)?)),
        };
        let mut skips = vec![first];
        let mut width = first;
        let mut down = Vec::new();
        for level in 0..config.channels.len() {
            let block = Down::load(&l.at(format!("down_blocks_{level}")), &config, level, width, time)?;
            width = block.widths(&mut skips);
            down.push(block);
        }
        let mid = Mid::load(&l.at("mid_block"), &config, width, time)?;
        let mut up = Vec::new();
        for level in 0..config.channels.len() {
            let block = Up::load(&l.at(format!("up_blocks_{level}")), &config, level, width, &mut skips, time)?;
            width = block.width();
            up.push(block);
        }
        Ok(Self {
            compute: l.compute.clone(),
            conv_in: l.conv("conv_in", config.in_channels, Conv::same(3))?,
            time: (linear_1, l.linear("time_embedding_linear_2", time)?),
            added,
            down,
            mid,
            up,
            norm: l.group_norm("conv_norm_out", width, config.groups, 1e-5)?,
            conv_out: l.conv("conv_out", width, Conv::same(3))?,
            config,
        })
    }

    /// The device and way it works with.
    #[must_use]
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    /// SDXL's added condition: `pooled` (batch × width) and the `sizes` of each picture (height, width, top, left, target height, target width).
    ///
    /// # Errors
    /// [`ModelError::Request`] when the model has no such condition, or one of another width.
    pub fn added(&self, pooled: &[f32], sizes: &[[f32; 6]]) -> Result<Tensor> {
        let (Some((one, two)), Some(inputs)) = (&self.added, self.config.added) else {
            return Err(ModelError::Request("only SDXL takes sizes beside the text".to_owned()));
        };
        let width = pooled.len() / sizes.len().max(1);
        // What the pooled text leaves is shared by the six sizes: 256 each in SDXL.
        let each = inputs.checked_sub(width).filter(|left| left.is_multiple_of(12) && *left > 0).map(|left| left / 6);
        let Some(each) = each else {
            return Err(ModelError::Request(format!(
                "a pooled text of {width} values and six sizes do not make up the {inputs} that the model takes"
            )));
        };
        let mut rows = Vec::with_capacity(sizes.len() * inputs);
        for (pooled, sizes) in pooled.chunks_exact(width.max(1)).zip(sizes) {
            rows.extend_from_slice(pooled);
            sizes.iter().for_each(|s| rows.extend(sinusoid(f64::from(*s), each)));
        }
        let x = self.compute.tensor(&rows, &[sizes.len(), inputs])?;
        two.forward(&activate(&self.compute, &one.forward(&x, None)?, Activation::Silu)?, None)
    }

    /// The model's answer (noise, or v) for latents `x` at training step `time`, 0 to 999, which may lie between two steps.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] when shapes do not fit.
    pub fn forward(&self, x: &Tensor, time: f64, condition: &Condition) -> Result<Tensor> {
        let batch = x.dim(0)?;
        let row = sinusoid(time, self.config.channels[0]);
        let rows: Vec<f32> = std::iter::repeat_n(row, batch).flatten().collect();
        let time = self.compute.tensor(&rows, &[batch, self.config.channels[0]])?;
        let time = self
            .time
            .1
            .forward(&activate(&self.compute, &self.time.0.forward(&time, None)?, Activation::Silu)?, condition.added.as_ref())?;
        let time = activate(&self.compute, &time, Activation::Silu)?;
        let context = &condition.context;

        let mut x = self.conv_in.forward(x, None, None)?;
        let mut skips = vec![x.clone()];
        for block in &self.down {
            x = block.forward(&x, &time, context, &mut skips)?;
        }
        x = self.mid.forward(&x, &time, context)?;
        for block in &self.up {
            x = block.forward(&x, &time, context, &mut skips)?;
        }
        self.conv_out.forward(&self.norm.forward(&x, true)?, None, None)
    }
}

/// cos and sin of `value` at width/2 frequencies from 1 down to 1/10,000.
pub(crate) fn sinusoid(value: f64, width: usize) -> Vec<f32> {
    let half = width / 2;
    let angle = |i: usize| value * (-(10_000f64.ln()) * i as f64 / half as f64).exp();
    let mut out: Vec<f32> = (0..half).map(|i| angle(i).cos() as f32).chain((0..half).map(|i| angle(i).sin() as f32)).collect();
    out.resize(width, 0.0);
    out
}
