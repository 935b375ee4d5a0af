//! Checkpoints by what they can do here, and by name.

use super::{FAMILIES, Generating};
use crate::access::Reader;
use crate::problem::ForPeople as _;
use crate::scan::path;
use weft_domain::{CheckpointCard, CheckpointId, CheckpointQuery, FileState, Problem};

/// A checkpoint and whether it can paint here.
#[derive(Debug, Clone, PartialEq)]
pub struct PaintingModel {
    pub card: CheckpointCard,
    /// Why it cannot, in plain words.
    pub refused: Option<String>,
}

impl Generating {
    /// Every checkpoint of the library with whether it can paint here, by name. Headers are read.
    pub async fn models(&self, _: &Reader) -> Result<Vec<PaintingModel>, Problem> {
        let mut out = Vec::new();
        loop {
            let query = CheckpointQuery { offset: out.len() as u64, limit: 500, ..CheckpointQuery::default() };
            let page = self.inner.store.checkpoints().query(&query).await.for_people("listing checkpoints")?;
            let last = page.items.is_empty();
            for mut card in page.items {
                for text in [&mut card.name, &mut card.file_name, &mut card.folder] {
                    *text = path::shown(text);
                }
                let refused = self.refused(&card).await;
                out.push(PaintingModel { card, refused });
            }
            if last || out.len() as u64 >= page.total {
                return Ok(out);
            }
        }
    }

    async fn refused(&self, card: &CheckpointCard) -> Option<String> {
        if card.state != FileState::Ready {
            return Some(card.error.clone().unwrap_or_else(|| "Its files are not there.".to_owned()));
        }
        if !FAMILIES.contains(&card.family.as_str()) {
            let model = if card.model.is_empty() { "no model that is known" } else { &card.model };
            return Some(format!("It is {model}; pictures are made here with SD 1.x, SD 2.x, SDXL and Flux.1."));
        }
        match self.able(card.id, None).await {
            Ok(able) => able.refused.map(|problem| problem.to_string()),
            Err(problem) => Some(problem.to_string()),
        }
    }

    /// The file or folder of a checkpoint.
    pub async fn checkpoint_file(&self, _: &Reader, id: CheckpointId) -> Result<std::path::PathBuf, Problem> {
        self.checkpoint_path(id).await
    }

    /// The file of an adapter by its file name without ending, else by its title; letters' case does not count.
    pub async fn adapter_file(&self, _: &Reader, name: &str) -> Result<std::path::PathBuf, Problem> {
        let adapters = self.inner.store.adapters();
        let found = adapters.named(&[name.to_owned()]).await.for_people("looking up an adapter by name")?;
        let id = found
            .get(name)
            .copied()
            .ok_or_else(|| Problem::not_found(format!("The library has no adapter called {}.", super::resolve::shorten(name))))?;
        let place = adapters.place(id).await.for_people("looking up an adapter")?;
        let place = place.ok_or_else(|| Problem::not_found("The adapter is gone."))?;
        path::resolve(&place.root_path, &place.rel_path)
    }

    /// The usable checkpoint of a name: its id, title, file name, or file name without ending; letters' case does not count.
    pub async fn checkpoint_named(&self, _: &Reader, name: &str) -> Result<CheckpointId, Problem> {
        let all = self.inner.store.checkpoints().usable().await.for_people("listing checkpoints")?;
        let wanted = name.trim().to_lowercase();
        let is = |text: &str| text.to_lowercase() == wanted || super::resolve::stem(text).to_lowercase() == wanted;
        let by_id = wanted.parse().ok().and_then(|id| all.iter().find(|place| place.id == CheckpointId(id)));
        let found = by_id.or_else(|| all.iter().find(|place| is(&place.file_name) || is(&place.name)));
        found.map(|place| place.id).ok_or_else(|| {
            let shown: String = name.chars().take(100).collect();
            let mut problem = Problem::not_found(format!("The library has no checkpoint called {shown}."));
            problem.field = Some("model".to_owned());
            let names: Vec<String> = all.iter().take(8).map(|place| path::shown(&place.name)).collect();
            if names.is_empty() {
                problem.hint("It has none at all: add a folder that holds one.")
            } else {
                problem.hint(format!("It has {}.", names.join(", ")))
            }
        })
    }
}
