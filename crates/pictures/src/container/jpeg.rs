//! JPEG segments before the scan (ITU-T T.81): EXIF in `APP1`, and comments.

use super::{Texts, exif, text_of};
use crate::limits;

pub(super) fn texts(bytes: &[u8], texts: &mut Texts) -> Option<()> {
    let mut at = 2usize;
    for _ in 0..limits::PIECES {
        // Any number of 0xFF may stand before a marker.
        while bytes.get(at) == Some(&0xFF) && bytes.get(at + 1) == Some(&0xFF) {
            at += 1;
        }
        let (0xFF, marker) = (*bytes.get(at)?, *bytes.get(at + 1)?) else { return None };
        match marker {
            // The scan, or the end: what follows is no segment.
            0xDA | 0xD9 => return Some(()),
            // Markers without a length.
            0x01 | 0xD0..=0xD8 => {
                at += 2;
                continue;
            }
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]));
        let data = bytes.get(at + 4..(at + 2).checked_add(length)?)?;
        match marker {
            0xE1 => {
                let _one = data.strip_prefix(b"Exif\0\0").and_then(|data| exif::texts(data, texts));
            }
            0xFE if texts.takes(data.len()) => texts.add("Comment", text_of(data)),
            _ => {}
        }
        at += 2 + length;
    }
    None
}
