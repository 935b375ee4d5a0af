//! Generations as pages see them.

use super::Generating;
use super::cells::{Heads, Names};
use crate::access::{Editor, Reader};
use crate::clock::now_ms;
use crate::problem::ForPeople as _;
use crate::scan::path;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use weft_domain::generation::{Axis, GenerationRequest, GenerationView, QueueItem, QueueView};
use weft_domain::{AdapterId, CheckpointId, Event, GenerationId, JobId, JobKind, Lane, Problem, ProblemKind};
use weft_storage::{GenerationRow, JobRow, Moved};

/// Failed and cancelled generations that the queue still shows.
const ENDED_SHOWN: u64 = 10;
/// Letters of a prompt in the queue.
const PROMPT_SHOWN: usize = 300;

impl Generating {
    /// One generation with its pictures.
    pub async fn get(&self, _: &Reader, id: GenerationId) -> Result<GenerationView, Problem> {
        self.look(id).await
    }

    /// The newest generations, at most `limit`, older than `before` where it is given.
    pub async fn recent(&self, _: &Reader, before: Option<GenerationId>, limit: u64) -> Result<Vec<GenerationView>, Problem> {
        let rows = self.inner.store.generations().recent(before, limit.clamp(1, 100)).await.for_people("listing generations")?;
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.push(self.view(row).await?);
        }
        Ok(views)
    }

    pub(super) async fn look(&self, id: GenerationId) -> Result<GenerationView, Problem> {
        let row = self.inner.store.generations().get(id).await.for_people("reading a generation")?;
        self.view(row.ok_or_else(no_such_generation)?).await
    }

    /// One generation once its job has ended, however long that takes.
    ///
    /// # Errors
    /// A [`Problem`] when the queue is paused: it would not end.
    pub async fn finished(&self, _: &Reader, id: GenerationId) -> Result<GenerationView, Problem> {
        const PATIENCE: Duration = Duration::from_secs(2);
        loop {
            let view = self.look(id).await?;
            match &view.job {
                Some(job) if !job.state.finished() => {
                    let paused = self.inner.store.settings().paused(Lane::Gpu).await.for_people("reading the queue")?;
                    if paused {
                        return Err(Problem::new(ProblemKind::Unavailable, "The queue is paused: nothing is painted until it goes on."));
                    }
                    self.inner.jobs.wait(job.clone(), PATIENCE).await?;
                }
                _ => return Ok(view),
            }
        }
    }

    async fn view(&self, row: GenerationRow) -> Result<GenerationView, Problem> {
        let names = self.names(&row.request).await?;
        let job = match self.inner.jobs.active(&key(row.id)).await? {
            Some(job) => Some(job),
            None => match row.job {
                Some(id) => self.inner.jobs.find(id).await?,
                None => None,
            },
        };
        let Heads { columns, rows, axes } = names.heads(&row.request);
        Ok(GenerationView {
            id: row.id,
            total: row.total,
            columns,
            rows,
            axes,
            pictures: self.inner.pictures.of_generation(row.id).await?,
            job,
            created_ms: row.created_ms,
            request: row.request,
        })
    }

    /// What the adapters and checkpoints of a request are called.
    async fn names(&self, request: &GenerationRequest) -> Result<Names, Problem> {
        if request.axes.is_empty() {
            return Ok(Names::default());
        }
        let mut adapters: Vec<AdapterId> = request.adapters.iter().map(|used| used.adapter).collect();
        let mut checkpoints: Vec<CheckpointId> = Vec::new();
        for axis in &request.axes {
            match axis {
                Axis::Adapter { values, .. } => adapters.extend(values),
                Axis::Checkpoint { values } => checkpoints.extend(values),
                _ => {}
            }
        }
        let found = self.inner.store.adapters().places(&adapters).await.for_people("looking up adapters")?;
        Ok(Names {
            adapters: found.into_iter().map(|place| (place.id, path::shown(&place.name))).collect(),
            checkpoints: self.checkpoint_names(&checkpoints).await?,
        })
    }

    async fn checkpoint_names(&self, ids: &[CheckpointId]) -> Result<HashMap<CheckpointId, String>, Problem> {
        let found = self.inner.store.checkpoints().places(ids).await.for_people("looking up checkpoints")?;
        Ok(found.into_iter().map(|place| (place.id, path::shown(&place.name))).collect())
    }

    /// What waits and what is painted now, in its order, then what failed or was cancelled and can be tried again.
    pub async fn queue(&self, _: &Reader) -> Result<QueueView, Problem> {
        self.queued().await
    }

    async fn queued(&self) -> Result<QueueView, Problem> {
        let store = &self.inner.store;
        let paused = store.settings().paused(Lane::Gpu).await.for_people("reading the queue")?;
        let rows = store.jobs().of_lane(Lane::Gpu, ENDED_SHOWN).await.for_people("reading the queue")?;
        let jobs: Vec<(GenerationId, JobRow)> = rows.into_iter().filter_map(|row| Some((generation_of(&row)?, row))).collect();
        let ids: Vec<GenerationId> = jobs.iter().map(|(id, _)| *id).collect();
        let found = store.generations().many(&ids).await.for_people("reading the queue")?;
        let found: HashMap<GenerationId, GenerationRow> = found.into_iter().map(|row| (row.id, row)).collect();
        let painted = store.generations().painted(&ids).await.for_people("reading the queue")?;
        let checkpoints: Vec<CheckpointId> = found.values().filter_map(|row| row.request.checkpoint).collect();
        let names = self.checkpoint_names(&checkpoints).await?;
        let mut seen = HashSet::new();
        let items = jobs.into_iter().filter_map(|(id, job)| {
            let row = found.get(&id)?;
            let painted = painted.get(&id).copied().unwrap_or(0);
            // Of several jobs of one generation the first in this order counts: the active one, else the one that ended last.
            let stale = !seen.insert(id) || (job.state.finished() && painted >= row.total);
            (!stale).then(|| QueueItem {
                generation: id,
                job: self.inner.jobs.view(job),
                prompt: row.request.prompt.chars().take(PROMPT_SHOWN).collect(),
                checkpoint: row.request.checkpoint.and_then(|id| names.get(&id).cloned()).unwrap_or_default(),
                total: row.total,
                painted,
            })
        });
        Ok(QueueView { paused, items: items.collect() })
    }

    /// Lets nothing new begin, or goes on. What is painted at this moment is finished; its generation then waits too.
    pub async fn pause(&self, _: &Editor, paused: bool) -> Result<QueueView, Problem> {
        self.inner.store.settings().pause(Lane::Gpu, paused).await.for_people("pausing the queue")?;
        self.inner.jobs.wake();
        self.inner.events.publish(Event::QueueChanged);
        self.queued().await
    }

    /// Moves a waiting generation before another one, or to the end.
    pub async fn reorder(&self, _: &Editor, job: JobId, before: Option<JobId>) -> Result<QueueView, Problem> {
        match self.inner.store.jobs().reorder(job, before, now_ms()).await.for_people("moving a job")? {
            Moved::Done => self.inner.events.publish(Event::QueueChanged),
            Moved::Gone => {
                return Err(Problem::conflict("It cannot be moved there: one of the two has begun or ended meanwhile.")
                    .hint("Look at the queue as it is now, then move it again."));
            }
        }
        self.queued().await
    }
}

/// While a job with this key is active, no second one paints the generation.
pub(super) fn key(id: GenerationId) -> String {
    format!("generation:{id}")
}

fn generation_of(row: &JobRow) -> Option<GenerationId> {
    (row.kind == JobKind::Generate).then(|| row.input.get("generation").and_then(serde_json::Value::as_i64).map(GenerationId)).flatten()
}

pub(super) fn no_such_generation() -> Problem {
    Problem::not_found("There is no such generation.")
}
