//! Pictures from a wish: what may be asked for, what waits, what paints it.
//!
//! [`Generating`] is what doors see. A request is checked and filled in, kept as a row, and painted by a job ([`job`]) that hands shot
//! after shot to a [`Generator`]: the [`Engine`] of this machine. What is painted is kept by [`crate::Pictures`].

mod cells;
mod check;
mod defaults;
mod direct;
mod engine;
pub mod generator;
mod job;
mod models;
mod preview;
mod prompt;
mod resolve;
mod styles;
mod view;
mod words;

pub use direct::{FileRequest, named_in};
pub use engine::{Engine, EngineSettings};
pub use generator::{Able, Generator, Painted, Shot, StartPixels, Unpainted, Unwatched, Watch};
pub(crate) use job::GenerateJob;
pub use models::PaintingModel;

use crate::access::{Editor, Reader};
use crate::clock::now_ms;
use crate::events::Events;
use crate::jobs::Jobs;
use crate::models::usable;
use crate::pictures::Pictures;
use crate::problem::ForPeople as _;
use crate::scan::path;
use check::total;
use engine::Tokenizers;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;
use weft_domain::generation::{Defaults, GenerationRequest, GenerationView};
use weft_domain::{CheckpointId, JobKind, Problem};
use weft_storage::{NewJob, Store};

/// Setting that names the checkpoint used last.
const LAST: &str = "generation.checkpoint";
/// Families that the engine paints with.
const FAMILIES: [&str; 4] = ["sd1", "sd2", "sdxl", "flux1"];

/// The generating use case. Clones share it.
#[derive(Debug, Clone)]
pub struct Generating {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    jobs: Jobs,
    events: Events,
    pictures: Pictures,
    generator: Arc<dyn Generator>,
    tokenizers: Tokenizers,
    data: Arc<Path>,
    /// One change of the file of styles at a time.
    writing_styles: Mutex<()>,
}

impl Generating {
    pub(crate) fn new(store: Store, jobs: Jobs, events: Events, pictures: Pictures, engine: Engine, data: Arc<Path>) -> Self {
        let tokenizers = engine.tokenizers().clone();
        Self {
            inner: Arc::new(Inner {
                store,
                jobs,
                events,
                pictures,
                generator: Arc::new(engine),
                tokenizers,
                data,
                writing_styles: Mutex::default(),
            }),
        }
    }

    /// Device and number type that paint, for people.
    #[must_use]
    pub fn device(&self) -> String {
        self.inner.generator.label()
    }

    /// Checks a request, fills in what it left open, and queues it.
    pub async fn start(&self, _: &Editor, mut request: GenerationRequest) -> Result<GenerationView, Problem> {
        check::check(&request)?;
        let checkpoint = self.usual(request.checkpoint).await?.ok_or_else(no_checkpoint)?;
        request.checkpoint = Some(checkpoint);
        request.seed.get_or_insert_with(|| u64::from(uuid::Uuid::new_v4().as_fields().0));
        let able = self.able(checkpoint, None).await?;
        defaults::fill(&mut request, &defaults::of(Some(checkpoint), &able));
        let cells = cells::cells(&request)?;
        let cast = self.cast(&cells).await?;
        let size = (request.width.unwrap_or(0), request.height.unwrap_or(0));
        let mut known = Vec::new();
        for cell in &cells {
            cast.shot(cell)?;
            let id = cell.checkpoint.unwrap_or(checkpoint);
            if !known.contains(&id) {
                known.push(id);
                let able = self.able(id, Some(size)).await?;
                check::multiples(size.0, size.1, able.side_step)?;
                able.refused.map_or(Ok(()), Err)?;
            }
        }
        if let Some(start) = &request.start {
            self.start_pixels(start).await?;
        }
        let now = now_ms();
        let total = u32::try_from(total(&request)).unwrap_or(u32::MAX);
        let generations = self.inner.store.generations();
        let id = generations.insert(&request, total, now).await.for_people("keeping a request")?;
        let input = serde_json::json!({ "generation": id });
        let job = self.inner.jobs.enqueue(&NewJob::new(JobKind::Generate, title(&request), input).once(view::key(id))).await?;
        generations.set_job(id, job.id).await.for_people("keeping a request")?;
        self.inner.store.settings().set(LAST, &checkpoint).await.for_people("keeping a setting")?;
        self.look(id).await
    }

    /// What a form begins with for a checkpoint; None: the one used last, else one that can paint.
    pub async fn defaults(&self, _: &Reader, checkpoint: Option<CheckpointId>) -> Result<Defaults, Problem> {
        let Some(id) = self.usual(checkpoint).await? else { return Ok(defaults::none(None, None)) };
        match self.able(id, None).await {
            Ok(able) => Ok(defaults::of(Some(id), &able)),
            Err(problem) => Ok(defaults::none(Some(id), Some(problem.to_string()))),
        }
    }

    /// The checkpoint that is meant: the one named, the one used last, the samples' own, or the first that the engine knows.
    async fn usual(&self, named: Option<CheckpointId>) -> Result<Option<CheckpointId>, Problem> {
        if named.is_some() {
            return Ok(named);
        }
        let store = &self.inner.store;
        let all = store.checkpoints().usable().await.for_people("listing checkpoints")?;
        let last: Option<CheckpointId> = store.settings().get(LAST).await.for_people("reading a setting")?;
        if let Some(last) = last.filter(|last| all.iter().any(|place| place.id == *last)) {
            return Ok(Some(last));
        }
        let samples: Vec<_> =
            store.roots().list().await.for_people("listing folders")?.into_iter().filter(|root| root.samples).map(|root| root.id).collect();
        let can: Vec<_> = all.iter().filter(|place| FAMILIES.contains(&place.family.as_str())).collect();
        let own = can.iter().find(|place| samples.contains(&place.root));
        Ok(own.or(can.first()).map(|place| place.id))
    }

    async fn able(&self, id: CheckpointId, size: Option<(u32, u32)>) -> Result<Able, Problem> {
        let path = self.checkpoint_path(id).await?;
        self.inner.generator.able(&path, size).await
    }

    async fn checkpoint_path(&self, id: CheckpointId) -> Result<PathBuf, Problem> {
        let place = usable(&self.inner.store, id).await?;
        path::resolve(&place.root_path, &place.rel_path)
    }
}

/// What the job is called.
fn title(request: &GenerationRequest) -> String {
    const MOST: usize = 60;
    let words = request.prompt.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = words.chars().take(MOST).collect();
    match (shown.is_empty(), words.chars().count() > MOST) {
        (true, _) => "Painting".to_owned(),
        (false, true) => format!("Painting {}…", shown.trim_end()),
        (false, false) => format!("Painting {shown}"),
    }
}

fn no_checkpoint() -> Problem {
    Problem::conflict("There is no checkpoint that could paint.")
        .detail("Pictures are made with Stable Diffusion 1.x, 2.x, XL and Flux.1.")
        .hint("Add a folder that holds one, or write the samples: they bring a small one.")
}
