//! One shot from beginning to end, on the engine's thread.

use super::super::generator::{Painted, Shot, Unpainted, Watch};
use super::failure::unpainted;
use super::files::tiny_decoder;
use super::shelf::{Loaded, Look, Preparing, Shelf};
use super::start::{self, Prepared};
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weft_diffusion::model::{
    AdapterFile, AdapterUse, Compute, Conditioning, Edit, LatentColours, ModelError, Picture, PictureRequest, Schedule, Start, Tiling,
    TinyDecoder,
};
use weft_diffusion::noise;
use weft_diffusion::prompt::{Edits, weigh};
use weft_diffusion::sampler::{Settings, Step};
use weft_diffusion::schedule::{Levels, plan};
use weft_domain::generation::parameter::{CFG, CLIP_SKIP, GUIDANCE, STEPS};
use weft_domain::generation::{Dialect, Recipe, UsedAdapter};
use weft_pictures::Pixels;
use weft_weights::adapter::Component;
use weft_weights::family::Family;
use weft_weights::merge::MergeInput;
use weft_weights::progress::{Progress as _, Silent};

/// Paints one picture.
pub(super) fn paint(shelf: &mut Shelf, shot: &Shot, watch: &dyn Watch) -> Result<Painted, Unpainted> {
    let recipe = &shot.recipe;
    let size = (recipe.height as usize, recipe.width as usize);
    if Preparing(watch).cancelled() {
        return Err(Unpainted::Cancelled);
    }
    let (uses, words_key) = adapters(shelf, shot)?;
    let prepared = shot.start.as_deref().map(|s| start::prepare(s, size)).transpose()?;
    let compute = shelf.compute().clone();
    let engine = format!("Weft {}, {}", env!("CARGO_PKG_VERSION"), compute.label());
    let data = shelf.data().to_owned();
    let (loaded, tiles) = shelf.model(&shot.checkpoint, size, watch)?;
    let tiny = tiny_decoder(&data, loaded.model.family());
    let reports = loaded.model.set_adapters(&uses, &Preparing(watch)).map_err(unpainted)?;
    let spoken = conditions(loaded, recipe, &words_key)?;
    let (_, positive, negative) = spoken.first().ok_or_else(weft_domain::Problem::internal)?;
    let request = request(loaded, recipe, size, (positive, negative.as_deref()), prepared.as_ref(), tiles);
    let edits = spoken.iter().skip(1).map(|(step, positive, negative)| Edit { step: *step, positive, negative: negative.as_deref() });
    let edits: Vec<Edit<'_>> = edits.collect();
    let latents = run(loaded, (&request, &edits), (&compute, tiny.as_deref()), watch)?;
    let pictures = loaded.model.pictures(&latents, &request, &Preparing(watch)).map_err(unpainted)?;
    let picture = pictures.into_iter().next().ok_or_else(weft_domain::Problem::internal)?;
    let notes = reports.iter().filter(|r| !r.skipped.is_empty());
    let notes = notes.map(|r| format!("{}: {} of its modules have no place in this checkpoint.", r.label, r.skipped.len()));
    let image = Pixels { width: recipe.width, height: recipe.height, rgb: picture.rgb };
    Ok(Painted { image, engine, notes: notes.collect() })
}

/// The adapters as the model takes them, and a text that changes whenever they change what a text encoder says.
fn adapters(shelf: &mut Shelf, shot: &Shot) -> Result<(Vec<AdapterUse>, String), Unpainted> {
    let (mut uses, mut key) = (Vec::new(), String::new());
    for (used, path) in shot.recipe.adapters.iter().zip(&shot.adapters) {
        let (file, stamp) = shelf.adapter(path)?;
        let wants_text = file.adapter.modules.iter().any(|m| matches!(m.target.component, Component::TextEncoder(_)));
        if wants_text {
            // Writing to a String cannot fail.
            let _ = write!(key, "{} {stamp} {:?} {:?}|", path.display(), used.text_weight.unwrap_or(used.weight), used.profile);
        }
        uses.push(adapter(used, &file)?);
    }
    Ok((uses, key))
}

