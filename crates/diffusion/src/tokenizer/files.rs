//! Reading tokenizer files. Each is hostile until it has been read.

use super::bpe::Merges;
use super::specials::Specials;
use serde_json::Value;
use std::collections::HashMap;

/// CLIP's files have 1 MB, T5's 2.4 MB; the largest in use have 35 MB.
const LARGEST: usize = 64 << 20;
/// Entries of a vocabulary.
pub(super) const MOST: usize = 1 << 20;

/// Why a tokenizer file is no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    #[error("the tokenizer file has {0} bytes; at most {LARGEST} are read")]
    Large(usize),
    #[error("the tokenizer file is no JSON: {0}")]
    Json(String),
    #[error("the tokenizer file has no {0}: is it the file of another model?")]
    Missing(&'static str),
    #[error("the tokenizer file is damaged: {0}")]
    Damaged(String),
}

/// A vocabulary of byte pairs.
#[derive(Debug, Clone, Default)]
pub struct BpeFile {
    pub vocabulary: HashMap<String, u32>,
    pub merges: Merges,
    pub specials: Specials,
}

pub fn json(bytes: &[u8]) -> Result<Value, Bad> {
    sized(bytes)?;
    serde_json::from_slice(bytes).map_err(|e| Bad::Json(e.to_string()))
}

pub fn sized(bytes: &[u8]) -> Result<(), Bad> {
    if bytes.len() > LARGEST { Err(Bad::Large(bytes.len())) } else { Ok(()) }
}

/// `vocab.json` and `merges.txt`.
pub fn vocab_and_merges(vocab: &[u8], merges: &[u8]) -> Result<BpeFile, Bad> {
    let vocabulary = vocabulary(&json(vocab)?)?;
    let merges = ranks(&vocabulary, pairs(merges)?.into_iter().map(Ok))?;
    Ok(BpeFile { vocabulary, merges, specials: Specials::default() })
}

/// `merges.txt`, with the vocabulary that follows from it: `letters`, the same at the end of a word, what each merge makes, `words`.
pub fn merges_alone(merges: &[u8], letters: &[char], words: &[&str]) -> Result<BpeFile, Bad> {
    let pairs = pairs(merges)?;
    if pairs.len() > MOST - 1024 {
        return Err(Bad::Damaged("too many merges".to_owned()));
    }
    let single = letters.iter().map(char::to_string).chain(letters.iter().map(|letter| format!("{letter}</w>")));
    let pieces =
        single.chain(pairs.iter().map(|(left, right)| format!("{left}{right}"))).chain(words.iter().map(|word| (*word).to_owned()));
    let vocabulary = pieces.zip(0..).collect();
    let merges = ranks(&vocabulary, pairs.into_iter().map(Ok))?;
    Ok(BpeFile { vocabulary, merges, specials: Specials::default() })
}

fn pairs(merges: &[u8]) -> Result<Vec<(&str, &str)>, Bad> {
    sized(merges)?;
    let text = std::str::from_utf8(merges).map_err(|e| Bad::Damaged(format!("merges.txt is no UTF-8 ({e})")))?;
    let lines = text.lines().filter(|line| !line.starts_with("#version") && !line.trim().is_empty());
    lines.map(|line| line.trim_end().split_once(' ').ok_or_else(|| Bad::Damaged(format!("“{line}” is no pair")))).collect()
}

/// `tokenizer.json` with a BPE model.
pub fn bpe_json(bytes: &[u8]) -> Result<BpeFile, Bad> {
    let file = json(bytes)?;
    let model = &file["model"];
    let vocabulary = vocabulary(&model["vocab"])?;
    let list = model["merges"].as_array().ok_or(Bad::Missing("merges"))?;
    // "a b" in older files, ["a", "b"] in newer ones.
    let pairs = list.iter().map(|pair| {
        let both = match pair {
            Value::String(line) => line.split_once(' '),
            pair => pair[0].as_str().zip(pair[1].as_str()),
        };
        both.ok_or_else(|| Bad::Damaged(format!("{pair} is no pair")))
    });
    let merges = ranks(&vocabulary, pairs)?;
    Ok(BpeFile { merges, vocabulary, specials: added(&file)? })
}

fn vocabulary(value: &Value) -> Result<HashMap<String, u32>, Bad> {
    let map = value.as_object().filter(|map| !map.is_empty()).ok_or(Bad::Missing("vocabulary"))?;
    if map.len() > MOST {
        return Err(Bad::Damaged(format!("{} entries in the vocabulary", map.len())));
    }
    map.iter().map(|(piece, value)| Ok((piece.clone(), id(value)?))).collect()
}

pub fn id(value: &Value) -> Result<u32, Bad> {
    let id = value.as_u64().and_then(|id| u32::try_from(id).ok()).filter(|id| (*id as usize) < 2 * MOST);
    id.ok_or_else(|| Bad::Damaged(format!("{value} is no token id")))
}

fn ranks<'a>(vocabulary: &HashMap<String, u32>, pairs: impl Iterator<Item = Result<(&'a str, &'a str), Bad>>) -> Result<Merges, Bad> {
    let of =
        |piece: &str| vocabulary.get(piece).copied().ok_or_else(|| Bad::Damaged(format!("“{piece}” is merged but not in the vocabulary")));
    let mut merges = Merges::new();
    for (rank, pair) in pairs.enumerate() {
        if rank > MOST {
            return Err(Bad::Damaged("too many merges".to_owned()));
        }
        let (left, right) = pair?;
        // A pair that is listed twice: the later rank counts, as in the tokenizers library.
        merges.insert((of(left)?, of(right)?), (rank as u32, of(&format!("{left}{right}"))?));
    }
    Ok(merges)
}

/// `added_tokens`: words that are tokens as a whole.
pub fn added(file: &Value) -> Result<Specials, Bad> {
    let mut specials = Specials::default();
    for token in file["added_tokens"].as_array().into_iter().flatten() {
        specials.add(token["content"].as_str().unwrap_or_default(), id(&token["id"])?);
    }
    Ok(specials)
}
