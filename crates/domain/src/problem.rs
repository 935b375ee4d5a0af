//! The one error policy.
//!
//! A [`Problem`] is what a person may read: what went wrong, and what to do about it. Services answer with it; REST turns it into
//! `application/problem+json` (RFC 9457), the page into a message, the command line into a line on stderr. What only a log needs
//! (a database error, a backtrace) is logged where it happened, once, and becomes [`Problem::internal`].

use serde::{Deserialize, Serialize};

/// What sort of thing went wrong; decides the HTTP status and the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The named thing does not exist (404).
    NotFound,
    /// The request cannot be understood or breaks a rule (422).
    Invalid,
    /// It would overwrite or contradict what is there (409).
    Conflict,
    /// Somebody changed it in between: reload and try again (412).
    Stale,
    /// Not allowed for this visitor or from this origin (403).
    Forbidden,
    /// An outside part is missing or busy; trying later may help (503).
    Unavailable,
    /// A defect of Weft; the log has the details (500).
    Internal,
}

impl ProblemKind {
    /// HTTP status code of this kind.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Invalid => 422,
            Self::Conflict => 409,
            Self::Stale => 412,
            Self::Forbidden => 403,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }
}

/// Something that went wrong, in words for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    pub kind: ProblemKind,
    /// What happened, one sentence.
    pub title: String,
    /// Details: names, numbers, the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The request field that is wrong, when it is one field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Problem {
    /// A problem of `kind` with its one-sentence title.
    pub fn new(kind: ProblemKind, title: impl Into<String>) -> Self {
        Self { kind, title: title.into(), detail: None, hint: None, field: None }
    }

    /// The named thing does not exist.
    pub fn not_found(title: impl Into<String>) -> Self {
        Self::new(ProblemKind::NotFound, title)
    }

    /// A field of the request breaks a rule.
    pub fn invalid(field: impl Into<String>, title: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(ProblemKind::Invalid, title) }
    }

    /// It would overwrite or contradict what is there.
    pub fn conflict(title: impl Into<String>) -> Self {
        Self::new(ProblemKind::Conflict, title)
    }

    /// A defect of Weft. The cause belongs in the log, not here.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(ProblemKind::Internal, "Something went wrong inside Weft.")
            .hint("Try again. If it happens twice, the log of the program says why.")
    }

    /// Adds names, numbers, the reason.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what to do now.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.title)?;
        for part in [&self.detail, &self.hint].into_iter().flatten() {
            write!(f, " {part}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
