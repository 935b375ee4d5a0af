//! From the request of one picture to a shot: names become files, and the recipe says what is painted.

use super::Generating;
use super::generator::{Shot, StartPixels};
use super::words::{Spoken, Vocabulary};
use crate::models::usable;
use crate::problem::{ForPeople as _, blocking};
use crate::scan::path;
use base64::Engine as _;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use weft_domain::generation::{AdapterUse, GenerationRequest, MAX_ADAPTERS, Recipe, StartPicture, UsedAdapter, UsedCheckpoint};
use weft_domain::merge::ProfileValues;
use weft_domain::parameter::WEIGHT;
use weft_domain::{AdapterCard, AdapterId, FileState, Problem};
use weft_storage::{CheckpointPlace, FilePlace};

/// What the pictures of one request share.
#[derive(Debug, Default)]
pub(super) struct Cast {
    pub(super) vocabulary: Vocabulary,
    /// Adapters of the request and of its words, by id.
    adapters: HashMap<AdapterId, (FilePlace, AdapterCard)>,
    /// Ids by what the words call them.
    named: HashMap<String, AdapterId>,
    checkpoints: HashMap<weft_domain::CheckpointId, CheckpointPlace>,
    start: Option<Arc<StartPixels>>,
}

impl Generating {
    /// Looks everything up that the cells of a request name; refuses what is not there.
    pub(super) async fn cast(&self, cells: &[GenerationRequest]) -> Result<Cast, Problem> {
        let data = Arc::clone(&self.inner.data);
        let vocabulary = blocking(move || Vocabulary::read(&data)).await?;
        let mut cast = Cast { vocabulary, ..Cast::default() };
        let mut names: Vec<String> = Vec::new();
        let mut ids: Vec<AdapterId> = Vec::new();
        for cell in cells {
            let spoken = cast.vocabulary.speak(cell)?;
            names.extend(spoken.tags.into_iter().map(|tag| tag.name));
            ids.extend(cell.adapters.iter().map(|used| used.adapter));
            let checkpoint = cell.checkpoint.ok_or_else(super::no_checkpoint)?;
            if let Entry::Vacant(place) = cast.checkpoints.entry(checkpoint) {
                place.insert(usable(&self.inner.store, checkpoint).await?);
            }
        }
        names.sort();
        names.dedup();
        cast.named = self.inner.store.adapters().named(&names).await.for_people("looking up adapters by name")?;
        if let Some(missing) = names.iter().find(|name| !cast.named.contains_key(*name)) {
            return Err(Problem::invalid("prompt", format!("The library has no adapter called {}.", shorten(missing))).hint(
                "A tag takes the file name without its ending. Scan the folder that holds the file, or take the tag out of the prompt.",
            ));
        }
        ids.extend(cast.named.values());
        ids.sort();
        ids.dedup();
        let places = self.inner.store.adapters().places(&ids).await.for_people("looking up adapters")?;
        let cards = self.inner.store.adapters().cards(&ids).await.for_people("looking up adapters")?;
        let mut cards: HashMap<AdapterId, AdapterCard> = cards.into_iter().map(|card| (card.id, card)).collect();
        for place in places {
            if let Some(card) = cards.remove(&place.id) {
                cast.adapters.insert(place.id, (place, card));
            }
        }
        if let Some(missing) = ids.iter().find(|id| !cast.adapters.contains_key(id)) {
            return Err(Problem::invalid("adapters", format!("There is no adapter {missing} in the library.")));
        }
        Ok(cast)
    }

    /// Reads the picture to begin with and its mask.
    pub(super) async fn start_pixels(&self, start: &StartPicture) -> Result<Arc<StartPixels>, Problem> {
        let image = self.inner.pictures.pixels(start.picture).await?;
        let mask = start.mask.clone();
        let mask = blocking(move || mask.as_deref().map(read_mask).transpose()).await??;
        Ok(Arc::new(StartPixels { image, mask }))
    }
}

