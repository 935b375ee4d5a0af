//! Work that takes longer than a request.
//!
//! [`Jobs`] is what doors see. Services enqueue with [`Jobs::enqueue`] and implement a [`JobHandler`] per kind; a [`Runner`] takes
//! jobs from the table, lane by lane, and runs them. The table is the truth: whatever dies, a job is run until it has ended, and
//! what a worker without a lease writes does not count.

mod context;
mod handler;
mod live;
mod owner;
mod pace;
mod runner;
#[cfg(test)]
mod tests;
mod turn;

pub use context::JobContext;
pub use handler::{JobError, JobHandler};
pub use owner::Owner;
pub use runner::{Runner, Timing, Workers};

use crate::access::{Editor, Reader};
use crate::clock::now_ms;
use crate::events::Events;
use crate::problem::ForPeople as _;
use live::{Live, Stop};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use weft_domain::{Event, JobId, JobState, JobView, Problem};
use weft_storage::{JobRepo, JobRow, NewJob, Store, StoreResult};

/// Finished jobs that a list shows.
const FINISHED_SHOWN: u64 = 50;

/// The job table as pages and services see it; clones share it.
#[derive(Debug, Clone)]
pub struct Jobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    repo: JobRepo,
    events: Events,
    /// Changes whenever there may be something to claim.
    wake: watch::Sender<u64>,
    /// Jobs that run in this process: fresher than their rows, and reached at once by a cancel.
    live: Mutex<HashMap<JobId, Arc<Live>>>,
}

impl Jobs {
    /// The jobs of a store; changes are told on `events`.
    #[must_use]
    pub fn new(store: &Store, events: Events) -> Self {
        let (wake, _) = watch::channel(0);
        Self { inner: Arc::new(Inner { repo: store.jobs(), events, wake, live: Mutex::default() }) }
    }

    /// Active jobs first, then the last 50 finished ones.
    pub async fn list(&self, _: &Reader) -> Result<Vec<JobView>, Problem> {
        let rows = self.repo().list(FINISHED_SHOWN).await.for_people("jobs cannot be listed")?;
        Ok(rows.into_iter().map(|row| self.view(row)).collect())
    }

    /// One job.
    pub async fn get(&self, _: &Reader, id: JobId) -> Result<JobView, Problem> {
        self.look(id).await
    }

    /// Asks a job to stop: a waiting one ends at once, a running one between two steps. A finished one stays as it is.
    pub async fn cancel(&self, _: &Editor, id: JobId) -> Result<JobView, Problem> {
        let row = self.repo().cancel(id, now_ms()).await.for_people("a job cannot be cancelled")?;
        if let Some(live) = self.live_of(id) {
            live.stop(Stop::Asked);
        }
        Ok(self.tell(row))
    }

    /// Runs a failed or cancelled job again, as a new job: what has ended never changes.
    pub async fn retry(&self, _: &Editor, id: JobId) -> Result<JobView, Problem> {
        let old = self.row(id).await?;
        if !matches!(old.state, JobState::Failed | JobState::Cancelled) {
            return Err(Problem::conflict("Only a job that failed or was cancelled can be run again."));
        }
        let new = NewJob {
            kind: old.kind,
            title: old.title,
            input: old.input,
            dedup_key: old.dedup_key,
            priority: i32::try_from(old.priority).unwrap_or(old.kind.priority()),
            max_attempts: old.max_attempts,
        };
        self.enqueue(&new).await
    }

    /// Removes every finished job from the list.
    pub async fn clear(&self, _: &Editor) -> Result<(), Problem> {
        self.repo().clear(i64::MAX).await.for_people("jobs cannot be cleared").map(drop)
    }

    /// Enqueues a job, or answers the active one with the same key.
    pub(crate) async fn enqueue(&self, new: &NewJob) -> Result<JobView, Problem> {
        let (row, is_new) = self.repo().enqueue(new, now_ms()).await.for_people("a job cannot be enqueued")?;
        if !is_new {
            return Ok(self.view(row));
        }
        let view = self.tell(row);
        self.wake();
        Ok(view)
    }

    /// The active job with this key.
    pub(crate) async fn active(&self, dedup_key: &str) -> Result<Option<JobView>, Problem> {
        let row = self.repo().active(dedup_key).await.for_people("jobs cannot be read")?;
        Ok(row.map(|row| self.view(row)))
    }

    /// One job, for a service that waits for it.
    pub(crate) async fn look(&self, id: JobId) -> Result<JobView, Problem> {
        self.row(id).await.map(|row| self.view(row))
    }

    /// One job, or None once it has left the table.
    pub(crate) async fn find(&self, id: JobId) -> Result<Option<JobView>, Problem> {
        let row = self.repo().get(id).await.for_people("a job cannot be read")?;
        Ok(row.map(|row| self.view(row)))
    }

    /// The job when it has ended, or as it stands after `patience`: for requests whose answer mostly takes only a moment.
    pub(crate) async fn wait(&self, mut job: JobView, patience: Duration) -> Result<JobView, Problem> {
        const LOOK: Duration = Duration::from_millis(25);
        let began = Instant::now();
        while !job.state.finished() && began.elapsed() < patience {
            tokio::time::sleep(LOOK).await;
            job = self.look(job.id).await?;
        }
        Ok(job)
    }

    async fn row(&self, id: JobId) -> Result<JobRow, Problem> {
        let row = self.repo().get(id).await.for_people("a job cannot be read")?;
        row.ok_or_else(|| Problem::not_found("There is no such job.").hint("It may have been cleared from the list."))
    }

    /// What people see of a row. A job that runs here is further than its row says.
    pub(crate) fn view(&self, row: JobRow) -> JobView {
        let live = self.live_of(row.id).filter(|live| live.token() == row.lease_token && row.state == JobState::Running);
        let mut view = JobView {
            id: row.id,
            kind: row.kind,
            title: row.title,
            lane: row.lane,
            state: row.state,
            done: row.done,
            total: row.total,
            message: row.message,
            eta_ms: None,
            cancelling: row.cancel_requested && !row.state.finished(),
            attempt: row.attempt,
            error: row.error,
            result: row.result,
            created_ms: row.created_ms,
            started_ms: row.started_ms,
            finished_ms: row.finished_ms,
        };
        if let Some(live) = live {
            live.overlay(&mut view);
        }
        view
    }

    /// Tells every page of a row, and answers it as they see it.
    fn tell(&self, row: JobRow) -> JobView {
        let view = self.view(row);
        self.inner.events.publish(Event::Job { job: view.clone() });
        view
    }

    fn repo(&self) -> &JobRepo {
        &self.inner.repo
    }

    /// Lets workers look whether there is something to claim.
    pub(crate) fn wake(&self) {
        self.inner.wake.send_modify(|n| *n = n.wrapping_add(1));
    }

    fn live(&self) -> MutexGuard<'_, HashMap<JobId, Arc<Live>>> {
        // Insert and remove are single steps: a panic elsewhere does not spoil the map.
        self.inner.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live_of(&self, id: JobId) -> Option<Arc<Live>> {
        self.live().get(&id).cloned()
    }

    /// Jobs that a silent worker held wait again.
    async fn reclaim(&self, rows: StoreResult<Vec<JobRow>>) {
        match rows {
            Ok(rows) if rows.is_empty() => {}
            Ok(rows) => {
                tracing::info!(jobs = rows.len(), "taken back from workers that stopped");
                for row in rows {
                    self.tell(row);
                }
                self.wake();
            }
            Err(error) => tracing::error!(%error, "jobs of stopped workers cannot be taken back"),
        }
    }
}
