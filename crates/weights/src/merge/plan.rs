//! What a merge is asked to do, what it answers, and how it fails.

use super::options::validate;
use crate::adapter::{Component, Kind, Module, Naming};
use crate::dtype::Dtype;
use crate::linalg::Truncation;
use crate::profile::Profile;
use crate::write::WriteError;
use serde::{Deserialize, Serialize};
use weft_domain::merge::{Divisor, Form, Options};

/// Smallest and largest weight of an input.
pub const WEIGHT_RANGE: std::ops::RangeInclusive<f64> = -2.0..=2.0;

/// One input's part in a merge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergeInput {
    /// Name of the file for messages and for the recipe in the result.
    pub label: String,
    /// Weight, −2 to 2.
    pub weight: f64,
    /// Weight of the text encoders; None: the same as `weight`.
    #[serde(default)]
    pub te_weight: Option<f64>,
    /// A factor per block on top of the weight.
    #[serde(default)]
    pub profile: Option<Profile>,
    /// SHA-256 of the file in hex, where the caller knows it: stands in the recipe.
    #[serde(default)]
    pub sha256: Option<String>,
}

impl MergeInput {
    /// Weight × block factor of a module; the module's own scale is not in it.
    #[must_use]
    pub fn weight_of(&self, module: &Module) -> f64 {
        let weight = match module.target.component {
            Component::Denoiser => self.weight,
            Component::TextEncoder(_) => self.te_weight.unwrap_or(self.weight),
        };
        let factor = self.profile.as_ref().zip(module.slot).map_or(1.0, |(p, slot)| p.factor(slot));
        weight * factor
    }

    /// An input at `weight` without a profile.
    #[must_use]
    pub fn new(label: impl Into<String>, weight: f64) -> Self {
        Self { label: label.into(), weight, te_weight: None, profile: None, sha256: None }
    }
}

pub use weft_domain::merge::{Method, OutDtype};

/// The tensor type behind a number type of requests.
pub(crate) trait Stored {
    /// As it stands in the header.
    fn dtype(self) -> Dtype;
}

impl Stored for OutDtype {
    fn dtype(self) -> Dtype {
        match self {
            Self::F16 => Dtype::F16,
            Self::Bf16 => Dtype::BF16,
            Self::F32 => Dtype::F32,
        }
    }
}

/// A whole merge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergePlan {
    /// One entry per member, in the members' order.
    pub inputs: Vec<MergeInput>,
    /// How they become one.
    pub method: Method,
    /// Largest rank of a module.
    #[serde(default)]
    pub rank: Option<usize>,
    /// Part of each module's energy (Σσ²) to keep, above 0 and at most 1.
    #[serde(default)]
    pub energy: Option<f64>,
    /// Stored type of the result.
    pub dtype: OutDtype,
    /// Key naming of the result; None: the one that ComfyUI, A1111 and diffusers load for the family (kohya's for UNets, native for Wan, the
    /// inputs' own for Flux.1 and SD 3 where all have diffusers' or all have kohya's, else kohya's).
    #[serde(default)]
    pub naming: Option<Naming>,
    /// Title in the metadata; None: the labels joined.
    #[serde(default)]
    pub title: Option<String>,
    /// Replace an existing file at the target.
    #[serde(default)]
    pub overwrite: bool,
    /// Parameters of the method.
    #[serde(default)]
    pub options: Options,
}

impl MergePlan {
    /// A plan with nothing but its inputs, a method and a type.
    #[must_use]
    pub fn new(inputs: Vec<MergeInput>, method: Method, dtype: OutDtype) -> Self {
        Self { inputs, method, rank: None, energy: None, dtype, naming: None, title: None, overwrite: false, options: Options::default() }
    }

    /// What compression the method asks for; None: the stacked factors stay.
    #[must_use]
    pub(crate) fn truncation(&self) -> Option<Truncation> {
        match self.method {
            Method::Concat => None,
            m if !m.is_dense() && self.rank.is_none() && self.energy.is_none() => {
                Some(Truncation { rank: None, energy: Some(super::EXACT_ENERGY) })
            }
            _ => Some(Truncation { rank: self.rank, energy: self.energy }),
        }
    }

    /// Only the ratios of the weights count, not their size.
    #[must_use]
    pub(crate) fn is_mean(&self) -> bool {
        matches!(self.method, Method::Average | Method::Slerp | Method::Karcher)
    }

    /// Divided by the weights of the inputs that have a module.
    #[must_use]
    pub(crate) fn divides_by_present(&self) -> bool {
        self.is_mean() && self.options.divisor == Divisor::Present
    }

