//! Generations as pages see them: what waits, what is painted, what came of it.

use super::{Dialect, GenerationRequest, Numbers, PictureCard, Sampler, Schedule};
use crate::ids::{CheckpointId, GenerationId, JobId};
use crate::job::JobView;
use serde::{Deserialize, Serialize};

/// One request with its pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GenerationView {
    pub id: GenerationId,
    /// As it was asked, with seed and checkpoint filled in.
    pub request: GenerationRequest,
    /// Pictures it is to give.
    pub total: u32,
    /// Labels of the columns of a sheet; empty for a plain request.
    pub columns: Vec<String>,
    /// Labels of the rows of a sheet; empty without a second axis.
    pub rows: Vec<String>,
    /// What its axes are called, column first.
    pub axes: Vec<String>,
    /// Those that are done, in the order of their shots; not those in the trash.
    pub pictures: Vec<PictureCard>,
    /// The job that paints it; None once that has left the table.
    pub job: Option<JobView>,
    pub created_ms: i64,
}

/// What waits and what is painted now, in the order it will be painted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QueueView {
    /// Nothing new is begun.
    pub paused: bool,
    pub items: Vec<QueueItem>,
}

/// One generation in the queue, or one that failed or was cancelled and can be tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QueueItem {
    pub generation: GenerationId,
    pub job: JobView,
    /// The first 300 characters.
    pub prompt: String,
    pub checkpoint: String,
    /// Pictures asked for, and those done.
    pub total: u32,
    pub painted: u32,
}

/// How far a picture is that is painted now: small and frequent, told to open pages and not kept for those that come later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Painting {
    pub generation: GenerationId,
    pub job: JobId,
    pub shot: u32,
    /// Steps done, of `steps`.
    pub step: u32,
    pub steps: u32,
    /// Size of the finished picture.
    pub width: u32,
    pub height: u32,
    /// A rough picture of what is there so far, as a `data:` address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
}

/// What a form begins with for a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Defaults {
    /// The checkpoint they are for; None: there is none that can paint.
    pub checkpoint: Option<CheckpointId>,
    pub family: String,
    pub sampler: Sampler,
    pub schedule: Schedule,
    pub numbers: Numbers,
    pub width: u32,
    pub height: u32,
    /// Sides are multiples of this many pixels.
    pub side_step: u32,
    /// Sides that are multiples of this many suit the checkpoint best; offered before others.
    pub even_step: u32,
    /// A prompt that shows what the checkpoint can do; empty where none is known.
    pub example: String,
    /// The family has no negative prompt (Flux).
    pub no_negative: bool,
    /// Why this checkpoint cannot paint here, in plain words: no support, too little memory.
    pub refused: Option<String>,
}

/// A prompt as it stands in a form, before anything is painted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PromptText {
    pub prompt: String,
    /// It is a negative prompt: of the styles their negative words count.
    pub negative: bool,
    pub dialect: Dialect,
    /// Names of the styles that are put around it.
    pub styles: Vec<String>,
    /// None: the one used last.
    pub checkpoint: Option<CheckpointId>,
}

/// What became of a prompt's text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PromptView {
    /// Tokens with the styles' words, without start, end and padding.
    pub tokens: u32,
    /// Chunks of 75 tokens that it takes, at least 1.
    pub chunks: u32,
    /// Pieces of the text with another weight than 1: byte range and weight.
    pub weighted: Vec<(u32, u32, f64)>,
    /// Adapters named in the text and whether the library has them.
    pub named: Vec<(String, bool)>,
    /// What one may want to know: unclosed brackets, bad tags.
    pub notices: Vec<String>,
}
