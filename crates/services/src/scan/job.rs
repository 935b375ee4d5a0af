//! The scan job. Running it again is cheap: what has not changed is not opened, so a scan that was cut off just starts anew.

use super::group::{Listed, Unit};
use super::index::{self, Read, Task, Todo};
use super::walk::{Notes, Walk};
use super::{Follow, path};
use crate::clock::now_ms;
use crate::jobs::{JobContext, JobError, JobHandler};
use crate::measure::{Changes, root_of};
use crate::problem::{ForPeople as _, blocking};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use weft_domain::{AdapterId, CheckpointId, Event, FileState, JobKind};
use weft_storage::{KnownCheckpoint, KnownFile, NewCheckpoint, NewFile, RootRow, Store, UpsertOutcome};

/// Rows written in one transaction.
const BATCH: usize = 200;
/// A batch does not wait longer than this for its last rows: the library fills while the scan runs.
const BATCH_WAIT: Duration = Duration::from_millis(300);
/// Open pages ask the library anew at most this often during a scan.
const TELL_EVERY: Duration = Duration::from_millis(1_200);

/// Runs scans.
#[derive(Debug)]
pub(crate) struct ScanJob {
    pub(crate) store: Store,
    pub(crate) follow: Follow,
    /// Weft's own data: never part of a root above it.
    pub(crate) data: Arc<Path>,
}

/// The folder as it stands on the disk.
struct Listing {
    files: Vec<Todo>,
    /// Checkpoints of several files.
    units: Vec<Unit>,
    notes: Notes,
}

/// What the library knows of the root.
struct Known {
    adapters: HashMap<String, KnownFile>,
    checkpoints: HashMap<String, KnownCheckpoint>,
}

/// What a comparison with the library says.
#[derive(Default)]
struct Difference {
    /// New or changed: to be read.
    read: Vec<Task>,
    back: Vec<AdapterId>,
    gone: Vec<AdapterId>,
    checkpoints_back: Vec<CheckpointId>,
    checkpoints_gone: Vec<CheckpointId>,
    /// Rows of adapters whose files are parts of a checkpoint.
    disowned: Vec<String>,
    /// Checkpoints whose file is read anew: gone, should it be an adapter now.
    reread: HashMap<String, CheckpointId>,
    unchanged: usize,
}

/// Counters for the job's result.
#[derive(Default)]
struct Tally {
    added: u64,
    updated: u64,
    moved: u64,
    broken: u64,
    checkpoints: u64,
}

#[async_trait]
impl JobHandler for ScanJob {
    fn kind(&self) -> JobKind {
        JobKind::Scan
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let id = root_of(&input)?;
        let root = self.store.roots().get(id).await.for_people("reading a root")?;
        let Some(root) = root else { return Ok(json!({ "removed": true })) };
        match self.list(ctx, &root).await? {
            Ok(listing) => self.take_in(ctx, &root, listing).await,
            Err(why) => self.offline(&root, why).await,
        }
    }
}

impl ScanJob {
    /// Lists the folder, or says why it cannot be.
    async fn list(&self, ctx: &JobContext, root: &RootRow) -> Result<Result<Listing, String>, JobError> {
        ctx.progress(0, 0, "Listing files");
        let adapters = self.store.roots().counts().await.for_people("counting adapters")?.get(&root.id).copied().unwrap_or(0);
        let checkpoints = self.store.checkpoints().counts().await.for_people("counting checkpoints")?.get(&root.id).copied().unwrap_or(0);
        let known = adapters + checkpoints;
        let (folder, data, ctx) = (root.folder(), Arc::clone(&self.data), ctx.clone());
        Ok(match blocking(move || list(&folder, known, &data, &ctx)).await? {
            Ok(Some(listing)) => Ok(listing),
            Ok(None) => return Err(JobError::Cancelled),
            Err(why) => Err(why),
        })
    }

