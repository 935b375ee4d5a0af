//! The job that makes a new file of one adapter.

use crate::jobs::{JobContext, JobError, JobHandler};
use crate::problem::ForPeople as _;
use crate::produce::{Place, Producer};
use crate::weave::members::{self, Loaded};
use crate::weave::plan::{profile, sentence};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use weft_domain::merge::MergeOutcome;
use weft_domain::operation::{Keep, Operation};
use weft_domain::{AdapterId, JobKind, Problem};
use weft_storage::FilePlace;
use weft_weights::ops::{self, EditOptions, EditReport, OpError, Origin, ResizeOptions, ResizeReport};
use weft_weights::progress::Progress;

/// What the job is queued with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Input {
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) adapter: AdapterId,
    #[serde(flatten)]
    pub(crate) operation: Operation,
}

/// Runs operations.
#[derive(Debug)]
pub(crate) struct OperateJob(pub(crate) Arc<Producer>);

#[async_trait]
impl JobHandler for OperateJob {
    fn kind(&self) -> JobKind {
        JobKind::Operation
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let Input { place, adapter, operation } = serde_json::from_value(input)?;
        let file = self.0.store.adapters().place(adapter).await.for_people("looking up an adapter")?;
        let file = file.ok_or_else(|| JobError::Final("The adapter is no longer in the library.".to_owned()))?;
        self.0.produce(ctx, place, Arc::new(move |out, progress| compute(&operation, &file, out, progress))).await
    }
}

/// An operation in the words of the weights room.
#[derive(Debug)]
pub(crate) enum Plan {
    Resize(ResizeOptions),
    Edit(EditOptions),
}

/// Checks what can be checked without computing.
pub(crate) fn plan(operation: &Operation, file: &Loaded) -> Result<Plan, Problem> {
    let origin = Origin { label: file.label.clone(), sha256: file.sha256.clone() };
    Ok(match operation {
        Operation::Resize { keep, max_rank, dtype } => Plan::Resize(ResizeOptions {
            max_rank: max_rank.map(|rank| rank as usize),
            dtype: *dtype,
            origin,
            // The path it gets is its own temporary one.
            overwrite: true,
            ..ResizeOptions::new(checked(*keep)?)
        }),
        Operation::Edit { scale, te_scale, profile: values, drop } => {
            for factor in [Some(*scale), *te_scale].into_iter().flatten() {
                weft_domain::parameter::SCALE.check(factor)?;
            }
            for part in drop {
                ops::edit::parse_drop(part, file.adapter.detection.layout)
                    .map_err(|error| Problem::invalid("drop", sentence(&error.to_string())))?;
            }
            let profile = values.as_ref().map(|p| profile(p, file)).transpose()?;
            let (scale, te_scale, drop) = (*scale, *te_scale, drop.clone());
            Plan::Edit(EditOptions { scale, te_scale, profile, drop, origin, overwrite: true, ..EditOptions::default() })
        }
    })
}

fn checked(keep: Keep) -> Result<ops::resize::Keep, Problem> {
    use weft_domain::parameter::{ENERGY, RANK, RATIO};
    use weft_weights::ops::resize::Keep as Engine;
    Ok(match keep {
        Keep::Rank(rank) => Engine::Rank(RANK.check(f64::from(rank)).map(|_| rank as usize)?),
        Keep::Energy(share) => Engine::Energy(ENERGY.check(share)?),
        Keep::Ratio(ratio) => Engine::Ratio(RATIO.check(ratio)?),
        Keep::Frobenius(share) => Engine::Frobenius(ENERGY.check(share)?),
        Keep::Cumulative(share) => Engine::Cumulative(ENERGY.check(share)?),
    })
}

fn compute(operation: &Operation, file: &FilePlace, out: &Path, progress: &dyn Progress) -> Result<MergeOutcome, JobError> {
    let loaded = members::load(file)?;
    let done = match plan(operation, &loaded)? {
        Plan::Resize(options) => ops::resize(loaded.member(), &options, out, progress).map(resized),
        Plan::Edit(options) => ops::edit(loaded.member(), &options, out, progress).map(|report| edited(report, &loaded)),
    };
    done.map_err(|error| match error {
        OpError::Cancelled(_) => JobError::Cancelled,
        OpError::Write(error) => JobError::Final(format!("The new file could not be written: {error}.")),
        OpError::Read(error) => JobError::Retry(format!("The adapter could not be read: {error}.")),
        error => JobError::Final(sentence(&error.to_string())),
    })
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn resized(report: ResizeReport) -> MergeOutcome {
    MergeOutcome {
        adapter: None,
        path: String::new(),
        modules: small(report.modules.len()),
        rank_min: small(report.rank_min),
        rank_max: small(report.rank_max),
        energy_kept: report.energy,
        bytes: report.bytes,
        warnings: report.warnings,
    }
}

/// The ranks are those that the file has.
fn edited(report: EditReport, file: &Loaded) -> MergeOutcome {
    let ranks = || file.adapter.modules.iter().map(|m| m.rank).filter(|rank| *rank > 0);
    MergeOutcome {
        adapter: None,
        path: String::new(),
        modules: small(report.modules),
        rank_min: small(ranks().min().unwrap_or(0)),
        rank_max: small(ranks().max().unwrap_or(0)),
        energy_kept: 1.0,
        bytes: report.bytes,
        warnings: report.warnings,
    }
}
