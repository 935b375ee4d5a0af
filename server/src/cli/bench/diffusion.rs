//! A model's networks and a whole picture, beside diffusers on the same weights.

use super::clock::{median, once};
use super::memory::peak;
use super::table::{Amount, Table};
use anyhow::{Context, Result, bail};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use weft_diffusion::model::{
    ClipTokens, Conditioning, Denoiser, LoadOptions, Model, ModelFiles, ModelPaths, PictureRequest, PromptTokens, Start, Words,
};
use weft_diffusion::noise::Recipe;
use weft_diffusion::sampler::Settings;
use weft_domain::generation::{NoiseSource, Sampler, Schedule};
use weft_weights::progress::Silent;

/// Text encoder, denoiser, image decoder and a whole picture of one checkpoint
#[derive(Debug, clap::Args)]
pub(super) struct Diffusion {
    /// A checkpoint of Stable Diffusion 1 or 2: a file, or a folder of diffusers
    #[arg(long, value_name = "PATH")]
    checkpoint: PathBuf,
    /// Side of the square picture in pixels
    #[arg(long, default_value_t = 512)]
    size: usize,
    /// Steps of the whole picture; 0 leaves it out
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// How often each figure is taken; the median is shown
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// A Python with torch and diffusers: measures the same there. A single file needs its configuration in a folder beside it, of the
    /// same name without its ending
    #[arg(long, value_name = "PYTHON")]
    torch: Option<PathBuf>,
    /// Machine-readable output
    #[arg(long)]
    pub(super) json: bool,
}

/// The figures, in seconds, and the most memory in bytes.
#[derive(Debug, serde::Deserialize)]
struct Figures {
    load: f64,
    text: f64,
    step: f64,
    pair: f64,
    decode: f64,
    picture: f64,
    peak: u64,
}

/// Ids of a prompt that every CLIP vocabulary holds: start, a few low ids, end.
fn tokens(model: &Model) -> PromptTokens {
    let words = model.clip().first().map_or(1000, |clip| clip.vocabulary()) as u32;
    let mut ids = vec![words - 1; 77];
    ids[0] = words - 2;
    ids[1..9].copy_from_slice(&[5, 6, 7, 8, 9, 10, 11, 12]);
    let empty: Vec<u32> = std::iter::once(words - 2).chain(std::iter::repeat_n(words - 1, 76)).collect();
    let clip = ClipTokens { empty, chunks: vec![Words { ids, weights: Vec::new() }], learned: Vec::new() };
    PromptTokens { clip: vec![clip], t5: Vec::new(), skip: 1 }
}

impl Diffusion {
    pub(super) fn run(&self, table: &mut Table) -> Result<()> {
        let theirs = self.torch.as_deref().map(|python| self.diffusers(python)).transpose()?;
        let (ours, memory) = peak(|| self.ours())?;
        let against = |pick: fn(&Figures) -> f64| theirs.as_ref().map(|t| ("diffusers", Duration::from_secs_f64(pick(t))));
        table.section(&format!("{}, a picture of {}×{} pixels", self.checkpoint.display(), self.size, self.size));
        let mut row = |what: &str, pick: fn(&Figures) -> f64| {
            table.add(what, Duration::from_secs_f64(pick(&ours)), Amount::None, against(pick));
        };
        row("loading, files in the page cache", |f| f.load);
        row("text encoder, 77 tokens", |f| f.text);
        row("denoiser, one step", |f| f.step);
        row("denoiser, one step with guidance", |f| f.pair);
        row("image decoder", |f| f.decode);
        if self.steps > 0 {
            row(&format!("whole picture, {} steps with guidance", self.steps), |f| f.picture);
        }
        let megabytes = |bytes: u64| format!("{} MB", bytes / 1_000_000);
        table.note(&format!(
            "most memory: {}{}",
            memory.map_or_else(|| "not told by this system".to_owned(), megabytes),
            theirs.map(|t| format!(", diffusers {}", megabytes(t.peak))).unwrap_or_default()
        ));
        Ok(())
    }

    fn ours(&self) -> Result<Figures> {
        let open = || -> Result<Model> {
            let files = ModelFiles::open(&ModelPaths { main: self.checkpoint.clone(), ..ModelPaths::default() })?;
            Ok(Model::load(files, &LoadOptions { encoder: false, ..LoadOptions::default() }, &Silent)?)
        };
        drop(open()?);
        let load = once(open)?;
        let mut model = open()?;
        if !matches!(model.denoiser(), Denoiser::Unet(_)) || model.clip().len() != 1 {
            bail!("only Stable Diffusion 1 and 2 are measured here");
        }
        let step = model.side_step();
        if self.size == 0 || !self.size.is_multiple_of(step) {
            bail!("sides are multiples of {step} pixels");
        }
        let words = tokens(&model);
        let condition = |model: &Model| model.condition(&words, &|_, _, _| {});
        let text = median(self.rounds, || Ok(condition(&model)?))?;
        let prompt = condition(&model)?;
        let side = self.size / model.vae().factor;
        let latents: Vec<f32> = (0..model.vae().channels * side * side).map(|i| (i as f32 * 0.7).sin()).collect();
        let one = median(self.rounds, || self.paint(&mut model, &prompt, 1, 1.0, false))?;
        let two = median(self.rounds, || self.paint(&mut model, &prompt, 1, 7.0, false))?;
        let decode = median(self.rounds, || Ok(model.vae().decode(&latents, (1, side, side), None, &Silent)?))?;
        let picture = match self.steps {
            0 => Duration::ZERO,
            steps => median(self.rounds.min(3), || self.paint(&mut model, &prompt, steps, 7.0, true))?,
        };
        let [load, text, step, pair, decode, picture] = [load, text, one, two, decode, picture].map(|time| time.as_secs_f64());
        Ok(Figures { load, text, step, pair, decode, picture, peak: 0 })
    }

    /// Latents after some steps, with guidance where `cfg` is not 1.
    fn paint(&self, model: &mut Model, prompt: &Conditioning, steps: usize, cfg: f64, decoded: bool) -> Result<()> {
        let size = (self.size, self.size);
        let request = PictureRequest {
            positive: prompt,
            negative: Some(prompt),
            size,
            noise: vec![Recipe::new(NoiseSource::Cpu, 1)],
            start: Start::Noise,
            sampler: Sampler::Euler,
            sigmas: model.plan(Schedule::Normal, Sampler::Euler, steps, 1.0, size),
            settings: Settings::of(Sampler::Euler),
            cfg,
            rescale: 0.0,
            guidance: 0.0,
            sizes: None,
            whole_start: false,
            whole_steps: false,
            tiling: None,
        };
        let latents = model.paint(&request, &mut |_| ControlFlow::Continue(()), &Silent)?;
        if decoded {
            std::hint::black_box(model.pictures(&latents, &request, &Silent)?);
        }
        Ok(())
    }

    fn diffusers(&self, python: &Path) -> Result<Figures> {
        let arguments = [self.size, self.steps, self.rounds as usize].map(|n| n.to_string());
        let out = Command::new(python)
            .args(["-W", "ignore", "-c", include_str!("diffusion.py")])
            .arg(&self.checkpoint)
            .args(arguments)
            .output()
            .with_context(|| python.display().to_string())?;
        let text = String::from_utf8_lossy(&out.stdout);
        if !out.status.success() {
            bail!("{} could not run the comparison: {}", python.display(), String::from_utf8_lossy(&out.stderr).trim());
        }
        serde_json::from_str(text.lines().last().unwrap_or_default()).context("the answer of the comparison cannot be read")
    }
}