    /// The root cannot be read: its adapters are missing, and nothing is forgotten.
    async fn offline(&self, root: &RootRow, why: String) -> Result<Value, JobError> {
        tracing::warn!(root = %root.path, %why, "a root is off line");
        self.store.roots().set_online(root.id, false).await.for_people("marking a root")?;
        let missing = self.store.adapters().mark_root_missing(root.id, now_ms()).await.for_people("marking missing files")?;
        let models = self.store.checkpoints().mark_root_missing(root.id, now_ms()).await.for_people("marking missing checkpoints")?;
        if models > 0 {
            self.follow.events.publish(Event::CheckpointsChanged);
        }
        self.follow.events.publish(Event::RootsChanged);
        self.follow.events.publish(Event::LibraryChanged);
        Ok(json!({ "offline": why, "missing": missing + models }))
    }

    async fn take_in(&self, ctx: &JobContext, root: &RootRow, listing: Listing) -> Result<Value, JobError> {
        self.store.roots().set_online(root.id, true).await.for_people("marking a root")?;
        let known = self.known(root).await?;
        let (seen, notes) = (listing.files.len() + listing.units.len(), listing.notes.clone());
        let mut difference = compare(listing, known);
        self.mark(root, &difference).await?;
        let todo = std::mem::take(&mut difference.read);
        let tally = self.read(ctx, root, todo, &difference).await?;
        self.store.roots().set_scanned(root.id, now_ms()).await.for_people("marking a root")?;
        self.follow.events.publish(Event::RootsChanged);
        self.follow.events.publish(Event::LibraryChanged);
        self.follow.after_scan(root).await?;
        Ok(json!({
            "files": seen, "added": tally.added, "updated": tally.updated, "moved": tally.moved, "broken": tally.broken,
            "checkpoints": tally.checkpoints, "unchanged": difference.unchanged,
            "missing": difference.gone.len() + difference.checkpoints_gone.len(),
            "back": difference.back.len() + difference.checkpoints_back.len(),
            "ignored": notes.ignored, "notes": notes.list, "more_notes": notes.more,
        }))
    }

    async fn known(&self, root: &RootRow) -> Result<Known, JobError> {
        let adapters = self.store.adapters().known(root.id).await.for_people("reading the library")?;
        let checkpoints = self.store.checkpoints().known(root.id).await.for_people("reading the library")?;
        Ok(Known {
            adapters: adapters.into_iter().map(|k| (k.rel_path.clone(), k)).collect(),
            checkpoints: checkpoints.into_iter().map(|k| (k.rel_path.clone(), k)).collect(),
        })
    }

    /// First what is gone: a moved file finds its old row by that.
    async fn mark(&self, root: &RootRow, difference: &Difference) -> Result<(), JobError> {
        let (adapters, checkpoints) = (self.store.adapters(), self.store.checkpoints());
        adapters.disown(root.id, &difference.disowned, now_ms()).await.for_people("forgetting parts of checkpoints")?;
        adapters.mark_missing(&difference.gone, now_ms()).await.for_people("marking missing files")?;
        adapters.mark_present(&difference.back, now_ms()).await.for_people("marking files that are back")?;
        checkpoints.mark_missing(&difference.checkpoints_gone, now_ms()).await.for_people("marking missing checkpoints")?;
        checkpoints.mark_present(&difference.checkpoints_back, now_ms()).await.for_people("marking checkpoints that are back")?;
        if !(difference.gone.is_empty() && difference.back.is_empty() && difference.disowned.is_empty()) {
            self.follow.events.publish(Event::LibraryChanged);
        }
        if !(difference.checkpoints_gone.is_empty() && difference.checkpoints_back.is_empty()) {
            self.follow.events.publish(Event::CheckpointsChanged);
        }
        Ok(())
    }

