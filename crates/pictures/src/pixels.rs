//! The pixels of a file, and small copies of them.

use crate::error::PictureError;
use crate::format::Format;
use crate::limits;
use fast_image_resize as fir;
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits};
use std::io::Cursor;

/// Widths of thumbnails, in pixels.
pub const THUMBNAIL_WIDTHS: [u32; 4] = [160, 320, 640, 1280];
/// JPEG quality of thumbnails: no visible loss at their size.
const THUMBNAIL_QUALITY: u8 = 86;
/// The tallest thumbnail, in pixels.
const THUMBNAIL_HEIGHT: u32 = 4 * 1280;

/// A picture in memory: three bytes (sRGB) for every pixel, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    pub width: u32,
    pub height: u32,
    /// `width · height · 3` bytes.
    pub rgb: Vec<u8>,
}

impl Pixels {
    /// Pixels whose bytes are as many as their size says, and not more than [`limits::PIXELS`].
    pub fn new(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self, PictureError> {
        checked(width, height)?;
        let wanted = u64::from(width) * u64::from(height) * 3;
        if rgb.len() as u64 != wanted {
            return Err(PictureError::Size { width, height, wanted, found: rgb.len() });
        }
        Ok(Self { width, height, rgb })
    }

    /// The mean colour as `#rrggbb`.
    #[must_use]
    pub fn colour(&self) -> String {
        let (mut sums, mut count) = ([0u64; 3], 0u64);
        // Every pixel of a small picture, some 260,000 spread evenly of a large one.
        let step = (self.rgb.len() / 3 / (1 << 18)).max(1);
        for pixel in self.rgb.chunks_exact(3).step_by(step) {
            for (sum, byte) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*byte);
            }
            count += 1;
        }
        let [r, g, b] = sums.map(|sum| (sum + count / 2) / count.max(1));
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

/// Width and height of a file from its header alone.
pub fn size(bytes: &[u8]) -> Result<(Format, u32, u32), PictureError> {
    let format = opened(bytes)?;
    let (width, height) = ImageReader::with_format(Cursor::new(bytes), format.into()).into_dimensions()?;
    checked(width, height)?;
    Ok((format, width, height))
}

/// Reads the pixels of a file, turned as its EXIF says; what is transparent is laid over white.
pub fn decode(bytes: &[u8]) -> Result<Pixels, PictureError> {
    let picture = dynamic(bytes)?;
    let (width, height) = (picture.width(), picture.height());
    let rgb = if picture.color().has_alpha() { over_white(&picture.into_rgba8()) } else { picture.into_rgb8().into_raw() };
    Pixels::new(width, height, rgb)
}

/// A small picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    pub bytes: Vec<u8>,
    /// JPEG, or PNG where the picture has transparent places.
    pub format: Format,
}

/// Makes a thumbnail of at most `width` pixels; a narrower picture keeps its size.
pub fn thumbnail(bytes: &[u8], width: u32) -> Result<Thumbnail, PictureError> {
    let picture = dynamic(bytes)?;
    let picture = if picture.color().has_alpha() { DynamicImage::ImageRgba8(picture.into_rgba8()) } else { picture };
    let clear = picture.as_rgba8().is_some_and(|picture| picture.pixels().any(|pixel| pixel.0[3] < 250));
    let picture = if clear { picture } else { DynamicImage::ImageRgb8(picture.into_rgb8()) };
    let small = resized(picture, width)?;
    let mut out = Vec::new();
    if clear {
        small.write_to(&mut Cursor::new(&mut out), image::ImageFormat::Png)?;
        return Ok(Thumbnail { bytes: out, format: Format::Png });
    }
    small.write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, THUMBNAIL_QUALITY))?;
    Ok(Thumbnail { bytes: out, format: Format::Jpeg })
}

