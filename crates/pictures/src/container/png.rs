//! PNG chunks (W3C PNG, third edition): `tEXt`, `zTXt`, `iTXt`, `eXIf`, and `comf` of animated ComfyUI pictures.

use super::{Texts, be32, exif, text_of};
use crate::limits;
use std::io::Read as _;

pub(super) fn texts(bytes: &[u8], texts: &mut Texts) -> Option<()> {
    let mut at = 8usize;
    for _ in 0..limits::PIECES {
        let length = usize::try_from(be32(bytes, at)?).ok()?;
        let kind = bytes.get(at.checked_add(4)?..at.checked_add(8)?)?;
        let start = at.checked_add(8)?;
        let end = start.checked_add(length)?;
        let data = bytes.get(start..end)?;
        // A broken chunk is passed over, the next one may be whole.
        let _one = match kind {
            b"IEND" => return Some(()),
            b"tEXt" | b"comf" => plain(data, texts),
            b"zTXt" => packed(data, texts),
            b"iTXt" => international(data, texts),
            b"eXIf" => exif::texts(data, texts),
            _ => Some(()),
        };
        // The check sum after the data is not looked at: text alone is read here.
        at = end.checked_add(4)?;
    }
    None
}

/// Key, NUL, text.
fn plain(data: &[u8], texts: &mut Texts) -> Option<()> {
    let (key, text) = split(data)?;
    texts.takes(text.len()).then(|| texts.add(&text_of(key), text_of(text)))
}

/// Key, NUL, method 0, zlib.
fn packed(data: &[u8], texts: &mut Texts) -> Option<()> {
    let (key, rest) = split(data)?;
    let (0, packed) = rest.split_first().map(|(method, packed)| (*method, packed))? else { return None };
    let text = text_of(&inflated(packed, texts)?);
    texts.add(&text_of(key), text);
    Some(())
}

/// Key, NUL, packed or not, method, language, NUL, key in that language, NUL, UTF-8.
fn international(data: &[u8], texts: &mut Texts) -> Option<()> {
    let (key, rest) = split(data)?;
    let (flags, rest) = (rest.get(..2)?, rest.get(2..)?);
    let (_language, rest) = split(rest)?;
    let (_translated, text) = split(rest)?;
    let text = match flags {
        [0, _] if texts.takes(text.len()) => text_of(text),
        [1, 0] => text_of(&inflated(text, texts)?),
        _ => return None,
    };
    texts.add(&text_of(key), text);
    Some(())
}

fn split(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = data.iter().position(|byte| *byte == 0)?;
    Some((data.get(..end)?, data.get(end + 1..)?))
}

/// None when it unpacks to more than a text may have, or is broken.
fn inflated(packed: &[u8], texts: &mut Texts) -> Option<Vec<u8>> {
    if !texts.takes(packed.len()) {
        return None;
    }
    let mut out = Vec::new();
    let most = u64::try_from(limits::TEXT).ok()?;
    let whole = flate2::read::ZlibDecoder::new(packed).take(most + 1).read_to_end(&mut out);
    if whole.is_err() || !texts.takes(out.len()) {
        texts.charge(out.len());
        return None;
    }
    Some(out)
}
