//! The scan job. Running it again is cheap: what has not changed is not opened, so a scan that was cut off just starts anew.

use super::index::{self, Todo};
use super::walk::{Notes, Walk};
use super::{Follow, path, sidecar};
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
use weft_domain::{AdapterId, Event, FileState, JobKind};
use weft_storage::{KnownFile, NewFile, RootRow, Store, UpsertOutcome};

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
    notes: Notes,
}

/// What a comparison with the library says.
#[derive(Default)]
struct Difference {
    /// New or changed: to be read.
    read: Vec<Todo>,
    back: Vec<AdapterId>,
    gone: Vec<AdapterId>,
    unchanged: usize,
}

/// Counters for the job's result.
#[derive(Default)]
struct Tally {
    added: u64,
    updated: u64,
    moved: u64,
    broken: u64,
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
        let known = self.store.roots().counts().await.for_people("counting adapters")?.get(&root.id).copied().unwrap_or(0);
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
        self.follow.events.publish(Event::RootsChanged);
        self.follow.events.publish(Event::LibraryChanged);
        Ok(json!({ "offline": why, "missing": missing }))
    }

    async fn take_in(&self, ctx: &JobContext, root: &RootRow, listing: Listing) -> Result<Value, JobError> {
        let adapters = self.store.adapters();
        self.store.roots().set_online(root.id, true).await.for_people("marking a root")?;
        let known = adapters.known(root.id).await.for_people("reading the library")?;
        let Listing { files, notes } = listing;
        let seen = files.len();
        let difference = compare(files, known, &notes);
        // First what is gone: a moved file finds its old row by that.
        adapters.mark_missing(&difference.gone, now_ms()).await.for_people("marking missing files")?;
        adapters.mark_present(&difference.back, now_ms()).await.for_people("marking files that are back")?;
        if !difference.gone.is_empty() || !difference.back.is_empty() {
            self.follow.events.publish(Event::LibraryChanged);
        }
        let tally = self.read(ctx, root, difference.read, difference.unchanged as u64).await?;
        self.store.roots().set_scanned(root.id, now_ms()).await.for_people("marking a root")?;
        self.follow.events.publish(Event::RootsChanged);
        self.follow.events.publish(Event::LibraryChanged);
        self.follow.after_scan(root).await?;
        Ok(json!({
            "files": seen, "added": tally.added, "updated": tally.updated, "moved": tally.moved, "broken": tally.broken,
            "unchanged": difference.unchanged, "missing": difference.gone.len(), "back": difference.back.len(),
            "ignored": notes.ignored, "notes": notes.list, "more_notes": notes.more,
        }))
    }

    /// Reads headers on a few threads and writes their rows in batches, so that the library can be used meanwhile.
    async fn read(&self, ctx: &JobContext, root: &RootRow, todo: Vec<Todo>, unchanged: u64) -> Result<Tally, JobError> {
        let total = todo.len() as u64 + unchanged;
        let mut tally = Tally::default();
        if todo.is_empty() {
            ctx.progress(total, total, "");
            return Ok(tally);
        }
        let (sender, mut receiver) = mpsc::channel::<NewFile>(BATCH * 2);
        let (folder, reading) = (root.folder(), ctx.clone());
        let readers = tokio::task::spawn_blocking(move || index::read_all(&folder, &todo, &sender, &|| reading.cancelled()));
        let mut changes = Changes::new(self.follow.events.clone());
        let (mut done, mut told) = (unchanged, Instant::now());
        while let Some(batch) = next_batch(&mut receiver).await {
            let rows = self.store.adapters().upsert(root.id, &batch, now_ms()).await.for_people("writing scanned files")?;
            for (file, row) in batch.iter().zip(&rows) {
                tally.count(file, row.outcome);
                if row.outcome != UpsertOutcome::Added {
                    changes.add(row.id);
                }
            }
            done += batch.len() as u64;
            let last = batch.last().map_or("", |f| f.rel_path.as_str());
            ctx.progress(done, total, &path::shown(last));
            if told.elapsed() >= TELL_EVERY {
                self.follow.events.publish(Event::LibraryChanged);
                told = Instant::now();
            }
        }
        readers.await.for_people("reading headers")?;
        if ctx.cancelled() { Err(JobError::Cancelled) } else { Ok(tally) }
    }
}

impl Tally {
    fn count(&mut self, file: &NewFile, outcome: UpsertOutcome) {
        self.broken += u64::from(file.facts.is_err());
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
    let mut files = Vec::new();
    for found in walk.by_ref() {
        if ctx.cancelled() {
            return Ok(None);
        }
        files.extend(found.files.iter().map(|file| Todo { file: file.clone(), beside: sidecar::beside(file, &found.neighbours) }));
        ctx.progress(files.len() as u64, 0, &format!("Listing {}", shown_folder(&found.path, folder)));
    }
    Ok(Some(Listing { files, notes: walk.notes }))
}

fn shown_folder(path: &Path, root: &Path) -> String {
    let below: PathBuf = path.strip_prefix(root).map_or_else(|_| path.to_owned(), Path::to_owned);
    path::shown(&path::encode(below.as_os_str()))
}

fn compare(files: Vec<Todo>, known: Vec<KnownFile>, notes: &Notes) -> Difference {
    let mut known: HashMap<String, KnownFile> = known.into_iter().map(|k| (k.rel_path.clone(), k)).collect();
    let mut out = Difference::default();
    for todo in files {
        match known.remove(&todo.file.relative) {
            Some(old) if todo.is_unchanged(&old) => {
                out.unchanged += 1;
                if old.state == FileState::Missing {
                    out.back.push(old.id);
                }
            }
            _ => out.read.push(todo),
        }
    }
    let gone = known.into_values().filter(|k| k.state != FileState::Missing && !notes.may_hide(&k.rel_path));
    out.gone = gone.map(|k| k.id).collect();
    out
}

/// Up to a full batch; what has come when the wait is over.
async fn next_batch(receiver: &mut mpsc::Receiver<NewFile>) -> Option<Vec<NewFile>> {
    let mut batch = vec![receiver.recv().await?];
    let deadline = tokio::time::Instant::now() + BATCH_WAIT;
    while batch.len() < BATCH {
        match tokio::time::timeout_at(deadline, receiver.recv()).await {
            Ok(Some(file)) => batch.push(file),
            Ok(None) | Err(_) => break,
        }
    }
    Some(batch)
}
