//! Work that takes longer than a request, as every page sees it.

use crate::ids::JobId;
use serde::{Deserialize, Serialize};

/// What a job does. The word is what the job table stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Walks a root and reads headers.
    Scan,
    /// Computes SHA-256, AutoV2 and AutoV3 of files that lack them.
    Hash,
    /// Measures block strengths of files that lack them.
    Strengths,
    /// Makes previews in the kept widths.
    Thumbnails,
    /// Weaves adapters into a new file.
    Merge,
    /// Makes a new file of one adapter: resized, edited, …
    Operation,
    /// Puts adapters into a copy of a checkpoint, or takes them out of one.
    Bake,
    /// Makes an adapter of what sets one checkpoint apart from another.
    Extract,
    /// Computes norms and ranks of an adapter.
    Measure,
    /// Computes how adapters relate.
    Compare,
    /// Reads a whole file and says what is wrong with it.
    Check,
    /// Writes sample adapters and adds them.
    Samples,
    /// Paints the pictures of one request.
    Generate,
}

impl JobKind {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 13] = [
        Self::Scan,
        Self::Hash,
        Self::Strengths,
        Self::Thumbnails,
        Self::Merge,
        Self::Operation,
        Self::Bake,
        Self::Extract,
        Self::Measure,
        Self::Compare,
        Self::Check,
        Self::Samples,
        Self::Generate,
    ];

    /// The word that the table and REST use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Hash => "hash",
            Self::Strengths => "strengths",
            Self::Thumbnails => "thumbnails",
            Self::Merge => "merge",
            Self::Operation => "operation",
            Self::Bake => "bake",
            Self::Extract => "extract",
            Self::Measure => "measure",
            Self::Compare => "compare",
            Self::Check => "check",
            Self::Samples => "samples",
            Self::Generate => "generate",
        }
    }

    /// Whether it makes one new file, or one new folder, in a folder of the library.
    #[must_use]
    pub const fn makes_file(self) -> bool {
        matches!(self, Self::Merge | Self::Operation | Self::Bake | Self::Extract)
    }

    /// Where the job runs.
    #[must_use]
    pub const fn lane(self) -> Lane {
        match self {
            Self::Scan | Self::Hash | Self::Samples | Self::Check => Lane::Io,
            Self::Strengths
            | Self::Thumbnails
            | Self::Merge
            | Self::Operation
            | Self::Bake
            | Self::Extract
            | Self::Measure
            | Self::Compare => Lane::Cpu,
            Self::Generate => Lane::Gpu,
        }
    }

    /// Larger runs first: what somebody waits for goes before what fills the background.
    #[must_use]
    pub const fn priority(self) -> i32 {
        match self {
            Self::Measure | Self::Compare | Self::Generate => 40,
            Self::Merge | Self::Operation | Self::Bake | Self::Extract | Self::Check => 30,
            Self::Samples | Self::Scan => 20,
            Self::Thumbnails => 15,
            Self::Strengths => 10,
            Self::Hash => 5,
        }
    }
}

/// What a job mostly needs; each lane has its own width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    Io,
    Cpu,
    /// What paints, one at a time: on a graphics card where there is one, else on the processor.
    Gpu,
}

impl Lane {
    /// The word that the table uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Io => "io",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }
}

/// A finished job (done, failed, cancelled) never changes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl JobState {
    /// The word that the table uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// True once nothing more can happen to it.
    #[must_use]
    pub const fn finished(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// One job as the drawer shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobView {
    pub id: JobId,
    pub kind: JobKind,
    /// "Scanning Loras", "Weaving Nordic Aurora".
    pub title: String,
    pub lane: Lane,
    pub state: JobState,
    /// Steps finished, of `total`; total 0 means not yet known.
    pub done: u64,
    pub total: u64,
    /// What is being worked on now.
    pub message: String,
    /// Milliseconds left, once it can be told.
    pub eta_ms: Option<i64>,
    /// Somebody asked to stop; it will between two steps.
    pub cancelling: bool,
    pub attempt: u32,
    /// Why it failed, in plain words.
    pub error: Option<String>,
    /// What it made: for a merge the new adapter's id and path.
    pub result: Option<serde_json::Value>,
    pub created_ms: i64,
    pub started_ms: Option<i64>,
    pub finished_ms: Option<i64>,
}
