//! The job that paints a generation: shot by shot, each kept as soon as it is done, so that whatever dies goes on where it was.

use super::generator::{Unpainted, Watch};
use super::{Generating, cells, preview};
use crate::events::Events;
use crate::jobs::{JobContext, JobError, JobHandler};
use crate::pictures::NewPicture;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use weft_domain::generation::parameter::STEPS;
use weft_domain::generation::{GenerationRequest, Painting};
use weft_domain::{Event, GenerationId, JobKind, Lane};
use weft_pictures::Pixels;

/// Rough pictures are told this often at most.
const LOOK: Duration = Duration::from_millis(170);
/// How often a paused job asks whether it may go on.
const ASK: Duration = Duration::from_millis(400);

/// What the job is queued with: the row holds the rest.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Input {
    pub(super) generation: GenerationId,
}

/// Runs generations.
#[derive(Debug)]
pub(crate) struct GenerateJob(pub(crate) Generating);

#[async_trait]
impl JobHandler for GenerateJob {
    fn kind(&self) -> JobKind {
        JobKind::Generate
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let Input { generation } = serde_json::from_value(input)?;
        let inner = &self.0.inner;
        let row = inner.store.generations().get(generation).await?;
        let row = row.ok_or_else(|| JobError::Final("The request of this generation is gone.".to_owned()))?;
        inner.store.generations().set_job(generation, ctx.job()).await?;
        let all = cells::cells(&row.request)?;
        let mut cast = self.0.cast(&all).await?;
        if let Some(start) = &row.request.start {
            cast.begin_with(self.0.start_pixels(start).await?);
        }
        let done = inner.store.generations().shots(generation).await?;
        let total: u64 = all.iter().map(steps).sum();
        let mut behind = 0;
        for (shot, cell) in (0..).zip(&all) {
            if !done.contains(&shot) {
                self.may_go_on(ctx, behind, total).await?;
                let told = Told { generation, shot, of: all.len(), behind, total, steps: steps(cell) };
                let planned = cast.shot(cell)?;
                self.one(ctx, planned, told, &row.request).await?;
            }
            behind += steps(cell);
            ctx.progress(behind, total, "");
        }
        Ok(json!({ "generation": generation, "pictures": all.len() }))
    }
}

/// Where a shot stands among the others.
#[derive(Debug, Clone, Copy)]
struct Told {
    generation: GenerationId,
    shot: u32,
    /// Shots of the generation.
    of: usize,
    /// Steps of the shots before it, and of all.
    behind: u64,
    total: u64,
    steps: u64,
}

impl GenerateJob {
    /// Paints and keeps one shot.
    async fn one(&self, ctx: &JobContext, shot: super::Shot, told: Told, request: &GenerationRequest) -> Result<(), JobError> {
        let inner = &self.0.inner;
        let mut recipe = shot.recipe.clone();
        let watch = Arc::new(ShotWatch {
            ctx: ctx.clone(),
            events: inner.events.clone(),
            told,
            size: (recipe.width, recipe.height),
            looked: Mutex::new(None),
        });
        watch.say(0);
        let painted = match inner.generator.paint(shot, watch).await {
            Ok(painted) => painted,
            Err(Unpainted::Cancelled) => return Err(JobError::Cancelled),
            Err(Unpainted::Refused(problem)) => return Err(JobError::Final(problem.to_string())),
        };
        recipe.engine = painted.engine;
        let Pixels { width, height, rgb } = painted.image;
        let parent = request.parent.or(request.start.as_ref().map(|start| start.picture));
        let new = NewPicture { rgb, width, height, recipe, generation: Some(told.generation), shot: told.shot, parent };
        inner.pictures.keep(new).await?;
        Ok(())
    }

    /// Waits while the queue is paused.
    async fn may_go_on(&self, ctx: &JobContext, behind: u64, total: u64) -> Result<(), JobError> {
        loop {
            ctx.check()?;
            if !self.0.inner.store.settings().paused(Lane::Gpu).await? {
                return Ok(());
            }
            ctx.progress(behind, total, "Paused");
            tokio::select! {
                () = tokio::time::sleep(ASK) => {}
                () = ctx.until_cancelled() => {}
            }
        }
    }
}

/// Steps of one picture, as progress counts them.
fn steps(cell: &GenerationRequest) -> u64 {
    u64::from(cell.numbers.steps.unwrap_or(STEPS.default as u32)).max(1)
}

/// Tells the job and the pages how far a shot is.
struct ShotWatch {
    ctx: JobContext,
    events: Events,
    told: Told,
    size: (u32, u32),
    looked: Mutex<Option<Instant>>,
}

impl ShotWatch {
    fn say(&self, step: u64) {
        let Told { shot, of, behind, total, steps, .. } = self.told;
        let message = if of == 1 { "Painting".to_owned() } else { format!("Picture {} of {of}", shot + 1) };
        self.ctx.progress(behind + step.min(steps), total, &message);
    }

    /// True when it is time to tell pages again.
    fn is_due(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked.is_none_or(|at| at.elapsed() >= LOOK);
        if due {
            *looked = Some(Instant::now());
        }
        due
    }
}

impl Watch for ShotWatch {
    fn cancelled(&self) -> bool {
        self.ctx.cancelled()
    }

    fn preparing(&self, done: u64, total: u64, what: &str) {
        let percent = (done.min(total) * 100).checked_div(total);
        let message = percent.map_or_else(|| what.to_owned(), |percent| format!("{what}, {percent} %"));
        self.ctx.progress(self.told.behind, self.told.total, &message);
    }

    fn step(&self, step: u32, of: u32, look: &mut dyn FnMut() -> Option<Pixels>) {
        self.say(u64::from(step));
        if !self.is_due() {
            return;
        }
        let painting = Painting {
            generation: self.told.generation,
            job: self.ctx.job(),
            shot: self.told.shot,
            step,
            steps: of,
            width: self.size.0,
            height: self.size.1,
            preview: look().and_then(|pixels| preview::address(&pixels)),
        };
        self.events.publish_now(Event::Painting { painting });
    }
}
