//! The wrappings of picture files: where each keeps its texts.

pub(crate) mod exif;
mod jpeg;
mod png;
mod webp;

use crate::format::Format;
use crate::limits;

/// One text of a file: a PNG keyword, `UserComment`, `ImageDescription`, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// The texts of a file in their order. What is broken or too long is passed over: pixels can be fine where a comment is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    found: Vec<Text>,
    bytes: usize,
}

impl Texts {
    /// The texts of a file.
    pub(crate) fn read(bytes: &[u8], format: Format) -> Self {
        let mut texts = Self::default();
        // None: the file ends early or contradicts itself; what was found until then counts.
        let _whole = match format {
            Format::Png => png::texts(bytes, &mut texts),
            Format::Jpeg => jpeg::texts(bytes, &mut texts),
            Format::Webp => webp::texts(bytes, &mut texts),
        };
        texts
    }

    /// The first text with that key.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.found.iter().find(|text| text.key == key).map(|text| text.value.as_str())
    }

    /// Whether a text of so many bytes would be taken.
    pub(crate) fn takes(&self, length: usize) -> bool {
        length <= limits::TEXT && self.bytes + length <= limits::TEXTS
    }

    /// Counts bytes that were unpacked in vain: a file of many bombs must not cost more than one of many texts.
    fn charge(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Adds a text, unless the file has said enough already.
    pub(crate) fn add(&mut self, key: &str, value: String) {
        let length = key.len() + value.len();
        if self.takes(value.len()) && self.found.len() < limits::PIECES {
            self.bytes += length;
            self.found.push(Text { key: key.to_owned(), value });
        }
    }
}

/// UTF-8 where it is, else Latin-1: PNG says Latin-1, many programs write UTF-8.
fn text_of(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(|&byte| char::from(byte)).collect(), str::to_owned)
}

/// Big-endian number at a place.
fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
