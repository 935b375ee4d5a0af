//! A prompt taken apart, with the way back to what was typed.

use super::MAX_WEIGHT;
use super::tags::{AdapterTag, Notice};
use std::ops::Range;

/// A parsed prompt.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prompt {
    /// Text and breaks in their order; no two texts of one weight follow each other in A1111's dialect.
    pub items: Vec<Item>,
    /// Adapters named in the text.
    pub adapters: Vec<AdapterTag>,
    /// What a user may want to know about the text.
    pub notices: Vec<Notice>,
}

/// Text, or the wish to go on in a new chunk.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Text(Part),
    /// `BREAK`; where it was typed.
    Break(Range<usize>),
}

/// Text of one weight, without brackets, escapes and tags.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub text: String,
    pub weight: f64,
    /// (place in `text`, place in what was typed) of each run of letters, rising.
    runs: Vec<(usize, usize)>,
}

impl Part {
    /// Where a range of `text` was typed. Brackets and escapes inside are included.
    #[must_use]
    pub fn source(&self, range: Range<usize>) -> Range<usize> {
        let typed = |at: usize| {
            let run = self.runs.partition_point(|(start, _)| *start <= at).saturating_sub(1);
            self.runs.get(run).map_or(0, |(start, source)| source + (at - start))
        };
        if range.is_empty() {
            return typed(range.start)..typed(range.start);
        }
        typed(range.start)..typed(range.end - 1) + 1
    }
}

impl Prompt {
    /// Adds `text`, typed at `source`, to the last part when that has the same weight and `join` is set, else as a part of its own.
    pub(super) fn push(&mut self, text: &str, source: usize, weight: f64, join: bool) {
        if text.is_empty() {
            return;
        }
        if let Some(Item::Text(part)) = self.items.last_mut()
            && join
            && part.weight == weight
        {
            let follows = part.runs.last().is_some_and(|(start, typed)| typed + (part.text.len() - start) == source);
            if !follows {
                part.runs.push((part.text.len(), source));
            }
            part.text.push_str(text);
            return;
        }
        self.items.push(Item::Text(Part { text: text.to_owned(), weight, runs: vec![(0, source)] }));
    }

    /// The texts alone.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.items.iter().filter_map(|item| if let Item::Text(part) = item { Some(part) } else { None })
    }
}

/// Weights of nested brackets: the product, or whatever else the dialect makes of the outer weight and the bracket.
pub(super) struct Weights(Vec<f64>);

impl Weights {
    pub fn new() -> Self {
        Self(vec![1.0])
    }

    pub fn now(&self) -> f64 {
        self.0.last().copied().unwrap_or(1.0)
    }

    pub fn enter(&mut self, weight: f64) {
        self.0.push(weight.clamp(-MAX_WEIGHT, MAX_WEIGHT));
    }

    pub fn leave(&mut self) {
        if self.0.len() > 1 {
            self.0.pop();
        }
    }
}
