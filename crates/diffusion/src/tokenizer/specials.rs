//! Words that are tokens as a whole, such as `<|endoftext|>`.

use std::ops::Range;

/// Longest first, so that of two that begin alike the longer one is found.
#[derive(Debug, Clone, Default)]
pub struct Specials(Vec<(String, u32)>);

/// A piece of text, or one of the words.
pub enum Piece {
    Text(Range<usize>),
    Special(u32, Range<usize>),
}

impl Specials {
    pub fn add(&mut self, word: &str, id: u32) {
        /// More are no words but an attack on the search below; T5 has 103.
        const MOST: usize = 2000;
        if !word.is_empty() && self.0.len() < MOST && self.0.iter().all(|(known, _)| known != word) {
            let at = self.0.partition_point(|(known, _)| known.len() >= word.len());
            self.0.insert(at, (word.to_owned(), id));
        }
    }

    pub fn get(&self, word: &str) -> Option<u32> {
        self.0.iter().find(|(known, _)| known == word).map(|(_, id)| *id)
    }

    /// Cuts a text at its special words.
    pub fn split(&self, text: &str) -> Vec<Piece> {
        let mut first = [false; 256];
        self.0.iter().filter_map(|(word, _)| word.bytes().next()).for_each(|b| first[usize::from(b)] = true);
        let bytes = text.as_bytes();
        let mut pieces = Vec::new();
        let (mut at, mut begin) = (0, 0);
        while at < bytes.len() {
            let found =
                if first[usize::from(bytes[at])] { self.0.iter().find(|(word, _)| bytes[at..].starts_with(word.as_bytes())) } else { None };
            let Some((word, id)) = found else {
                at += 1;
                continue;
            };
            if begin < at {
                pieces.push(Piece::Text(begin..at));
            }
            pieces.push(Piece::Special(*id, at..at + word.len()));
            at += word.len();
            begin = at;
        }
        if begin < bytes.len() {
            pieces.push(Piece::Text(begin..bytes.len()));
        }
        pieces
    }
}
