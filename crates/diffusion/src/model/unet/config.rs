//! What a UNet is made of: widths and depths from its shapes, the rest from its configuration or the rule of its family.

use super::super::config::Config;
use super::super::error::{ModelError, Result};
use super::super::weights::Loader;
use crate::schedule::Prediction;
use weft_weights::family::Family;

/// Structure of a UNet.
#[derive(Debug, Clone, PartialEq)]
pub struct UnetConfig {
    /// Width of each level.
    pub channels: Vec<usize>,
    /// Heads of the attentions of each level.
    pub heads: Vec<usize>,
    /// Groups of the norms.
    pub groups: usize,
    /// Channels of the input: 4 latent, 9 for inpainting models.
    pub in_channels: usize,
    /// Width of the text.
    pub context: usize,
    /// Inputs of SDXL's added condition.
    pub added: Option<usize>,
    pub prediction: Prediction,
}

impl UnetConfig {
    pub(crate) fn read(l: &Loader<'_>, config: Config<'_>, scheduler: Config<'_>, family: Family, stated: Option<&str>) -> Result<Self> {
        let levels = l.count("down_blocks_");
        let width = |i: usize| Ok(l.shape(&format!("down_blocks_{i}_resnets_0_conv1"))?[0]);
        let channels = (0..levels).map(width).collect::<Result<Vec<usize>>>()?;
        let input = l.shape("conv_in")?;
        let (true, [_, in_channels, ..]) = (levels > 0, input.as_slice()) else {
            return Err(l.misshapen("conv_in", "a convolution before one or more levels".to_owned()));
        };
        let heads = config.counts("num_attention_heads", levels).or_else(|| config.counts("attention_head_dim", levels));
        let heads = heads.unwrap_or_else(|| match family {
            Family::Sd1 => vec![8; levels],
            _ => channels.iter().map(|c| c.div_ceil(64)).collect(),
        });
        let context = l.shape("mid_block_attentions_0_transformer_blocks_0_attn2_to_k")?;
        Ok(Self {
            heads,
            groups: config.count("norm_num_groups").unwrap_or(32),
            in_channels: *in_channels,
            context: context.get(1).copied().unwrap_or(0),
            added: if l.has("add_embedding_linear_1") { l.shape("add_embedding_linear_1")?.get(1).copied() } else { None },
            prediction: prediction(scheduler, stated)?,
            channels,
        })
    }
}

/// The scheduler's word, then that of the file, then the rule: SD 2 at 768 predicts v, which nothing in a bare file tells from 2-base; the rest
/// predicts the noise.
fn prediction(scheduler: Config<'_>, stated: Option<&str>) -> Result<Prediction> {
    match scheduler.text("prediction_type").or(stated) {
        None | Some("epsilon" | "eps") => Ok(Prediction::Epsilon),
        Some("v_prediction" | "v" | "v-prediction" | "vpred") => Ok(Prediction::V),
        Some(other) => Err(ModelError::Unsupported(format!("models that predict {other} are not known here"))),
    }
}
