//! Models that are loaded, within a limit of memory: the one not used for longest goes first.

use super::super::generator::{Able, Unpainted, Watch};
use super::Tokenizers;
use super::conditions::Conditions;
use super::failure::{problem, unpainted};
use super::files;
use super::words::Words;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weft_diffusion::model::{AdapterFile, Compute, LatentColours, LoadOptions, Model, ModelFiles, TinyDecoder, usual_size};
use weft_domain::Problem;
use weft_domain::generation::parameter::CFG;
use weft_weights::family::Family;
use weft_weights::inspect::neighbour_config;
use weft_weights::progress::Progress;

/// Adapter files that stay open; of each only the header is in memory.
const ADAPTERS: usize = 64;

/// All that the engine's thread owns.
#[derive(Debug)]
pub(super) struct Shelf {
    compute: Compute,
    budget: u64,
    data: PathBuf,
    tokenizers: Tokenizers,
    /// The one used last stands last.
    loaded: Vec<Loaded>,
    adapters: VecDeque<(PathBuf, u64, Arc<AdapterFile>)>,
}

/// A model with what belongs to it.
#[derive(Debug)]
pub(super) struct Loaded {
    path: PathBuf,
    stamp: u64,
    pub(super) model: Model,
    pub(super) words: Words,
    pub(super) conditions: Conditions,
    pub(super) look: Look,
}

/// How rough pictures are made.
#[derive(Debug)]
pub(super) enum Look {
    /// Not asked for yet.
    Unknown,
    Colours(LatentColours),
    Tiny(Box<TinyDecoder>),
    /// The decoder did not bear being measured.
    None,
}

/// A watch as the models see it.
pub(super) struct Preparing<'a>(pub(super) &'a dyn Watch);

impl Progress for Preparing<'_> {
    fn step(&self, done: u64, total: u64, what: &str) {
        self.0.preparing(done, total, what);
    }
    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

impl Shelf {
    pub(super) fn new(compute: Compute, budget: u64, data: &Path, tokenizers: Tokenizers) -> Self {
        Self { compute, budget, data: data.to_owned(), tokenizers, loaded: Vec::new(), adapters: VecDeque::new() }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.loaded.clear();
        self.adapters.clear();
    }

    /// Weft's own folder.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    pub(super) fn compute(&self) -> &Compute {
        &self.compute
    }

    /// The model of a checkpoint for pictures of height × width, and whether its decoder has to work by tiles. Stays loaded until its room is
    /// needed or its file changes.
    pub(super) fn model(&mut self, path: &Path, size: (usize, usize), watch: &dyn Watch) -> Result<(&mut Loaded, bool), Unpainted> {
        let stamp = match files::stamp(path) {
            Ok(stamp) => stamp,
            Err(error) => {
                self.loaded.retain(|l| l.path != path);
                return Err(gone(path, &error).into());
            }
        };
        let options = LoadOptions { compute: self.compute.clone(), budget: Some(self.budget), size, ..LoadOptions::default() };
        self.loaded.retain(|l| l.path != path || l.stamp == stamp);
        match self.loaded.iter().position(|l| l.path == path) {
            Some(at) => {
                let found = self.loaded.remove(at);
                self.loaded.push(found);
            }
            None => {
                let loaded = self.load(path, stamp, &options, watch)?;
                self.loaded.push(loaded);
            }
        }
        let all: u64 = self.loaded.iter().map(|l| l.model.footprint().weights).sum();
        let newest = self.loaded.last().ok_or_else(Problem::internal)?;
        let need = newest.model.files().footprint(&options).map_err(unpainted)?;
        if need.weights.saturating_add(need.work) > self.budget {
            return Err(too_large(size, need.weights, need.work, self.budget).into());
        }
        let tiles = need.weights.saturating_add(need.work_whole) > self.budget;
        let mut over = all.saturating_add(if tiles { need.work } else { need.work_whole }).saturating_sub(self.budget);
        while over > 0 && self.loaded.len() > 1 {
            over = over.saturating_sub(self.loaded.remove(0).model.footprint().weights);
        }
        self.loaded.last_mut().map(|loaded| (loaded, tiles)).ok_or_else(|| Problem::internal().into())
    }

    fn load(&mut self, path: &Path, stamp: u64, options: &LoadOptions, watch: &dyn Watch) -> Result<Loaded, Unpainted> {
        let files = files::open(path, &self.data, options)?;
        let need = files.footprint(options).map_err(unpainted)?;
        let words = words(&files, &self.tokenizers)?;
        // Room is made before the new one is read: both at once may be more than the machine has.
        let wanted = need.weights.saturating_add(need.work);
        while !self.loaded.is_empty()
            && self.loaded.iter().map(|l| l.model.footprint().weights).sum::<u64>().saturating_add(wanted) > self.budget
            && wanted <= self.budget
        {
            self.loaded.remove(0);
        }
        let model = Model::load(files, options, &Preparing(watch)).map_err(unpainted)?;
        for encoder in model.clip() {
            if words.clip.size() > encoder.vocabulary() {
                return Err(Problem::conflict("The tokenizer belongs to another model than the checkpoint.")
                    .detail(format!("It has {} tokens, the text encoder {}.", words.clip.size(), encoder.vocabulary()))
                    .into());
            }
        }
        Ok(Loaded { path: path.to_owned(), stamp, model, words, conditions: Conditions::default(), look: Look::Unknown })
    }

    /// An adapter's file, opened once for as long as it stays the same: the model then only changes strengths.
    pub(super) fn adapter(&mut self, path: &Path) -> Result<(Arc<AdapterFile>, u64), Problem> {
        let stamp = files::stamp(path).map_err(|error| gone(path, &error))?;
        self.adapters.retain(|(other, old, _)| other != path || *old == stamp);
        if let Some((.., file)) = self.adapters.iter().find(|(other, ..)| other == path) {
            return Ok((Arc::clone(file), stamp));
        }
        let file = AdapterFile::open(path, neighbour_config(path).as_deref())
            .map_err(|e| Problem::conflict(format!("{} cannot be read as an adapter.", files::name(path))).detail(e.to_string()))?;
        if self.adapters.len() == ADAPTERS {
            self.adapters.pop_front();
        }
        self.adapters.push_back((path.to_owned(), stamp, Arc::clone(&file)));
        Ok((file, stamp))
    }
}

