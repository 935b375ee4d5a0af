//! EXIF: a TIFF directory inside JPEG, WebP and PNG (CIPA DC-008, TIFF 6.0). Only what holds text about how a picture was made.

use super::{Texts, text_of};
use crate::limits;

/// Most bytes of an EXIF block in a JPEG: a segment of 65,533 bytes less the mark `Exif\0\0`.
pub(crate) const JPEG_MOST: usize = 65_533 - 6;

const IMAGE_DESCRIPTION: u16 = 0x010E;
const SOFTWARE: u16 = 0x0131;
const EXIF_DIRECTORY: u16 = 0x8769;
const USER_COMMENT: u16 = 0x9286;
const ASCII: u16 = 2;
const LONG: u16 = 4;
const UNDEFINED: u16 = 7;
/// EXIF 3.0.
const UTF8: u16 = 129;

/// Directory entries that are looked at.
const ENTRIES: u16 = 128;

/// Reads the texts of a block: ASCII values of the first directory and the user's comment of the EXIF directory. ComfyUI's `prompt:{…}`
/// in any of them becomes the key `prompt`, and so for every other word.
pub(super) fn texts(data: &[u8], texts: &mut Texts) -> Option<()> {
    let block = Block { data, little: data.starts_with(b"II*\0") };
    if !block.little && !data.starts_with(b"MM\0*") {
        return None;
    }
    let first = block.u32(4)?;
    let mut comments = None;
    block.directory(first, |tag, kind, value| match (tag, kind) {
        (EXIF_DIRECTORY, LONG) => comments = block.number(value),
        (_, ASCII | UTF8) if texts.takes(value.len()) => named(tag, &text_of(value), texts),
        _ => {}
    })?;
    block.directory(comments?, |tag, _, value| {
        if tag == USER_COMMENT && texts.takes(value.len() / 2) {
            texts.add("UserComment", comment(value, block.little));
        }
    })
}

fn named(tag: u16, text: &str, texts: &mut Texts) {
    let text = text.trim_end_matches('\0');
    if let Some((word, json)) = text.split_once(':')
        && json.starts_with('{')
        && (1..=64).contains(&word.len())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' '))
    {
        texts.add(word.trim(), json.to_owned());
        return;
    }
    let key = match tag {
        IMAGE_DESCRIPTION => "ImageDescription",
        SOFTWARE => "Software",
        _ => return,
    };
    texts.add(key, text.to_owned());
}

/// EXIF 2.3, table 9: eight bytes name the characters. Programs disagree on the order of UTF-16's bytes: the one that gives more of plain
/// Latin letters is right, and big-endian (A1111) in doubt.
fn comment(value: &[u8], little: bool) -> String {
    if let Some(wide) = value.strip_prefix(b"UNICODE\0") {
        let wide = wide.get(..wide.len().min(2 * limits::TEXT)).unwrap_or(wide);
        let read = |order: fn([u8; 2]) -> u16| {
            let units = wide.chunks_exact(2).map(|pair| order([pair[0], pair[1]]));
            char::decode_utf16(units).map(|c| c.unwrap_or('\u{FFFD}')).collect::<String>()
        };
        let (big, small) = (read(u16::from_be_bytes), read(u16::from_le_bytes));
        let plain = |text: &str| text.chars().filter(char::is_ascii).count();
        let (more, less) = (plain(&big), plain(&small));
        let text = if less > more || (less == more && little && big.contains('\u{FFFD}')) { small } else { big };
        return text.trim_matches(['\u{FEFF}', '\0']).to_owned();
    }
    let rest = value.strip_prefix(b"ASCII\0\0\0").or_else(|| value.strip_prefix(&[0; 8])).unwrap_or(value);
    text_of(rest).trim_end_matches('\0').to_owned()
}

#[derive(Debug, Clone, Copy)]
struct Block<'a> {
    data: &'a [u8],
    little: bool,
}

impl<'a> Block<'a> {
    fn u16(self, at: usize) -> Option<u16> {
        let bytes = self.data.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32(self, at: usize) -> Option<u32> {
        self.number(self.data.get(at..at.checked_add(4)?)?)
    }

    fn number(self, value: &[u8]) -> Option<u32> {
        let bytes = value.get(..4)?.try_into().ok()?;
        Some(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// Calls with tag, type and bytes of each entry whose value lies inside the block.
    fn directory(self, at: u32, mut each: impl FnMut(u16, u16, &'a [u8])) -> Option<()> {
        let at = usize::try_from(at).ok()?;
        for entry in 0..self.u16(at)?.min(ENTRIES) {
            let at = at.checked_add(2 + usize::from(entry) * 12)?;
            let (tag, kind, count) = (self.u16(at)?, self.u16(at.checked_add(2)?)?, self.u32(at.checked_add(4)?)?);
            let width = match kind {
                1 | ASCII | 6 | UNDEFINED | UTF8 => 1,
                3 | 8 => 2,
                LONG | 9 | 11 => 4,
                _ => continue,
            };
            let length = usize::try_from(count).ok()?.checked_mul(width)?;
            let from = if length <= 4 { at + 8 } else { usize::try_from(self.u32(at + 8)?).ok()? };
            if let Some(value) = from.checked_add(length).and_then(|end| self.data.get(from..end)) {
                each(tag, kind, value);
            }
        }
        Some(())
    }
}

/// A block with `UserComment` (A1111's text, UTF-16 as A1111 writes it) and `ImageDescription` (`weft:` and our JSON, UTF-8). What makes it longer
/// than `most` is left out: first the JSON, then every second byte of the comment (UTF-8 instead); None when not even that fits.
pub(crate) fn written(comment: &str, description: &str, most: usize) -> Option<Vec<u8>> {
    let mut user = b"UNICODE\0".to_vec();
    user.extend(comment.encode_utf16().flat_map(u16::to_be_bytes));
    let with = block(&user, Some(description));
    if with.len() <= most {
        return Some(with);
    }
    let plain = [b"ASCII\0\0\0", comment.as_bytes()].concat();
    [user, plain].iter().map(|user| block(user, None)).find(|block| block.len() <= most)
}

/// Big-endian TIFF: directory 0 at 8, the EXIF directory after it, then the values.
fn block(user: &[u8], description: Option<&str>) -> Vec<u8> {
    let description = description.map(|text| [b"weft:".as_slice(), text.replace('\0', " ").as_bytes(), &[0]].concat());
    let entries = 1 + u32::from(description.is_some());
    let exif_at = 8 + 2 + entries * 12 + 4;
    let values_at = exif_at + 2 + 12 + 4;
    let mut out = b"MM\0\x2a\0\0\0\x08".to_vec();
    let entry = |out: &mut Vec<u8>, tag: u16, kind: u16, count: u32, value: u32| {
        out.extend(tag.to_be_bytes());
        out.extend(kind.to_be_bytes());
        out.extend(count.to_be_bytes());
        out.extend(value.to_be_bytes());
    };
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let text = description.unwrap_or_default();
    out.extend(u16::try_from(entries).unwrap_or(1).to_be_bytes());
    if !text.is_empty() {
        entry(&mut out, IMAGE_DESCRIPTION, ASCII, length(&text), values_at);
    }
    entry(&mut out, EXIF_DIRECTORY, LONG, 1, exif_at);
    out.extend([0; 4]);
    // A comment has at least its eight bytes of encoding, so its value never fits into the entry itself.
    out.extend(1u16.to_be_bytes());
    entry(&mut out, USER_COMMENT, UNDEFINED, length(user), values_at + length(&text));
    out.extend([0; 4]);
    out.extend(&text);
    out.extend(user);
    out
}
