//! From a folder to rows: list, compare, read what is new, tell what is gone.

mod checkpoint;
pub(crate) mod facts;
mod follow;
mod group;
mod index;
mod job;
pub(crate) mod open;
pub(crate) mod path;
mod sidecar;
mod walk;

pub(crate) use checkpoint::open as open_checkpoint;
pub(crate) use follow::Follow;
pub(crate) use index::{index_checkpoint, index_one};
pub(crate) use job::{ScanJob, look};
