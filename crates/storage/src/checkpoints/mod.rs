//! Checkpoints: what a scan found, their hashes, and how they are asked for.

mod hashes;
mod input;
mod query;
mod upsert;
mod view;

pub use input::{CheckpointFacts, CheckpointPlace, CheckpointWork, KnownCheckpoint, NewCheckpoint};

use crate::store::Store;

/// The checkpoints.
#[derive(Debug, Clone)]
pub struct CheckpointRepo {
    pub(crate) store: Store,
}

/// Rows of one statement's value list: both engines stay far below their limit of bound values.
const CHUNK: usize = 200;
