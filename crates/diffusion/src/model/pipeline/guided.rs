//! The model as samplers see it: prompt, guidance, adapters and masks inside, clean latents out.

use super::super::error::{ModelError, Result};
use super::super::flux::FluxCondition;
use super::super::load::{Denoiser, Model};
use super::super::unet::Condition;
use super::request::{Edit, PictureRequest};
use super::text::Conditioning;
use crate::kernel::{alone, threads};
use crate::sampler::{self, guide, rescale};
use crate::schedule::{Levels, Prediction};
use candle_core::Tensor;

/// A picture of which a part stays.
#[derive(Debug)]
pub(super) struct Inpaint {
    /// rows × columns, 1 where paint goes.
    pub(super) mask: Vec<f32>,
    /// Latents of the picture, batch by batch.
    pub(super) image: Vec<f32>,
    pub(super) noise: Vec<f32>,
    /// Mask and masked picture for models that read them.
    pub(super) seen: Option<Vec<f32>>,
}

/// A prompt on the device, for one picture or both halves of a guided one.
#[derive(Debug)]
enum Prompt {
    Unet(Condition),
    Flux(FluxCondition),
}

/// Both prompts of a step.
#[derive(Debug)]
struct Pair {
    positive: Prompt,
    negative: Option<Prompt>,
    /// Both after one another, where they have one length and are best asked together.
    together: Option<Prompt>,
}

pub(super) struct Guided<'a> {
    model: &'a mut Model,
    levels: Levels,
    prediction: Prediction,
    request: &'a PictureRequest<'a>,
    /// Channels, rows, columns of one latent.
    shape: (usize, usize, usize),
    /// The request's own prompts first.
    pairs: Vec<Pair>,
    /// (step, place in `pairs`): from that step on; rising.
    changes: Vec<(usize, usize)>,
    /// The pair of the step at hand.
    at: usize,
    inpaint: Option<Inpaint>,
}

impl Pair {
    fn new(model: &Model, request: &PictureRequest<'_>, positive: &Conditioning, negative: Option<&Conditioning>) -> Result<Self> {
        let negative = negative.filter(|_| request.cfg != 1.0);
        if request.cfg != 1.0 && negative.is_none() {
            return Err(ModelError::Request("guidance other than 1 needs a negative prompt; the empty one will do".to_owned()));
        }
        let same = negative.filter(|n| n.tokens() == positive.tokens());
        // With two threads each takes one half from beginning to end and neither waits for the other.
        let apart = model.compute.own && threads() == 2;
        Ok(Self {
            together: same.filter(|_| !apart).map(|n| prompt(model, request, &[n, positive])).transpose()?,
            positive: prompt(model, request, &[positive])?,
            negative: negative.map(|n| prompt(model, request, &[n])).transpose()?,
        })
    }
}

