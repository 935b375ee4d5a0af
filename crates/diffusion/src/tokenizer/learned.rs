//! Learned embeddings (textual inversion) by their names in a text.

use super::{Clip, Slot, Token};
use std::collections::HashMap;

/// Names of learned embeddings and how many vectors each has.
///
/// A name counts where it stands as a word of its own, in any case: `by easynegative`, and after `embedding:`, as ComfyUI writes it.
#[derive(Debug, Clone, Default)]
pub struct Learned {
    vectors: Vec<usize>,
    by_name: HashMap<String, usize>,
    /// Lengths of names, longest first.
    lengths: Vec<usize>,
}

const PREFIX: &str = "embedding:";
/// Embeddings have a few vectors; this many would not fit into any prompt.
const MOST_VECTORS: usize = 1024;

impl Learned {
    /// A set of (name, number of vectors). Numbers in [`Slot::Learned`] follow this order; of two equal names the first counts.
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let mut set = Self::default();
        for (name, vectors) in names {
            let at = set.vectors.len();
            set.vectors.push(vectors.min(MOST_VECTORS));
            if !name.is_empty() {
                set.by_name.entry(name.to_ascii_lowercase()).or_insert(at);
            }
        }
        set.lengths = set.by_name.keys().map(String::len).collect();
        set.lengths.sort_unstable_by(|a, b| b.cmp(a));
        set.lengths.dedup();
        set
    }

    /// The tokens of a text, with the vectors of learned embeddings where their names stand.
    #[must_use]
    pub fn encode(&self, clip: &Clip, text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        let (mut begin, mut at) = (0, 0);
        let lower = text.to_ascii_lowercase();
        while at < text.len() {
            let Some((len, embedding)) = self.find(&lower, at) else {
                at += text[at..].chars().next().map_or(1, char::len_utf8);
                continue;
            };
            tokens.extend(shifted(clip.encode(&text[begin..at]), begin));
            let slots = (0..self.vectors[embedding]).map(|vector| Slot::Learned { embedding, vector });
            tokens.extend(slots.map(|slot| Token { slot, span: at..at + len }));
            at += len;
            begin = at;
        }
        tokens.extend(shifted(clip.encode(&text[begin..]), begin));
        tokens
    }

    /// The name at `at` in a text in lower case: (bytes it takes with its prefix, number of the embedding).
    fn find(&self, lower: &str, at: usize) -> Option<(usize, usize)> {
        if self.by_name.is_empty() || inside_word(lower[..at].chars().next_back()) {
            return None;
        }
        let rest = &lower[at..];
        let prefix = if rest.starts_with(PREFIX) { PREFIX.len() } else { 0 };
        self.lengths.iter().find_map(|len| {
            let name = rest.get(prefix..prefix + len)?;
            let embedding = *self.by_name.get(name)?;
            (!inside_word(rest[prefix + len..].chars().next())).then_some((prefix + len, embedding))
        })
    }
}

fn inside_word(letter: Option<char>) -> bool {
    letter.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

fn shifted(tokens: Vec<Token>, by: usize) -> impl Iterator<Item = Token> {
    tokens.into_iter().map(move |token| Token { span: token.span.start + by..token.span.end + by, ..token })
}
