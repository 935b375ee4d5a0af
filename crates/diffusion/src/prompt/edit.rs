//! A1111's prompt editing: text that changes while the picture is made.
//!
//! `[from:to:when]`, `[to:when]` (nothing before), `[from::when]` (nothing after): `when` with a point is a part of the steps, without
//! one a step's number. `[a|b|c]` takes turns at every step. Square brackets that are neither are emphasis and stay for [`super::parse`].

use super::tags::{self, Tag};
use weft_domain::generation::Dialect;

/// A prompt with its editing understood, for a number of steps.
#[derive(Debug, Clone)]
pub struct Edits<'a> {
    text: &'a str,
    steps: usize,
    /// Bracket pairs that edit, by where they open. Pairs lie inside or beside each other.
    pairs: Vec<Pair>,
    /// For each place in `pairs` the index of the first pair behind it that is not inside of it.
    after: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Pair {
    open: usize,
    close: usize,
    /// Separators in it, that is where its texts end and the next begin.
    cuts: Vec<usize>,
    /// The step after which the second text holds; none for turns.
    when: Option<usize>,
}

impl<'a> Edits<'a> {
    /// Understands `text` for a picture of `steps` steps.
    #[must_use]
    pub fn new(text: &'a str, steps: usize) -> Self {
        let mut pairs = find(text, steps);
        pairs.sort_unstable_by_key(|pair| pair.open);
        let after = pairs.iter().map(|pair| pairs.partition_point(|other| other.open < pair.close)).collect();
        Self { text, steps, pairs, after }
    }

    /// The text never changes.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Steps (from 0) that begin with another text than the step before, 0 always among them. A bracket inside of one that is not
    /// shown counts too.
    #[must_use]
    pub fn changes(&self) -> Vec<usize> {
        if self.pairs.iter().any(|pair| pair.when.is_none()) {
            return (0..self.steps.max(1)).collect();
        }
        let mut at: Vec<usize> = self.pairs.iter().filter_map(|pair| pair.when).filter(|when| *when < self.steps).chain([0]).collect();
        at.sort_unstable();
        at.dedup();
        at
    }

    /// The text of a step (from 0), with the editing taken out.
    #[must_use]
    pub fn at(&self, step: usize) -> String {
        let mut out = String::with_capacity(self.text.len());
        // Pieces that are still to be shown: (from, to, first pair that may lie there).
        let mut todo = vec![(0, self.text.len(), 0)];
        while let Some((from, to, pair)) = todo.pop() {
            let Some(inner) = self.pairs.get(pair).filter(|inner| inner.open < to) else {
                out.push_str(&self.text[from..to]);
                continue;
            };
            out.push_str(&self.text[from..inner.open]);
            todo.push((inner.close + 1, to, self.after[pair]));
            let (from, to) = inner.shown(step);
            let first = self.pairs.partition_point(|other| other.open < from);
            todo.push((from, to, first.max(pair + 1)));
        }
        out
    }
}

impl Pair {
    /// The range shown at a step.
    fn shown(&self, step: usize) -> (usize, usize) {
        let texts = if self.when.is_some() { self.cuts.len() } else { self.cuts.len() + 1 };
        let border = |i: usize| if i == 0 { self.open } else { self.cuts[i - 1] };
        let end = |i: usize| self.cuts.get(i).copied().unwrap_or(self.close);
        let which = match self.when {
            // [to:when]: one text, after `when` only.
            Some(when) if texts == 1 => {
                if step < when {
                    return (self.open + 1, self.open + 1);
                }
                0
            }
            Some(when) => usize::from(step >= when),
            None => step % texts,
        };
        (border(which) + 1, end(which))
    }
}

/// A square bracket that is open while the text is read.
struct Open {
    at: usize,
    /// Round brackets open inside of it: separators in them are not its own.
    rounds: usize,
    colons: Vec<usize>,
    bars: Vec<usize>,
}

fn find(text: &str, steps: usize) -> Vec<Pair> {
    let bytes = text.as_bytes();
    let (mut pairs, mut open) = (Vec::new(), Vec::<Open>::new());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'[' => open.push(Open { at, rounds: 0, colons: Vec::new(), bars: Vec::new() }),
            b']' => pairs.extend(open.pop().and_then(|open| open.close(text, at, steps))),
            b'<' => {
                if let Tag::Adapter(tag, _) = tags::read(text, at, Dialect::A1111) {
                    at = tag.span.end - 1;
                }
            }
            byte => {
                if let Some(open) = open.last_mut() {
                    open.see(byte, at);
                }
            }
        }
        at += 1;
    }
    pairs
}

impl Open {
    fn see(&mut self, byte: u8, at: usize) {
        match byte {
            b'(' => self.rounds += 1,
            b')' => self.rounds = self.rounds.saturating_sub(1),
            b':' if self.rounds == 0 => self.colons.push(at),
            b'|' if self.rounds == 0 => self.bars.push(at),
            _ => {}
        }
    }

    /// The pair, when it edits.
    fn close(self, text: &str, close: usize, steps: usize) -> Option<Pair> {
        if !self.bars.is_empty() {
            return Some(Pair { open: self.at, close, cuts: self.bars, when: None });
        }
        let last = *self.colons.last()?;
        let when = text[last + 1..close].trim();
        let value = tags::number(when).filter(|_| self.colons.len() <= 2)?;
        let value = if when.contains('.') { value * steps as f64 } else { value };
        Some(Pair { open: self.at, close, cuts: self.colons, when: Some((value.max(0.0) as usize).min(steps)) })
    }
}
