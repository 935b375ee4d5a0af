//! The transformer inside of a UNet's levels: self-attention, attention to the text, gated feed-forward.

use super::super::compute::Compute;
use super::super::error::{ModelError, Result};
use super::super::layer::Linear;
use super::super::norm::{GroupNorm, LayerNorm, attend, geglu};
use super::super::weights::Loader;
use super::UnetConfig;
use crate::kernel::Mask;
use candle_core::Tensor;

#[derive(Debug)]
pub(super) struct Transformer {
    compute: Compute,
    norm: GroupNorm,
    proj_in: Linear,
    blocks: Vec<Block>,
    proj_out: Linear,
}

#[derive(Debug)]
struct Block {
    norm1: LayerNorm,
    attn1: Attention,
    norm2: LayerNorm,
    attn2: Attention,
    norm3: LayerNorm,
    gate: Linear,
    out: Linear,
}

#[derive(Debug)]
struct Attention {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    heads: usize,
}

impl Transformer {
    pub(super) fn load(l: &Loader<'_>, config: &UnetConfig, width: usize, heads: usize) -> Result<Self> {
        let proj_in = l.linear("proj_in", width)?;
        let inner = proj_in.0.n;
        if heads == 0 || !inner.is_multiple_of(heads) {
            return Err(
                l.misshapen("proj_in", format!("a width that {heads} heads share evenly (attention_head_dim of the configuration)"))
            );
        }
        let block = |i: usize| Block::load(&l.at(format!("transformer_blocks_{i}")), inner, config.context, heads);
        let blocks = (0..l.count("transformer_blocks_")).map(block).collect::<Result<Vec<_>>>()?;
        if blocks.is_empty() {
            return Err(ModelError::Missing { part: "denoiser", path: "transformer_blocks_0".to_owned() });
        }
        Ok(Self {
            compute: l.compute.clone(),
            norm: l.group_norm("norm", width, config.groups, 1e-6)?,
            proj_in,
            blocks,
            proj_out: l.linear("proj_out", inner)?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, context: &Tensor) -> Result<Tensor> {
        let (_, h, w, _) = self.compute.dims(x)?;
        let mut y = self.proj_in.forward(&self.compute.tokens(&self.norm.forward(x, false)?)?, None)?;
        for block in &self.blocks {
            y = block.forward(&self.compute, &y, context)?;
        }
        let y = self.proj_out.forward(&y, Some(&self.compute.tokens(x)?))?;
        self.compute.picture(&y, h, w)
    }
}

impl Block {
    fn load(l: &Loader<'_>, width: usize, context: usize, heads: usize) -> Result<Self> {
        let gate = l.linear("ff_net_0_proj", width)?;
        let inner = gate.0.n / 2;
        Ok(Self {
            norm1: l.layer_norm("norm1", width, 1e-5)?,
            attn1: Attention::load(&l.at("attn1"), width, width, heads)?,
            norm2: l.layer_norm("norm2", width, 1e-5)?,
            attn2: Attention::load(&l.at("attn2"), width, context, heads)?,
            norm3: l.layer_norm("norm3", width, 1e-5)?,
            gate,
            out: l.linear("ff_net_2", inner)?,
        })
    }

    fn forward(&self, compute: &Compute, x: &Tensor, context: &Tensor) -> Result<Tensor> {
        let y = self.norm1.forward(x)?;
        let x = self.attn1.forward(compute, &y, &y, x)?;
        let x = self.attn2.forward(compute, &self.norm2.forward(&x)?, context, &x)?;
        let y = geglu(compute, &self.gate.forward(&self.norm3.forward(&x)?, None)?)?;
        self.out.forward(&y, Some(&x))
    }
}

impl Attention {
    fn load(l: &Loader<'_>, width: usize, context: usize, heads: usize) -> Result<Self> {
        let q = l.linear("to_q", width)?;
        let inner = q.0.n;
        Ok(Self { k: l.linear("to_k", context)?, v: l.linear("to_v", context)?, out: l.linear("to_out_0", inner)?, q, heads })
    }

    fn forward(&self, compute: &Compute, x: &Tensor, context: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let (q, k, v) = (self.q.forward(x, None)?, self.k.forward(context, None)?, self.v.forward(context, None)?);
        let scale = 1.0 / ((q.dim(2)? / self.heads) as f32).sqrt();
        self.out.forward(&attend(compute, &q, &k, &v, self.heads, scale, Mask::All)?, Some(residual))
    }
}
