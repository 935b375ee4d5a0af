//! SentencePiece's compiled table of replacements: a double-array trie over UTF-8 and the texts that it points into.

use super::files::Bad;

/// Replaces the longest listed text at each place.
#[derive(Debug, Clone, Default)]
pub struct Charsmap {
    /// Units of the trie as Darts lays them out.
    units: Vec<u32>,
    /// Replacements, each ended by a zero byte.
    texts: Vec<u8>,
}

impl Charsmap {
    /// Reads a table: the trie's size in bytes (32 bits, little-endian), the trie, the texts. An empty table replaces nothing.
    pub fn new(bytes: &[u8]) -> Result<Self, Bad> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let bad = || Bad::Damaged("the table of replacements is cut short".to_owned());
        let (size, rest) = bytes.split_first_chunk::<4>().ok_or_else(bad)?;
        let size = u32::from_le_bytes(*size) as usize;
        let (trie, texts) = rest.split_at_checked(size).filter(|_| size.is_multiple_of(4)).ok_or_else(bad)?;
        let units = trie.as_chunks::<4>().0.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        Ok(Self { units, texts: texts.to_vec() })
    }

    /// The replacement at the start of `text` and how many bytes it replaces.
    pub fn longest(&self, text: &str) -> Option<(&str, usize)> {
        let mut found = None;
        let mut at = 0_usize;
        let mut unit = *self.units.first()?;
        at ^= offset(unit);
        for (len, byte) in text.bytes().enumerate() {
            at ^= usize::from(byte);
            unit = match self.units.get(at) {
                Some(unit) if label(*unit) == u32::from(byte) => *unit,
                _ => break,
            };
            at ^= offset(unit);
            if unit & LEAF_BELOW != 0
                && let Some(leaf) = self.units.get(at)
            {
                found = Some((leaf & VALUE, len + 1));
            }
        }
        let (value, len) = found?;
        let text = self.texts.get(value as usize..)?;
        let end = text.iter().position(|b| *b == 0)?;
        Some((std::str::from_utf8(&text[..end]).ok()?, len))
    }
}

/// This unit has a leaf below it, in which a value is kept.
const LEAF_BELOW: u32 = 1 << 8;
const VALUE: u32 = (1 << 31) - 1;

fn label(unit: u32) -> u32 {
    unit & (1 << 31 | 0xff)
}

fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize
}
