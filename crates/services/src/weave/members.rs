//! The files behind the strands, opened and checked.

use super::pairs::ContentKey;
use crate::scan::{open, path};
use weft_domain::{FileState, Problem};
use weft_storage::FilePlace;
use weft_weights::adapter::Adapter;
use weft_weights::merge::Member;
use weft_weights::source::FileSource;

/// One open strand.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What the library calls it: for sentences that people read.
    pub(crate) name: String,
    /// What the file is called: for the recipe.
    pub(crate) label: String,
    pub(crate) sha256: Option<String>,
    pub(crate) key: ContentKey,
    pub(crate) adapter: Adapter,
    source: FileSource,
}

impl Loaded {
    /// As the weights room takes it.
    pub(crate) fn member(&self) -> Member<'_> {
        Member { adapter: &self.adapter, source: &self.source }
    }
}

/// Opens one file. Blocks.
pub(crate) fn load(place: &FilePlace) -> Result<Loaded, Problem> {
    let name = path::shown(&place.name);
    if place.state == FileState::Broken {
        return Err(Problem::invalid("strands", format!("{name} is not a usable adapter.")));
    }
    let found = path::resolve(&place.root_path, &place.rel_path)
        .map_err(|problem| Problem::invalid("strands", format!("{name} is not there.")).detail(problem.to_string()))?;
    let opened = open::open(&found).map_err(|why| Problem::invalid("strands", format!("{name} cannot be read.")).detail(why))?;
    let key = content_key(place);
    let label = path::shown(&place.file_name);
    Ok(Loaded { name, label, sha256: place.sha256.clone(), key, adapter: opened.adapter, source: opened.source })
}

/// Names the content that numbers were computed from.
pub(crate) fn content_key(place: &FilePlace) -> ContentKey {
    format!("{}:{}:{}:{}", place.id, place.size, place.modified_ms, place.header_hash.as_deref().unwrap_or(""))
}

/// Opens all. Blocks.
pub(crate) fn load_all(places: &[FilePlace]) -> Result<Vec<Loaded>, Problem> {
    places.iter().map(load).collect()
}
