//! Text in the last bits of pixels, as NovelAI and an extension of A1111 hide it: bits column by column, a word that names the way, the
//! length in bits (big-endian), the text. `…comp` is packed with gzip. In the alpha channel one bit a pixel, in the colours three.

use crate::limits;
use crate::pixels::{dynamic, size};
use std::io::Read as _;

/// Most pixels of a picture that is looked at: programs that hide text do not paint larger ones.
const PIXELS: u64 = 40_000_000;
/// Bytes of the word.
const WORD: usize = 15;

/// The hidden text of a PNG or WebP. Pixels are read only of pictures that can hold one.
pub(super) fn read(bytes: &[u8]) -> Option<String> {
    let (_, width, height) = size(bytes).ok()?;
    if u64::from(width) * u64::from(height) > PIXELS {
        return None;
    }
    let picture = dynamic(bytes).ok()?;
    let clear = picture.color().has_alpha();
    let picture = picture.into_rgba8();
    let (width, height) = (picture.width(), picture.height());
    let pixels = (0..width).flat_map(|x| (0..height).map(move |y| (x, y))).map(|(x, y)| picture.get_pixel(x, y).0);
    let alpha = clear.then(|| said(pixels.clone().map(|pixel| pixel[3] & 1), b"stealth_pnginfo", b"stealth_pngcomp"));
    let colours = pixels.flat_map(|pixel| [pixel[0] & 1, pixel[1] & 1, pixel[2] & 1]);
    alpha.flatten().or_else(|| said(colours, b"stealth_rgbinfo", b"stealth_rgbcomp"))
}

fn said(bits: impl Iterator<Item = u8>, plain: &[u8; WORD], packed: &[u8; WORD]) -> Option<String> {
    let mut bytes = Bytes(bits);
    let word: Vec<u8> = bytes.by_ref().take(WORD).collect();
    let packed = match word {
        word if word == plain => false,
        word if word == packed => true,
        _ => return None,
    };
    let length: Vec<u8> = bytes.by_ref().take(4).collect();
    let bits = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
    if bits / 8 > limits::TEXT {
        return None;
    }
    let text: Vec<u8> = bytes.take(bits / 8).collect();
    if text.len() < bits / 8 {
        return None;
    }
    if !packed {
        return String::from_utf8(text).ok();
    }
    let mut out = Vec::new();
    let most = u64::try_from(limits::TEXT).ok()?;
    flate2::read::GzDecoder::new(text.as_slice()).take(most + 1).read_to_end(&mut out).ok()?;
    (out.len() <= limits::TEXT).then(|| String::from_utf8(out).ok())?
}

/// Eight bits to a byte, the first one the highest.
struct Bytes<I>(I);

impl<I: Iterator<Item = u8>> Iterator for Bytes<I> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let mut byte = 0;
        for _ in 0..8 {
            byte = byte << 1 | self.0.next()?;
        }
        Some(byte)
    }
}
