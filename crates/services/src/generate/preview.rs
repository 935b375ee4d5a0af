//! Rough pictures on their way to a page: small enough to be told several times a second.

use base64::Engine as _;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use weft_pictures::Pixels;

/// Most bytes of one, before it becomes text.
const MOST: usize = 6 << 10;
/// Up to this many pixels a PNG is small enough and shows every one of them.
const EXACT: u32 = 32 * 32;

/// The picture as a `data:` address; None when it cannot be made small enough.
pub(super) fn address(pixels: &Pixels) -> Option<String> {
    if pixels.width.saturating_mul(pixels.height) <= EXACT
        && let Some(bytes) = png(pixels)
    {
        return Some(text("png", &bytes));
    }
    let mut pixels = std::borrow::Cow::Borrowed(pixels);
    while pixels.width.max(pixels.height) > 256 {
        pixels = std::borrow::Cow::Owned(halved(&pixels));
    }
    for _ in 0..4 {
        for quality in [85, 60, 35] {
            let mut bytes = Vec::new();
            let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
            encoder.write_image(&pixels.rgb, pixels.width, pixels.height, ExtendedColorType::Rgb8).ok()?;
            if bytes.len() <= MOST {
                return Some(text("jpeg", &bytes));
            }
        }
        pixels = std::borrow::Cow::Owned(halved(&pixels));
    }
    None
}

fn png(pixels: &Pixels) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    encoder.write_image(&pixels.rgb, pixels.width, pixels.height, ExtendedColorType::Rgb8).ok()?;
    (bytes.len() <= MOST).then_some(bytes)
}

fn text(kind: &str, bytes: &[u8]) -> String {
    format!("data:image/{kind};base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// Each pixel the mean of four.
fn halved(pixels: &Pixels) -> Pixels {
    let (w, h) = ((pixels.width / 2).max(1), (pixels.height / 2).max(1));
    let mut rgb = Vec::with_capacity((w * h * 3) as usize);
    for (y, x, c) in (0..h).flat_map(|y| (0..w).flat_map(move |x| (0..3).map(move |c| (y, x, c)))) {
        let at = |y: u32, x: u32| {
            let (y, x) = (y.min(pixels.height - 1), x.min(pixels.width - 1));
            u16::from(pixels.rgb[((y * pixels.width + x) * 3 + c) as usize])
        };
        let sum = at(2 * y, 2 * x) + at(2 * y, 2 * x + 1) + at(2 * y + 1, 2 * x) + at(2 * y + 1, 2 * x + 1);
        rgb.push((sum / 4) as u8);
    }
    Pixels { width: w, height: h, rgb }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_stay_small_whatever_they_show() {
        for side in [1_u32, 16, 64, 128, 500, 1024] {
            let noise = (0..side * side * 3).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            let address = address(&Pixels { width: side, height: side, rgb: noise }).expect("an address");
            assert!(address.len() <= 8 << 10 && address.starts_with("data:image/"), "{side}: {}", address.len());
        }
    }
}
