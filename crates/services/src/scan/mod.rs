//! From a folder to rows: list, compare, read what is new, tell what is gone.

pub(crate) mod facts;
mod follow;
mod index;
mod job;
pub(crate) mod open;
pub(crate) mod path;
mod sidecar;
mod walk;

pub(crate) use follow::Follow;
pub(crate) use index::index_one;
pub(crate) use job::{ScanJob, look};
