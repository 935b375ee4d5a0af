//! How large and how spread a change is: norms and ranks of ΔW. docs/measures.md has the formulas.

use crate::ids::{AdapterId, CheckpointId};
use crate::job::JobView;
use serde::{Deserialize, Serialize};

/// Norms and spread of one ΔW, or of several as the block-diagonal matrix of them. σ are its singular values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Measures {
    /// Matrices in it.
    pub modules: u32,
    /// √Σσ².
    pub frobenius: f64,
    /// Frobenius norm over the root of the number of values.
    pub rms: f64,
    /// Largest σ.
    pub spectral: f64,
    /// Σσ²/σ₁²; 0 for a change of zero.
    pub stable_rank: f64,
    /// None where one of the matrices was too large for its spectrum.
    pub spectrum: Option<Spread>,
    /// ‖ΔW‖/‖W‖ over the modules whose weight the checkpoint has; None without one.
    pub relative: Option<f64>,
}

/// What all singular values tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Spread {
    /// exp of the entropy of σ/Σσ.
    pub effective_rank: f64,
    /// exp of the entropy of σ²/Σσ².
    pub effective_rank_energy: f64,
    /// Singular values above rounding.
    pub rank: u32,
    /// Fewest σ that hold 90 % of Σσ².
    pub rank_90: u32,
    /// … 95 %.
    pub rank_95: u32,
    /// … 99 %.
    pub rank_99: u32,
}

/// A block, a part outside of the blocks, or a group of blocks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PartMeasures {
    /// `OUT03`, `TE1`; of a group its id (`double`).
    pub label: String,
    pub measures: Measures,
}

/// One module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModuleMeasures {
    /// Key stem, as it stands in the file.
    pub name: String,
    /// Label of its block or part.
    pub slot: String,
    /// Kind id: `lora`, `loha`…
    pub kind: String,
    /// Rows and columns of ΔW.
    pub rows: u32,
    pub columns: u32,
    /// Stored rank; 0 for kinds without one.
    pub rank: u32,
    /// None with a `problem`.
    pub measures: Option<Measures>,
    /// Why there are none, as a plain sentence.
    pub problem: Option<String>,
}

/// The measures of one adapter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdapterMeasures {
    pub adapter: AdapterId,
    /// The checkpoint that `relative` refers to.
    pub checkpoint: Option<CheckpointId>,
    /// The whole denoiser.
    pub denoiser: Measures,
    /// All text encoders together; None without any.
    pub text_encoders: Option<Measures>,
    /// Groups of blocks (`in`, `mid`, `out`, `double`, …) in layout order.
    pub groups: Vec<PartMeasures>,
    /// Blocks in layout order, then the parts outside of them. Absent ones are not listed.
    pub slots: Vec<PartMeasures>,
    /// In the order of the file.
    pub modules: Vec<ModuleMeasures>,
    /// What was left out, as plain sentences.
    pub notes: Vec<String>,
}

/// Measures that are known already, or the job that computes them: ask again when it is done. Exactly one of the two is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MeasuresAnswer {
    pub measures: Option<AdapterMeasures>,
    pub job: Option<JobView>,
}
