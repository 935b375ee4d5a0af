//! CLIP's tokenizer: lower case, words, bytes as letters, byte pairs (Radford et al. 2021).

use super::bpe::merge;
use super::files::{Bad, BpeFile, bpe_json, merges_alone, vocab_and_merges};
use super::normal::{self, Letters};
use super::specials::Piece;
use super::{Slot, Token};
use crate::prompt::chunk::Frame;

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";

/// The merges of the vocabulary that OpenAI published with CLIP; licence beside it.
const MERGES: &[u8] = include_bytes!("clip_merges.txt");

/// A CLIP vocabulary, for any of the encoders of SD 1, 2, XL and 3 and of Flux: they share it.
#[derive(Debug, Clone)]
pub struct Clip {
    file: BpeFile,
    /// The id of each byte's letter inside of a word and at its end; the end token's where the vocabulary lacks it.
    inside: [u32; 256],
    last: [u32; 256],
    frame: Frame,
}

impl Clip {
    /// Reads `vocab.json` and `merges.txt`.
    ///
    /// # Errors
    /// When a file is too large, damaged, or not CLIP's.
    pub fn from_vocab(vocab: &[u8], merges: &[u8]) -> Result<Self, Bad> {
        Self::new(vocab_and_merges(vocab, merges)?)
    }

    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// When the file is too large, damaged, or not CLIP's.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Bad> {
        Self::new(bpe_json(bytes)?)
    }

    /// Reads `merges.txt` alone. CLIP's vocabulary follows from it: the letters of the bytes, the same at the end of a word, what each merge
    /// makes, start and end.
    ///
    /// # Errors
    /// When the file is too large or damaged.
    pub fn from_merges(merges: &[u8]) -> Result<Self, Bad> {
        Self::new(merges_alone(merges, &alphabet(), &[START, END])?)
    }

    /// The vocabulary of 49,408 that all models of Stability AI and Black Forest Labs use.
    ///
    /// # Errors
    /// None that a user could cause.
    pub fn standard() -> Result<Self, Bad> {
        Self::from_merges(MERGES)
    }

    fn new(mut file: BpeFile) -> Result<Self, Bad> {
        let known = |word: &str| file.vocabulary.get(word).copied().or_else(|| file.specials.get(word));
        let start = known(START).ok_or(Bad::Missing(START))?;
        let end = known(END).ok_or(Bad::Missing(END))?;
        let comma = known(",</w>");
        let letters = byte_letters();
        let inside = letters.map(|letter| known(&letter.to_string()).unwrap_or(end));
        let last = letters.map(|letter| known(&format!("{letter}</w>")).unwrap_or(end));
        file.specials.add(START, start);
        file.specials.add(END, end);
        Ok(Self { file, inside, last, frame: Frame { start, end, pad: end, comma } })
    }

    /// Start, end, padding and comma. The padding is CLIP-L's (the end again); OpenCLIP encoders take 0: set it there.
    #[must_use]
    pub const fn frame(&self) -> Frame {
        self.frame
    }

    /// How many ids there are, from 0.
    #[must_use]
    pub fn size(&self) -> usize {
        self.file.vocabulary.values().max().map_or(0, |most| *most as usize + 1)
    }

    /// The tokens of a text, without start and end.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        for piece in self.file.specials.split(text) {
            match piece {
                Piece::Special(id, span) => tokens.push(Token { slot: Slot::Id(id), span }),
                Piece::Text(span) => self.words(&normal::clip(&text[span.clone()], span.start), &mut tokens),
            }
        }
        tokens
    }

    fn words(&self, letters: &Letters, tokens: &mut Vec<Token>) {
        let mut at = 0;
        while at < letters.len() {
            let len = word(&letters[at..]);
            if len > 0 {
                self.word(&letters[at..at + len], tokens);
            }
            at += len.max(1);
        }
    }

    fn word(&self, word: &[(char, std::ops::Range<usize>)], tokens: &mut Vec<Token>) {
        let mut buffer = [0; 4];
        let bytes = word.iter().enumerate().flat_map(|(i, (letter, _))| {
            let bytes = letter.encode_utf8(&mut buffer).as_bytes().to_vec();
            bytes.into_iter().map(move |byte| (byte, i))
        });
        let (mut ids, mut letters): (Vec<u32>, Vec<usize>) = (Vec::new(), Vec::new());
        let mut end = 0;
        for (byte, letter) in bytes {
            ids.push(self.inside[usize::from(byte)]);
            letters.push(letter);
            end = byte;
        }
        if let Some(id) = ids.last_mut() {
            *id = self.last[usize::from(end)];
        }
        for (id, from, to) in merge(&ids, &self.file.merges) {
            let (first, last) = (&word[letters[from]].1, &word[letters[to - 1]].1);
            tokens.push(Token { slot: Slot::Id(id), span: first.start..last.end });
        }
    }
}

/// Letters of the word at the start: an English ending, letters, one digit, or anything else up to a space. 0 at a space.
fn word(letters: &[(char, std::ops::Range<usize>)]) -> usize {
    const ENDINGS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];
    let letter = |i: usize| letters.get(i).map(|(letter, _)| *letter);
    for ending in ENDINGS {
        if ending.chars().enumerate().all(|(i, c)| letter(i) == Some(c)) {
            return ending.len();
        }
    }
    let run = |is: fn(char) -> bool| letters.iter().take_while(|(letter, _)| is(*letter)).count();
    match letter(0) {
        Some(first) if normal::is_letter(first) => run(normal::is_letter),
        Some(first) if normal::is_number(first) => 1,
        _ => run(|c| !c.is_whitespace() && !normal::is_letter(c) && !normal::is_number(c)),
    }
}

/// The first ids of CLIP's vocabulary: bytes that can be seen, then the others, each as its letter.
fn alphabet() -> Vec<char> {
    let mut letters = byte_letters();
    // Seen ones stand for themselves below 256, the others count up from there.
    letters.sort_unstable();
    letters.to_vec()
}

/// The letter that stands for each byte in byte-level vocabularies (GPT-2): itself where it can be seen, else one from 256 on.
fn byte_letters() -> [char; 256] {
    let mut next = 256;
    std::array::from_fn(|byte| {
        let seen = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        let code = if seen {
            byte as u32
        } else {
            next += 1;
            next - 1
        };
        char::from_u32(code).unwrap_or_default()
    })
}