    /// Reads headers on a few threads and writes their rows in batches, so that the library can be used meanwhile.
    async fn read(&self, ctx: &JobContext, root: &RootRow, todo: Vec<Task>, difference: &Difference) -> Result<Tally, JobError> {
        let unchanged = difference.unchanged as u64;
        let total = todo.len() as u64 + unchanged;
        let mut tally = Tally::default();
        if todo.is_empty() {
            ctx.progress(total, total, "");
            return Ok(tally);
        }
        let (sender, mut receiver) = mpsc::channel::<Read>(BATCH * 2);
        let (folder, reading) = (root.folder(), ctx.clone());
        let readers = tokio::task::spawn_blocking(move || index::read_all(&folder, &todo, &sender, &|| reading.cancelled()));
        let mut changes = Changes::new(self.follow.events.clone());
        let (mut done, mut told) = (unchanged, Instant::now());
        while let Some(batch) = next_batch(&mut receiver).await {
            done += batch.len() as u64;
            let (mut files, mut models) = (Vec::new(), Vec::new());
            for read in batch {
                match read {
                    Read::Adapter(file) => files.push(file),
                    Read::Checkpoint(model) => models.push(model),
                }
            }
            let last = files.last().map(|f| &f.rel_path).or(models.last().map(|m| &m.rel_path)).map(|p| path::shown(p));
            self.write_checkpoints(root, &models, &mut tally).await?;
            self.write_adapters(root, &files, difference, &mut tally, &mut changes).await?;
            ctx.progress(done, total, &last.unwrap_or_default());
            if told.elapsed() >= TELL_EVERY {
                self.follow.events.publish(Event::LibraryChanged);
                told = Instant::now();
            }
        }
        readers.await.for_people("reading headers")?;
        if ctx.cancelled() { Err(JobError::Cancelled) } else { Ok(tally) }
    }
}

impl ScanJob {
    async fn write_adapters(
        &self,
        root: &RootRow,
        files: &[NewFile],
        difference: &Difference,
        tally: &mut Tally,
        changes: &mut Changes,
    ) -> Result<(), JobError> {
        let replaced: Vec<CheckpointId> = files.iter().filter_map(|file| difference.reread.get(&file.rel_path).copied()).collect();
        if !replaced.is_empty() {
            self.store.checkpoints().mark_missing(&replaced, now_ms()).await.for_people("marking replaced checkpoints")?;
            self.follow.events.publish(Event::CheckpointsChanged);
        }
        let rows = self.store.adapters().upsert(root.id, files, now_ms()).await.for_people("writing scanned files")?;
        for (file, row) in files.iter().zip(&rows) {
            tally.count(file.facts.is_err(), row.outcome);
            if row.outcome != UpsertOutcome::Added {
                changes.add(row.id);
            }
        }
        Ok(())
    }

    async fn write_checkpoints(&self, root: &RootRow, models: &[NewCheckpoint], tally: &mut Tally) -> Result<(), JobError> {
        if models.is_empty() {
            return Ok(());
        }
        // An older Weft, or an adapter of that name, left a row among the adapters.
        let paths: Vec<String> = models.iter().map(|model| model.rel_path.clone()).collect();
        self.store.adapters().disown(root.id, &paths, now_ms()).await.for_people("forgetting what is no adapter")?;
        let rows = self.store.checkpoints().upsert(root.id, models, now_ms()).await.for_people("writing scanned checkpoints")?;
        for (model, (_, outcome)) in models.iter().zip(&rows) {
            tally.count(model.facts.is_err(), *outcome);
            tally.checkpoints += 1;
        }
        self.follow.events.publish(Event::CheckpointsChanged);
        Ok(())
    }
}

impl Tally {
    fn count(&mut self, broken: bool, outcome: UpsertOutcome) {
        self.broken += u64::from(broken);
        match outcome {
            UpsertOutcome::Added => self.added += 1,
            UpsertOutcome::Updated => self.updated += 1,
            UpsertOutcome::Moved => self.moved += 1,
        }
    }
}

