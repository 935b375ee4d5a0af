//! What to paint, in words of the command line.

use super::super::strand::StrandArg;
use super::axis::AxisArg;
use super::{GenerationRequest, StartPixels, start_pixels};
use anyhow::{Result, bail};
use std::path::PathBuf;
use weft_domain::generation::{Dialect, NoiseSource, Numbers, Sampler, Schedule, Variation};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// What the picture shows; weights (x:1.2), {a|b}, __wildcards__ and <lora:name:0.8> are understood
    #[arg(value_name = "PROMPT")]
    prompt: String,
    /// What it must not show
    #[arg(long, default_value = "", value_name = "TEXT")]
    negative: String,
    /// Name of a checkpoint of the library, a file, or a diffusers folder; without one, that which was used last
    #[arg(long, value_name = "NAME|PATH")]
    pub(super) checkpoint: Option<PathBuf>,
    /// NAME|PATH[:WEIGHT][@PROFILE]; may be given several times
    #[arg(long = "adapter", value_name = "STRAND")]
    pub(super) adapters: Vec<StrandArg>,
    /// PLACE=WEIGHT: another weight in the text encoder; the first --adapter is 0
    #[arg(long = "text-weight", value_name = "PLACE=X", value_parser = placed)]
    text_weights: Vec<(usize, f64)>,
    /// PLACE=START-STOP: an adapter that works on a part of the steps only, 0 to 1; the first --adapter is 0
    #[arg(long = "adapter-steps", value_name = "PLACE=A-B", value_parser = ranged)]
    ranges: Vec<(usize, (f64, f64))>,
    /// A style of styles.csv; may be given several times
    #[arg(long = "style", value_name = "NAME")]
    styles: Vec<String>,
    /// Steps from noise to picture
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// How strictly the picture follows the prompt
    #[arg(long, value_name = "X")]
    cfg: Option<f64>,
    /// Takes back the contrast that a strong cfg adds
    #[arg(long, value_name = "X")]
    cfg_rescale: Option<f64>,
    /// Guidance that Flux dev takes as an input
    #[arg(long, value_name = "X")]
    guidance: Option<f64>,
    /// Layers of CLIP that are left out at the end, counted from 1
    #[arg(long, value_name = "N")]
    clip_skip: Option<u32>,
    /// Share of new noise in samplers that add some
    #[arg(long, value_name = "X")]
    eta: Option<f64>,
    /// Shift of the noise levels of Flux
    #[arg(long, value_name = "X")]
    shift: Option<f64>,
    /// dpmpp_2m, euler_a, euler, … as every program writes them
    #[arg(long, value_name = "NAME", value_parser = sampler)]
    sampler: Option<Named>,
    /// karras, normal, exponential, sgm_uniform, simple, beta
    #[arg(long, value_name = "NAME", value_parser = schedule)]
    schedule: Option<Schedule>,
    /// Seed of the first picture; the next ones count up. Without one, by chance
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// SEED:STRENGTH: noise turned towards that of a second seed
    #[arg(long, value_name = "SEED:X", value_parser = variation)]
    variation: Option<Variation>,
    /// cpu (ComfyUI, diffusers) or gpu (A1111 on NVIDIA): which noise a seed stands for
    #[arg(long, default_value = "cpu", value_parser = noise)]
    noise: NoiseSource,
    /// a1111 or comfyui: how weights in the prompt are read
    #[arg(long, default_value = "a1111", value_parser = dialect)]
    dialect: Dialect,
    /// WIDTHxHEIGHT in pixels; without it, what the checkpoint is made for
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<(u32, u32)>,
    /// Pictures, each with the next seed
    #[arg(long, default_value_t = 1, value_name = "N")]
    count: u32,
    /// A picture to begin with
    #[arg(long, value_name = "FILE")]
    init: Option<PathBuf>,
    /// Where to paint on it: white is painted, black stays
    #[arg(long, value_name = "FILE", requires = "init")]
    mask: Option<PathBuf>,
    /// How far the picture to begin with is dissolved into noise, 0 to 1
    #[arg(long, default_value_t = 0.6, value_name = "X")]
    pub(super) denoise: f64,
    /// NAME=VALUE,VALUE,…: one picture for each value; twice for a sheet
    #[arg(long = "axis", value_name = "AXIS")]
    pub(super) axes: Vec<AxisArg>,
}

/// A sampler, and the schedule that its name brings along (`DPM++ 2M Karras`).
type Named = (Sampler, Option<Schedule>);

