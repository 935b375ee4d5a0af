//! A1111's dialect: `(x)` 1.1, `[x]` 1/1.1, `(x:1.3)`, `\(` for the letter, `BREAK`.
//!
//! Round and square brackets are counted apart, as A1111 does: `(a [b) c]` is not refused. An opening bracket that is never closed
//! reaches to the end; a closing one that was never opened is a letter.

use super::part::{Item, Prompt, Weights};
use super::tags::{self, Tag};
use weft_domain::generation::Dialect;

const ROUND: f64 = 1.1;
const SQUARE: f64 = 1.0 / 1.1;

/// What a piece of text is.
enum Event {
    /// Letters as typed.
    Letters(usize, usize),
    /// The letter behind a backslash, or nothing.
    Escaped(usize, usize),
    /// A bracket that opens; its factor is known when it closes.
    Open {
        square: bool,
        factor: f64,
    },
    Close {
        square: bool,
    },
}

pub fn parse(text: &str) -> Prompt {
    let mut prompt = Prompt::default();
    let events = events(text, &mut prompt);
    let (mut round, mut square) = (Weights::new(), Weights::new());
    for event in events {
        let weight = round.now() * square.now();
        match event {
            Event::Letters(from, to) => letters(&mut prompt, text, from, to, weight),
            Event::Escaped(from, to) => prompt.push(&text[from..to], from, weight, true),
            Event::Open { square: true, factor } => square.enter(square.now() * factor),
            Event::Open { square: false, factor } => round.enter(round.now() * factor),
            Event::Close { square: true } => square.leave(),
            Event::Close { square: false } => round.leave(),
        }
    }
    prompt
}

/// Cuts the text into events, and finds for each opening bracket what its end says.
fn events(text: &str, prompt: &mut Prompt) -> Vec<Event> {
    let bytes = text.as_bytes();
    let mut events = Vec::new();
    let (mut round, mut square) = (Vec::new(), Vec::new());
    let (mut at, mut run) = (0, 0);
    while at < bytes.len() {
        let start = at;
        let event = match bytes[at] {
            b'\\' => {
                // The backslash goes; a bracket or another backslash behind it is a letter.
                let letter = bytes.get(at + 1).is_some_and(|b| b"()[]\\".contains(b));
                at += if letter { 2 } else { 1 };
                Some(Event::Escaped(start + 1, at))
            }
            bracket @ (b'(' | b'[') => {
                at += 1;
                let square_one = bracket == b'[';
                (if square_one { &mut square } else { &mut round }).push(events.len() + usize::from(run < start));
                Some(Event::Open { square: square_one, factor: if square_one { SQUARE } else { ROUND } })
            }
            b':' if !round.is_empty() => weighted(text, at).map(|(factor, end)| {
                at = end;
                close(&mut events, round.pop(), Some(factor));
                Event::Close { square: false }
            }),
            b')' if !round.is_empty() => {
                at += 1;
                round.pop();
                Some(Event::Close { square: false })
            }
            b']' if !square.is_empty() => {
                at += 1;
                square.pop();
                Some(Event::Close { square: true })
            }
            b'<' => match tags::read(text, at, Dialect::A1111) {
                Tag::Adapter(tag, notice) => {
                    at = tag.span.end;
                    prompt.adapters.push(tag);
                    prompt.notices.extend(notice);
                    Some(Event::Letters(start, start))
                }
                Tag::None => None,
            },
            _ => None,
        };
        match event {
            Some(event) => {
                if run < start {
                    events.push(Event::Letters(run, start));
                }
                events.push(event);
                run = at;
            }
            None => at += 1,
        }
    }
    if run < bytes.len() {
        events.push(Event::Letters(run, bytes.len()));
    }
    events
}

/// Gives an opening bracket the factor that its end names.
fn close(events: &mut [Event], open: Option<usize>, named: Option<f64>) {
    if let (Some(Event::Open { factor, .. }), Some(named)) = (open.and_then(|open| events.get_mut(open)), named) {
        *factor = named;
    }
}

/// The number of `: 1.3 )` at `at`, and the place behind it.
fn weighted(text: &str, at: usize) -> Option<(f64, usize)> {
    let rest = &text[at + 1..];
    let trimmed = rest.trim_start();
    let digits = trimmed.bytes().enumerate().take_while(|(i, b)| b.is_ascii_digit() || *b == b'.' || *i == 0 && b"+-".contains(b)).count();
    let value = tags::number(&trimmed[..digits])?;
    let behind = trimmed[digits..].trim_start().strip_prefix(')')?;
    Some((value, text.len() - behind.len()))
}

/// Adds letters, cut at each `BREAK` that is a word of its own.
fn letters(prompt: &mut Prompt, text: &str, from: usize, to: usize, weight: f64) {
    const WORD: &str = "BREAK";
    let run = &text[from..to];
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut done = 0;
    for (found, _) in run.match_indices(WORD) {
        let end = found + WORD.len();
        if word(run[..found].chars().next_back()) || word(run[end..].chars().next()) {
            continue;
        }
        let before = run[done..found].trim_end();
        prompt.push(before, from + done, weight, true);
        prompt.items.push(Item::Break(from + found..from + end));
        done = run.len() - run[end..].trim_start().len();
    }
    prompt.push(&run[done..], from + done, weight, true);
}