impl<'a> Guided<'a> {
    pub(super) fn new(model: &'a mut Model, request: &'a PictureRequest<'a>, edits: &[Edit<'_>], inpaint: Option<Inpaint>) -> Result<Self> {
        let factor = model.vae().factor;
        let shape = (model.vae().channels, request.size.0 / factor, request.size.1 / factor);
        let mut pairs = vec![Pair::new(model, request, request.positive, request.negative)?];
        // Texts that take turns come again and again: each goes to the device once.
        let same = |a: &Edit<'_>, b: &Edit<'_>| {
            std::ptr::eq(a.positive, b.positive) && a.negative.map(std::ptr::from_ref) == b.negative.map(std::ptr::from_ref)
        };
        let mut changes: Vec<(usize, usize)> = Vec::new();
        for (i, edit) in edits.iter().enumerate() {
            let place = match edits[..i].iter().position(|other| same(edit, other)) {
                Some(before) => changes[before].1,
                None => {
                    pairs.push(Pair::new(model, request, edit.positive, edit.negative)?);
                    pairs.len() - 1
                }
            };
            changes.push((edit.step, place));
        }
        let (levels, prediction) = (model.levels(request.size), model.prediction());
        Ok(Self { levels, prediction, model, request, shape, pairs, changes, at: 0, inpaint })
    }

    fn batch(&self) -> usize {
        self.request.noise.len()
    }

    /// The model's raw answer to `x`, of `count` pictures.
    fn ask(&self, x: &[f32], count: usize, sigma: f64, prompt: &Prompt) -> Result<Vec<f32>> {
        let (c, h, w) = self.shape;
        match (self.model.denoiser(), prompt) {
            (Denoiser::Unet(unet), Prompt::Unet(condition)) => {
                let time = if self.request.whole_steps { self.levels.timestep(sigma) } else { self.levels.timestep_between(sigma) };
                let (x, c) = self.with_mask(x, count);
                let out = unet.forward(&self.model.enter(&x, (count, c, h, w))?, time, condition)?;
                self.model.leave(&out)
            }
            (Denoiser::Flux(flux), Prompt::Flux(condition)) => {
                let tokens = pack(x, (count, c, h, w));
                let x = flux.compute().tensor(&tokens, &[count, h / 2 * (w / 2), 4 * c])?;
                let out = flux.forward(&x, (h / 2, w / 2), sigma, condition)?;
                let flat: Vec<f32> = out.to_dtype(candle_core::DType::F32)?.flatten_all()?.to_vec1()?;
                Ok(unpack(&flat, (count, c, h, w)))
            }
            _ => Err(ModelError::Request("the prompt was made for another model".to_owned())),
        }
    }

    /// The latents with mask and masked picture beside them, for models that read these; channels.
    fn with_mask<'x>(&self, x: &'x [f32], count: usize) -> (std::borrow::Cow<'x, [f32]>, usize) {
        let (c, h, w) = self.shape;
        let Some(seen) = self.inpaint.as_ref().and_then(|i| i.seen.as_ref()) else { return (x.into(), c) };
        let all: Vec<f32> = x.chunks_exact(c * h * w).take(count).flat_map(|x| x.iter().chain(seen)).copied().collect();
        (all.into(), c + seen.len() / (h * w))
    }

    /// Guided answer to the scaled `x`.
    fn answer(&self, x: &[f32], sigma: f64, out: &mut [f32]) -> Result<()> {
        let (batch, pair) = (self.batch(), &self.pairs[self.at]);
        let Some(negative) = &pair.negative else {
            out.copy_from_slice(&self.ask(x, batch, sigma, &pair.positive)?);
            return Ok(());
        };
        let (without, with) = if let Some(both) = &pair.together {
            let mut without = self.ask(&[x, x].concat(), 2 * batch, sigma, both)?;
            let with = without.split_off(x.len());
            (without, with)
        } else if self.model.compute.own && threads() > 1 {
            let half = |prompt| alone(|| self.ask(x, batch, sigma, prompt));
            let (without, with) = rayon::join(|| half(negative), || half(&pair.positive));
            (without?, with?)
        } else {
            (self.ask(x, batch, sigma, negative)?, self.ask(x, batch, sigma, &pair.positive)?)
        };
        out.copy_from_slice(&with);
        guide(out, &without, self.request.cfg);
        if self.request.rescale != 0.0 {
            let one = x.len() / batch;
            out.chunks_exact_mut(one).zip(with.chunks_exact(one)).for_each(|(o, w)| rescale(o, w, self.request.rescale));
        }
        Ok(())
    }

    /// The step that a level belongs to, from 0.
    fn step(&self, sigma: f64) -> usize {
        self.request.sigmas.iter().rposition(|s| *s >= sigma * (1.0 - 1e-9)).unwrap_or(0)
    }

    /// Share of the steps that lie behind.
    fn position(&self, sigma: f64) -> f64 {
        let steps = self.request.sigmas.len().saturating_sub(1).max(1);
        self.step(sigma) as f64 / steps as f64
    }
}

impl sampler::Denoiser for Guided<'_> {
    type Error = ModelError;

    fn denoise(&mut self, x: &[f32], sigma: f64, out: &mut [f32]) -> Result<()> {
        self.model.adapters_at(self.position(sigma))?;
        let step = self.step(sigma);
        self.at = self.changes.iter().rev().find(|(from, _)| *from <= step).map_or(0, |(_, place)| *place);
        // What stays of a picture is put at the noise level at hand before the model looks, and put back into its answer.
        let mixed = self.inpaint.as_ref().map(|i| i.noisy(self.prediction, x, sigma));
        let x = mixed.as_deref().unwrap_or(x);
        let scale = self.prediction.input_scale(sigma);
        let scaled: Vec<f32> = x.iter().map(|v| (f64::from(*v) * scale) as f32).collect();
        self.answer(&scaled, sigma, out)?;
        self.prediction.clean(sigma, x, out);
        if let Some(inpaint) = &self.inpaint {
            inpaint.restore(out);
        }
        Ok(())
    }
}

