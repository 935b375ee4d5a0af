//! What an extraction is asked to do, what it answers, and how it fails.

use crate::merge::OutDtype;
use crate::ops::{OpError, Origin};
use crate::write::WriteError;
use serde::{Deserialize, Serialize};

/// A whole extraction. A rank, an energy, or both (then the energy within the rank) must be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtractPlan {
    /// Largest rank of a module.
    #[serde(default)]
    pub rank: Option<usize>,
    /// Part of each module's energy (Σσ²) to keep, above 0 and at most 1.
    #[serde(default)]
    pub energy: Option<f64>,
    /// Stored type.
    pub dtype: OutDtype,
    /// Take the text encoders too.
    #[serde(default = "yes")]
    pub text_encoders: bool,
    /// Take biases and norms, as stored differences.
    #[serde(default)]
    pub vectors: bool,
    /// Weights with ‖ΔW‖ below this part of ‖W‖ count as unchanged; 0: only equal ones do.
    #[serde(default)]
    pub threshold: f64,
    /// Cut the factors' values at this quantile of their size, 0 to 1. Other programs cut at 0.99; that changes what was learned.
    #[serde(default)]
    pub clamp: Option<f64>,
    /// Seed of the randomised decomposition: the same gives the same bytes.
    #[serde(default)]
    pub seed: u64,
    /// What the history in the result calls the tuned checkpoint.
    #[serde(default)]
    pub tuned: Origin,
    /// And the base.
    #[serde(default)]
    pub base: Origin,
    /// Title in the metadata.
    #[serde(default)]
    pub title: Option<String>,
    /// Replace an existing result.
    #[serde(default)]
    pub overwrite: bool,
}

fn yes() -> bool {
    true
}

impl ExtractPlan {
    /// A plan with nothing but a size and a type.
    #[must_use]
    pub fn new(rank: Option<usize>, energy: Option<f64>, dtype: OutDtype) -> Self {
        Self {
            rank,
            energy,
            dtype,
            text_encoders: true,
            vectors: false,
            threshold: 0.0,
            clamp: None,
            seed: 0,
            tuned: Origin::default(),
            base: Origin::default(),
            title: None,
            overwrite: false,
        }
    }

    pub(super) fn validate(&self) -> Result<(), ExtractError> {
        let bad = |why: &str| Err(ExtractError::Plan(why.to_owned()));
        match (self.rank, self.energy) {
            (None, None) => bad("give a rank or an energy to keep"),
            (Some(0), _) => bad("the rank must be at least 1"),
            (Some(r), _) if r > crate::adapter::MAX_RANK => bad("the rank must be at most 4096"),
            (_, Some(e)) if !(e > 0.0 && e <= 1.0) => bad("the energy must be above 0 and at most 1"),
            _ if !(0.0..1.0).contains(&self.threshold) => bad("the threshold must lie between 0 and 1"),
            _ if self.clamp.is_some_and(|c| !(c > 0.0 && c <= 1.0)) => bad("the quantile to cut at must be above 0 and at most 1"),
            _ => Ok(()),
        }
    }
}

/// One module of the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Extracted {
    /// Key stem.
    pub module: String,
    /// Rank of its factors; 0 for a stored difference.
    pub rank: usize,
    /// Kept part of ‖ΔW‖².
    pub energy: f64,
    /// ‖ΔW‖ between the checkpoints.
    pub frobenius: f64,
    /// ‖ΔW‖ / ‖W(base)‖.
    pub relative: f64,
}

/// What an extraction wrote.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExtractReport {
    /// In the order of the file.
    pub modules: Vec<Extracted>,
    /// Weights that are the same in both.
    pub unchanged: usize,
    /// Weights that could not be compared or have no form in an adapter, with the reason.
    pub left_out: Vec<(String, String)>,
    /// Smallest rank of a pair; 0 without pairs.
    pub rank_min: usize,
    /// Largest rank of a pair.
    pub rank_max: usize,
    /// Kept part of Σ‖ΔW‖² over all pairs.
    pub energy_kept: f64,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Plain sentences, one per thing the user should know.
    pub warnings: Vec<String>,
}

/// Why an extraction did not happen. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The plan contradicts itself.
    #[error("{0}")]
    Plan(String),
    /// There is nothing to extract.
    #[error("nothing to extract: {0}")]
    Nothing(String),
    /// The work itself failed.
    #[error(transparent)]
    Work(#[from] OpError),
    /// The result could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}