fn adapter(used: &UsedAdapter, file: &Arc<AdapterFile>) -> Result<AdapterUse, Unpainted> {
    let profile =
        used.profile.as_ref().map(|p| crate::weave::plan::profile_for(p, file.adapter.detection.layout, &used.name)).transpose()?;
    let mut input = MergeInput::new(file.label.clone(), used.weight);
    input.te_weight = used.text_weight;
    input.profile = profile.filter(|p| !p.is_neutral());
    let schedule = used.range.map_or(Schedule::Always, |(start, stop)| Schedule::Range { start, stop });
    Ok(AdapterUse { file: Arc::clone(file), input, schedule })
}

/// Both prompts of some steps: the first of these, positive, negative.
type Spoken = (usize, Arc<Conditioning>, Option<Arc<Conditioning>>);

/// Both prompts as the denoiser reads them, for every step that begins with other words; the negative one only where it counts.
fn conditions(loaded: &mut Loaded, recipe: &Recipe, adapters: &str) -> Result<Vec<Spoken>, Unpainted> {
    let dialect = recipe.dialect.unwrap_or_default();
    let skip = recipe.numbers.clip_skip.unwrap_or(CLIP_SKIP.default as u32) as usize;
    let Loaded { model, words, conditions, .. } = loaded;
    let mut one = |text: &str| {
        let key = format!("{dialect:?} {skip} {adapters} {text}");
        conditions.get(key, || {
            let tokens = words.tokens(model, text, dialect, skip);
            model.condition(&tokens, &|embedding, empty, weights| weigh(dialect, embedding, empty, weights))
        })
    };
    let guided = guidance(recipe, model.family()) != 1.0;
    if dialect != Dialect::A1111 {
        let negative = if guided { Some(one(&recipe.negative).map_err(unpainted)?) } else { None };
        return Ok(vec![(0, one(&recipe.prompt).map_err(unpainted)?, negative)]);
    }
    let steps = recipe.numbers.steps.unwrap_or(STEPS.default as u32) as usize;
    let (positive, negative) = (Edits::new(&recipe.prompt, steps), Edits::new(&recipe.negative, steps));
    let mut changes = [positive.changes(), if guided { negative.changes() } else { Vec::new() }].concat();
    changes.sort_unstable();
    changes.dedup();
    let spoken = changes.into_iter().map(|step| {
        let negative = if guided { Some(one(&negative.at(step))?) } else { None };
        Ok((step, one(&positive.at(step))?, negative))
    });
    spoken.collect::<Result<_, ModelError>>().map_err(unpainted)
}

/// Classifier-free guidance: Flux is distilled and has none of its own.
fn guidance(recipe: &Recipe, family: Family) -> f64 {
    recipe.numbers.cfg.unwrap_or(if family == Family::Flux1 { 1.0 } else { CFG.default })
}

fn request<'a>(
    loaded: &Loaded,
    recipe: &Recipe,
    size: (usize, usize),
    (positive, negative): (&'a Conditioning, Option<&'a Conditioning>),
    prepared: Option<&'a Prepared>,
    tiles: bool,
) -> PictureRequest<'a> {
    let model = &loaded.model;
    let (sampler, schedule) = (recipe.sampler.unwrap_or_default(), recipe.schedule.unwrap_or_default());
    let numbers = &recipe.numbers;
    let denoise = prepared.map_or(1.0, |_| recipe.denoise.unwrap_or(1.0));
    let steps = numbers.steps.unwrap_or(STEPS.default as u32) as usize;
    let levels = match numbers.shift.filter(|_| model.family() == Family::Flux1) {
        Some(shift) => Levels::flow(shift, 10_000),
        None => model.levels(size),
    };
    let mut settings = Settings::of(sampler);
    settings.eta = numbers.eta.unwrap_or(settings.eta);
    settings.s_noise = numbers.s_noise.unwrap_or(settings.s_noise);
    settings.s_churn = numbers.s_churn.unwrap_or(settings.s_churn);
    let variation = recipe.variation.map(|v| noise::Variation { seed: v.seed, strength: v.strength });
    let source = recipe.noise.unwrap_or_default();
    PictureRequest {
        positive,
        negative,
        size,
        noise: vec![noise::Recipe { variation, ..noise::Recipe::new(source, recipe.seed.unwrap_or(0)) }],
        start: match prepared {
            None => Start::Noise,
            Some(Prepared { image, mask: None }) => Start::Image(image),
            Some(Prepared { image, mask: Some(mask) }) => Start::Inpaint { image, latents: None, mask, blank: denoise >= 1.0 },
        },
        sampler,
        sigmas: plan(&levels, schedule, sampler, steps, denoise),
        settings,
        cfg: guidance(recipe, model.family()),
        rescale: numbers.cfg_rescale.unwrap_or(0.0),
        guidance: numbers.guidance.unwrap_or(GUIDANCE.default),
        sizes: None,
        whole_start: true,
        whole_steps: recipe.dialect == Some(Dialect::ComfyUi),
        tiling: tiles.then(Tiling::default),
    }
}

