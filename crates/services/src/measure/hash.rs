//! Computes SHA-256, AutoV2 and AutoV3 of files that lack them, each in one pass over the file.

use super::{Stopper, Task, drain, root_of};
use crate::clock::now_ms;
use crate::events::Events;
use crate::jobs::{JobContext, JobError, JobHandler};
use crate::problem::{ForPeople as _, blocking};
use crate::scan::path;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::path::Path;
use weft_domain::{AdapterId, Event, JobKind, RootId};
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
        let models = self.checkpoints(ctx, root, done).await?;
        Ok(json!({ "files": done + models }))
    }
}

#[async_trait]
impl Task for HashJob {
    const WORK: WorkKind = WorkKind::Hashes;

    async fn one(&self, ctx: &JobContext, item: &WorkItem) -> Result<Option<AdapterId>, JobError> {
        let (file, stop) = (item.clone(), Stopper::of(ctx));
        let found = blocking(move || hash(&file.root_path, &file.rel_path, &stop)).await?;
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

impl HashJob {
    /// The checkpoints of the root, after its adapters: they are few and large. Answers how many.
    async fn checkpoints(&self, ctx: &JobContext, root: RootId, before: u64) -> Result<u64, JobError> {
        let checkpoints = self.store.checkpoints();
        let left = checkpoints.unhashed_count(root).await?;
        let (mut after, mut done) = (None, 0);
        while let Some(work) = checkpoints.unhashed(root, after, 1).await?.pop() {
            ctx.check()?;
            after = Some(work.id);
            ctx.progress(before + done, before + left.max(done + 1), &path::shown(&work.name));
            let (file, stop) = (work.clone(), Stopper::of(ctx));
            let found = blocking(move || hash(&file.root_path, &file.rel_path, &stop)).await?;
            let hashes = match found {
                Ok(Some(hashes)) => Some(hashes),
                Ok(None) => return Err(JobError::Cancelled),
                Err(why) => {
                    tracing::warn!(checkpoint = %work.rel_path, %why, "a checkpoint cannot be hashed");
                    None
                }
            };
            if checkpoints.set_hashes(&work, hashes.as_ref(), now_ms()).await? {
                self.events.publish(Event::CheckpointsChanged);
            }
            done += 1;
        }
        Ok(done)
    }
}

/// None when asked to stop.
fn hash(root: &Path, relative: &str, stop: &dyn Progress) -> Result<Option<FileHashes>, String> {
    let path = path::resolve(root, relative).map_err(|p| p.to_string())?;
    let source = FileSource::open(&path).map_err(|e| e.to_string())?;
    let header = Header::read(&source).map_err(|e| e.to_string())?;
    match hashes::hashes(&source, header.data_start, stop) {
        Ok(found) => Ok(Some(FileHashes { sha256: found.sha256, autov2: Some(found.autov2), autov3: Some(found.autov3) })),
        Err(_) if stop.cancelled() => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