impl Cast {
    /// Adds the picture that all begin with.
    pub(super) fn begin_with(&mut self, start: Arc<StartPixels>) {
        self.start = Some(start);
    }

    /// The shot of one cell.
    pub(super) fn shot(&self, cell: &GenerationRequest) -> Result<Shot, Problem> {
        let spoken = self.vocabulary.speak(cell)?;
        let id = cell.checkpoint.ok_or_else(super::no_checkpoint)?;
        let place = self.checkpoints.get(&id).ok_or_else(super::no_checkpoint)?;
        let uses = self.uses(cell, &spoken)?;
        let (mut used, mut files) = (Vec::new(), Vec::new());
        for usage in &uses {
            let (file, card) = self.adapter(usage.adapter)?;
            fits(card, place)?;
            files.push(path::resolve(&file.root_path, &file.rel_path).map_err(|p| absent(&card.name, &p))?);
            used.push(used_adapter(usage, file));
        }
        let checkpoint = path::resolve(&place.root_path, &place.rel_path).map_err(|p| absent(&place.name, &p))?;
        let model = UsedCheckpoint { id: Some(id), name: stem(&place.file_name), family: place.family.clone(), hash: place.sha256.clone() };
        let recipe = recipe(cell, spoken, model, used);
        Ok(Shot { recipe, checkpoint, adapters: files, start: self.start.clone() })
    }

    /// Adapters of the request, then those that its words name; an adapter that is in both counts as often as it is named.
    fn uses(&self, cell: &GenerationRequest, spoken: &Spoken) -> Result<Vec<AdapterUse>, Problem> {
        let mut uses = cell.adapters.clone();
        for usage in &mut uses {
            let (file, _) = self.adapter(usage.adapter)?;
            if let (Some(profile), Some(layout)) = (&mut usage.profile, &file.layout_id)
                && profile.layout.is_empty()
            {
                *profile = ProfileValues { layout: layout.clone(), ..profile.clone() };
            }
        }
        for tag in &spoken.tags {
            let id = self
                .named
                .get(&tag.name)
                .ok_or_else(|| Problem::invalid("prompt", format!("There is no adapter called {}.", shorten(&tag.name))))?;
            WEIGHT.check(tag.model)?;
            WEIGHT.check(tag.text)?;
            let text_weight = (tag.text != tag.model).then_some(tag.text);
            uses.push(AdapterUse { adapter: *id, weight: tag.model, text_weight, profile: None, start: 0.0, stop: 1.0 });
        }
        if uses.len() > MAX_ADAPTERS {
            return Err(Problem::invalid("adapters", format!("At most {MAX_ADAPTERS} adapters work on one picture.")));
        }
        Ok(uses)
    }

    fn adapter(&self, id: AdapterId) -> Result<&(FilePlace, AdapterCard), Problem> {
        self.adapters.get(&id).ok_or_else(|| Problem::invalid("adapters", format!("There is no adapter {id} in the library.")))
    }
}

/// All that makes the picture of a cell.
pub(super) fn recipe(cell: &GenerationRequest, spoken: Spoken, checkpoint: UsedCheckpoint, adapters: Vec<UsedAdapter>) -> Recipe {
    Recipe {
        prompt: spoken.prompt,
        negative: spoken.negative,
        typed: spoken.typed,
        typed_negative: spoken.typed_negative,
        styles: cell.styles.clone(),
        dialect: Some(cell.dialect),
        checkpoint,
        adapters,
        width: cell.width.unwrap_or(0),
        height: cell.height.unwrap_or(0),
        sampler: cell.sampler,
        schedule: cell.schedule,
        numbers: cell.numbers,
        seed: cell.seed,
        variation: cell.variation.filter(|v| v.strength > 0.0),
        noise: Some(cell.noise),
        denoise: cell.start.as_ref().map(|start| start.denoise),
        inpainted: cell.start.as_ref().is_some_and(|start| start.mask.is_some()),
        engine: String::new(),
        other: std::collections::BTreeMap::new(),
    }
}

