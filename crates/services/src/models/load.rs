//! Files of checkpoints and adapters, opened and checked.

use crate::scan::{self, path};
use weft_domain::{FileState, Problem};
use weft_storage::{CheckpointPlace, FilePlace};
use weft_weights::checkpoint::Checkpoint;
use weft_weights::ops::Origin;

/// Opens a checkpoint of the library. Blocks.
pub(crate) fn checkpoint(place: &CheckpointPlace) -> Result<Checkpoint, Problem> {
    scan::open_checkpoint(&place.root_path, &place.rel_path)
        .map_err(|why| Problem::conflict(format!("{} cannot be read.", path::shown(&place.name))).detail(why))
}

/// What the history of a result calls a checkpoint.
pub(crate) fn origin(place: &CheckpointPlace) -> Origin {
    Origin { label: path::shown(&place.file_name), sha256: place.sha256.clone() }
}

/// Refuses an adapter whose file is not there or holds something else.
pub(crate) fn adapter_usable(place: &FilePlace) -> Result<(), Problem> {
    let name = path::shown(&place.name);
    match place.state {
        FileState::Ready => Ok(()),
        FileState::Missing => Err(Problem::conflict(format!("{name} is missing: its file is not there, or its drive is off."))),
        FileState::Broken => Err(Problem::conflict(format!("{name} is broken: it cannot be read as an adapter."))),
    }
}
