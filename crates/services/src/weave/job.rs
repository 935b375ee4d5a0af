//! The merge job. Runs from the start after a crash; what it has already finished it recognises.

use super::members::{self, Loaded};
use super::target;
use crate::clock::now_ms;
use crate::jobs::{JobContext, JobError, JobHandler};
use crate::problem::{ForPeople as _, blocking};
use crate::scan::{self, Follow, path};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;
use tokio::sync::OnceCell;
use weft_domain::merge::MergeOutcome;
use weft_domain::{AdapterId, Event, JobKind, RootId};
use weft_storage::{FilePlace, RootRow, Store};
use weft_weights::merge::{MergeError, MergePlan, MergeReport};
use weft_weights::progress::Progress;
use weft_weights::write::{AtomicFile, WriteError};

/// What a merge job is queued with: everything is decided, names included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Input {
    pub(crate) root: RootId,
    /// Path of the new file below the root.
    pub(crate) relative: String,
    pub(crate) ids: Vec<AdapterId>,
    pub(crate) plan: MergePlan,
}

/// Runs merges.
#[derive(Debug)]
pub(crate) struct MergeJob {
    pub(crate) store: Store,
    pub(crate) follow: Follow,
    /// Set once what a crash left behind was removed: before the first merge of this process.
    swept: OnceCell<()>,
}

impl MergeJob {
    pub(crate) fn new(store: Store, follow: Follow) -> Self {
        Self { store, follow, swept: OnceCell::new() }
    }
}

/// What a later attempt goes on from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Checkpoint {
    /// The name, where it had to change.
    relative: Option<String>,
    /// Kept before the file gets its name: an attempt that was killed right after can still tell what it made.
    outcome: Option<MergeOutcome>,
}

/// A complete file that has only its temporary name yet.
struct Complete {
    file: AtomicFile,
    outcome: MergeOutcome,
}

#[async_trait]
impl JobHandler for MergeJob {
    fn kind(&self) -> JobKind {
        JobKind::Merge
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let mut input: Input = serde_json::from_value(input)?;
        self.swept.get_or_try_init(|| target::sweep_unfinished(&self.store)).await?;
        let mut kept: Checkpoint = ctx.checkpoint().unwrap_or_default();
        if let Some(moved) = kept.relative.clone() {
            input.relative = moved;
        }
        let root = self.root(input.root).await?;
        let places = self.store.adapters().places(&input.ids).await.for_people("looking up strands")?;
        if places.len() != input.ids.len() {
            return Err(JobError::Final("An adapter of this weave is no longer in the library.".to_owned()));
        }
        loop {
            if let Some(outcome) = written_before(&input, &root, &kept).await? {
                return self.finish(&root, &input, outcome).await;
            }
            if let Some(complete) = self.weave(ctx, &input, &root, &places).await? {
                kept.outcome = Some(complete.outcome.clone());
                ctx.save_checkpoint(&kept).await?;
                if publish(complete.file).await? {
                    return self.finish(&root, &input, complete.outcome).await;
                }
            }
            // Somebody else's file has taken the name meanwhile: another one, kept so that a restart goes on with it.
            input.relative = next_name(&input, &root).await?;
            kept = Checkpoint { relative: Some(input.relative.clone()), outcome: None };
            ctx.save_checkpoint(&kept).await?;
        }
    }
}

impl MergeJob {
    async fn root(&self, id: RootId) -> Result<RootRow, JobError> {
        let root = self.store.roots().get(id).await.for_people("reading a root")?;
        root.ok_or_else(|| JobError::Final("The folder of this merge is no longer in the library.".to_owned()))
    }

    /// Computes the file under a temporary name; None when the name is taken.
    async fn weave(&self, ctx: &JobContext, input: &Input, root: &RootRow, places: &[FilePlace]) -> Result<Option<Complete>, JobError> {
        let progress = ctx.clone();
        let (input, base, places) = (input.clone(), root.folder(), places.to_vec());
        blocking(move || compute(&input, &base, &places, &progress)).await?
    }

    /// Puts the new file into the library at once: the row is there when the job is done.
    async fn finish(&self, root: &RootRow, input: &Input, outcome: MergeOutcome) -> Result<Value, JobError> {
        let adapter = scan::index_one(&self.store, root, &input.relative, now_ms()).await?;
        self.follow.events.publish(Event::LibraryChanged);
        self.follow.after_scan(root).await?;
        Ok(serde_json::to_value(MergeOutcome { adapter, ..outcome })?)
    }
}

/// What an earlier attempt of this job has finished, when its file is there.
async fn written_before(input: &Input, root: &RootRow, kept: &Checkpoint) -> Result<Option<MergeOutcome>, JobError> {
    let Some(outcome) = kept.outcome.clone() else { return Ok(None) };
    let (path, plan) = (root.folder().join(path::decode(&input.relative)), input.plan.clone());
    Ok(blocking(move || target::is_ours(&path, &plan)).await?.then_some(outcome))
}

/// Gives the file its name; false when it is taken.
async fn publish(file: AtomicFile) -> Result<bool, JobError> {
    match blocking(move || file.commit(false)).await? {
        Ok(()) => Ok(true),
        Err(WriteError::Exists(_)) => Ok(false),
        Err(error) => Err(JobError::Final(format!("The new file could not be written: {error}."))),
    }
}

async fn next_name(input: &Input, root: &RootRow) -> Result<String, JobError> {
    let (folder, name) = input.relative.rsplit_once('/').unwrap_or(("", &input.relative));
    let stem = name.strip_suffix(".safetensors").unwrap_or(name);
    let taken = HashSet::from([input.relative.to_lowercase()]);
    let (base, folder, stem) = (root.folder(), folder.to_owned(), stem.to_owned());
    Ok(blocking(move || target::first_free(&base, &folder, &stem, &taken)).await??)
}

fn compute(input: &Input, base: &Path, places: &[FilePlace], progress: &dyn Progress) -> Result<Option<Complete>, JobError> {
    let out = target::prepare(base, &input.relative).map_err(JobError::Final)?;
    let loaded = members::load_all(places)?;
    let members: Vec<_> = loaded.iter().map(Loaded::member).collect();
    let woven = AtomicFile::create(&out, false).map_err(MergeError::from).and_then(|file| {
        let report = weft_weights::merge::merge_into(&input.plan, &members, file.file()?, progress)?.1;
        Ok((file, report))
    });
    match woven {
        Ok((file, report)) => Ok(Some(Complete { file, outcome: outcome(&out, report) })),
        Err(MergeError::Write(WriteError::Exists(_))) => Ok(None),
        Err(MergeError::Cancelled(_)) => Err(JobError::Cancelled),
        Err(error) => Err(JobError::Final(super::plan::problem(error).to_string())),
    }
}

fn outcome(path: &Path, report: MergeReport) -> MergeOutcome {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    MergeOutcome {
        adapter: None,
        path: path.display().to_string(),
        modules: small(report.modules),
        rank_min: small(report.rank_min),
        rank_max: small(report.rank_max),
        energy_kept: report.energy_kept,
        bytes: report.bytes,
        warnings: report.warnings,
    }
}