/// Walks from noise to the finished latents; whoever watches may look on the way.
fn run(
    loaded: &mut Loaded,
    (request, edits): (&PictureRequest<'_>, &[Edit<'_>]),
    tiny: (&Compute, Option<&Path>),
    watch: &dyn Watch,
) -> Result<Vec<f32>, Unpainted> {
    if let Look::Unknown = loaded.look {
        loaded.look = look(loaded, tiny.0, tiny.1.map(Path::to_path_buf));
    }
    let Loaded { model, look, .. } = loaded;
    let (channels, factor) = (model.vae().channels, model.vae().factor);
    let small = (request.size.0 / factor, request.size.1 / factor);
    let mut seen = |step: Step<'_>| {
        let of = u32::try_from(step.of).unwrap_or(u32::MAX);
        let mut rough = || rough(look, step.clean, channels, small);
        // The step at hand is about to be taken: as many are done as its index says.
        watch.step(u32::try_from(step.index).unwrap_or(of), of, &mut rough);
        if watch.cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let painted = model.paint_edited(request, edits, &mut seen, &Quiet(watch));
    painted.map_err(unpainted)
}

/// Asks whether to stop and reports nothing: steps are told by [`Watch::step`].
struct Quiet<'a>(&'a dyn Watch);

impl weft_weights::progress::Progress for Quiet<'_> {
    fn step(&self, _: u64, _: u64, _: &str) {}
    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// TAESD where its weights are, else the line from latents to colours, measured once at the model's own decoder.
fn look(loaded: &Loaded, compute: &Compute, tiny: Option<PathBuf>) -> Look {
    if let Some(path) = tiny {
        match TinyDecoder::load(&path, compute, &Silent) {
            Ok(decoder) => return Look::Tiny(Box::new(decoder)),
            Err(error) => tracing::warn!(%error, path = %path.display(), "the small decoder cannot be used"),
        }
    }
    match LatentColours::measure(&loaded.model) {
        Ok(colours) => Look::Colours(colours),
        Err(error) => {
            tracing::warn!(%error, "there are no previews with this checkpoint");
            Look::None
        }
    }
}

/// A rough picture of latents.
fn rough(look: &Look, clean: &[f32], channels: usize, (h, w): (usize, usize)) -> Option<Pixels> {
    let small = |n: usize| u32::try_from(n).ok();
    match look {
        Look::Colours(colours) => {
            let picture = colours.picture(clean, h, w);
            Some(Pixels { width: small(w)?, height: small(h)?, rgb: picture.rgb })
        }
        Look::Tiny(decoder) => {
            // A decoder of another scale gives another number of pixels: then there is no preview.
            let planes = decoder.decode(clean, (1, channels, h, w)).ok().filter(|p| p.len() == 3 * h * 8 * w * 8)?;
            let picture = Picture::of(&planes, h * 8, w * 8);
            Some(Pixels { width: small(w * 8)?, height: small(h * 8)?, rgb: picture.rgb })
        }
        Look::Unknown | Look::None => None,
    }
}