fn gone(path: &Path, error: &std::io::Error) -> Problem {
    Problem::conflict(format!("{} is not there.", files::name(path)))
        .detail(crate::weave::plan::sentence(&error.to_string()))
        .hint("It was moved or deleted, or its drive is off. Scan its folder again.")
}

fn too_large((h, w): (usize, usize), weights: u64, work: u64, budget: u64) -> Problem {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    Problem::new(weft_domain::ProblemKind::Unavailable, format!("A picture of {w}×{h} needs more memory than may be used."))
        .detail(format!("The model takes {} MiB, the picture about {} MiB more; {} MiB may be used.", mib(weights), mib(work), mib(budget)))
        .hint("Choose a smaller picture, or a larger model_memory in the settings.")
}

fn words(files: &ModelFiles, tokenizers: &Tokenizers) -> Result<Words, Problem> {
    let flux = files.family().map_err(problem)? == Family::Flux1;
    let t5 = if flux { Some(tokenizers.t5(files)?) } else { None };
    Ok(Words { clip: tokenizers.clip(files.checkpoint())?, t5 })
}

/// What can be done with a checkpoint, from its headers. Blocks.
pub(super) fn able(path: &Path, data: &Path, options: &LoadOptions, tokenizers: &Tokenizers) -> Result<Able, Problem> {
    let files = files::open(path, data, options)?;
    let family = files.family().map_err(problem)?;
    let model = files.checkpoint().model();
    let metadata = |key: &str| files.checkpoint().files().iter().find_map(|f| f.header.metadata.get(key)).cloned();
    let named = metadata("modelspec.resolution").and_then(|text| {
        let (w, h) = text.split_once(['x', '×'])?;
        Some((w.trim().parse().ok()?, h.trim().parse().ok()?))
    });
    let whole = usual_size(family);
    let usual =
        if family == Family::Sd2 && model.prediction.as_deref() == Some("v") { (768, 768) } else { (small(whole.1), small(whole.0)) };
    let size = named.filter(|(w, h)| (8..=4096).contains(w) && (8..=4096).contains(h)).unwrap_or(usual);
    let asked = if options.size == (0, 0) { (size.1 as usize, size.0 as usize) } else { options.size };
    let options = LoadOptions { size: asked, ..options.clone() };
    let budget = options.budget.unwrap_or(u64::MAX);
    let need = files.footprint(&options).map_err(problem)?;
    let fits = need.weights.saturating_add(need.work) <= budget;
    let short = (!fits).then(|| too_large(options.size, need.weights, need.work, budget));
    let schnell = model.variant.as_deref().is_some_and(|v| v.eq_ignore_ascii_case("schnell"));
    let words_of = files::name(path).to_lowercase();
    Ok(Able {
        family: family.id().to_owned(),
        side_step: small(files.side_step().map_err(problem)?),
        even_step: small(files.even_step().map_err(problem)?),
        size,
        guided: family == Family::Flux1 && !schnell,
        quick: schnell || ["lightning", "turbo", "hyper", "lcm"].iter().any(|word| words_of.contains(word)),
        cfg: metadata("weft.cfg").and_then(|text| text.parse().ok()).filter(|cfg| CFG.check(*cfg).is_ok()),
        example: metadata("weft.example").filter(|text| text.len() < 2000),
        refused: short.or_else(|| words(&files, tokenizers).err()),
    })
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
