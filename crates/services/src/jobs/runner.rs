//! Takes jobs from the table and runs them, lane by lane.

use super::turn::{Stage, turn};
use super::{JobHandler, Jobs, Owner};
use crate::clock::now_ms;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use weft_domain::{JobKind, Lane};

/// Finished jobs older than this leave the table.
const KEPT_MS: i64 = 30 * 24 * 3_600_000;

/// How long things take. Tests shorten it; nobody else should.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// A worker that is silent this long has lost its job.
    pub lease: Duration,
    /// Progress is written and told this often at most.
    pub pulse: Duration,
    /// The table is asked this often even if nobody called: another process may have enqueued.
    pub poll: Duration,
    /// First wait before a retryable failure is tried again; doubles with each attempt, up to [`Self::backoff_max`].
    pub backoff: Duration,
    pub backoff_max: Duration,
    /// How long a job may take to stop when the program ends.
    pub grace: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            pulse: Duration::from_millis(250),
            poll: Duration::from_secs(3),
            backoff: Duration::from_secs(2),
            backoff_max: Duration::from_secs(300),
            grace: Duration::from_secs(8),
        }
    }
}

/// Builds the workers.
pub struct Runner {
    jobs: Jobs,
    owner: Owner,
    timing: Timing,
    widths: [(Lane, usize); 3],
    handlers: HashMap<JobKind, Arc<dyn JobHandler>>,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("owner", &self.owner).field("widths", &self.widths).finish_non_exhaustive()
    }
}

impl Runner {
    /// Two jobs at once in the io lane, one in the cpu lane, none in the gpu lane.
    #[must_use]
    pub fn new(jobs: Jobs, owner: Owner) -> Self {
        let widths = [(Lane::Io, 2), (Lane::Cpu, 1), (Lane::Gpu, 0)];
        Self { jobs, owner, timing: Timing::default(), widths, handlers: HashMap::new() }
    }

    /// Jobs at once in a lane.
    #[must_use]
    pub fn width(mut self, lane: Lane, width: usize) -> Self {
        for (this, jobs) in &mut self.widths {
            if *this == lane {
                *jobs = width;
            }
        }
        self
    }

    /// Other times than the usual ones.
    #[must_use]
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// The handler of its kind. A kind without a handler waits in the table for a worker that has one.
    #[must_use]
    pub fn handler(mut self, handler: impl JobHandler) -> Self {
        self.handlers.insert(handler.kind(), Arc::new(handler));
        self
    }

    /// Starts the workers; must be called inside the async runtime.
    #[must_use]
    pub fn start(self) -> Workers {
        let stop = CancellationToken::new();
        let stage = Arc::new(Stage { jobs: self.jobs, owner: self.owner, timing: self.timing, stop: stop.clone() });
        let mut tasks = JoinSet::new();
        let ready = CancellationToken::new();
        tasks.spawn(janitor(stage.clone(), ready.clone()));
        for (lane, width) in self.widths {
            let handlers: HashMap<_, _> =
                self.handlers.iter().filter(|(kind, _)| kind.lane() == lane).map(|(kind, handler)| (*kind, handler.clone())).collect();
            for _ in 0..width {
                tasks.spawn(worker(stage.clone(), lane, handlers.clone(), ready.clone()));
            }
        }
        Workers { stop, tasks }
    }
}

/// Running workers. Dropped without [`Self::stop`], they end in the middle, as in a crash; the table heals that.
#[derive(Debug)]
pub struct Workers {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Workers {
    /// Takes no more jobs, lets those that run stop between two steps and puts them back into the queue.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }

    /// Ends at once, in the middle of whatever runs, as `kill -9` would; afterwards nothing of these workers is left in this process
    /// but blocking threads that finish their step.
    pub async fn abort(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Takes back what an earlier life left, then, now and then, what any worker lost.
async fn janitor(stage: Arc<Stage>, ready: CancellationToken) {
    if stage.owner.is_sole() {
        let rows = stage.jobs.repo().reclaim_owner(stage.owner.id(), now_ms()).await;
        stage.jobs.reclaim(rows).await;
    }
    ready.cancel();
    loop {
        let rows = stage.jobs.repo().reclaim_expired(now_ms()).await;
        stage.jobs.reclaim(rows).await;
        if let Err(error) = stage.jobs.repo().clear(now_ms() - KEPT_MS).await {
            tracing::warn!(%error, "old jobs cannot be cleared");
        }
        tokio::select! {
            () = tokio::time::sleep(stage.timing.lease / 2) => {}
            () = stage.stop.cancelled() => return,
        }
    }
}

/// One place in a lane: runs a job, then the next, until it is told to stop.
async fn worker(stage: Arc<Stage>, lane: Lane, handlers: HashMap<JobKind, Arc<dyn JobHandler>>, ready: CancellationToken) {
    let kinds: Vec<JobKind> = handlers.keys().copied().collect();
    if kinds.is_empty() {
        return;
    }
    ready.cancelled().await;
    let mut wake = stage.jobs.inner.wake.subscribe();
    while !stage.stop.is_cancelled() {
        wake.borrow_and_update();
        let now = now_ms();
        match stage.jobs.repo().claim(lane, &kinds, stage.owner.id(), now + millis(stage.timing.lease), now).await {
            Ok(Some(row)) => {
                if let Some(handler) = handlers.get(&row.kind) {
                    turn(&stage, handler, row).await;
                }
                continue;
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, lane = lane.as_str(), "no job can be claimed"),
        }
        let pause = pause(&stage, lane).await;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // The sender lives as long as `stage`.
            _ = wake.changed() => {}
            () = stage.stop.cancelled() => {}
        }
    }
}

/// Until the next job is due, but no longer than between two polls.
async fn pause(stage: &Stage, lane: Lane) -> Duration {
    let due = stage.jobs.repo().next_due(lane).await.ok().flatten();
    let due = due.and_then(|due| u64::try_from(due - now_ms()).ok()).map(Duration::from_millis);
    due.unwrap_or(stage.timing.poll).clamp(Duration::from_millis(20), stage.timing.poll)
}

/// A duration as the table counts time.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
