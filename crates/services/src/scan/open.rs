//! Opens one adapter file: header and index, with the PEFT configuration beside it where there is one.

use std::path::Path;
use weft_weights::adapter::Adapter;
use weft_weights::inspect;
use weft_weights::source::FileSource;

/// An open file.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) adapter: Adapter,
    pub(crate) source: FileSource,
}

/// Reads header and index; the error is a sentence for people.
pub(crate) fn open(path: &Path) -> Result<Opened, String> {
    let source = FileSource::open(path).map_err(|e| e.to_string())?;
    let adapter = inspect::open(&source, &path.to_string_lossy(), inspect::neighbour_config(path).as_deref()).map_err(|e| e.to_string())?;
    Ok(Opened { adapter, source })
}
