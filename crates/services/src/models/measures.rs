//! Norms and ranks of one adapter: computed once by a job, kept for the bytes they were computed from.

use super::{load, usable};
use crate::access::Reader;
use crate::clock::now_ms;
use crate::jobs::{JobContext, JobError, JobHandler, Jobs};
use crate::problem::{ForPeople as _, blocking};
use crate::scan::path;
use crate::weave::members;
use crate::weave::plan::sentence;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use weft_domain::measure::{AdapterMeasures, Measures, MeasuresAnswer, ModuleMeasures, PartMeasures, Spread};
use weft_domain::{AdapterId, CheckpointId, JobKind, JobState, Problem};
use weft_storage::{CheckpointPlace, FilePlace, NewJob, Store};
use weft_weights::delta::Base;
use weft_weights::measures::{self as engine, MeasureError, MeasureOptions};
use weft_weights::progress::Progress;

/// A request waits this long for its job: most adapters are measured by then.
const PATIENCE: Duration = Duration::from_millis(900);

/// The measuring use case. Clones share it.
#[derive(Debug, Clone)]
pub struct Measuring {
    store: Store,
    jobs: Jobs,
}

impl Measuring {
    pub(crate) fn new(store: Store, jobs: Jobs) -> Self {
        Self { store, jobs }
    }

    /// The measures of an adapter, related to the weights of a checkpoint where one is named; or, when they take longer than a moment, the
    /// job that computes them.
    pub async fn measures(&self, _: &Reader, adapter: AdapterId, checkpoint: Option<CheckpointId>) -> Result<MeasuresAnswer, Problem> {
        let subject = Subject::find(&self.store, adapter, checkpoint).await?;
        if let Some(measures) = subject.kept(&self.store).await? {
            return Ok(MeasuresAnswer { measures: Some(measures), job: None });
        }
        let title = format!("Measuring {}", path::shown(&subject.file.name));
        let key = format!("measure:{adapter}:{}", checkpoint.map_or(0, |c| c.0));
        let input = Input { adapter, checkpoint };
        let input = serde_json::to_value(input).map_err(|e| crate::problem::internal("a job cannot be stored", &e))?;
        let job = self.jobs.enqueue(&NewJob::new(JobKind::Measure, title, input).once(key)).await?;
        let job = self.jobs.wait(job, PATIENCE).await?;
        match job.state {
            JobState::Done => match subject.kept(&self.store).await? {
                Some(measures) => Ok(MeasuresAnswer { measures: Some(measures), job: None }),
                None => Err(Problem::conflict("The adapter has changed meanwhile.").hint("Ask again.")),
            },
            JobState::Failed => Err(Problem::conflict("The adapter could not be measured.").detail(job.error.unwrap_or_default())),
            JobState::Cancelled => Err(Problem::conflict("The measuring was cancelled.")),
            JobState::Queued | JobState::Running => Ok(MeasuresAnswer { measures: None, job: Some(job) }),
        }
    }
}

/// What is measured.
#[derive(Debug, Clone)]
struct Subject {
    file: FilePlace,
    checkpoint: Option<CheckpointPlace>,
    /// Names the bytes of both.
    content: String,
}

impl Subject {
    async fn find(store: &Store, adapter: AdapterId, checkpoint: Option<CheckpointId>) -> Result<Self, Problem> {
        let file = store.adapters().place(adapter).await.for_people("looking up an adapter")?;
        let file = file.ok_or_else(|| Problem::not_found(format!("There is no adapter {adapter} in the library.")))?;
        load::adapter_usable(&file)?;
        let checkpoint = match checkpoint {
            Some(id) => Some(usable(store, id).await?),
            None => None,
        };
        let beside = checkpoint.as_ref().map_or(String::new(), |c| format!("|{}:{}", c.id, c.stamp));
        let content = format!("{}{beside}|{}", members::content_key(&file), env!("CARGO_PKG_VERSION"));
        Ok(Self { file, checkpoint, content })
    }

