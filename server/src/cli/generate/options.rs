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

fn variation(text: &str) -> Result<Variation, String> {
    let parts = text.split_once(':').and_then(|(seed, strength)| Some((seed.trim().parse().ok()?, strength.trim().parse().ok()?)));
    parts.map(|(seed, strength)| Variation { seed, strength }).ok_or_else(|| "write SEED:STRENGTH, for example 42:0.1".to_owned())
}
