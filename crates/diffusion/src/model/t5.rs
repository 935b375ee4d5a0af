//! The encoder of T5 1.1, Flux's second reader of prompts.

use super::compute::Compute;
use super::config::Config;
use super::error::{ModelError, Result};
use super::layer::Linear;
use super::norm::{LayerNorm, activate, attend};
use super::weights::Loader;
use crate::kernel::{Activation, Mask};
use candle_core::{DType, Tensor};

/// Distance from which on all positions share a bucket.
const FAR: f64 = 128.0;

/// A T5 encoder with gated feed-forward layers.
#[derive(Debug)]
pub struct T5 {
    compute: Compute,
    tokens: Vec<f32>,
    width: usize,
    /// Buckets × heads.
    bias: Vec<f32>,
    heads: usize,
    blocks: Vec<Block>,
    last: LayerNorm,
}

#[derive(Debug)]
struct Block {
    norm1: LayerNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    norm2: LayerNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl T5 {
    pub(crate) fn load(l: &Loader<'_>, config: Config<'_>) -> Result<Self> {
        let table = if l.has("shared") { "shared" } else { "encoder_embed_tokens" };
        let shape = l.shape(table)?;
        let bias = "encoder_block_0_layer_0_SelfAttention_relative_attention_bias";
        let (&[_, width], &[_, heads]) = (shape.as_slice(), l.shape(bias)?.as_slice()) else {
            return Err(l.misshapen(table, "a matrix, like the relative attention bias".to_owned()));
        };
        let epsilon = config.number("layer_norm_epsilon").unwrap_or(1e-6) as f32;
        let block = |i: usize| Block::load(&l.at(format!("encoder_block_{i}")), width, epsilon);
        Ok(Self {
            compute: l.compute.clone(),
            tokens: l.values(table)?,
            width,
            bias: l.values(bias)?,
            heads,
            blocks: (0..l.count("encoder_block_")).map(block).collect::<Result<Vec<_>>>()?,
            last: l.rms_norm("encoder_final_layer_norm", width, epsilon)?,
        })
    }

    /// Width of the hidden states.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Hidden states of `ids`, tokens × width.
    ///
    /// # Errors
    /// [`ModelError::Request`] for ids that are not in the vocabulary.
    pub fn encode(&self, ids: &[u32]) -> Result<Vec<f32>> {
        let mut x = Vec::with_capacity(ids.len() * self.width);
        for id in ids {
            let row = self.tokens.get(*id as usize * self.width..(*id as usize + 1) * self.width);
            x.extend_from_slice(row.ok_or_else(|| ModelError::Request(format!("token {id} is not in T5's vocabulary")))?);
        }
        if ids.is_empty() {
            return Err(ModelError::Request("T5 takes one token or more".to_owned()));
        }
        let mut x = self.compute.tensor(&x, &[1, ids.len(), self.width])?;
        let mask = self.mask(ids.len());
        for block in &self.blocks {
            x = block.forward(&self.compute, &x, self.heads, &mask)?;
        }
        Ok(self.last.forward(&x)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
    }

    /// What is added to the scores: heads × queries × keys, by how far apart the two are.
    fn mask(&self, n: usize) -> Vec<f32> {
        let buckets = self.bias.len() / self.heads;
        let at = |i: usize| {
            let (head, query, key) = (i / (n * n), i / n % n, i % n);
            self.bias[bucket(query, key, buckets) * self.heads + head]
        };
        (0..self.heads * n * n).map(at).collect()
    }
}

/// Half of the buckets for keys ahead; of each half, half for distances one by one, half in ever wider steps up to [`FAR`].
fn bucket(query: usize, key: usize, buckets: usize) -> usize {
    let half = buckets / 2;
    let ahead = if key > query { half } else { 0 };
    let (distance, exact) = (key.abs_diff(query), half / 2);
    if distance < exact {
        return ahead + distance;
    }
    let share = (distance as f64 / exact as f64).ln() / (FAR / exact as f64).ln();
    ahead + (exact + (share * (half - exact) as f64) as usize).min(half - 1)
}

impl Block {
    fn load(l: &Loader<'_>, width: usize, epsilon: f32) -> Result<Self> {
        let (a, f) = (l.at("layer_0_SelfAttention"), l.at("layer_1_DenseReluDense"));
        let (q, gate) = (a.linear("q", width)?, f.linear("wi_0", width)?);
        let (inner, wide) = (q.0.n, gate.0.n);
        Ok(Self {
            norm1: l.rms_norm("layer_0_layer_norm", width, epsilon)?,
            k: a.linear("k", width)?,
            v: a.linear("v", width)?,
            out: a.linear("o", inner)?,
            norm2: l.rms_norm("layer_1_layer_norm", width, epsilon)?,
            up: f.linear("wi_1", width)?,
            down: f.linear("wo", wide)?,
            q,
            gate,
        })
    }

    fn forward(&self, compute: &Compute, x: &Tensor, heads: usize, mask: &[f32]) -> Result<Tensor> {
        let y = self.norm1.forward(x)?;
        let (q, k, v) = (self.q.forward(&y, None)?, self.k.forward(&y, None)?, self.v.forward(&y, None)?);
        let x = self.out.forward(&attend(compute, &q, &k, &v, heads, 1.0, Mask::Added(mask))?, Some(x))?;
        let y = self.norm2.forward(&x)?;
        let gate = activate(compute, &self.gate.forward(&y, None)?, Activation::GeluTanh)?;
        self.down.forward(&(gate * self.up.forward(&y, None)?)?, Some(&x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_the_paper() {
        // 32 buckets, 128 far: transformers' `_relative_position_bucket`, bidirectional.
        let found: Vec<usize> = [0, 1, 7, 8, 15, 16, 31, 64, 127, 500].iter().map(|d| bucket(500, 500 - d, 32)).collect();
        assert_eq!(found, [0, 1, 7, 8, 9, 10, 11, 14, 15, 15]);
        assert_eq!((bucket(0, 1, 32), bucket(0, 500, 32)), (17, 31));
    }
}
