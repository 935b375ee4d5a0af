//! T5's tokenizer: SentencePiece unigrams over words that begin with `▁`.

use super::charsmap::Charsmap;
use super::files::{self, Bad};
use super::sentencepiece;
use super::specials::{Piece, Specials};
use super::unigram::Unigram;
use super::{Slot, Token};
use base64::Engine;
use std::ops::Range;

const SPACE: char = '▁';
/// Kinds of pieces that stand in text.
const PLAIN: u64 = 1;
const USERS: u64 = 4;

/// The vocabulary that Google published with T5, as `tokenizer.json` without what is not read; licence beside it.
const VOCABULARY: &[u8] = include_bytes!("t5_vocabulary.json");

/// A T5 vocabulary.
#[derive(Debug, Clone)]
pub struct T5 {
    unigram: Unigram,
    charsmap: Charsmap,
    specials: Specials,
    end: u32,
    pad: u32,
}

impl T5 {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// When the file is too large, damaged, or holds no unigram model.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Bad> {
        let file = files::json(bytes)?;
        let list = file["model"]["vocab"].as_array().ok_or(Bad::Missing("unigram vocabulary"))?;
        let pieces: Option<Vec<(String, f64)>> = list.iter().map(|p| Some((p[0].as_str()?.to_owned(), p[1].as_f64()?))).collect();
        let pieces = pieces.ok_or(Bad::Missing("unigram vocabulary"))?;
        let unknown = files::id(&file["model"]["unk_id"])?;
        let coded = find_charsmap(&file["normalizer"]).unwrap_or_default();
        let table = base64::engine::general_purpose::STANDARD.decode(coded).map_err(|e| Bad::Damaged(format!("replacements: {e}")))?;
        Self::new(&pieces, unknown, |_| true, &table, files::added(&file)?)
    }

    /// Reads `spiece.model`.
    ///
    /// # Errors
    /// When the file is too large, damaged, or no SentencePiece model.
    pub fn from_model(bytes: &[u8]) -> Result<Self, Bad> {
        let file = sentencepiece::read(bytes)?;
        let unknown = file.kinds.iter().position(|kind| *kind == 2).ok_or(Bad::Missing("unknown piece"))?;
        let used = |id: usize| matches!(file.kinds[id], PLAIN | USERS);
        let mut specials = Specials::default();
        for (id, (piece, _)) in file.pieces.iter().enumerate().filter(|(id, _)| !used(*id)) {
            specials.add(piece, id as u32);
        }
        Self::new(&file.pieces, unknown as u32, used, &file.charsmap, specials)
    }

    /// The vocabulary of 32,100 pieces of T5 v1.1, which Flux.1 uses.
    ///
    /// # Errors
    /// None that a user could cause.
    pub fn standard() -> Result<Self, Bad> {
        Self::from_json(VOCABULARY)
    }

    fn new(pieces: &[(String, f64)], unknown: u32, used: impl Fn(usize) -> bool, table: &[u8], specials: Specials) -> Result<Self, Bad> {
        let id = |word: &'static str| {
            let listed = pieces.iter().position(|(piece, _)| piece == word).map(|id| id as u32);
            listed.or_else(|| specials.get(word)).ok_or(Bad::Missing(word))
        };
        let (end, pad) = (id("</s>")?, id("<pad>")?);
        Ok(Self { unigram: Unigram::new(pieces, unknown, used)?, charsmap: Charsmap::new(table)?, specials, end, pad })
    }

    /// The id after the last token.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.end
    }

    /// The id that fills the rest.
    #[must_use]
    pub const fn pad(&self) -> u32 {
        self.pad
    }

    /// The tokens of a text, without the end.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        for piece in self.specials.split(text) {
            match piece {
                Piece::Special(id, span) => tokens.push(Token { slot: Slot::Id(id), span }),
                Piece::Text(span) => self.words(text, span, &mut tokens),
            }
        }
        tokens
    }

    /// At most `room` ids with the end among them, filled up to `room`, and how many of them are not filling.
    #[must_use]
    pub fn padded(&self, text: &str, room: usize) -> (Vec<u32>, usize) {
        let tokens = self.encode(text);
        let ids = tokens.iter().filter_map(|token| if let Slot::Id(id) = token.slot { Some(id) } else { None });
        let mut ids: Vec<u32> = ids.take(room.saturating_sub(1)).chain([self.end]).take(room).collect();
        let used = ids.len();
        ids.resize(room, self.pad);
        (ids, used)
    }

    /// Replaces, cuts at spaces, and cuts each word into pieces.
    fn words(&self, text: &str, span: Range<usize>, tokens: &mut Vec<Token>) {
        let mut word = Word::default();
        let mut at = span.start;
        while at < span.end {
            let rest = &text[at..span.end];
            let letter = rest.chars().next().unwrap_or_default();
            let (new, len) = match self.charsmap.longest(rest) {
                // A damaged table could end inside of a letter.
                Some((new, len)) if rest.is_char_boundary(len) => (new, len),
                _ => (&rest[..letter.len_utf8()], letter.len_utf8()),
            };
            for letter in new.chars() {
                if letter.is_whitespace() || letter == SPACE {
                    self.close(&mut word, tokens);
                    // A typed ▁ is a word of its own when no letter follows it, as in the tokenizers library.
                    if letter == SPACE {
                        word.push(SPACE, at..at + len);
                    }
                } else {
                    if word.text.is_empty() {
                        word.push(SPACE, at..at);
                    }
                    word.push(letter, at..at + len);
                }
            }
            at += len;
        }
        self.close(&mut word, tokens);
    }

    fn close(&self, word: &mut Word, tokens: &mut Vec<Token>) {
        for (id, from, to) in self.unigram.cut(&word.text) {
            tokens.push(Token { slot: Slot::Id(id), span: word.spans[from].start..word.spans[to - 1].end });
        }
        word.text.clear();
        word.spans.clear();
    }
}

/// A word and where each of its bytes was typed.
#[derive(Default)]
struct Word {
    text: String,
    spans: Vec<Range<usize>>,
}

impl Word {
    fn push(&mut self, letter: char, span: Range<usize>) {
        self.text.push(letter);
        self.spans.resize(self.text.len(), span);
    }
}

/// The table of replacements in a normalizer, which may be one of a sequence.
fn find_charsmap(normalizer: &serde_json::Value) -> Option<&str> {
    let own = normalizer["precompiled_charsmap"].as_str();
    own.or_else(|| normalizer["normalizers"].as_array()?.iter().find_map(|n| n["precompiled_charsmap"].as_str()))
}
