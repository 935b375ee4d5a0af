//! RIFF chunks of WebP (RFC 9649): EXIF.

use super::{Texts, exif};
use crate::limits;

pub(super) fn texts(bytes: &[u8], texts: &mut Texts) -> Option<()> {
    let mut at = 12usize;
    for _ in 0..limits::PIECES {
        if at >= bytes.len() {
            return Some(());
        }
        let start = at.checked_add(8)?;
        let head = bytes.get(at..start)?;
        let length = usize::try_from(u32::from_le_bytes(head.get(4..)?.try_into().ok()?)).ok()?;
        let end = start.checked_add(length)?;
        let data = bytes.get(start..end)?;
        if head.starts_with(b"EXIF") {
            // Some programs put JPEG's mark before the block.
            let _one = exif::texts(data.strip_prefix(b"Exif\0\0").unwrap_or(data), texts);
        }
        // Chunks begin at even places.
        at = end.checked_add(length % 2)?;
    }
    None
}
