//! Folders that Weft watches: adding, removing, scanning.

mod check;

use crate::access::{Admin, Editor, Reader};
use crate::clock::now_ms;
use crate::events::Events;
use crate::jobs::Jobs;
use crate::problem::{ForPeople as _, blocking};
use crate::scan::path;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use weft_domain::root::AddRoot;
use weft_domain::{Event, JobKind, JobState, JobView, Problem, RootId, RootState, RootView};
use weft_storage::{NewJob, NewRoot, RootRow, Store};

/// How long a disk may take to say whether a folder is there, before the folder counts as off line.
const LOOK: Duration = Duration::from_millis(600);
/// Longest display name of a root, in characters.
const NAME_MAX: usize = 120;

/// The watched folders. Clones share them.
#[derive(Debug, Clone)]
pub struct Roots {
    store: Store,
    jobs: Jobs,
    events: Events,
    data: Arc<Path>,
}

impl Roots {
    pub(crate) fn new(store: Store, jobs: Jobs, events: Events, data: Arc<Path>) -> Self {
        Self { store, jobs, events, data }
    }

    /// Folder of the samples, below Weft's own data.
    pub(crate) fn samples_folder(&self) -> PathBuf {
        self.data.join("samples")
    }

    /// All roots with their state now. One that came or went since it was last scanned is scanned again, so that its adapters follow.
    pub async fn list(&self, _: &Reader) -> Result<Vec<RootView>, Problem> {
        let rows = self.store.roots().list().await.for_people("listing roots")?;
        let counts = self.store.roots().counts().await.for_people("counting adapters")?;
        let models = self.store.checkpoints().counts().await.for_people("counting checkpoints")?;
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            let count = counts.get(&row.id).copied().unwrap_or(0);
            let there = is_there(row.folder(), count + models.get(&row.id).copied().unwrap_or(0)).await;
            if there != row.online {
                self.enqueue_scan(&row).await?;
            }
            views.push(self.view(row, there, count).await?);
        }
        Ok(views)
    }

    async fn view(&self, row: RootRow, there: bool, adapters: u64) -> Result<RootView, Problem> {
        let scanning = self.jobs.active(&scan_key(row.id)).await?.is_some();
        let state = if there { RootState::Online } else { RootState::Offline };
        Ok(RootView {
            id: row.id,
            path: row.path,
            name: row.name,
            state,
            adapters,
            scanned_ms: row.scanned_ms,
            scanning,
            samples: row.samples,
        })
    }

    /// Adds a folder and starts a scan of it. A folder that was removed before comes back with all that was written about its adapters.
    pub async fn add(&self, _: &Admin, add: AddRoot) -> Result<RootView, Problem> {
        let name = add.name.as_deref().map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned);
        if name.as_ref().is_some_and(|n| n.chars().count() > NAME_MAX) {
            return Err(Problem::invalid("name", format!("A name may have {NAME_MAX} characters at most.")));
        }
        let folder = blocking(move || check::folder(&add.path)).await??;
        check::not_our_data(&folder, &self.data, &self.samples_folder())?;
        let rows = self.store.roots().list().await.for_people("listing roots")?;
        check::apart(&folder, rows.iter().map(|r| (r.name.as_str(), Path::new(&r.path))))?;
        let samples = folder == self.samples_folder();
        self.watch(&folder, name, samples).await
    }

    /// Watches a checked folder; one that is watched already is scanned again.
    pub(crate) async fn watch(&self, folder: &Path, name: Option<String>, samples: bool) -> Result<RootView, Problem> {
        let path = folder.to_str().ok_or_else(|| Problem::invalid("path", "The name of this folder is not valid Unicode."))?.to_owned();
        let last = folder.file_name().map_or_else(|| path.clone(), |n| path::shown(&path::encode(n)));
        let new = NewRoot { path, name: name.unwrap_or(last), samples };
        let row = self.store.roots().add(&new, now_ms()).await.for_people("adding a root")?;
        self.enqueue_scan(&row).await?;
        self.events.publish(Event::RootsChanged);
        let count = self.store.roots().counts().await.for_people("counting adapters")?.get(&row.id).copied().unwrap_or(0);
        self.view(row, true, count).await
    }

    /// Forgets a folder. No file is touched, and what was written about its adapters comes back when the folder is added again.
    pub async fn remove(&self, _: &Admin, id: RootId) -> Result<(), Problem> {
        if !self.store.roots().remove(id, now_ms()).await.for_people("removing a root")? {
            return Err(no_such_root());
        }
        self.events.publish(Event::RootsChanged);
        self.events.publish(Event::LibraryChanged);
        self.events.publish(Event::CheckpointsChanged);
        Ok(())
    }

    /// Scans one root in the background.
    pub async fn scan(&self, _: &Editor, id: RootId) -> Result<JobView, Problem> {
        let row = self.store.roots().get(id).await.for_people("reading a root")?.ok_or_else(no_such_root)?;
        self.enqueue_scan(&row).await
    }

    /// Scans every root in the background.
    pub async fn scan_all(&self, _: &Editor) -> Result<Vec<JobView>, Problem> {
        let mut views = Vec::new();
        for row in self.store.roots().list().await.for_people("listing roots")? {
            views.push(self.enqueue_scan(&row).await?);
        }
        Ok(views)
    }

    pub(crate) async fn enqueue_scan(&self, row: &RootRow) -> Result<JobView, Problem> {
        let job = NewJob::new(JobKind::Scan, format!("Scanning {}", row.name), json!({ "root": row.id }));
        self.jobs.enqueue(&job.once(scan_key(row.id))).await
    }

    /// A scan that begins after now: one that runs already may be past what has changed.
    pub(crate) async fn enqueue_fresh_scan(&self, id: RootId) -> Result<JobView, Problem> {
        let row = self.store.roots().get(id).await.for_people("reading a root")?.ok_or_else(no_such_root)?;
        let job = NewJob::new(JobKind::Scan, format!("Scanning {}", row.name), json!({ "root": row.id }));
        enqueue_fresh(&self.jobs, job, &scan_key(row.id)).await
    }
}

/// Queues a job that is sure to begin after now: a queued one with this key will do, a running one will not.
pub(crate) async fn enqueue_fresh(jobs: &Jobs, job: NewJob, key: &str) -> Result<JobView, Problem> {
    let running = jobs.active(key).await?.is_some_and(|job| job.state == JobState::Running);
    jobs.enqueue(&job.once(if running { format!("{key}:next") } else { key.to_owned() })).await
}

fn scan_key(id: RootId) -> String {
    format!("scan:{id}")
}

fn no_such_root() -> Problem {
    Problem::not_found("There is no such folder in the library.")
}

/// Looks whether the folder is there; a disk that does not answer in time counts as off.
async fn is_there(folder: PathBuf, known: u64) -> bool {
    let look = tokio::task::spawn_blocking(move || crate::scan::look(&folder, known).is_ok());
    matches!(tokio::time::timeout(LOOK, look).await, Ok(Ok(true)))
}
