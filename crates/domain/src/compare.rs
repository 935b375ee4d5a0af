//! How adapters relate to each other. docs/measures.md has the formulas.

use crate::ids::AdapterId;
use crate::job::JobView;
use serde::{Deserialize, Serialize};

/// What is known of two or more adapters together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Comparison {
    pub adapters: Vec<AdapterId>,
    /// As they are called in the sentences.
    pub names: Vec<String>,
    /// What the numbers say, most important first.
    pub sentences: Vec<String>,
    /// Every pair, first adapter first.
    pub pairs: Vec<Pair>,
    /// What was left out, as plain sentences.
    pub notes: Vec<String>,
}

/// A comparison that is known already, or the job that computes it: ask again when it is done. Exactly one of the two is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CompareAnswer {
    pub comparison: Option<Comparison>,
    pub job: Option<JobView>,
}

/// Two adapters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pair {
    /// Positions in `adapters`.
    pub a: usize,
    pub b: usize,
    /// In plain words, with the numbers.
    pub sentences: Vec<String>,
    /// The denoiser as a whole.
    pub whole: Relation,
    /// All text encoders; None where neither changes one.
    pub text_encoders: Option<Relation>,
    /// Blocks in layout order, then the other parts.
    pub slots: Vec<SlotRelation>,
}

/// One block or part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SlotRelation {
    pub slot: String,
    /// A block of the layout, not a part outside.
    pub block: bool,
    #[serde(flatten)]
    pub relation: Relation,
}

/// Two changes A and B of the same weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Relation {
    /// ‖A‖ and ‖B‖.
    pub norm_a: f64,
    pub norm_b: f64,
    /// −1 to 1; None where either is zero.
    pub cosine: Option<f64>,
    /// Standard deviation of the cosine of unrelated changes of these sizes.
    pub chance: Option<f64>,
    /// ‖A − B‖ over the larger of the two.
    pub relative_distance: f64,
    /// Share of the directions read that both read, and what unrelated ones share.
    pub input_overlap: Option<f64>,
    pub input_chance: Option<f64>,
    /// The same of the directions written.
    pub output_overlap: Option<f64>,
    pub output_chance: Option<f64>,
    /// 0: all signs agree; 0.5: unrelated; 1: all opposed.
    pub sign_conflict: Option<f64>,
}
