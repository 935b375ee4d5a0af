//! From text to the numbers that a text encoder reads: CLIP's byte pairs, T5's unigrams, names of learned embeddings.
//!
//! Own implementations: small enough for the page, linear in the text, and every token knows where it was typed.

mod bpe;
mod charsmap;
mod clip;
mod files;
mod learned;
mod normal;
mod sentencepiece;
mod specials;
mod t5;
mod unigram;

pub use clip::Clip;
pub use files::Bad;
pub use learned::Learned;
pub use t5::T5;

use std::ops::Range;

/// What a place in a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    Id(u32),
    /// A vector of a learned embedding: which one of the set, and which of its vectors.
    Learned {
        embedding: usize,
        vector: usize,
    },
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub slot: Slot,
    /// Bytes of the text that it stands for. Tokens that share a letter (bytes of an emoji, say) share its range.
    pub span: Range<usize>,
}
