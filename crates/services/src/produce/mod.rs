//! Jobs that make one new file or folder below a root: a free name, a temporary one, a recorded fingerprint, the name, the row.
//!
//! A job may be killed at any step and runs again from the start. What it has finished it recognises by the fingerprint that was kept
//! before the file got its name; what it has not finished lies under a temporary name and is swept.

pub(crate) mod space;
pub(crate) mod target;
mod unfinished;

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
use unfinished::Unfinished;
use weft_domain::merge::MergeOutcome;
use weft_domain::model::BakeOutcome;
use weft_domain::{Event, Problem, RootId};
use weft_storage::{RootRow, Store};
use weft_weights::write::WriteError;

/// What a job makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    #[default]
    File,
    Folder,
}

impl Form {
    /// End of its name.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::File => ".safetensors",
            Self::Folder => "",
        }
    }
}

/// Where a job's file or folder goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) root: RootId,
    /// Path of the new file or folder below the root.
    pub(crate) relative: String,
    #[serde(default)]
    pub(crate) form: Form,
}

/// What a job has made, before it is in the library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Made {
    Adapter(MergeOutcome),
    Checkpoint(BakeOutcome),
}

/// The adapter of a folder that PEFT reads.
pub(crate) const PEFT_FILE: &str = "adapter_model.safetensors";

/// Makes a file (replacing what is there) or a folder (which is not there yet) at the given path and tells what it is. Blocks.
pub(crate) type Make = Arc<dyn Fn(&Path, &JobContext) -> Result<Made, JobError> + Send + Sync>;

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
    outcome: Option<(Made, Fingerprint)>,
}

/// A complete result that has only its temporary name yet.
struct Complete {
    result: Unfinished,
    outcome: Made,
    fingerprint: Fingerprint,
}

impl Producer {
    pub(crate) fn new(store: Store, follow: Follow) -> Self {
        Self { store, follow, swept: OnceCell::new() }
    }

    /// Removes what a crash left, once: before the first result of this process.
    pub(crate) async fn sweep(&self) -> Result<(), Problem> {
        self.swept.get_or_try_init(|| target::sweep_unfinished(&self.store)).await.map(drop)
    }

    /// Makes the result, publishes it under a name that nobody else has taken, and puts it into the library.
    pub(crate) async fn produce(&self, ctx: &JobContext, mut place: Place, make: Make) -> Result<Value, JobError> {
        self.sweep().await?;
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
                if publish(complete.result).await? {
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

    /// Puts the result into the library at once: the row is there when the job is done.
    async fn finish(&self, root: &RootRow, place: &Place, made: Made) -> Result<Value, JobError> {
        let full = |relative: &str| root.folder().join(path::decode(relative)).display().to_string();
        let result = match made {
            Made::Adapter(outcome) => {
                let relative = match place.form {
                    Form::File => place.relative.clone(),
                    Form::Folder => format!("{}/{PEFT_FILE}", place.relative),
                };
                let adapter = scan::index_one(&self.store, root, &relative, now_ms()).await?;
                self.follow.events.publish(Event::LibraryChanged);
                serde_json::to_value(MergeOutcome { adapter, path: full(&relative), ..outcome })?
            }
            Made::Checkpoint(outcome) => {
                let checkpoint = scan::index_checkpoint(&self.store, root, &place.relative, now_ms()).await?;
                self.follow.events.publish(Event::CheckpointsChanged);
                serde_json::to_value(BakeOutcome { checkpoint, path: full(&place.relative), ..outcome })?
            }
        };
        self.follow.after_scan(root).await?;
        Ok(result)
    }
}

/// What an earlier attempt of this job has finished, when its file is there.
async fn written_before(place: &Place, root: &RootRow, kept: &Checkpoint) -> Result<Option<Made>, JobError> {
    let Some((outcome, fingerprint)) = kept.outcome.clone() else { return Ok(None) };
    let path = root.folder().join(path::decode(&place.relative));
    Ok(blocking(move || Fingerprint::of(&path).is_ok_and(|found| found == fingerprint)).await?.then_some(outcome))
}

/// Makes the result under a temporary name; None when the name is taken.
async fn compute(ctx: &JobContext, place: &Place, root: &RootRow, make: &Make) -> Result<Option<Complete>, JobError> {
    let (ctx, place, base, make) = (ctx.clone(), place.clone(), root.folder(), Arc::clone(make));
    blocking(move || {
        let out = target::prepare(&base, &place.relative).map_err(JobError::Final)?;
        let result = match Unfinished::create(&out, place.form) {
            Ok(result) => result,
            Err(WriteError::Exists(_)) => return Ok(None),
            Err(error) => return Err(unwritten(&error)),
        };
        let outcome = make(&result.place(), &ctx)?;
        let fingerprint = Fingerprint::of(&result.place()).map_err(|e| JobError::Retry(format!("The result cannot be read back: {e}.")))?;
        Ok(Some(Complete { result, outcome, fingerprint }))
    })
    .await?
}

/// Gives the result its name; false when it is taken.
async fn publish(result: Unfinished) -> Result<bool, JobError> {
    match blocking(move || result.publish()).await? {
        Ok(()) => Ok(true),
        Err(WriteError::Exists(_)) => Ok(false),
        Err(error) => Err(unwritten(&error)),
    }
}

pub(crate) fn unwritten(error: &WriteError) -> JobError {
    JobError::Final(format!("The result could not be written: {error}."))
}

async fn next_name(place: &Place, root: &RootRow) -> Result<String, JobError> {
    let (folder, name) = place.relative.rsplit_once('/').unwrap_or(("", &place.relative));
    let stem = name.strip_suffix(place.form.ending()).unwrap_or(name);
    let taken = HashSet::from([place.relative.to_lowercase()]);
    let (base, folder, stem, form) = (root.folder(), folder.to_owned(), stem.to_owned(), place.form);
    Ok(blocking(move || target::first_free(&base, &folder, (&stem, form), &taken)).await??)
}
