//! Rows and bytes: repositories over SQLite and PostgreSQL, and the blob store.
//!
//! [`Store`] is a cloneable handle; [`Store::roots`], [`Store::adapters`], [`Store::checkpoints`], [`Store::pictures`] and [`Store::jobs`] are its repositories. Nothing here
//! reads a clock: whoever calls says what time it is (`now_ms`, milliseconds since 1970). A function that looks one row up answers
//! `Option`; one that changes a row that is not there answers [`StoreError::NotFound`].
//!
//! A person's data (name, notes, rating, tags) never goes away by itself: a removed root hides its adapters, a vanished file keeps its
//! row, and a file that comes back elsewhere takes its old row over.

pub mod adapters;
pub mod blobs;
pub mod checkpoints;
mod entity;
mod error;
pub mod generations;
pub mod jobs;
pub mod pictures;
pub mod roots;
pub mod settings;
mod sql;
mod store;
pub mod text;

pub use adapters::{
    AdapterFacts, AdapterRepo, FileHashes, FilePlace, KnownFile, NewFile, Strengths, UpsertOutcome, Upserted, WorkItem, WorkKind,
};
pub use blobs::Blobs;
pub use checkpoints::{CheckpointFacts, CheckpointPlace, CheckpointRepo, CheckpointWork, KnownCheckpoint, NewCheckpoint};
pub use error::{StoreError, StoreResult};
pub use generations::{GenerationRepo, GenerationRow};
pub use jobs::{Claim, JobRepo, JobRow, LeaseCheck, Moved, NewJob, Settled};
pub use pictures::{KeptPicture, KnownHash, PictureFile, PictureRepo};
pub use roots::{NewRoot, RootRepo, RootRow};
pub use settings::SettingRepo;
pub use store::{Engine, Store};
