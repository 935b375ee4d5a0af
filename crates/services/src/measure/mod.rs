//! Background work over the files of a root that lack something: strengths, hashes, previews. Each job takes the next file from the
//! table until none is left, so a job that was stopped goes on where it was, and two never do the same twice for long.

mod hash;
mod strengths;

pub(crate) use hash::HashJob;
pub(crate) use strengths::StrengthsJob;

use crate::events::Events;
use crate::jobs::{JobContext, JobError};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use weft_domain::{AdapterId, Event, RootId};
use weft_storage::{Store, WorkItem, WorkKind};
use weft_weights::progress::Progress;

/// Files taken from the table at once.
const BATCH: u64 = 64;
/// Changed adapters are told to open pages in groups, at least this often.
const TELL_EVERY: Duration = Duration::from_millis(700);
/// Most ids of one event.
const TELL_MAX: usize = 100;

/// The root that a job's input names.
pub(crate) fn root_of(input: &Value) -> Result<RootId, JobError> {
    let id = input.get("root").and_then(Value::as_i64);
    id.map(RootId).ok_or_else(|| JobError::Final("The job names no folder.".to_owned()))
}

/// Hands a job's wish to stop to work on one file; the progress of that file is not the job's.
#[derive(Debug)]
pub(crate) struct Stopper(JobContext);

impl Stopper {
    pub(crate) fn of(ctx: &JobContext) -> Self {
        Self(ctx.clone())
    }
}

impl Progress for Stopper {
    fn step(&self, _done: u64, _total: u64, _what: &str) {}

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// Collects changed adapters and tells open pages about them in groups.
#[derive(Debug)]
pub(crate) struct Changes {
    events: Events,
    ids: Vec<AdapterId>,
    told: Instant,
}

impl Changes {
    pub(crate) fn new(events: Events) -> Self {
        Self { events, ids: Vec::new(), told: Instant::now() }
    }

    pub(crate) fn add(&mut self, id: AdapterId) {
        self.ids.push(id);
        if self.ids.len() >= TELL_MAX || self.told.elapsed() >= TELL_EVERY {
            self.tell();
        }
    }

    fn tell(&mut self) {
        if !self.ids.is_empty() {
            self.events.publish(Event::Adapters { ids: std::mem::take(&mut self.ids) });
        }
        self.told = Instant::now();
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.tell();
    }
}

/// What is done for one file.
#[async_trait]
pub(crate) trait Task: Send + Sync {
    /// Which files it is left for.
    const WORK: WorkKind;

    /// Does it; answers the id of the adapter that changed.
    async fn one(&self, ctx: &JobContext, item: &WorkItem) -> Result<Option<AdapterId>, JobError>;
}

/// Hands every file that the task is left for to it, until a whole round finds none that it has not seen. Answers how many there were.
pub(crate) async fn drain<T: Task>(ctx: &JobContext, store: &Store, events: &Events, root: RootId, task: &T) -> Result<u64, JobError> {
    let adapters = store.adapters();
    let left = adapters.pending_count(T::WORK, root).await?;
    let mut seen: HashSet<(AdapterId, i64, i64)> = HashSet::new();
    let (mut changes, mut done) = (Changes::new(events.clone()), 0u64);
    loop {
        let (mut after, mut fresh) = (None, 0u64);
        loop {
            let items = adapters.pending(T::WORK, root, after, BATCH).await?;
            let Some(last) = items.last() else { break };
            after = Some(last.id);
            for item in items.iter().filter(|item| seen.insert((item.id, item.size, item.modified_ms))) {
                ctx.check()?;
                ctx.progress(done, left.max(done + 1), &crate::scan::path::shown(&item.name));
                if let Some(id) = task.one(ctx, item).await? {
                    changes.add(id);
                }
                (done, fresh) = (done + 1, fresh + 1);
            }
        }
        if fresh == 0 {
            ctx.progress(done, done, "");
            return Ok(done);
        }
    }
}
