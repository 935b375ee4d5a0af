//! What a server function says when it cannot: a [`Problem`], whole, across the wire.

use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};
use weft_domain::{Problem, ProblemKind};

/// A problem on its way to the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiError(pub Problem);

impl ApiError {
    /// True when somebody else changed the thing in between.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.0.kind == ProblemKind::Stale
    }

    /// True when the thing does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.0.kind == ProblemKind::NotFound
    }

    /// Title and hint in one line, for a place with little room.
    #[must_use]
    pub fn line(&self) -> String {
        match &self.0.hint {
            Some(hint) => format!("{} {hint}", self.0.title),
            None => self.0.title.clone(),
        }
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ApiError {}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(cause) => Problem::new(ProblemKind::Unavailable, "Weft does not answer.")
                .detail(cause)
                .hint("Check that it still runs; the page reconnects by itself.")
                .into(),
            ServerFnErrorErr::Deserialization(cause) | ServerFnErrorErr::Args(cause) | ServerFnErrorErr::MissingArg(cause) => {
                Problem::new(ProblemKind::Unavailable, "This page and the program behind it do not match.")
                    .detail(cause)
                    .hint("Reload the page.")
                    .into()
            }
            other => Problem { detail: Some(other.to_string()), ..Problem::internal() }.into(),
        }
    }
}
