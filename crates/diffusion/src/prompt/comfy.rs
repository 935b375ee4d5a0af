//! ComfyUI's dialect: `(x)` 1.1 times what is around it, `(x:1.3)` 1.3 whatever is around it, `\(` for the letter. Square brackets and
//! `BREAK` are letters.
//!
//! A parenthesis without its other half is a letter. (ComfyUI itself then reads the rest of the text in ways that depend on where it
//! stands.)

use super::part::{Prompt, Weights};
use super::tags::{self, Tag};
use weft_domain::generation::Dialect;

/// A pair of parentheses.
#[derive(Clone, Copy)]
struct Pair {
    open: usize,
    close: usize,
    /// Where the colon before the weight stands, and the weight.
    named: Option<(usize, f64)>,
}

pub fn parse(text: &str) -> Prompt {
    let mut prompt = Prompt::default();
    let pairs = pairs(text, &mut prompt);
    let mut marks: Vec<(usize, usize, Mark)> = Vec::with_capacity(2 * pairs.len() + prompt.adapters.len());
    for pair in pairs {
        marks.push((pair.open, pair.open + 1, Mark::Open(pair.named.map(|(_, weight)| weight))));
        marks.push((pair.named.map_or(pair.close, |(colon, _)| colon), pair.close + 1, Mark::Close));
    }
    marks.extend(prompt.adapters.iter().map(|tag| (tag.span.start, tag.span.end, Mark::Tag)));
    marks.sort_unstable_by_key(|(from, ..)| *from);
    let mut weights = Weights::new();
    let mut done = 0;
    for (from, to, mark) in marks {
        letters(&mut prompt, text, done, from, weights.now());
        match mark {
            Mark::Open(named) => weights.enter(named.unwrap_or(weights.now() * 1.1)),
            Mark::Close => weights.leave(),
            Mark::Tag => {}
        }
        done = to;
    }
    letters(&mut prompt, text, done, text.len(), weights.now());
    prompt
}

enum Mark {
    Open(Option<f64>),
    Close,
    Tag,
}

/// Finds pairs and tags. A weight is named by the last colon of a pair when nothing but a number lies between it and the end.
fn pairs(text: &str, prompt: &mut Prompt) -> Vec<Pair> {
    let bytes = text.as_bytes();
    let (mut pairs, mut open) = (Vec::new(), Vec::new());
    let mut colon = None;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if bytes.get(at + 1).is_some_and(|b| b"()".contains(b)) => {
                colon = None;
                at += 1;
            }
            b'(' => {
                open.push(at);
                colon = None;
            }
            b')' => {
                if let Some(open) = open.pop() {
                    let named = colon.filter(|colon| *colon > open + 1);
                    let named = named.and_then(|colon| tags::number(&text[colon + 1..at]).map(|weight| (colon, weight)));
                    pairs.push(Pair { open, close: at, named });
                }
                colon = None;
            }
            b':' => colon = Some(at),
            b'<' => {
                if let Tag::Adapter(tag, notice) = tags::read(text, at, Dialect::ComfyUi) {
                    at = tag.span.end - 1;
                    colon = None;
                    prompt.adapters.push(tag);
                    prompt.notices.extend(notice);
                }
            }
            _ => {}
        }
        at += 1;
    }
    pairs
}

/// Adds letters as a part of their own, without the backslashes before parentheses.
fn letters(prompt: &mut Prompt, text: &str, from: usize, to: usize, weight: f64) {
    let (mut done, mut join) = (from, false);
    for (slash, _) in text[from..to].match_indices('\\') {
        let slash = from + slash;
        if text.as_bytes().get(slash + 1).is_some_and(|b| b"()".contains(b)) {
            let before = prompt.items.len();
            prompt.push(&text[done..slash], done, weight, join);
            join |= prompt.items.len() > before;
            done = slash + 1;
        }
    }
    prompt.push(&text[done..to], done, weight, join);
}
