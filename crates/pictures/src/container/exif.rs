//! EXIF: a TIFF directory inside JPEG, WebP and PNG (CIPA DC-008, TIFF 6.0). Only what holds text about how a picture was made.

/// Most bytes of an EXIF block in a JPEG: a segment of 65,533 bytes less the mark `Exif\0\0`.
pub(crate) const JPEG_MOST: usize = 65_533 - 6;

const IMAGE_DESCRIPTION: u16 = 0x010E;
const EXIF_DIRECTORY: u16 = 0x8769;
const USER_COMMENT: u16 = 0x9286;
const ASCII: u16 = 2;
const LONG: u16 = 4;
const UNDEFINED: u16 = 7;

/// A block with `UserComment` (A1111's text, UTF-16 as A1111 writes it) and `ImageDescription` (our JSON, UTF-8). What makes it longer
/// than `most` is left out, JSON first; None when not even the comment fits.
pub(crate) fn written(comment: &str, description: &str, most: usize) -> Option<Vec<u8>> {
    let mut user = b"UNICODE\0".to_vec();
    user.extend(comment.encode_utf16().flat_map(u16::to_be_bytes));
    let with = block(&user, Some(description));
    if with.len() <= most {
        return Some(with);
    }
    let without = block(&user, None);
    (without.len() <= most).then_some(without)
}

/// Big-endian TIFF: directory 0 at 8, the EXIF directory after it, then the values.
fn block(user: &[u8], description: Option<&str>) -> Vec<u8> {
    let description = description.map(|text| [text.replace('\0', " ").as_bytes(), &[0]].concat());
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
