//! Computes SHA-256, AutoV2 and AutoV3 of files that lack them, each in one pass over the file.

use super::{Stopper, Task, drain, root_of};
use crate::clock::now_ms;
use crate::events::Events;
use crate::jobs::{JobContext, JobError, JobHandler};
use crate::problem::{ForPeople as _, blocking};
use crate::scan::path;
use async_trait::async_trait;
use serde_json::{Value, json};
use weft_domain::{AdapterId, JobKind};
use weft_storage::{FileHashes, Store, WorkItem, WorkKind};
use weft_weights::hashes;
use weft_weights::header::Header;
use weft_weights::progress::Progress;
use weft_weights::source::FileSource;

/// Runs hash jobs.
#[derive(Debug)]
pub(crate) struct HashJob {
    pub(crate) store: Store,
    pub(crate) events: Events,
}

#[async_trait]
impl JobHandler for HashJob {
    fn kind(&self) -> JobKind {
        JobKind::Hash
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let root = root_of(&input)?;
        let done = drain(ctx, &self.store, &self.events, root, self).await?;
        Ok(json!({ "files": done }))
    }
}

#[async_trait]
impl Task for HashJob {
    const WORK: WorkKind = WorkKind::Hashes;

    async fn one(&self, ctx: &JobContext, item: &WorkItem) -> Result<Option<AdapterId>, JobError> {
        let (file, stop) = (item.clone(), Stopper::of(ctx));
        let found = blocking(move || hash(&file, &stop)).await?;
        let adapters = self.store.adapters();
        match found {
            Ok(Some(hashes)) => Ok(adapters.set_hashes(item, &hashes, now_ms()).await.for_people("storing hashes")?),
            Ok(None) => Err(JobError::Cancelled),
            Err(why) => {
                tracing::warn!(file = %item.path().display(), %why, "a file cannot be hashed");
                adapters.set_hashes_failed(item, now_ms()).await.for_people("storing hashes")?;
                Ok(None)
            }
        }
    }
}

/// None when asked to stop.
fn hash(item: &WorkItem, stop: &dyn Progress) -> Result<Option<FileHashes>, String> {
    let path = path::resolve(&item.root_path, &item.rel_path).map_err(|p| p.to_string())?;
    let source = FileSource::open(&path).map_err(|e| e.to_string())?;
    let header = Header::read(&source).map_err(|e| e.to_string())?;
    match hashes::hashes(&source, header.data_start, stop) {
        Ok(found) => Ok(Some(FileHashes { sha256: found.sha256, autov2: Some(found.autov2), autov3: Some(found.autov3) })),
        Err(_) if stop.cancelled() => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
