//! Pictures to begin with, brought to the size that is painted.

use super::super::generator::StartPixels;
use fast_image_resize as fir;
use weft_domain::Problem;
use weft_pictures::Pixels;

/// A picture as the models take it.
#[derive(Debug)]
pub(super) struct Prepared {
    /// 3 × height × width, −1 to 1.
    pub(super) image: Vec<f32>,
    /// height × width, 1 where paint goes.
    pub(super) mask: Option<Vec<f32>>,
}

pub(super) fn prepare(start: &StartPixels, (h, w): (usize, usize)) -> Result<Prepared, Problem> {
    let Pixels { width, height, rgb } = &start.image;
    let image = scaled(rgb, (*width, *height), (w, h), fir::PixelType::U8x3)?;
    let plane = h * w;
    let mut planes = vec![0.0; 3 * plane];
    for (at, pixel) in image.chunks_exact(3).enumerate() {
        (0..3).for_each(|c| planes[c * plane + at] = f32::from(pixel[c]) / 127.5 - 1.0);
    }
    let mask = start.mask.as_ref().map(|(mw, mh, values)| scaled(values, (*mw, *mh), (w, h), fir::PixelType::U8)).transpose()?;
    Ok(Prepared { image: planes, mask: mask.map(|m| m.iter().map(|v| f32::from(*v) / 255.0).collect()) })
}

fn scaled(values: &[u8], from: (u32, u32), (w, h): (usize, usize), kind: fir::PixelType) -> Result<Vec<u8>, Problem> {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let to = (small(w), small(h));
    if from == to {
        return Ok(values.to_vec());
    }
    let failed = |error: &dyn std::fmt::Display| crate::problem::internal("a picture to begin with cannot be scaled", error);
    let large = fir::images::ImageRef::new(from.0, from.1, values, kind).map_err(|e| failed(&e))?;
    let mut image = fir::images::Image::new(to.0, to.1, kind);
    let options = fir::ResizeOptions::new().resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Lanczos3));
    fir::Resizer::new().resize(&large, &mut image, &options).map_err(|e| failed(&e))?;
    Ok(image.into_vec())
}
