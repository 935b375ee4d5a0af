//! Writing a picture with its parameters.

use crate::container::exif;
use crate::error::PictureError;
use crate::format::Format;
use crate::pixels::Pixels;
use crate::recipe;
use image::ExtendedColorType::Rgb8;
use image::ImageEncoder as _;
use weft_domain::generation::Recipe;

/// JPEG quality of downloads.
const JPEG_QUALITY: u8 = 95;

/// Writes the file: pixels, the A1111 text and our JSON. PNG and WebP are exact.
///
/// PNG: the keys `parameters` (A1111's text) and `weft` (the recipe). JPEG and WebP: EXIF `UserComment` holds A1111's text and
/// `ImageDescription` the recipe, behind the word `weft:`.
pub fn encode(pixels: &Pixels, recipe: &Recipe, format: Format) -> Result<Vec<u8>, PictureError> {
    let (text, json) = (recipe::infotext(recipe), recipe::weft::to_json(recipe));
    match format {
        Format::Png => png_file(pixels, &[("parameters", &text), ("weft", &json)]),
        Format::Jpeg => {
            let mut out = Vec::with_capacity(pixels.rgb.len() / 6);
            let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
            if let Some(block) = exif::written(&text, &json, exif::JPEG_MOST) {
                encoder.set_exif_metadata(block).map_err(|error| PictureError::Write(error.to_string()))?;
            }
            encoder.encode(&pixels.rgb, pixels.width, pixels.height, Rgb8)?;
            Ok(out)
        }
        Format::Webp => {
            let mut out = Vec::with_capacity(pixels.rgb.len() / 2);
            let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut out);
            if let Some(block) = exif::written(&text, &json, usize::MAX) {
                encoder.set_exif_metadata(block).map_err(|error| PictureError::Write(error.to_string()))?;
            }
            encoder.encode(&pixels.rgb, pixels.width, pixels.height, Rgb8)?;
            Ok(out)
        }
    }
}

/// A PNG with texts: `tEXt` where Latin-1 holds them, else `iTXt`. They stand before the pixels, where every reader looks.
pub(crate) fn png_file(pixels: &Pixels, texts: &[(&str, &str)]) -> Result<Vec<u8>, PictureError> {
    let failed = |error: png::EncodingError| PictureError::Write(error.to_string());
    let mut out = Vec::with_capacity(pixels.rgb.len() / 2 + 4096);
    let mut encoder = png::Encoder::new(&mut out, pixels.width, pixels.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    for (key, text) in texts {
        // NUL ends a text chunk's key and cannot be inside a text.
        let text = text.replace('\0', "\u{FFFD}");
        let latin = text.chars().all(|c| u32::from(c) < 256 && (!c.is_control() || c == '\n'));
        match latin {
            true => encoder.add_text_chunk((*key).to_owned(), text).map_err(failed)?,
            false => encoder.add_itxt_chunk((*key).to_owned(), text).map_err(failed)?,
        }
    }
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&pixels.rgb).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}
