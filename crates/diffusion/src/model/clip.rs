//! CLIP's text encoders: CLIP-L, OpenCLIP-H and -bigG.

use super::compute::Compute;
use super::config::Config;
use super::error::{ModelError, Result};
use super::layer::Linear;
use super::norm::{LayerNorm, activate, attend};
use super::weights::Loader;
use crate::kernel::{Activation, Mask};
use candle_core::Tensor;

/// A text encoder of the CLIP kind.
#[derive(Debug)]
pub struct ClipText {
    compute: Compute,
    /// Vocabulary × width.
    tokens: Vec<f32>,
    /// Positions × width.
    positions: Vec<f32>,
    layers: Vec<Layer>,
    last: LayerNorm,
    projection: Option<Linear>,
    width: usize,
    heads: usize,
    activation: Activation,
    end: u32,
}

#[derive(Debug)]
struct Layer {
    norm1: LayerNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

/// Which hidden states are the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    /// 1 the last layer's, 2 those of the one before it ("clip skip 2"), …
    pub layer: usize,
    /// Whether the final norm is applied (SD 1 and 2 do, SDXL does not).
    pub norm: bool,
}

/// Answer of an encoder, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// Sequences × tokens × width.
    pub hidden: Vec<f32>,
    pub width: usize,
    /// Sequences × projected width: the end token's state behind the final norm, projected where the encoder has a projection.
    pub pooled: Vec<f32>,
}

impl ClipText {
    pub(crate) fn load(loader: &Loader<'_>, config: Config<'_>, second: bool) -> Result<Self> {
        let root = loader.at("text_model");
        let table = "embeddings_token_embedding";
        let shape = root.shape(table)?;
        let [vocabulary, width] = *shape.as_slice() else { return Err(root.misshapen(table, "a matrix".to_owned())) };
        let heads = config.count("num_attention_heads").unwrap_or(width.div_ceil(64));
        if !width.is_multiple_of(heads) {
            return Err(
                root.misshapen(table, format!("a width that {heads} heads share evenly (num_attention_heads of the configuration)"))
            );
        }
        let gelu = second || width == 1024;
        let activation = match config.text("hidden_act") {
            Some("quick_gelu") => Activation::QuickGelu,
            Some("gelu") => Activation::Gelu,
            Some(other) => return Err(ModelError::Unsupported(format!("text encoders with the function {other} are not known here"))),
            None if gelu => Activation::Gelu,
            None => Activation::QuickGelu,
        };
        let epsilon = config.number("layer_norm_eps").unwrap_or(1e-5) as f32;
        let count = root.count("encoder_layers_");
        let layers =
            (0..count).map(|i| Layer::load(&root.at(format!("encoder_layers_{i}")), width, epsilon)).collect::<Result<Vec<_>>>()?;
        if layers.is_empty() {
            return Err(ModelError::Missing { part: "text encoder", path: "text_model_encoder_layers_0".to_owned() });
        }
        let projection = if second && loader.has("text_projection") { Some(loader.linear("text_projection", width)?) } else { None };
        // 2 is what old configurations say of every vocabulary; the true end token is the last of it.
        let stated = config.get("eos_token_id").and_then(serde_json::Value::as_u64).filter(|e| *e != 2 && *e < vocabulary as u64);
        Ok(Self {
            compute: loader.compute.clone(),
            tokens: root.values(table)?,
            positions: root.values("embeddings_position_embedding")?,
            layers,
            last: root.layer_norm("final_layer_norm", width, epsilon)?,
            projection,
            width,
            heads,
            activation,
            end: stated.unwrap_or(vocabulary as u64 - 1) as u32,
        })
    }

