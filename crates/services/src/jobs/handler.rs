//! What a kind of job does, and how it may end.

use super::JobContext;
use async_trait::async_trait;
use serde_json::Value;
use weft_domain::{JobKind, Problem, ProblemKind};
use weft_storage::StoreError;
use weft_weights::progress::Cancelled;

/// The work of one kind. May be run again after a crash at any step, so every step must bear being done twice.
#[async_trait]
pub trait JobHandler: Send + Sync + 'static {
    /// The kind whose jobs come here.
    fn kind(&self) -> JobKind;

    /// Does the job. Asks [`JobContext::check`] between steps; arithmetic and files go to a blocking thread, with a clone of `ctx` as
    /// its progress sink. Answers what it made.
    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError>;
}

/// Why a job ended without a result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// It may work later: tried again after a while, a few times. Words for people.
    #[error("{0}")]
    Retry(String),
    /// It will not work, however often it is tried. Words for people.
    #[error("{0}")]
    Final(String),
    /// It stopped because [`JobContext::cancelled`] said so.
    #[error("cancelled")]
    Cancelled,
}

impl From<Cancelled> for JobError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<Problem> for JobError {
    fn from(problem: Problem) -> Self {
        match problem.kind {
            ProblemKind::Unavailable | ProblemKind::Internal => Self::Retry(problem.to_string()),
            _ => Self::Final(problem.to_string()),
        }
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a job met a storage error");
        match error {
            StoreError::Corrupt { .. } => Self::Final("A stored value cannot be read. The log says which.".to_owned()),
            StoreError::NotFound { what, .. } => Self::Final(format!("The {what} is gone.")),
            _ => Self::Retry("The database or the data folder did not answer.".to_owned()),
        }
    }
}

impl From<serde_json::Error> for JobError {
    fn from(error: serde_json::Error) -> Self {
        tracing::error!(%error, "a job's input or result cannot be read");
        Self::Final("The job's own description cannot be read. Start it anew.".to_owned())
    }
}

impl From<tokio::task::JoinError> for JobError {
    fn from(error: tokio::task::JoinError) -> Self {
        tracing::error!(%error, "a blocking step of a job ended early");
        Self::Final("Something went wrong inside Weft while it worked on this. The log says what.".to_owned())
    }
}
