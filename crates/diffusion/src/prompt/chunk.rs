//! Tokens of a prompt in chunks of 75, between a start and an end, as CLIP reads them.

use super::part::{Item, Prompt};
use crate::tokenizer::{Slot, Token};
use std::ops::Range;
use weft_domain::generation::Dialect;

/// Tokens of a chunk without its start and end.
pub const ROOM: usize = 75;
/// Tokens of a chunk.
pub const LENGTH: usize = ROOM + 2;
/// A1111 moves the words behind a comma to the next chunk when the chunk ends at most this many tokens after it.
const BACKTRACK: usize = 20;
/// ComfyUI keeps words of fewer tokens in one chunk.
const WORD: usize = 8;

/// Ids that a text encoder gives a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    pub start: u32,
    pub end: u32,
    /// Fills a chunk: the end's own id for CLIP-L, 0 for the OpenCLIP encoders of SD 2 and SDXL.
    pub pad: u32,
    /// The id of `,</w>`, for A1111's way to end a chunk.
    pub comma: Option<u32>,
}

/// 77 places for the text encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    pub slots: Vec<Slot>,
    pub weights: Vec<f32>,
    /// Tokens between start and end that come from the prompt.
    pub used: usize,
    /// Where they were typed, from the first to the last of them. None in an empty chunk.
    pub span: Option<Range<usize>>,
}

/// A weighted token and where it was typed.
#[derive(Debug, Clone)]
struct Placed {
    slot: Slot,
    weight: f32,
    span: Range<usize>,
}

/// Cuts a prompt into chunks; one at least. `tokens` turns a text into tokens, in one go in A1111's dialect and word by word in
/// ComfyUI's, as these programs do.
#[must_use]
pub fn chunks(prompt: &Prompt, dialect: Dialect, frame: Frame, tokens: &mut dyn FnMut(&str) -> Vec<Token>) -> Vec<Chunk> {
    let mut builder = Builder { frame, done: Vec::new(), open: Vec::new(), comma: None };
    for item in &prompt.items {
        match item {
            Item::Break(_) => builder.next(),
            Item::Text(part) => {
                let words = if dialect == Dialect::ComfyUi { words(&part.text) } else { std::iter::once(0..part.text.len()).collect() };
                for word in words {
                    let group = tokens(&part.text[word.clone()]).into_iter().map(|token| Placed {
                        span: part.source(word.start + token.span.start..word.start + token.span.end),
                        slot: token.slot,
                        weight: part.weight as f32,
                    });
                    let group: Vec<Placed> = group.collect();
                    if dialect == Dialect::ComfyUi { builder.word(group) } else { builder.run(group) }
                }
            }
        }
    }
    if !builder.open.is_empty() || builder.done.is_empty() {
        builder.next();
    }
    builder.done
}

/// Ranges between spaces.
fn words(text: &str) -> Vec<Range<usize>> {
    let starts = text.split(' ').scan(0, |at, word| {
        let start = *at;
        *at += word.len() + 1;
        Some(start..start + word.len())
    });
    starts.filter(|word| !word.is_empty()).collect()
}

struct Builder {
    frame: Frame,
    done: Vec<Chunk>,
    open: Vec<Placed>,
    /// How many tokens the open chunk has up to its last comma.
    comma: Option<usize>,
}

impl Builder {
    /// Closes the open chunk, full or not.
    fn next(&mut self) {
        let tokens = std::mem::take(&mut self.open);
        self.comma = None;
        let used = tokens.len();
        let span = tokens.iter().map(|t| t.span.clone()).reduce(|a, b| a.start.min(b.start)..a.end.max(b.end));
        let (mut slots, mut weights) = (vec![Slot::Id(self.frame.start)], vec![1.0]);
        for token in tokens {
            slots.push(token.slot);
            weights.push(token.weight);
        }
        slots.push(Slot::Id(self.frame.end));
        slots.resize(LENGTH, Slot::Id(self.frame.pad));
        weights.resize(LENGTH, 1.0);
        self.done.push(Chunk { slots, weights, used, span });
    }

    /// A1111: tokens one after another; a full chunk gives what follows its last comma to the next one, if that is little.
    fn run(&mut self, tokens: Vec<Placed>) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            if self.frame.comma.is_some_and(|comma| token.slot == Slot::Id(comma)) {
                self.comma = Some(self.open.len() + usize::from(self.open.len() < ROOM));
            } else if self.open.len() == ROOM
                && let Some(comma) = self.comma.filter(|comma| ROOM - comma < BACKTRACK)
            {
                let moved = self.open.split_off(comma);
                self.next();
                self.open = moved;
            }
            if self.open.len() == ROOM {
                self.next();
            }
            // The vectors of a learned embedding stay together, as far as they fit into a chunk at all.
            let mut group = vec![token];
            while let Some(more) = tokens.next_if(|more| continues(group[0].slot, more.slot, group.len())) {
                group.push(more);
            }
            if self.open.len() + group.len() > ROOM && group.len() <= ROOM {
                self.next();
            }
            self.fill(group);
        }
    }

    /// ComfyUI: a word of fewer than eight tokens is never cut; when it does not fit, the chunk ends before it.
    fn word(&mut self, tokens: Vec<Placed>) {
        if self.open.len() + tokens.len() > ROOM && tokens.len() < WORD {
            self.next();
        }
        self.fill(tokens);
    }

    fn fill(&mut self, tokens: Vec<Placed>) {
        for token in tokens {
            if self.open.len() == ROOM {
                self.next();
            }
            self.open.push(token);
        }
    }
}

/// `next` is vector number `len` of the learned embedding that `first` begins.
fn continues(first: Slot, next: Slot, len: usize) -> bool {
    match (first, next) {
        (Slot::Learned { embedding: a, vector: 0 }, Slot::Learned { embedding: b, vector }) => a == b && vector == len,
        _ => false,
    }
}
