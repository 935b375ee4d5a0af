//! What a handler holds while it works.

use super::live::Live;
use super::{JobError, Jobs};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use weft_domain::JobId;
use weft_storage::Claim;
use weft_weights::progress::Progress;

/// The job's side of its runner: report, ask whether to stop, keep a checkpoint. Cheap to clone; a blocking thread takes a clone along
/// and hands it to `weft_weights` as its progress sink.
#[derive(Debug, Clone)]
pub struct JobContext {
    pub(super) jobs: Jobs,
    pub(super) live: Arc<Live>,
    pub(super) claim: Claim,
    pub(super) attempt: u32,
    pub(super) checkpoint: Option<Arc<Value>>,
}

impl JobContext {
    /// The job.
    #[must_use]
    pub fn job(&self) -> JobId {
        self.claim.id
    }

    /// 1 at the first try.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// `done` of `total` steps are finished (total 0: not yet known), and what is being done now. Costs next to nothing: what a page
    /// or the table sees is brought up to date a few times a second.
    pub fn progress(&self, done: u64, total: u64, message: &str) {
        self.live.report(done, total, message);
    }

    /// True when the job should stop between two steps, whatever the reason.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.live.stopping()
    }

    /// Ends when the job should stop: for a `select!` beside something that waits.
    pub async fn until_cancelled(&self) {
        self.live.stopped().await;
    }

    /// Errors when the job should stop: `ctx.check()?` between two steps.
    pub fn check(&self) -> Result<(), JobError> {
        if self.cancelled() { Err(JobError::Cancelled) } else { Ok(()) }
    }

    /// What an earlier attempt kept. None at the first attempt, or when it is of another form.
    #[must_use]
    pub fn checkpoint<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(self.checkpoint.as_deref()?).ok()
    }

    /// Keeps what a later attempt can go on from.
    pub async fn save_checkpoint<T: Serialize + Sync>(&self, value: &T) -> Result<(), JobError> {
        let value = serde_json::to_value(value)?;
        match self.jobs.repo().checkpoint(self.claim, &value).await? {
            true => Ok(()),
            false => {
                self.live.stop(super::live::Stop::Lost);
                Err(JobError::Cancelled)
            }
        }
    }
}

impl Progress for JobContext {
    fn step(&self, done: u64, total: u64, what: &str) {
        self.progress(done, total, what);
    }

    fn cancelled(&self) -> bool {
        Self::cancelled(self)
    }
}