impl Inpaint {
    fn noisy(&self, prediction: Prediction, x: &[f32], sigma: f64) -> Vec<f32> {
        let mut kept = self.image.clone();
        prediction.path().add_noise(sigma, false, &mut kept, &self.noise);
        kept.iter_mut().zip(x).zip(self.mask.iter().cycle()).for_each(|((k, x), m)| *k = x * m + *k * (1.0 - m));
        kept
    }

    fn restore(&self, clean: &mut [f32]) {
        let image = self.image.iter().zip(self.mask.iter().cycle());
        clean.iter_mut().zip(image).for_each(|(c, (image, mask))| *c = *c * mask + image * (1.0 - mask));
    }
}

/// Brings prompts to the device, one after another, each for the whole batch.
fn prompt(model: &Model, request: &PictureRequest<'_>, prompts: &[&Conditioning]) -> Result<Prompt> {
    let batch = request.noise.len();
    let (tokens, width) = (prompts[0].tokens(), prompts[0].width);
    let each = |part: fn(&Conditioning) -> &[f32]| -> Vec<f32> { prompts.iter().flat_map(|p| part(p).repeat(batch)).collect() };
    let (context, pooled) = (each(|p| &p.context), each(|p| &p.pooled));
    let rows = prompts.len() * batch;
    let tensor = |values: &[f32], shape: &[usize]| -> Result<Tensor> { model.compute.tensor(values, shape) };
    let context = tensor(&context, &[rows, tokens, width])?;
    Ok(match model.denoiser() {
        Denoiser::Flux(_) => {
            let pooled = tensor(&pooled, &[rows, pooled.len() / rows])?;
            Prompt::Flux(FluxCondition { text: context, pooled, guidance: request.guidance })
        }
        Denoiser::Unet(unet) => {
            if width != unet.config.context {
                return Err(ModelError::Request(format!("the prompt is {width} wide, the model reads {}", unet.config.context)));
            }
            let (h, w) = (request.size.0 as f32, request.size.1 as f32);
            let sizes = request.sizes.unwrap_or([h, w, 0.0, 0.0, h, w]);
            let added = if unet.config.added.is_some() { Some(unet.added(&pooled, &vec![sizes; rows])?) } else { None };
            Prompt::Unet(Condition { context, added })
        }
    })
}

/// Latents as tokens of 2×2: channel, row, column within a token.
fn pack(x: &[f32], (b, c, h, w): (usize, usize, usize, usize)) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len());
    for (i, y, xx) in (0..b).flat_map(|i| (0..h / 2).flat_map(move |y| (0..w / 2).map(move |x| (i, y, x)))) {
        for (ch, dy, dx) in (0..c).flat_map(|c| [(c, 0, 0), (c, 0, 1), (c, 1, 0), (c, 1, 1)]) {
            out.push(x[((i * c + ch) * h + 2 * y + dy) * w + 2 * xx + dx]);
        }
    }
    out
}

/// The inverse of [`pack`].
fn unpack(tokens: &[f32], (b, c, h, w): (usize, usize, usize, usize)) -> Vec<f32> {
    let mut out = vec![0.0; tokens.len()];
    let mut next = tokens.iter();
    for (i, y, xx) in (0..b).flat_map(|i| (0..h / 2).flat_map(move |y| (0..w / 2).map(move |x| (i, y, x)))) {
        for (ch, dy, dx) in (0..c).flat_map(|c| [(c, 0, 0), (c, 0, 1), (c, 1, 0), (c, 1, 1)]) {
            if let Some(v) = next.next() {
                out[((i * c + ch) * h + 2 * y + dy) * w + 2 * xx + dx] = *v;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_puts_neighbours_into_one_token() {
        let x: Vec<f32> = (0..2 * 3 * 4 * 6).map(|i| i as f32).collect();
        let tokens = pack(&x, (2, 3, 4, 6));
        assert_eq!(tokens[..5], [0.0, 1.0, 6.0, 7.0, 24.0]);
        assert_eq!(unpack(&tokens, (2, 3, 4, 6)), x);
    }
}
