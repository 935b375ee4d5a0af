//! Pictures made small. Every picture is hostile until decoded: size, dimensions and memory are bounded before a pixel is read.

use fast_image_resize as fir;
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits};
use std::io::Cursor;

/// Largest picture file that is opened, in bytes.
pub(crate) const FILE_MAX: u64 = 64 << 20;
/// Widest or tallest picture, in pixels.
const SIDE_MAX: u32 = 16_384;
/// Most memory a decoder may take, in bytes.
const MEMORY_MAX: u64 = 512 << 20;
/// JPEG quality: no visible loss at card size.
const QUALITY: u8 = 85;
/// Tallest shape kept: a strip of pixels is cut in the middle to this many times its width, and the other way round.
const SHAPE_MAX: f64 = 3.0;

/// Widths that are kept, in pixels.
pub(crate) const WIDTHS: [u32; 3] = [160, 320, 640];

/// Why a picture could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PictureError {
    #[error("the picture is larger than 64 MB")]
    TooLarge,
    #[error("the picture cannot be read: {0}")]
    Broken(#[from] image::ImageError),
    #[error("the picture cannot be made small: {0}")]
    Resize(String),
}

/// One kept width.
#[derive(Debug)]
pub(crate) struct Thumbnail {
    pub(crate) width: u32,
    /// A JPEG file, or PNG where the picture has transparent places.
    pub(crate) bytes: Vec<u8>,
}

/// Makes every kept width. A picture that is smaller than a width is kept at its own.
pub(crate) fn make(bytes: &[u8]) -> Result<Vec<Thumbnail>, PictureError> {
    if bytes.len() as u64 > FILE_MAX {
        return Err(PictureError::TooLarge);
    }
    let picture = cropped(decode(bytes)?);
    let clear = has_clear_pixels(&picture);
    let picture = if clear { DynamicImage::ImageRgba8(picture.into_rgba8()) } else { DynamicImage::ImageRgb8(picture.into_rgb8()) };
    WIDTHS.iter().map(|&width| Ok(Thumbnail { width, bytes: encode(&resized(&picture, width)?, clear)? })).collect()
}

fn decode(bytes: &[u8]) -> Result<DynamicImage, PictureError> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(image::ImageError::IoError)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(MEMORY_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let turned = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(turned);
    Ok(picture)
}

/// Cuts extreme strips to a shape that a card can show.
fn cropped(picture: DynamicImage) -> DynamicImage {
    let (w, h) = (picture.width(), picture.height());
    let long = |short: u32| ((f64::from(short) * SHAPE_MAX) as u32).max(1);
    if h > long(w) {
        picture.crop_imm(0, (h - long(w)) / 2, w, long(w))
    } else if w > long(h) {
        picture.crop_imm((w - long(h)) / 2, 0, long(h), h)
    } else {
        picture
    }
}

fn has_clear_pixels(picture: &DynamicImage) -> bool {
    picture.color().has_alpha() && picture.to_rgba8().pixels().any(|p| p.0[3] < 250)
}

fn resized(picture: &DynamicImage, width: u32) -> Result<DynamicImage, PictureError> {
    if picture.width() <= width {
        return Ok(picture.clone());
    }
    let height = (f64::from(picture.height()) * f64::from(width) / f64::from(picture.width())).round().max(1.0) as u32;
    let kind = if picture.color().has_alpha() { fir::PixelType::U8x4 } else { fir::PixelType::U8x3 };
    let failed = |e: &dyn std::fmt::Display| PictureError::Resize(e.to_string());
    let large = fir::images::ImageRef::new(picture.width(), picture.height(), picture.as_bytes(), kind).map_err(|e| failed(&e))?;
    let mut small = fir::images::Image::new(width, height, kind);
    let options = fir::ResizeOptions::new().resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Lanczos3));
    fir::Resizer::new().resize(&large, &mut small, &options).map_err(|e| failed(&e))?;
    let bytes = small.into_vec();
    let made = match kind {
        fir::PixelType::U8x4 => image::RgbaImage::from_raw(width, height, bytes).map(DynamicImage::ImageRgba8),
        _ => image::RgbImage::from_raw(width, height, bytes).map(DynamicImage::ImageRgb8),
    };
    made.ok_or_else(|| PictureError::Resize("its size does not add up".to_owned()))
}

fn encode(picture: &DynamicImage, clear: bool) -> Result<Vec<u8>, PictureError> {
    let mut out = Vec::new();
    if clear {
        picture.write_to(&mut Cursor::new(&mut out), image::ImageFormat::Png)?;
    } else {
        picture.write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, QUALITY))?;
    }
    Ok(out)
}

/// Content type of a kept picture, told by its first bytes.
pub(crate) fn content_type(bytes: &[u8]) -> &'static str {
    if bytes.starts_with(b"\x89PNG") { "image/png" } else { "image/jpeg" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32, alpha: u8) -> Vec<u8> {
        let mut out = Vec::new();
        let picture = image::RgbaImage::from_fn(width, height, |x, y| image::Rgba([(x % 256) as u8, (y % 256) as u8, 90, alpha]));
        DynamicImage::ImageRgba8(picture).write_to(&mut Cursor::new(&mut out), image::ImageFormat::Png).unwrap();
        out
    }

    #[test]
    fn a_photo_becomes_three_small_ones() {
        let made = make(&png(900, 600, 255)).unwrap();
        let sizes: Vec<_> = made.iter().map(|t| image::load_from_memory(&t.bytes).unwrap()).map(|i| (i.width(), i.height())).collect();
        assert_eq!(sizes, [(160, 107), (320, 213), (640, 427)]);
        assert!(made.iter().all(|t| content_type(&t.bytes) == "image/jpeg"));
    }

    #[test]
    fn small_and_clear_and_long_ones_keep_what_matters() {
        let made = make(&png(100, 50, 255)).unwrap();
        assert!(made.iter().all(|t| image::load_from_memory(&t.bytes).unwrap().width() == 100));
        assert!(make(&png(200, 200, 10)).unwrap().iter().all(|t| content_type(&t.bytes) == "image/png"));
        let strip = image::load_from_memory(&make(&png(20, 4000, 255)).unwrap()[0].bytes).unwrap();
        assert_eq!((strip.width(), strip.height()), (20, 60));
    }

    #[test]
    fn hostile_pictures_are_refused() {
        let good = png(64, 64, 255);
        assert!(make(&good[..good.len() / 2]).is_err());
        assert!(make(b"").is_err());
        assert!(make(b"<svg onload=alert(1)>").is_err());
        // A header that promises 60,000 × 60,000 pixels in a few bytes.
        let mut bomb = good;
        bomb[16..20].copy_from_slice(&60_000u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&60_000u32.to_be_bytes());
        assert!(make(&bomb).is_err());
    }
}