/// Refuses an adapter that is broken, away, or made for another family.
fn fits(card: &AdapterCard, checkpoint: &CheckpointPlace) -> Result<(), Problem> {
    let name = path::shown(&card.name);
    match card.state {
        FileState::Ready => {}
        FileState::Missing => return Err(Problem::conflict(format!("{name} is missing: its file is not there, or its drive is off."))),
        FileState::Broken => return Err(Problem::conflict(format!("{name} is broken: it cannot be read as an adapter."))),
    }
    let known = |family: &str| !family.is_empty() && family != "unknown";
    if known(&card.family) && known(&checkpoint.family) && card.family != checkpoint.family {
        return Err(Problem::invalid(
            "adapters",
            format!("{name} is for {}, {} is {}.", card.family_label, path::shown(&checkpoint.name), checkpoint.model),
        )
        .hint("Take it out, or choose a checkpoint of its family."));
    }
    Ok(())
}

fn used_adapter(usage: &AdapterUse, file: &FilePlace) -> UsedAdapter {
    UsedAdapter { id: Some(usage.adapter), ..used(usage, stem(&file.file_name), file.sha256.clone()) }
}

/// An adapter of a recipe; it is not said where the library has it.
pub(super) fn used(usage: &AdapterUse, name: String, hash: Option<String>) -> UsedAdapter {
    let whole = usage.start <= 0.0 && usage.stop >= 1.0;
    UsedAdapter {
        id: None,
        name,
        hash,
        weight: usage.weight,
        text_weight: usage.text_weight,
        profile: usage.profile.clone(),
        range: (!whole).then_some((usage.start, usage.stop)),
    }
}

fn absent(name: &str, problem: &Problem) -> Problem {
    let mut told = Problem::conflict(format!("{} cannot be used: its file is gone.", path::shown(name))).detail(problem.title.clone());
    told.hint.clone_from(&problem.hint);
    told
}

/// A file's name without its ending, for people.
pub(super) fn stem(file_name: &str) -> String {
    let shown = path::shown(file_name);
    let known = [".safetensors", ".ckpt", ".pt", ".bin", ".safetensors.index.json"];
    let end = known.iter().filter(|end| shown.to_lowercase().ends_with(*end)).map(|end| end.len()).max().unwrap_or(0);
    shown.get(..shown.len() - end).filter(|s| !s.is_empty()).unwrap_or(&shown).to_owned()
}

pub(super) fn shorten(name: &str) -> String {
    name.chars().take(100).collect()
}

/// A mask from its address: white is painted.
pub(super) fn read_mask(address: &str) -> Result<(u32, u32, Vec<u8>), Problem> {
    let wrong =
        |why: String| Problem::invalid("mask", "The mask cannot be read.").detail(why).hint("It is a PNG as data:image/png;base64,…");
    let (kind, text) = address.split_once(',').ok_or_else(|| wrong("It is no data: address.".to_owned()))?;
    if !kind.starts_with("data:image/") || !kind.ends_with(";base64") {
        return Err(wrong("It is no data: address of a picture.".to_owned()));
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).map_err(|e| wrong(e.to_string()))?;
    let pixels = weft_pictures::decode(&bytes).map_err(|e| wrong(e.to_string()))?;
    let values = pixels.rgb.chunks_exact(3).map(|p| ((u16::from(p[0]) + u16::from(p[1]) + u16::from(p[2])) / 3) as u8).collect();
    Ok((pixels.width, pixels.height, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_endings() {
        for (file, name) in [("Ink.v2.safetensors", "Ink.v2"), ("model", "model"), (".safetensors", ".safetensors"), ("a.CKPT", "a")] {
            assert_eq!(stem(file), name);
        }
    }

    #[test]
    fn masks_are_pictures_in_an_address() {
        for bad in ["", "data:text/plain;base64,QQ==", "data:image/png;base64,%%%", "data:image/png;base64,QUJD"] {
            assert_eq!(read_mask(bad).expect_err(bad).field.as_deref(), Some("mask"));
        }
    }
}
