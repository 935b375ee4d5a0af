//! The job that makes an adapter of what sets one checkpoint apart from another.

use crate::jobs::{JobContext, JobError, JobHandler};
use crate::models::{load, usable};
use crate::produce::{Made, Place, Producer, space, unwritten};
use crate::weave::plan::sentence;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use weft_domain::merge::MergeOutcome;
use weft_domain::model::Extract;
use weft_domain::parameter::{CLAMP, ENERGY, RANK, THRESHOLD};
use weft_domain::{JobKind, Problem};
use weft_storage::CheckpointPlace;
use weft_weights::ops::OpError;
use weft_weights::ops::extract::{self as engine, ExtractError, ExtractPlan, ExtractReport};

/// Sentences that an outcome carries at most.
const LISTED: usize = 40;

/// What the job is queued with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Input {
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) title: String,
    pub(crate) extract: Extract,
}

/// Runs extractions.
#[derive(Debug)]
pub(crate) struct ExtractJob(pub(crate) Arc<Producer>);

#[async_trait]
impl JobHandler for ExtractJob {
    fn kind(&self) -> JobKind {
        JobKind::Extract
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let Input { place, title, extract } = serde_json::from_value(input)?;
        let (tuned, base) = (usable(&self.0.store, extract.tuned).await?, usable(&self.0.store, extract.base).await?);
        self.0.produce(ctx, place, Arc::new(move |out, ctx| compute(&extract, &title, (&tuned, &base), out, ctx))).await
    }
}

/// Checks everything that needs no file.
pub(super) fn check(extract: &Extract) -> Result<(), Problem> {
    if extract.tuned == extract.base {
        return Err(Problem::invalid("base", "A checkpoint has no difference from itself.").hint("Choose what it was tuned from."));
    }
    if extract.rank.is_none() && extract.energy.is_none() {
        return Err(Problem::invalid("rank", "Say how large the adapter may be: a rank, or the share of the energy to keep."));
    }
    if let Some(rank) = extract.rank {
        RANK.check(f64::from(rank))?;
    }
    if let Some(energy) = extract.energy {
        ENERGY.check(energy)?;
    }
    THRESHOLD.check(extract.threshold)?;
    extract.clamp.map(|clamp| CLAMP.check(clamp)).transpose().map(drop)
}

/// What would be refused later, from headers alone; answers the most bytes that the result can have, where a rank bounds them. Blocks.
pub(super) fn prepare(extract: &Extract, title: &str, tuned: &CheckpointPlace, base: &CheckpointPlace) -> Result<Option<u64>, Problem> {
    let plan = plan(extract, title, tuned, base);
    let size = engine::largest_size(&load::checkpoint(tuned)?, &load::checkpoint(base)?, &plan).map_err(|error| problem(&error))?;
    // An energy alone mostly keeps a small part of what it might.
    Ok(extract.rank.is_some().then_some(size))
}

fn plan(extract: &Extract, title: &str, tuned: &CheckpointPlace, base: &CheckpointPlace) -> ExtractPlan {
    ExtractPlan {
        text_encoders: extract.text_encoders,
        vectors: extract.vectors,
        threshold: extract.threshold,
        // At the largest value nothing is cut.
        clamp: extract.clamp.filter(|clamp| *clamp < 1.0),
        seed: u64::from(extract.seed),
        tuned: load::origin(tuned),
        base: load::origin(base),
        title: Some(title.to_owned()),
        // The path it gets is its own temporary one.
        overwrite: true,
        ..ExtractPlan::new(extract.rank.map(|rank| rank as usize), extract.energy, extract.dtype)
    }
}

/// Blocks.
fn compute(
    extract: &Extract,
    title: &str,
    (tuned, base): (&CheckpointPlace, &CheckpointPlace),
    out: &Path,
    ctx: &JobContext,
) -> Result<Made, JobError> {
    if let Some(needed) = prepare(extract, title, tuned, base)? {
        space::check(out.parent().unwrap_or(out), needed)?;
    }
    let plan = plan(extract, title, tuned, base);
    match engine::extract(&load::checkpoint(tuned)?, &load::checkpoint(base)?, &plan, out, ctx) {
        Ok(report) => Ok(Made::Adapter(outcome(report))),
        Err(ExtractError::Work(OpError::Cancelled(_))) => Err(JobError::Cancelled),
        Err(ExtractError::Work(OpError::Read(error))) => Err(JobError::Retry(format!("A checkpoint could not be read: {error}."))),
        Err(ExtractError::Write(error) | ExtractError::Work(OpError::Write(error))) => Err(unwritten(&error)),
        Err(error) => Err(JobError::Final(problem(&error).to_string())),
    }
}

fn problem(error: &ExtractError) -> Problem {
    Problem::invalid("tuned", "This cannot be extracted.").detail(sentence(&error.to_string()))
}

fn outcome(report: ExtractReport) -> MergeOutcome {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    MergeOutcome {
        adapter: None,
        path: String::new(),
        modules: small(report.modules.len()),
        rank_min: small(report.rank_min),
        rank_max: small(report.rank_max),
        energy_kept: report.energy_kept,
        bytes: report.bytes,
        warnings: report.warnings.into_iter().take(LISTED).collect(),
    }
}
