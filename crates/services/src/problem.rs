//! From an error of a floor below to what a person may read. The cause is logged here, once.

use weft_domain::{Problem, ProblemKind};
use weft_storage::StoreError;

/// Logs a defect and answers the problem that hides it.
pub(crate) fn internal(what: &str, error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "{what}");
    Problem::internal()
}

/// No defect of Weft, and nothing that trying again would mend.
pub(crate) fn full(what: &str, error: &StoreError) -> Problem {
    tracing::error!(%error, "{what}");
    Problem::new(ProblemKind::Unavailable, "The disk with Weft's data is full.").hint("Free some space on it, then try again.")
}

/// Answers a person instead of a programmer.
pub(crate) trait ForPeople<T> {
    /// The value, or a problem; `what` names the step in the log.
    fn for_people(self, what: &str) -> Result<T, Problem>;
}

impl<T> ForPeople<T> for Result<T, StoreError> {
    fn for_people(self, what: &str) -> Result<T, Problem> {
        self.map_err(|error| match error {
            StoreError::NotFound { what, .. } => Problem::not_found(format!("There is no such {what}.")),
            StoreError::Stale { .. } => Problem::new(ProblemKind::Stale, "Somebody changed this adapter in between.")
                .hint("Load it anew, then make your change again."),
            error if error.is_full() => full(what, &error),
            error => internal(what, &error),
        })
    }
}

impl<T> ForPeople<T> for Result<T, tokio::task::JoinError> {
    fn for_people(self, what: &str) -> Result<T, Problem> {
        self.map_err(|error| internal(what, &error))
    }
}

/// Runs what blocks (files, arithmetic) away from the threads that answer requests.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.for_people("a blocking task ended early")
}