/// Can the root be read now? `known` is the number of adapters that the library has of it. Blocks.
pub(crate) fn look(folder: &Path, known: u64) -> Result<(), String> {
    // A root is stored as the disk knows it: should a link stand there now, it leads somewhere else.
    match folder.canonicalize() {
        Ok(real) if real == folder => {}
        Ok(_) => return Err("A link stands in place of the folder.".to_owned()),
        Err(error) => return Err(format!("The folder cannot be reached: {error}.")),
    }
    let mut entries = std::fs::read_dir(folder).map_err(|error| format!("The folder cannot be read: {error}."))?;
    // The place where a drive is mounted is an empty folder while the drive is off.
    if known > 0 && entries.next().is_none() {
        return Err("The folder is empty; its drive may be off.".to_owned());
    }
    Ok(())
}

/// Blocks. None when cancelled.
fn list(folder: &Path, known: u64, data: &Path, ctx: &JobContext) -> Result<Option<Listing>, String> {
    look(folder, known)?;
    let mut walk = Walk::new(folder);
    // The samples lie in the data folder and are a root of their own.
    if !folder.starts_with(data) {
        walk.leave_out(data.to_owned());
    }
    let mut listed = Listed::default();
    for found in walk.by_ref() {
        if ctx.cancelled() {
            return Ok(None);
        }
        ctx.progress(listed.len() as u64, 0, &format!("Listing {}", shown_folder(&found.path, folder)));
        listed.add(found);
    }
    let listed = listed.finish();
    Ok(Some(Listing { files: listed.singles, units: listed.units, notes: walk.notes }))
}

fn shown_folder(path: &Path, root: &Path) -> String {
    let below: PathBuf = path.strip_prefix(root).map_or_else(|_| path.to_owned(), Path::to_owned);
    path::shown(&path::encode(below.as_os_str()))
}

fn compare(listing: Listing, mut known: Known) -> Difference {
    let Listing { files, units, notes } = listing;
    let mut out = Difference::default();
    for todo in files {
        let (adapter, model) = (known.adapters.remove(&todo.file.relative), known.checkpoints.remove(&todo.file.relative));
        match (adapter, model) {
            (Some(old), model) if todo.is_unchanged(&old) => {
                out.unchanged += 1;
                out.back.extend((old.state == FileState::Missing).then_some(old.id));
                out.checkpoints_gone.extend(model.filter(|m| m.state != FileState::Missing).map(|m| m.id));
            }
            (_, Some(old)) if Unit::single(todo.file.clone()).stamp() == old.stamp => out.same_checkpoint(&old),
            (_, model) => {
                out.reread.extend(model.map(|m| (m.rel_path, m.id)));
                out.read.push(Task::File(todo));
            }
        }
    }
    for unit in units {
        out.disowned.extend(unit.files.iter().filter(|f| known.adapters.remove(&f.relative).is_some()).map(|f| f.relative.clone()));
        match known.checkpoints.remove(&unit.relative) {
            Some(old) if old.stamp == unit.stamp() => out.same_checkpoint(&old),
            // Half a listing says nothing about the whole.
            Some(_) if notes.unread_below(&unit.relative) => out.unchanged += 1,
            _ => out.read.push(Task::Unit(unit)),
        }
    }
    let gone = known.adapters.into_values().filter(|k| k.state != FileState::Missing && !notes.may_hide(&k.rel_path));
    out.gone = gone.map(|k| k.id).collect();
    let gone = known.checkpoints.into_values().filter(|k| k.state != FileState::Missing && !notes.may_hide(&k.rel_path));
    out.checkpoints_gone.extend(gone.map(|k| k.id));
    out
}

impl Difference {
    fn same_checkpoint(&mut self, old: &KnownCheckpoint) {
        self.unchanged += 1;
        self.checkpoints_back.extend((old.state == FileState::Missing).then_some(old.id));
    }
}

/// Up to a full batch; what has come when the wait is over.
async fn next_batch(receiver: &mut mpsc::Receiver<Read>) -> Option<Vec<Read>> {
    let mut batch = vec![receiver.recv().await?];
    let deadline = tokio::time::Instant::now() + BATCH_WAIT;
    while batch.len() < BATCH {
        match tokio::time::timeout_at(deadline, receiver.recv()).await {
            Ok(Some(read)) => batch.push(read),
            Ok(None) | Err(_) => break,
        }
    }
    Some(batch)
}
