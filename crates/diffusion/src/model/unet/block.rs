//! Levels of a UNet.

use super::super::compute::Compute;
use super::super::error::{ModelError, Result};
use super::super::layer::Conv2d;
use super::super::resnet::Resnet;
use super::super::weights::Loader;
use super::UnetConfig;
use super::transformer::Transformer;
use crate::kernel::Conv;
use candle_core::Tensor;

/// Epsilon of the norms of residual blocks.
const EPSILON: f64 = 1e-5;

/// A level on the way down.
#[derive(Debug)]
pub(super) struct Down {
    layers: Vec<(Resnet, Option<Transformer>)>,
    smaller: Option<Conv2d>,
}

/// The bottom.
#[derive(Debug)]
pub(super) struct Mid {
    first: Resnet,
    attention: Transformer,
    second: Resnet,
}

/// A level on the way up.
#[derive(Debug)]
pub(super) struct Up {
    compute: Compute,
    layers: Vec<(Resnet, Option<Transformer>)>,
    larger: Option<Conv2d>,
}

fn transformer(l: &Loader<'_>, config: &UnetConfig, j: usize, width: usize, heads: usize) -> Result<Option<Transformer>> {
    if !l.has(&format!("attentions_{j}_norm")) {
        return Ok(None);
    }
    Transformer::load(&l.at(format!("attentions_{j}")), config, width, heads).map(Some)
}

fn none(side: &str, level: usize) -> ModelError {
    ModelError::Missing { part: "denoiser", path: format!("{side}_blocks_{level}_resnets_0") }
}

impl Down {
    pub(super) fn load(l: &Loader<'_>, config: &UnetConfig, level: usize, inputs: usize, time: usize) -> Result<Self> {
        let (mut layers, mut width) = (Vec::new(), inputs);
        for j in 0..l.count("resnets_") {
            let resnet = Resnet::load(&l.at(format!("resnets_{j}")), width, Some(time), config.groups, EPSILON)?;
            width = resnet.width();
            layers.push((resnet, transformer(l, config, j, width, config.heads[level])?));
        }
        if layers.is_empty() {
            return Err(none("down", level));
        }
        let name = "downsamplers_0_conv";
        let smaller = if l.has(name) { Some(l.conv(name, width, Conv::halving(1))?) } else { None };
        Ok(Self { layers, smaller })
    }

    /// Adds the widths of what it leaves for the way up; gives the last.
    pub(super) fn widths(&self, skips: &mut Vec<usize>) -> usize {
        skips.extend(self.layers.iter().map(|l| l.0.width()));
        skips.extend(self.smaller.as_ref().map(|s| s.cell.n));
        skips.last().copied().unwrap_or(0)
    }

    pub(super) fn forward(&self, x: &Tensor, time: &Tensor, context: &Tensor, skips: &mut Vec<Tensor>) -> Result<Tensor> {
        let mut x = x.clone();
        for (resnet, attention) in &self.layers {
            x = resnet.forward(&x, Some(time))?;
            if let Some(attention) = attention {
                x = attention.forward(&x, context)?;
            }
            skips.push(x.clone());
        }
        if let Some(smaller) = &self.smaller {
            x = smaller.forward(&x, None, None)?;
            skips.push(x.clone());
        }
        Ok(x)
    }
}

impl Mid {
    pub(super) fn load(l: &Loader<'_>, config: &UnetConfig, width: usize, time: usize) -> Result<Self> {
        let heads = config.heads.last().copied().unwrap_or(1);
        Ok(Self {
            first: Resnet::load(&l.at("resnets_0"), width, Some(time), config.groups, EPSILON)?,
            attention: Transformer::load(&l.at("attentions_0"), config, width, heads)?,
            second: Resnet::load(&l.at("resnets_1"), width, Some(time), config.groups, EPSILON)?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, time: &Tensor, context: &Tensor) -> Result<Tensor> {
        let x = self.first.forward(x, Some(time))?;
        let x = self.attention.forward(&x, context)?;
        self.second.forward(&x, Some(time))
    }
}

impl Up {
    /// `skips`: widths of what the way down left, the last first to be used.
    pub(super) fn load(
        l: &Loader<'_>,
        config: &UnetConfig,
        level: usize,
        inputs: usize,
        skips: &mut Vec<usize>,
        time: usize,
    ) -> Result<Self> {
        let heads = config.heads[config.heads.len() - 1 - level];
        let (mut layers, mut width) = (Vec::new(), inputs);
        for j in 0..l.count("resnets_") {
            let skip = skips.pop().ok_or_else(|| none("down", 0))?;
            let resnet = Resnet::load(&l.at(format!("resnets_{j}")), width + skip, Some(time), config.groups, EPSILON)?;
            width = resnet.width();
            layers.push((resnet, transformer(l, config, j, width, heads)?));
        }
        if layers.is_empty() {
            return Err(none("up", level));
        }
        let name = "upsamplers_0_conv";
        let larger = if l.has(name) { Some(l.conv(name, width, Conv::doubling())?) } else { None };
        Ok(Self { compute: l.compute.clone(), layers, larger })
    }

    pub(super) fn width(&self) -> usize {
        self.layers.last().map_or(0, |l| l.0.width())
    }

    pub(super) fn forward(&self, x: &Tensor, time: &Tensor, context: &Tensor, skips: &mut Vec<Tensor>) -> Result<Tensor> {
        let mut x = x.clone();
        for (resnet, attention) in &self.layers {
            let skip = skips.pop().ok_or_else(|| candle_core::Error::Msg("a level without its skip".to_owned()).bt())?;
            x = resnet.forward(&self.compute.beside(&x, &skip)?, Some(time))?;
            if let Some(attention) = attention {
                x = attention.forward(&x, context)?;
            }
        }
        match &self.larger {
            Some(larger) => {
                // An odd size was rounded up on the way down. Nearest neighbours from n to 2n − 1 are those to 2n without the last.
                let (from, to) = (self.compute.size(&x)?, skips.last().map(|s| self.compute.size(s)).transpose()?);
                let cut = to.map_or((0, 0), |to| (usize::from(to.0 < 2 * from.0), usize::from(to.1 < 2 * from.1)));
                larger.cut(cut).forward(&x, None, None)
            }
            None => Ok(x),
        }
    }
}
