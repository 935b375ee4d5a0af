//! Jobs that make one new file below a root: a free name, a temporary file, a recorded fingerprint, the name, the row.
//!
//! A job may be killed at any step and runs again from the start. What it has finished it recognises by the fingerprint that was kept
//! before the file got its name; what it has not finished lies under a temporary name and is swept.

pub(crate) mod target;

use crate::clock::now_ms;
use crate::jobs::{JobContext, JobError};
use crate::problem::{ForPeople as _, blocking};
use crate::scan::{self, Follow, path};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use target::Fingerprint;
use tokio::sync::OnceCell;
use weft_domain::merge::MergeOutcome;
use weft_domain::{Event, RootId};
use weft_storage::{RootRow, Store};
use weft_weights::write::{AtomicFile, WriteError};

/// Where a job's file goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) root: RootId,
    /// Path of the new file below the root.
    pub(crate) relative: String,
}

/// Computes a file at the given path (replacing what is there) and tells what it is. Blocks.
pub(crate) type Make = Arc<dyn Fn(&Path, &JobContext) -> Result<MergeOutcome, JobError> + Send + Sync>;

/// What jobs that make files share.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) store: Store,
    follow: Follow,
    /// Set once what a crash left behind was removed: before the first file of this process.
    swept: OnceCell<()>,
}

/// What a later attempt goes on from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Checkpoint {
    /// The name, where it had to change.
    relative: Option<String>,
    /// Kept before the file gets its name: an attempt that was killed right after can still tell what it made.
    outcome: Option<(MergeOutcome, Fingerprint)>,
}

/// A complete file that has only its temporary name yet.
struct Complete {
    file: AtomicFile,
    outcome: MergeOutcome,
    fingerprint: Fingerprint,
}

impl Producer {
    pub(crate) fn new(store: Store, follow: Follow) -> Self {
        Self { store, follow, swept: OnceCell::new() }
    }

    /// Makes the file, publishes it under a name that nobody else has taken, and puts it into the library.
    pub(crate) async fn produce(&self, ctx: &JobContext, mut place: Place, make: Make) -> Result<Value, JobError> {
        self.swept.get_or_try_init(|| target::sweep_unfinished(&self.store)).await?;
        let mut kept: Checkpoint = ctx.checkpoint().unwrap_or_default();
        if let Some(moved) = kept.relative.clone() {
            place.relative = moved;
        }
        let root = self.root(place.root).await?;
        loop {
            if let Some(outcome) = written_before(&place, &root, &kept).await? {
                return self.finish(&root, &place, outcome).await;
            }
            if let Some(complete) = compute(ctx, &place, &root, &make).await? {
                kept.outcome = Some((complete.outcome.clone(), complete.fingerprint));
                ctx.save_checkpoint(&kept).await?;
                if publish(complete.file).await? {
                    return self.finish(&root, &place, complete.outcome).await;
                }
            }
            // Somebody else's file has taken the name meanwhile: another one, kept so that a restart goes on with it.
            place.relative = next_name(&place, &root).await?;
            kept = Checkpoint { relative: Some(place.relative.clone()), outcome: None };
            ctx.save_checkpoint(&kept).await?;
        }
    }

    async fn root(&self, id: RootId) -> Result<RootRow, JobError> {
        let root = self.store.roots().get(id).await.for_people("reading a root")?;
        root.ok_or_else(|| JobError::Final("The folder of the new file is no longer in the library.".to_owned()))
    }

    /// Puts the new file into the library at once: the row is there when the job is done.
    async fn finish(&self, root: &RootRow, place: &Place, outcome: MergeOutcome) -> Result<Value, JobError> {
        let adapter = scan::index_one(&self.store, root, &place.relative, now_ms()).await?;
        self.follow.events.publish(Event::LibraryChanged);
        self.follow.after_scan(root).await?;
        let path = root.folder().join(path::decode(&place.relative)).display().to_string();
        Ok(serde_json::to_value(MergeOutcome { adapter, path, ..outcome })?)
    }
}

/// What an earlier attempt of this job has finished, when its file is there.
async fn written_before(place: &Place, root: &RootRow, kept: &Checkpoint) -> Result<Option<MergeOutcome>, JobError> {
    let Some((outcome, fingerprint)) = kept.outcome.clone() else { return Ok(None) };
    let path = root.folder().join(path::decode(&place.relative));
    Ok(blocking(move || Fingerprint::of(&path).is_ok_and(|found| found == fingerprint)).await?.then_some(outcome))
}

/// Computes the file under a temporary name; None when the name is taken.
async fn compute(ctx: &JobContext, place: &Place, root: &RootRow, make: &Make) -> Result<Option<Complete>, JobError> {
    let (ctx, relative, base, make) = (ctx.clone(), place.relative.clone(), root.folder(), Arc::clone(make));
    blocking(move || {
        let out = target::prepare(&base, &relative).map_err(JobError::Final)?;
        let file = match AtomicFile::create(&out, false) {
            Ok(file) => file,
            Err(WriteError::Exists(_)) => return Ok(None),
            Err(error) => return Err(unwritten(&error)),
        };
        let outcome = make(file.temporary(), &ctx)?;
        let fingerprint =
            Fingerprint::of(file.temporary()).map_err(|e| JobError::Retry(format!("The new file cannot be read back: {e}.")))?;
        Ok(Some(Complete { file, outcome, fingerprint }))
    })
    .await?
}

/// Gives the file its name; false when it is taken.
async fn publish(file: AtomicFile) -> Result<bool, JobError> {
    match blocking(move || file.commit(false)).await? {
        Ok(()) => Ok(true),
        Err(WriteError::Exists(_)) => Ok(false),
        Err(error) => Err(unwritten(&error)),
    }
}

fn unwritten(error: &WriteError) -> JobError {
    JobError::Final(format!("The new file could not be written: {error}."))
}

async fn next_name(place: &Place, root: &RootRow) -> Result<String, JobError> {
    let (folder, name) = place.relative.rsplit_once('/').unwrap_or(("", &place.relative));
    let stem = name.strip_suffix(".safetensors").unwrap_or(name);
    let taken = HashSet::from([place.relative.to_lowercase()]);
    let (base, folder, stem) = (root.folder(), folder.to_owned(), stem.to_owned());
    Ok(blocking(move || target::first_free(&base, &folder, &stem, &taken)).await??)
}
