//! From tokens to what a denoiser reads.

use super::super::error::{ModelError, Result};
use super::super::load::{Denoiser, Model};
use weft_weights::family::Family;

/// A chunk of a prompt: 77 tokens with a weight each.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    pub ids: Vec<u32>,
    /// Empty: all 1.
    pub weights: Vec<f32>,
}

/// A prompt in the tokens of one CLIP encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipTokens {
    pub chunks: Vec<Words>,
    /// The chunk of the empty prompt: fills up, and is what ComfyUI's weights move away from.
    pub empty: Vec<u32>,
    /// Learned embeddings; id vocabulary + i is the i-th.
    pub learned: Vec<Vec<f32>>,
}

/// A prompt in the tokens of all encoders of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptTokens {
    /// One per CLIP encoder of the model.
    pub clip: Vec<ClipTokens>,
    /// For Flux; empty else.
    pub t5: Vec<u32>,
    /// "Clip skip": 1 takes what the family usually takes, 2 the layer before it.
    pub skip: usize,
}

/// What a denoiser reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditioning {
    /// Tokens × width.
    pub context: Vec<f32>,
    pub width: usize,
    /// Pooled text: SDXL's second encoder, Flux's CLIP; empty for SD 1 and 2.
    pub pooled: Vec<f32>,
}

/// Applies the weights of a chunk: (embedding, embedding of the empty prompt, weights).
pub type Weigh<'a> = &'a dyn Fn(&mut [f32], &[f32], &[f32]);

impl Conditioning {
    /// Number of tokens.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.context.len() / self.width.max(1)
    }
}

impl Model {
    /// What the denoiser reads of a prompt. Adapters that change text encoders must be on already.
    ///
    /// # Errors
    /// [`ModelError::Request`] for tokens that the encoders do not have.
    pub fn condition(&self, prompt: &PromptTokens, weigh: Weigh<'_>) -> Result<Conditioning> {
        if prompt.clip.len() != self.clip().len() {
            return Err(ModelError::Request(format!(
                "the model has {} text encoders, the prompt tokens of {}",
                self.clip().len(),
                prompt.clip.len()
            )));
        }
        if let (Denoiser::Flux(_), Some(t5)) = (self.denoiser(), self.t5()) {
            let first = prompt.clip[0].chunks.first().map_or(prompt.clip[0].empty.as_slice(), |w| &w.ids);
            let pooled = self.encode_clip(0, &[first], &prompt.clip[0].learned, 1)?.pooled;
            return Ok(Conditioning { context: t5.encode(&prompt.t5)?, width: t5.width(), pooled });
        }
        let chunks = prompt.clip.iter().map(|c| c.chunks.len()).max().unwrap_or(0).max(1);
        let parts = (0..prompt.clip.len()).map(|n| self.encoded(n, prompt, chunks, weigh)).collect::<Result<Vec<_>>>()?;
        let width = parts.iter().map(|p| p.1).sum();
        let tokens = parts[0].0.len() / parts[0].1;
        let row = |i: usize| parts.iter().flat_map(move |(values, width, _)| &values[i * width..(i + 1) * width]).copied();
        let pooled = if self.family() == Family::Sdxl { parts.last().map(|p| p.2.clone()).unwrap_or_default() } else { Vec::new() };
        Ok(Conditioning { context: (0..tokens).flat_map(row).collect(), width, pooled })
    }

    /// (hidden states of all chunks, width, pooled state of the first).
    fn encoded(&self, n: usize, prompt: &PromptTokens, chunks: usize, weigh: Weigh<'_>) -> Result<(Vec<f32>, usize, Vec<f32>)> {
        let tokens = &prompt.clip[n];
        let ids: Vec<&[u32]> = (0..chunks).map(|i| tokens.chunks.get(i).map_or(tokens.empty.as_slice(), |w| &w.ids)).collect();
        let encoded = self.encode_clip(n, &ids, &tokens.learned, prompt.skip)?;
        let (mut hidden, each) = (encoded.hidden, encoded.pooled.len() / chunks);
        let weighted = |w: &Words| w.weights.iter().any(|w| *w != 1.0);
        if tokens.chunks.iter().any(weighted) {
            let empty = self.encode_clip(n, &[&tokens.empty], &[], prompt.skip)?.hidden;
            for (words, chunk) in tokens.chunks.iter().zip(hidden.chunks_exact_mut(empty.len())).filter(|(w, _)| weighted(w)) {
                if words.weights.len() * encoded.width != chunk.len() {
                    return Err(ModelError::Request("a chunk has one weight for each of its tokens".to_owned()));
                }
                weigh(chunk, &empty, &words.weights);
            }
        }
        Ok((hidden, encoded.width, encoded.pooled[..each].to_vec()))
    }
}
