//! What a walk begins with.

use super::super::error::{ModelError, Result};
use super::super::load::{Denoiser, Model};
use super::guided::Inpaint;
use super::request::{PictureRequest, Start};
use crate::noise::PictureNoise;
use weft_weights::progress::Progress;

/// Latents (those of the picture to begin with, or zeros), start noise, and the noise of the steps; batch by batch.
pub(super) fn latents(
    model: &Model,
    request: &PictureRequest<'_>,
    progress: &dyn Progress,
) -> Result<(Vec<f32>, Vec<f32>, Vec<PictureNoise>)> {
    let (channels, factor) = (model.vae().channels, model.vae().factor);
    let (h, w) = (request.size.0 / factor, request.size.1 / factor);
    let (mut noise, mut streams) = (Vec::new(), Vec::new());
    for recipe in &request.noise {
        let (start, stream) = recipe.start(channels, h, w);
        noise.extend(start);
        streams.push(stream);
    }
    let one = match request.start {
        Start::Noise => vec![0.0; channels * h * w],
        Start::Latents(latents) | Start::Inpaint { latents: Some(latents), .. } => latents.to_vec(),
        Start::Image(image) | Start::Inpaint { image, .. } => {
            model.vae().encode(image, (1, request.size.0, request.size.1), None, request.tiling, progress)?
        }
    };
    Ok((one.repeat(request.noise.len()), noise, streams))
}

/// What stays of a picture of which a part is painted anew.
pub(super) fn inpaint(
    model: &Model,
    request: &PictureRequest<'_>,
    latents: &[f32],
    noise: &[f32],
    progress: &dyn Progress,
) -> Result<Option<Inpaint>> {
    let inputs = match model.denoiser() {
        Denoiser::Unet(unet) => unet.config.in_channels,
        Denoiser::Flux(_) => 0,
    };
    let channels = model.vae().channels;
    let Start::Inpaint { image, mask, .. } = request.start else {
        if inputs > channels {
            return Err(ModelError::Request("this is an inpainting model: give it a picture and a mask".to_owned()));
        }
        return Ok(None);
    };
    let (h, w) = request.size;
    let small = shrunk(mask, h, w, model.vae().factor);
    // Inpainting models see the mask, and the picture without what is masked.
    let seen = if inputs == 2 * channels + 1 {
        let left: Vec<f32> = image.iter().enumerate().map(|(i, v)| if mask[i % (h * w)] < 0.5 { *v } else { 0.0 }).collect();
        let left = model.vae().encode(&left, (1, h, w), None, request.tiling, progress)?;
        Some(small.iter().copied().chain(left).collect())
    } else {
        None
    };
    Ok(Some(Inpaint { mask: small, image: latents.to_vec(), noise: noise.to_vec(), seen }))
}

/// The mask at the size of latents: the value at the first of each factor × factor pixels, as diffusers' nearest neighbour takes.
fn shrunk(mask: &[f32], h: usize, w: usize, factor: usize) -> Vec<f32> {
    (0..h / factor).flat_map(|y| (0..w / factor).map(move |x| (y, x))).map(|(y, x)| mask[y * factor * w + x * factor]).collect()
}
