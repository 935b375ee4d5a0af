//! Adapters: what a scan found, what was measured, what a person wrote, and how all of it is asked for.

mod edit;
mod facets;
mod filter;
mod input;
mod measures;
mod missing;
mod named;
mod pending;
mod query;
mod takeover;
mod upsert;
mod view;

pub use input::{AdapterFacts, FileHashes, FilePlace, KnownFile, NewFile, Strengths, UpsertOutcome, Upserted, WorkItem, WorkKind};

use crate::store::Store;

/// The adapters and everything that hangs on them.
#[derive(Debug, Clone)]
pub struct AdapterRepo {
    pub(crate) store: Store,
}

/// Rows of one statement's value list: both engines stay far below their limit of bound values.
const CHUNK: usize = 500;
