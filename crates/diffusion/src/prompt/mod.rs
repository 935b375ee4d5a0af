//! What a user types, and what the text encoder gets.
//!
//! The way of a prompt: [`apply_styles`], [`expand`] (wildcards, `{a|b}`), [`Edits`] (A1111's `[a:b:0.5]`, step by step), [`parse`]
//! (weights, `BREAK`, adapter tags), [`chunks`](crate::prompt::chunk) of 75 tokens, the text encoder, [`weigh`].
//!
//! Every function here takes any text of any length in linear time and without recursion.

mod a1111;
pub mod chunk;
mod comfy;
mod edit;
mod expand;
mod part;
mod styles;
mod tags;
mod weigh;

pub use edit::Edits;
pub use expand::{Expansion, Refused, Wildcards, expand};
pub use part::{Item, Part, Prompt};
pub use styles::{Style, apply_styles};
pub use tags::{AdapterTag, Notice};
pub use weigh::{weigh, weigh_a1111, weigh_comfy};

use weft_domain::generation::Dialect;

/// Largest weight that brackets may add up to, either way. Ten thousand of them would otherwise reach infinity and spoil the picture.
pub const MAX_WEIGHT: f64 = 1000.0;

/// Reads a prompt in its dialect: text with weights, breaks, and `<lora:…>` tags, which are taken out of the text.
///
/// Nothing is refused: what is no bracket is a letter, and what is odd about a tag is in [`Prompt::notices`].
#[must_use]
pub fn parse(text: &str, dialect: Dialect) -> Prompt {
    match dialect {
        Dialect::A1111 => a1111::parse(text),
        Dialect::ComfyUi => comfy::parse(text),
    }
}
