//! The merge job.

use super::members::{self, Loaded};
use crate::jobs::{JobContext, JobError, JobHandler};
use crate::problem::ForPeople as _;
use crate::produce::{Made, Place, Producer};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use weft_domain::merge::MergeOutcome;
use weft_domain::{AdapterId, JobKind};
use weft_storage::FilePlace;
use weft_weights::merge::{MergeError, MergePlan, MergeReport};
use weft_weights::progress::Progress;

/// What a merge job is queued with: everything is decided, names included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Input {
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) ids: Vec<AdapterId>,
    pub(crate) plan: MergePlan,
}

/// Runs merges.
#[derive(Debug)]
pub(crate) struct MergeJob(pub(crate) Arc<Producer>);

#[async_trait]
impl JobHandler for MergeJob {
    fn kind(&self) -> JobKind {
        JobKind::Merge
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let Input { place, ids, mut plan } = serde_json::from_value(input)?;
        let files = self.0.store.adapters().places(&ids).await.for_people("looking up strands")?;
        if files.len() != ids.len() {
            return Err(JobError::Final("An adapter of this weave is no longer in the library.".to_owned()));
        }
        // The path it gets is its own temporary one.
        plan.overwrite = true;
        self.0.produce(ctx, place, Arc::new(move |out, progress| compute(&plan, &files, out, progress))).await
    }
}

fn compute(plan: &MergePlan, files: &[FilePlace], out: &Path, progress: &dyn Progress) -> Result<Made, JobError> {
    let loaded = members::load_all(files)?;
    let members: Vec<_> = loaded.iter().map(Loaded::member).collect();
    match weft_weights::merge::merge(plan, &members, out, progress) {
        Ok(report) => Ok(Made::Adapter(outcome(report))),
        Err(MergeError::Cancelled(_)) => Err(JobError::Cancelled),
        Err(error) => Err(JobError::Final(super::plan::problem(error).to_string())),
    }
}

fn outcome(report: MergeReport) -> MergeOutcome {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    MergeOutcome {
        adapter: None,
        path: String::new(),
        modules: small(report.modules),
        rank_min: small(report.rank_min),
        rank_max: small(report.rank_max),
        energy_kept: report.energy_kept,
        bytes: report.bytes,
        warnings: report.warnings,
    }
}
