//! Opens one adapter file: header and index, with the PEFT configuration beside it where there is one.

use std::path::Path;
use weft_weights::adapter::{Adapter, AdapterError};
use weft_weights::inspect::{self, InspectError};
use weft_weights::source::FileSource;

/// An open file.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) adapter: Adapter,
    pub(crate) source: FileSource,
}

/// Why a file is not open as an adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotOpened {
    /// A sentence for people.
    pub(crate) why: String,
    /// A sound file that holds something else than an adapter: what it looks like.
    pub(crate) looks_like: Option<&'static str>,
}

impl From<NotOpened> for String {
    fn from(not: NotOpened) -> Self {
        not.why
    }
}

/// Reads header and index.
pub(crate) fn open(path: &Path) -> Result<Opened, NotOpened> {
    let unread = |why: String| NotOpened { why, looks_like: None };
    let source = FileSource::open(path).map_err(|e| unread(e.to_string()))?;
    match inspect::open(&source, &path.to_string_lossy(), inspect::neighbour_config(path).as_deref()) {
        Ok(adapter) => Ok(Opened { adapter, source }),
        Err(error @ InspectError::Adapter(AdapterError::NotAnAdapter { looks_like, .. })) => {
            Err(NotOpened { why: error.to_string(), looks_like: Some(looks_like) })
        }
        Err(error) => Err(unread(error.to_string())),
    }
}
