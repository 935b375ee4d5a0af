//! Measures block strengths of files that lack them. A file that cannot be measured gets its reason as a warning and the neutral
//! profile; it never stops the others.

use super::{Stopper, Task, drain, root_of};
use crate::clock::now_ms;
use crate::events::Events;
use crate::jobs::{JobContext, JobError, JobHandler};
use crate::problem::{ForPeople as _, blocking};
use crate::scan::{facts, open, path};
use async_trait::async_trait;
use serde_json::{Value, json};
use weft_domain::{AdapterId, JobKind};
use weft_storage::{Store, Strengths, WorkItem, WorkKind};
use weft_weights::progress::Progress;

/// Runs strength jobs.
#[derive(Debug)]
pub(crate) struct StrengthsJob {
    pub(crate) store: Store,
    pub(crate) events: Events,
}

#[async_trait]
impl JobHandler for StrengthsJob {
    fn kind(&self) -> JobKind {
        JobKind::Strengths
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let root = root_of(&input)?;
        let done = drain(ctx, &self.store, &self.events, root, self).await?;
        Ok(json!({ "files": done }))
    }
}

#[async_trait]
impl Task for StrengthsJob {
    const WORK: WorkKind = WorkKind::Strengths;

    async fn one(&self, ctx: &JobContext, item: &WorkItem) -> Result<Option<AdapterId>, JobError> {
        let (file, stop) = (item.clone(), Stopper::of(ctx));
        let found = blocking(move || measure(&file, &stop)).await?;
        let adapters = self.store.adapters();
        let stored = match found {
            Ok(Some(strengths)) => adapters.set_strengths(item, &strengths, now_ms()).await,
            Ok(None) => return Err(JobError::Cancelled),
            Err(why) => {
                tracing::warn!(file = %item.path().display(), %why, "strengths cannot be measured");
                adapters.set_strengths_failed(item, &format!("Its strengths could not be measured: {why}"), now_ms()).await
            }
        };
        Ok(stored.for_people("storing strengths")?.then_some(item.id))
    }
}

/// None when asked to stop.
fn measure(item: &WorkItem, stop: &dyn Progress) -> Result<Option<Strengths>, String> {
    let path = path::resolve(&item.root_path, &item.rel_path).map_err(|p| p.to_string())?;
    let opened = open::open(&path)?;
    match facts::strengths(&opened, stop) {
        Err(_) if stop.cancelled() => Ok(None),
        found => found.map(Some),
    }
}