    /// Checks everything that needs no file.
    pub fn validate(&self) -> Result<(), MergeError> {
        let bad = |why: String| Err(MergeError::Plan(why));
        if self.inputs.is_empty() {
            return bad("choose at least one adapter".into());
        }
        for input in &self.inputs {
            for (what, w) in [("weight", Some(input.weight)), ("text encoder weight", input.te_weight)] {
                if w.is_some_and(|w| !WEIGHT_RANGE.contains(&w)) {
                    return bad(format!("the {what} of {} must lie between -2 and 2", input.label));
                }
            }
        }
        match (self.method, self.rank, self.energy) {
            (_, Some(_), _) | (_, _, Some(_)) if self.options.form == Form::Diff => {
                bad("a whole difference has no rank: leave rank and energy out, or store a low-rank pair".into())
            }
            (Method::Svd, None, None) => bad("svd needs a rank or an energy to keep".into()),
            (Method::Concat, Some(_), _) | (Method::Concat, _, Some(_)) => {
                bad("concat keeps every rank; choose sum or svd to compress".into())
            }
            (_, Some(0), _) => bad("the rank must be at least 1".into()),
            (_, _, Some(e)) if !(e > 0.0 && e <= 1.0) => bad("the energy must be above 0 and at most 1".into()),
            (_, None, _) if self.options.spread => bad("sharing ranks out needs a rank, the mean of all modules".into()),
            _ if self.options.spread && (self.method == Method::Concat || self.energy.is_some()) => {
                bad("sharing ranks out goes with a rank alone".into())
            }
            _ if self.is_mean() && self.inputs.iter().all(|i| i.weight == 0.0) => bad("an average needs a weight other than 0".into()),
            _ => validate(&self.options, self.method, self.inputs.len()),
        }
    }
}

/// Strength of the result in one slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotStrength {
    /// Label of the slot.
    pub slot: String,
    /// ‖ΔW‖ over the slot's modules, after compression.
    pub frobenius: f64,
}

/// What a merge wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergeReport {
    /// Modules in the result.
    pub modules: usize,
    /// Smallest rank of a module; 0 without modules.
    pub rank_min: usize,
    /// Largest rank of a module.
    pub rank_max: usize,
    /// Kept part of Σσ² over all modules; 1 when nothing was cut.
    pub energy_kept: f64,
    /// ‖ΔW‖ of the result; None for concat, which does not look.
    pub frobenius: Option<f64>,
    /// Strength by slot; empty for concat.
    pub blocks: Vec<SlotStrength>,
    /// Modules that are stored whole, not as a pair. Their rank below is that of the whole matrix.
    #[serde(default)]
    pub whole: usize,
    /// Energy kept per module, in the order of the file: (key stem, rank, kept part).
    pub per_module: Vec<(String, usize, f64)>,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Plain sentences, one per thing the user should know.
    pub warnings: Vec<String>,
}

/// Why a merge did not happen. No file is left behind.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// The plan contradicts itself or the members.
    #[error("{0}")]
    Plan(String),
    /// A file does not go with the others.
    #[error("these adapters cannot be combined: {}", .0.join("; "))]
    Incompatible(Vec<String>),
    /// A module of a kind that this method cannot add up.
    #[error("{file} holds {kind:?} modules ({module}), which cannot be merged yet; leave the file out or give it the weight 0")]
    Kind {
        /// Label of the file.
        file: String,
        /// Kind of the module.
        kind: Kind,
        /// Its name.
        module: String,
    },
    /// A module whose ΔW depends on the base model.
    #[error("{file} holds {} modules ({module}): what they do depends on the base model. Give the checkpoint it is for, or leave the file out", kind.label())]
    NeedsBase {
        /// Label of the file.
        file: String,
        /// Kind of the module.
        kind: Kind,
        /// Its name.
        module: String,
    },
    /// A module that replaces a weight.
    #[error(
        "{file} replaces the weight of {module} as a whole, which cannot be combined with a change of it; leave the file out or bake it into a checkpoint"
    )]
    Replaces {
        /// Label of the file.
        file: String,
        /// Name of the module.
        module: String,
    },
    /// The same weight with different shapes.
    #[error("{file} changes {target} as {found}, the others as {expected}: they belong to different base models")]
    Shape {
        /// Label of the file.
        file: String,
        /// Path of the weight.
        target: String,
        /// Rows × columns in this file.
        found: String,
        /// Rows × columns so far.
        expected: String,
    },
    /// NaN or infinity in a factor.
    #[error("{file}: the tensor {key} holds values that are not numbers (NaN or infinity); the file is damaged")]
    NotFinite {
        /// Label of the file.
        file: String,
        /// Key of the tensor.
        key: String,
    },
    /// A value does not fit the chosen type.
    #[error("{module} holds values beyond the range of {dtype:?}; choose bf16 or f32")]
    Range {
        /// Module of the result.
        module: String,
        /// The chosen type.
        dtype: OutDtype,
    },
    /// A decomposition did not converge.
    #[error("the decomposition of {0} did not converge; please report the file")]
    Numeric(String),
    /// A file could not be read.
    #[error("could not read {file}: {reason}")]
    Read {
        /// Label of the file.
        file: String,
        /// What went wrong.
        reason: String,
    },
    /// The result could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] crate::progress::Cancelled),
}