/// The picture made to fit into a cell, its shape kept; None where it fits as it is. Never enlarged.
pub(crate) fn scaled(picture: &Pixels, width: u32, height: u32) -> Result<Option<Pixels>, PictureError> {
    if picture.width <= width && picture.height <= height {
        return Ok(None);
    }
    let shrink = (f64::from(width) / f64::from(picture.width)).min(f64::from(height) / f64::from(picture.height));
    let side = |length: u32, most: u32| ((f64::from(length) * shrink).round() as u32).clamp(1, most.max(1));
    let (w, h) = (side(picture.width, width), side(picture.height, height));
    let rgb = shrunk(&picture.rgb, (picture.width, picture.height), (w, h), fir::PixelType::U8x3)?;
    Pixels::new(w, h, rgb).map(Some)
}

/// Lanczos, on bytes as they are.
fn shrunk(bytes: &[u8], from: (u32, u32), to: (u32, u32), kind: fir::PixelType) -> Result<Vec<u8>, PictureError> {
    let failed = |error: &dyn std::fmt::Display| PictureError::Write(error.to_string());
    let large = fir::images::ImageRef::new(from.0, from.1, bytes, kind).map_err(|e| failed(&e))?;
    let mut small = fir::images::Image::new(to.0, to.1, kind);
    let options = fir::ResizeOptions::new().resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Lanczos3));
    fir::Resizer::new().resize(&large, &mut small, &options).map_err(|e| failed(&e))?;
    Ok(small.into_vec())
}

/// The picture at `width` pixels (its shape kept), never enlarged.
fn resized(picture: DynamicImage, width: u32) -> Result<DynamicImage, PictureError> {
    let (w, h) = (picture.width(), picture.height());
    let shrink = (f64::from(width.max(1)) / f64::from(w)).min(f64::from(THUMBNAIL_HEIGHT) / f64::from(h));
    if shrink >= 1.0 {
        return Ok(picture);
    }
    let side = |length: u32| (f64::from(length) * shrink).round().max(1.0) as u32;
    let clear = picture.color().has_alpha();
    let kind = if clear { fir::PixelType::U8x4 } else { fir::PixelType::U8x3 };
    let (small_w, small_h) = (side(w), side(h));
    let bytes = shrunk(picture.as_bytes(), (w, h), (small_w, small_h), kind)?;
    let (w, h) = (small_w, small_h);
    let made = match clear {
        true => image::RgbaImage::from_raw(w, h, bytes).map(DynamicImage::ImageRgba8),
        false => image::RgbImage::from_raw(w, h, bytes).map(DynamicImage::ImageRgb8),
    };
    made.ok_or_else(|| PictureError::Write("its size does not add up".to_owned()))
}

/// The whole picture; its size is checked before a pixel is read.
pub(crate) fn dynamic(bytes: &[u8]) -> Result<DynamicImage, PictureError> {
    let format = opened(bytes)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.into());
    let mut bounds = Limits::default();
    bounds.max_image_width = Some(limits::SIDE);
    bounds.max_image_height = Some(limits::SIDE);
    bounds.max_alloc = Some(limits::MEMORY);
    reader.limits(bounds);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    checked(width, height)?;
    let turned = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(turned);
    Ok(picture)
}

fn opened(bytes: &[u8]) -> Result<Format, PictureError> {
    if bytes.len() > limits::FILE {
        return Err(PictureError::TooLong { bytes: bytes.len() });
    }
    Format::of(bytes).ok_or(PictureError::Unknown)
}

fn checked(width: u32, height: u32) -> Result<(), PictureError> {
    if width == 0 || height == 0 {
        return Err(PictureError::Size { width, height, wanted: 3, found: 0 });
    }
    if u64::from(width) * u64::from(height) > limits::PIXELS || width > limits::SIDE || height > limits::SIDE {
        return Err(PictureError::TooManyPixels { width, height });
    }
    Ok(())
}

fn over_white(picture: &image::RgbaImage) -> Vec<u8> {
    let mut out = Vec::with_capacity(picture.as_raw().len() / 4 * 3);
    for pixel in picture.as_raw().chunks_exact(4) {
        let alpha = u32::from(pixel[3]);
        out.extend(pixel[..3].iter().map(|&byte| ((u32::from(byte) * alpha + 255 * (255 - alpha) + 127) / 255) as u8));
    }
    out
}