    /// Width of the hidden states.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of layers.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Size of the vocabulary. Ids from here on stand for `extra` embeddings.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.tokens.len() / self.width
    }

    /// Most tokens of a sequence.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.positions.len() / self.width
    }

    /// Encodes sequences of one length. Id `vocabulary() + i` is the i-th of `extra` (learned embeddings of `width()` values).
    ///
    /// # Errors
    /// [`ModelError::Request`] for ids, lengths or embeddings that the encoder does not have.
    pub fn encode(&self, sequences: &[&[u32]], extra: &[Vec<f32>], take: Take) -> Result<Encoded> {
        let (batch, length) = (sequences.len(), sequences.first().map_or(0, |s| s.len()));
        let mut x = self.compute.tensor(&self.embed(sequences, length, extra)?, &[batch, length, self.width])?;
        if take.layer == 0 || take.layer > self.layers.len() {
            return Err(ModelError::Request(format!(
                "clip skip {} is not between 1 and the encoder's {} layers",
                take.layer,
                self.layers.len()
            )));
        }
        let mut taken = None;
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&self.compute, &x, self.heads, self.activation)?;
            if i + take.layer == self.layers.len() {
                taken = Some(x.clone());
            }
        }
        let last = self.last.forward(&x)?;
        let hidden = match taken {
            Some(_) if take.norm && take.layer == 1 => last.clone(),
            Some(taken) if take.norm => self.last.forward(&taken)?,
            Some(taken) => taken,
            None => x,
        };
        let pooled = self.pooled(&last, sequences)?;
        let flat = |t: &Tensor| -> Result<Vec<f32>> { Ok(t.to_dtype(candle_core::DType::F32)?.flatten_all()?.to_vec1()?) };
        Ok(Encoded { hidden: flat(&hidden)?, width: self.width, pooled: flat(&pooled)? })
    }

    fn embed(&self, sequences: &[&[u32]], length: usize, extra: &[Vec<f32>]) -> Result<Vec<f32>> {
        let wrong = |why: String| Err(ModelError::Request(why));
        if length == 0 || length > self.positions() || sequences.iter().any(|s| s.len() != length) {
            return wrong(format!("a text encoder takes sequences of one length from 1 to {} tokens", self.positions()));
        }
        if let Some(bad) = extra.iter().find(|e| e.len() != self.width) {
            return wrong(format!("an embedding of {} values does not fit this text encoder, whose words have {}", bad.len(), self.width));
        }
        let mut x = Vec::with_capacity(sequences.len() * length * self.width);
        for (id, position) in sequences.iter().flat_map(|s| s.iter().zip(self.positions.chunks_exact(self.width))) {
            let id = *id as usize;
            let row = self.tokens.get(id * self.width..(id + 1) * self.width);
            let row = row.or_else(|| extra.get(id.checked_sub(self.vocabulary())?).map(Vec::as_slice));
            let Some(row) = row else { return wrong(format!("token {id} is not in the encoder's vocabulary of {}", self.vocabulary())) };
            x.extend(row.iter().zip(position).map(|(a, b)| a + b));
        }
        Ok(x)
    }

    fn pooled(&self, last: &Tensor, sequences: &[&[u32]]) -> Result<Tensor> {
        let mut rows = Vec::with_capacity(sequences.len());
        for (i, ids) in sequences.iter().enumerate() {
            let end = ids.iter().position(|id| *id == self.end).unwrap_or(ids.len() - 1);
            rows.push(last.get(i)?.get(end)?);
        }
        let pooled = Tensor::stack(&rows, 0)?;
        match &self.projection {
            Some(projection) => projection.forward(&pooled, None),
            None => Ok(pooled),
        }
    }
}

impl Layer {
    fn load(l: &Loader<'_>, width: usize, epsilon: f32) -> Result<Self> {
        let fc1 = l.linear("mlp_fc1", width)?;
        let inner = fc1.0.n;
        Ok(Self {
            norm1: l.layer_norm("layer_norm1", width, epsilon)?,
            q: l.linear("self_attn_q_proj", width)?,
            k: l.linear("self_attn_k_proj", width)?,
            v: l.linear("self_attn_v_proj", width)?,
            out: l.linear("self_attn_out_proj", width)?,
            norm2: l.layer_norm("layer_norm2", width, epsilon)?,
            fc1,
            fc2: l.linear("mlp_fc2", inner)?,
        })
    }

    fn forward(&self, compute: &Compute, x: &Tensor, heads: usize, f: Activation) -> Result<Tensor> {
        let y = self.norm1.forward(x)?;
        let (q, k, v) = (self.q.forward(&y, None)?, self.k.forward(&y, None)?, self.v.forward(&y, None)?);
        let scale = 1.0 / ((q.dim(2)? / heads) as f32).sqrt();
        let y = attend(compute, &q, &k, &v, heads, scale, Mask::Causal)?;
        let x = self.out.forward(&y, Some(x))?;
        let y = activate(compute, &self.fc1.forward(&self.norm2.forward(&x)?, None)?, f)?;
        self.fc2.forward(&y, Some(&x))
    }
}
