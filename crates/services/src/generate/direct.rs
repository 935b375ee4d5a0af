//! Pictures without a library: for whoever names files instead of rows.

use super::generator::{Able, Generator as _, Shot, StartPixels};
use super::resolve::{recipe, shorten, stem, used};
use super::words::Vocabulary;
use super::{Engine, cells, check, defaults};
use crate::pictures::sheet::caption;
use crate::problem::blocking;
use crate::scan::open::open;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weft_diffusion::prompt::parse;
use weft_domain::generation::{AdapterUse, GenerationRequest, MAX_ADAPTERS, Recipe, UsedCheckpoint};
use weft_domain::parameter::WEIGHT;
use weft_domain::{AdapterId, CheckpointId, Problem};
use weft_pictures::sheet::SheetWords;

/// A request whose names are files.
#[derive(Debug, Clone, Default)]
pub struct FileRequest {
    /// Ids of adapters are places in `adapters`, counted from 0.
    pub request: GenerationRequest,
    pub checkpoint: PathBuf,
    /// Those of a checkpoint axis; its ids are places here, counted from 0.
    pub checkpoints: Vec<PathBuf>,
    pub adapters: Vec<PathBuf>,
    /// Files of the adapters that tags in the prompt name, by that name.
    pub named: HashMap<String, PathBuf>,
    pub start: Option<Arc<StartPixels>>,
    /// Where `wildcards` and `styles.csv` are looked for.
    pub data_dir: PathBuf,
}

/// Names of adapters in a prompt's tags, in order, each once. Those in braces are among them, whatever chance will choose.
#[must_use]
pub fn named_in(request: &GenerationRequest) -> Vec<String> {
    let mut names: Vec<String> = parse(&request.prompt, request.dialect).adapters.into_iter().map(|tag| tag.name).collect();
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

impl FileRequest {
    /// What stands on the sheet of these pictures; `first` is the recipe of one of them.
    #[must_use]
    pub fn sheet_words(&self, first: &Recipe) -> SheetWords {
        let names = cells::Names {
            adapters: (0..).map(AdapterId).zip(self.adapters.iter().map(|path| name(path))).collect(),
            checkpoints: (0..).map(CheckpointId).zip(self.checkpoints.iter().map(|path| name(path))).collect(),
        };
        let cells::Heads { columns, rows, axes } = names.heads(&self.request);
        SheetWords { columns, rows, axes, caption: caption(first, &self.request.axes) }
    }
}

impl Engine {
    /// The shots of a request, checked and filled in as those of the library are.
    ///
    /// # Errors
    /// A [`Problem`] for what cannot be painted.
    pub async fn shots(&self, mut asked: FileRequest) -> Result<Vec<Shot>, Problem> {
        check::check(&asked.request)?;
        asked.request.seed.get_or_insert_with(|| u64::from(uuid::Uuid::new_v4().as_fields().0));
        let size = asked.request.width.zip(asked.request.height);
        let able = self.able(&asked.checkpoint, size).await?;
        defaults::fill(&mut asked.request, &defaults::of(None, &able));
        let size = (asked.request.width.unwrap_or(0), asked.request.height.unwrap_or(0));
        let paints = |able: &Able| {
            able.refused.clone().map_or(Ok(()), Err)?;
            check::multiples(size.0, size.1, able.side_step)
        };
        paints(&able)?;
        let mut families = Vec::new();
        for path in &asked.checkpoints {
            let able = self.able(path, Some(size)).await?;
            paints(&able)?;
            families.push(able.family);
        }
        blocking(move || plan(&asked, &able.family, &families)).await?
    }
}

/// Blocks. `families` are those of the checkpoints of an axis.
fn plan(asked: &FileRequest, family: &str, families: &[String]) -> Result<Vec<Shot>, Problem> {
    let vocabulary = Vocabulary::read(&asked.data_dir);
    let mut hashes: HashMap<PathBuf, Option<String>> = HashMap::new();
    let mut shots = Vec::new();
    for cell in cells::cells(&asked.request)? {
        let place = cell.checkpoint.and_then(|id| usize::try_from(id.0).ok());
        let other = place.and_then(|at| asked.checkpoints.get(at).zip(families.get(at)));
        let (checkpoint, family) = other.map_or((&asked.checkpoint, family), |(path, family)| (path, family));
        let spoken = vocabulary.speak(&cell)?;
        let mut uses: Vec<(AdapterUse, &PathBuf)> = Vec::new();
        for usage in &cell.adapters {
            let file = usize::try_from(usage.adapter.0).ok().and_then(|at| asked.adapters.get(at));
            let file = file.ok_or_else(|| Problem::invalid("adapters", "An adapter has no file."))?;
            let mut usage = usage.clone();
            if let Some(profile) = usage.profile.as_mut().filter(|profile| profile.layout.is_empty()) {
                profile.layout = layout_of(file)?;
            }
            uses.push((usage, file));
        }
        for tag in &spoken.tags {
            let file = asked.named.get(&tag.name).ok_or_else(|| {
                Problem::invalid("prompt", format!("There is no adapter called {}.", shorten(&tag.name)))
                    .hint("Name its file with --adapter instead.")
            })?;
            WEIGHT.check(tag.model)?;
            WEIGHT.check(tag.text)?;
            let text_weight = (tag.text != tag.model).then_some(tag.text);
            uses.push((AdapterUse { adapter: AdapterId(0), weight: tag.model, text_weight, profile: None, start: 0.0, stop: 1.0 }, file));
        }
        if uses.len() > MAX_ADAPTERS {
            return Err(Problem::invalid("adapters", format!("At most {MAX_ADAPTERS} adapters work on one picture.")));
        }
        let mut adapters = Vec::new();
        for (usage, file) in &uses {
            let hash = hashes.entry((*file).clone()).or_insert_with(|| sha256(file)).clone();
            adapters.push(used(usage, name(file), hash));
        }
        let model = UsedCheckpoint { name: name(checkpoint), family: family.to_owned(), ..UsedCheckpoint::default() };
        let mut recipe = recipe(&cell, spoken, model, adapters);
        recipe.inpainted = asked.start.as_ref().is_some_and(|start| start.mask.is_some());
        let adapters = uses.iter().map(|(_, file)| (*file).clone()).collect();
        shots.push(Shot { recipe, checkpoint: checkpoint.clone(), adapters, start: asked.start.clone() });
    }
    Ok(shots)
}

/// The layout that the slots of an adapter's profile belong to.
fn layout_of(path: &Path) -> Result<String, Problem> {
    let opened = open(path).map_err(|not| Problem::conflict(format!("{} cannot be read as an adapter.", name(path))).detail(not.why))?;
    let layout = opened.adapter.detection.layout.map(|layout| layout.id.to_owned());
    layout.ok_or_else(|| Problem::invalid("profile", format!("The block layout of {} is not known.", name(path))))
}

fn name(path: &Path) -> String {
    stem(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy())
}

/// The hash of a file of an adapter's size; larger ones are left without.
fn sha256(path: &Path) -> Option<String> {
    const LARGEST: u64 = 2 << 30;
    let (mut file, len) = weft_weights::source::open_regular(path).ok()?;
    if len > LARGEST {
        return None;
    }
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher).ok()?;
    Some(hex::encode(hasher.finalize()))
}
