//! The residual block that UNets and image decoders are made of.

use super::error::Result;
use super::layer::{Conv2d, Linear};
use super::norm::GroupNorm;
use super::weights::Loader;
use crate::kernel::Conv;
use candle_core::Tensor;

/// norm, SiLU, convolution, twice; between the two the time is added, at the end the input.
#[derive(Debug)]
pub(crate) struct Resnet {
    norm1: GroupNorm,
    conv1: Conv2d,
    time: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    shortcut: Option<Linear>,
    compute: super::compute::Compute,
}

impl Resnet {
    /// `time`: width of the time embedding, for blocks that have one.
    pub(crate) fn load(l: &Loader<'_>, inputs: usize, time: Option<usize>, groups: usize, epsilon: f64) -> Result<Self> {
        let conv1 = l.conv("conv1", inputs, Conv::same(3))?;
        let width = conv1.cell.n;
        Ok(Self {
            norm1: l.group_norm("norm1", inputs, groups, epsilon)?,
            time: time.map(|t| l.linear("time_emb_proj", t)).transpose()?,
            norm2: l.group_norm("norm2", width, groups, epsilon)?,
            conv2: l.conv("conv2", width, Conv::same(3))?,
            shortcut: if l.has("conv_shortcut") { Some(l.linear("conv_shortcut", inputs)?) } else { None },
            conv1,
            compute: l.compute.clone(),
        })
    }

    /// Channels of the result.
    pub(crate) fn width(&self) -> usize {
        self.conv1.cell.n
    }

    /// `time` is the embedding behind its SiLU.
    pub(crate) fn forward(&self, x: &Tensor, time: Option<&Tensor>) -> Result<Tensor> {
        let each = match (&self.time, time) {
            (Some(layer), Some(time)) => Some(layer.forward(time, None)?),
            _ => None,
        };
        let y = self.conv1.forward(&self.norm1.forward(x, true)?, each.as_ref(), None)?;
        let y = self.norm2.forward(&y, true)?;
        match &self.shortcut {
            None => self.conv2.forward(&y, None, Some(x)),
            Some(shortcut) => {
                let (_, h, w, _) = self.compute.dims(x)?;
                let side = self.compute.picture(&shortcut.forward(&self.compute.tokens(x)?, None)?, h, w)?;
                self.conv2.forward(&y, None, Some(&side))
            }
        }
    }
}