    fn checkpoint_id(&self) -> Option<CheckpointId> {
        self.checkpoint.as_ref().map(|c| c.id)
    }

    async fn kept(&self, store: &Store) -> Result<Option<AdapterMeasures>, Problem> {
        let kept = store.adapters().measures(self.file.id, self.checkpoint_id(), &self.content).await.for_people("reading measures")?;
        // Of an older form: computed anew.
        Ok(kept.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Blocks.
    fn compute(&self, progress: &dyn Progress) -> Result<AdapterMeasures, JobError> {
        let loaded = members::load(&self.file)?;
        let base = self.checkpoint.as_ref().map(load::checkpoint).transpose()?;
        let base = base.as_ref().map(|b| b as &dyn Base);
        let found = engine::measures(&loaded.adapter, loaded.member().source, base, &MeasureOptions::default(), progress);
        let found = found.map_err(|error| match error {
            MeasureError::Cancelled(_) => JobError::Cancelled,
            MeasureError::Read(error) => JobError::Retry(format!("A file could not be read: {error}.")),
        })?;
        Ok(answer(&self.file, self.checkpoint_id(), found))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Input {
    adapter: AdapterId,
    checkpoint: Option<CheckpointId>,
}

/// Runs measure jobs.
#[derive(Debug)]
pub(crate) struct MeasureJob {
    pub(crate) store: Store,
}

#[async_trait]
impl JobHandler for MeasureJob {
    fn kind(&self) -> JobKind {
        JobKind::Measure
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let Input { adapter, checkpoint } = serde_json::from_value(input)?;
        let subject = Subject::find(&self.store, adapter, checkpoint).await?;
        let (work, progress) = (subject.clone(), ctx.clone());
        let found = blocking(move || work.compute(&progress)).await??;
        let text = serde_json::to_string(&found)?;
        let adapters = self.store.adapters();
        adapters.keep_measures(adapter, checkpoint, &subject.content, &text, now_ms()).await.for_people("keeping measures")?;
        Ok(json!({ "adapter": adapter, "checkpoint": checkpoint, "modules": found.modules.len() }))
    }
}

fn answer(file: &FilePlace, checkpoint: Option<CheckpointId>, found: engine::FileMeasures) -> AdapterMeasures {
    let part = |p: engine::PartMeasures| PartMeasures { label: p.label, measures: measures(&p.measures) };
    AdapterMeasures {
        adapter: file.id,
        checkpoint,
        denoiser: measures(&found.denoiser),
        text_encoders: found.text_encoders.as_ref().map(measures),
        groups: found.groups.into_iter().map(part).collect(),
        slots: found.slots.into_iter().map(part).collect(),
        modules: found.modules.into_iter().map(module).collect(),
        notes: found.notes.iter().map(|note| sentence(note)).collect(),
    }
}

fn module(m: engine::ModuleMeasures) -> ModuleMeasures {
    ModuleMeasures {
        name: weft_weights::text::shown(&m.name),
        slot: m.slot,
        kind: crate::scan::facts::word(&m.kind),
        rows: small(m.shape.0),
        columns: small(m.shape.1),
        rank: small(m.rank),
        measures: m.measures.as_ref().map(measures),
        problem: m.problem.map(|why| sentence(&why)),
    }
}

fn measures(m: &engine::Measures) -> Measures {
    let spread = |s: &engine::Spread| Spread {
        effective_rank: s.effective_rank,
        effective_rank_energy: s.effective_rank_energy,
        rank: small(s.rank),
        rank_90: small(s.rank_90),
        rank_95: small(s.rank_95),
        rank_99: small(s.rank_99),
    };
    Measures {
        modules: small(m.modules),
        frobenius: m.frobenius,
        rms: m.rms,
        spectral: m.spectral,
        stable_rank: m.stable_rank,
        spectrum: m.spectrum.as_ref().map(spread),
        relative: m.relative,
    }
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
