//! What a weight does to an embedding. The two dialects differ, and so do their pictures.

use weft_domain::generation::Dialect;

/// Applies `weights` to the embedding of one chunk in its dialect. `embedding` and `empty` hold tokens × width numbers, `weights` one
/// number a token; `empty` is the embedding of the empty prompt, which A1111's dialect does not use.
///
/// # Panics
/// When the lengths do not fit together.
pub fn weigh(dialect: Dialect, embedding: &mut [f32], empty: &[f32], weights: &[f32]) {
    match dialect {
        Dialect::A1111 => weigh_a1111(embedding, weights),
        Dialect::ComfyUi => weigh_comfy(embedding, empty, weights),
    }
}

/// Multiplies each token by its weight, then everything by one number that restores the mean over the chunk.
///
/// A mean of 0, before or after, restores nothing: the chunk keeps the size that the weights gave it.
///
/// # Panics
/// When the numbers are no whole number of tokens.
pub fn weigh_a1111(embedding: &mut [f32], weights: &[f32]) {
    let width = width(embedding, weights);
    if weights.iter().all(|w| *w == 1.0) {
        return;
    }
    let mean = |values: &[f32]| values.iter().copied().map(f64::from).sum::<f64>() / values.len() as f64;
    let before = mean(embedding);
    for (token, weight) in embedding.chunks_exact_mut(width).zip(weights) {
        token.iter_mut().for_each(|x| *x *= weight);
    }
    let ratio = before / mean(embedding);
    if ratio.is_finite() && ratio != 0.0 {
        embedding.iter_mut().for_each(|x| *x = (f64::from(*x) * ratio) as f32);
    }
}

/// z ← (z − empty)·w + empty for each token of another weight than 1.
///
/// # Panics
/// When the lengths do not fit together.
pub fn weigh_comfy(embedding: &mut [f32], empty: &[f32], weights: &[f32]) {
    let width = width(embedding, weights);
    assert_eq!(embedding.len(), empty.len(), "the empty prompt has the same shape");
    let tokens = embedding.chunks_exact_mut(width).zip(empty.chunks_exact(width)).zip(weights);
    for ((token, empty), weight) in tokens.filter(|(_, weight)| **weight != 1.0) {
        token.iter_mut().zip(empty).for_each(|(x, e)| *x = (*x - e) * weight + e);
    }
}

fn width(embedding: &[f32], weights: &[f32]) -> usize {
    assert!(!weights.is_empty() && embedding.len().is_multiple_of(weights.len()), "whole tokens");
    (embedding.len() / weights.len()).max(1)
}