impl Options {
    /// The request without files and axes.
    pub(super) fn request(&self) -> GenerationRequest {
        GenerationRequest {
            prompt: self.prompt.clone(),
            negative: self.negative.clone(),
            styles: self.styles.clone(),
            dialect: self.dialect,
            width: self.size.map(|s| s.0),
            height: self.size.map(|s| s.1),
            sampler: self.sampler.map(|named| named.0),
            schedule: self.schedule.or(self.sampler.and_then(|named| named.1)),
            numbers: Numbers {
                steps: self.steps,
                cfg: self.cfg,
                cfg_rescale: self.cfg_rescale,
                guidance: self.guidance,
                clip_skip: self.clip_skip,
                eta: self.eta,
                shift: self.shift,
                ..Numbers::default()
            },
            seed: self.seed,
            variation: self.variation,
            noise: self.noise,
            count: self.count,
            ..GenerationRequest::default()
        }
    }

    /// Weight of the adapter at a place in the text encoder, where it has one of its own.
    pub(super) fn text_weight_of(&self, at: i64) -> Option<f64> {
        self.text_weights.iter().rev().find(|(place, _)| *place as i64 == at).map(|(_, weight)| *weight)
    }

    /// Share of the steps on which the adapter at a place works.
    pub(super) fn range_of(&self, at: i64) -> (f64, f64) {
        self.ranges.iter().rev().find(|(place, _)| *place as i64 == at).map_or((0.0, 1.0), |(_, range)| *range)
    }

    /// A place without an adapter is a slip of the pen.
    pub(super) fn check_places(&self) -> Result<()> {
        let places = self.text_weights.iter().map(|(place, _)| place).chain(self.ranges.iter().map(|(place, _)| place));
        match places.max() {
            Some(place) if *place >= self.adapters.len() => {
                bail!("There is no adapter at place {place}: {} are given, and the first is 0.", self.adapters.len())
            }
            _ => Ok(()),
        }
    }

    /// The picture to begin with.
    pub(super) fn start(&self) -> Result<Option<StartPixels>> {
        if self.init.is_none() && self.mask.is_some() {
            bail!("A mask needs a picture: name it with --init.");
        }
        self.init.as_deref().map(|init| start_pixels(init, self.mask.as_deref())).transpose()
    }
}

fn sampler(name: &str) -> Result<Named, String> {
    Sampler::parse(name).ok_or_else(|| format!("choose from {}", Sampler::ALL.map(Sampler::as_str).join(", ")))
}

fn schedule(name: &str) -> Result<Schedule, String> {
    Schedule::parse(name).ok_or_else(|| format!("choose from {}", Schedule::ALL.map(Schedule::as_str).join(", ")))
}

fn noise(name: &str) -> Result<NoiseSource, String> {
    NoiseSource::parse(name).ok_or_else(|| "choose cpu or gpu".to_owned())
}

fn dialect(name: &str) -> Result<Dialect, String> {
    Dialect::parse(name).ok_or_else(|| "choose a1111 or comfyui".to_owned())
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once(['x', 'X', '×']).and_then(|(w, h)| Some((w.trim().parse().ok()?, h.trim().parse().ok()?)));
    sides.ok_or_else(|| "write WIDTHxHEIGHT, for example 512x768".to_owned())
}

fn placed(text: &str) -> Result<(usize, f64), String> {
    let parts = text.split_once('=').and_then(|(place, x)| Some((place.trim().parse().ok()?, x.trim().parse().ok()?)));
    parts.filter(|(_, x): &(usize, f64)| x.is_finite()).ok_or_else(|| "write PLACE=WEIGHT, for example 0=0.5".to_owned())
}

fn ranged(text: &str) -> Result<(usize, (f64, f64)), String> {
    let parts = text.split_once('=').and_then(|(place, range)| {
        let (start, stop) = range.split_once('-')?;
        Some((place.trim().parse().ok()?, (start.trim().parse().ok()?, stop.trim().parse().ok()?)))
    });
    let orderly = |range: (f64, f64)| (0.0..=1.0).contains(&range.0) && (0.0..=1.0).contains(&range.1) && range.0 < range.1;
    parts.filter(|(_, range)| orderly(*range)).ok_or_else(|| "write PLACE=START-STOP between 0 and 1, for example 0=0.2-0.8".to_owned())
}

fn variation(text: &str) -> Result<Variation, String> {
    let parts = text.split_once(':').and_then(|(seed, strength)| Some((seed.trim().parse().ok()?, strength.trim().parse().ok()?)));
    parts.map(|(seed, strength)| Variation { seed, strength }).ok_or_else(|| "write SEED:STRENGTH, for example 42:0.1".to_owned())
}
