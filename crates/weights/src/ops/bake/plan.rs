//! What a bake is asked to do, what it answers, and how it fails.

use crate::delta::DeltaError;
use crate::dtype::Dtype;
use crate::merge::{Member, MergeInput, WEIGHT_RANGE};
use crate::ops::Origin;
use crate::progress::Cancelled;
use crate::source::ReadError;
use crate::write::WriteError;
use serde::{Deserialize, Serialize};

/// Stored type of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreAs {
    /// Every tensor keeps its own.
    #[default]
    Keep,
    F16,
    BF16,
    F32,
    /// 8 bits, 3 of them mantissa: weights of two and more dimensions; biases and norms keep their type.
    #[serde(rename = "f8_e4m3")]
    F8E4M3,
    /// 8 bits, 2 of them mantissa: the same tensors.
    #[serde(rename = "f8_e5m2")]
    F8E5M2,
}

impl StoreAs {
    /// The tensor type; None for "as it is".
    #[must_use]
    pub fn dtype(self) -> Option<Dtype> {
        Some(match self {
            Self::Keep => return None,
            Self::F16 => Dtype::F16,
            Self::BF16 => Dtype::BF16,
            Self::F32 => Dtype::F32,
            Self::F8E4M3 => Dtype::F8E4M3,
            Self::F8E5M2 => Dtype::F8E5M2,
        })
    }
}

/// What the result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutForm {
    /// A file where the name ends in `.safetensors`, else a folder.
    #[default]
    ByName,
    File,
    Folder,
}

/// A whole bake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BakePlan {
    /// One entry per member, in the members' order: weight, weight of the text encoders, block profile.
    pub inputs: Vec<MergeInput>,
    /// Stored type of denoiser and text encoders. The image decoder always keeps its own (f16 overflows in that of SDXL).
    #[serde(default)]
    pub dtype: StoreAs,
    /// Seed of stochastic rounding; None rounds to nearest. Small changes to an 8-bit weight mostly vanish in nearest rounding; at random, up
    /// or down by how near each neighbour is, they survive on average.
    #[serde(default)]
    pub stochastic: Option<u64>,
    /// Take the adapters out instead: the same with −w.
    #[serde(default)]
    pub inverse: bool,
    /// Bake what has a place of an adapter that was made for another model. Without it such an adapter is refused: of the names that two models
    /// share, some weights have the same shape by chance.
    #[serde(default)]
    pub misfits: bool,
    /// What the history in the result calls the checkpoint.
    #[serde(default)]
    pub checkpoint: Origin,
    /// Title in the metadata; None leaves the checkpoint's.
    #[serde(default)]
    pub title: Option<String>,
    /// Replace an existing result.
    #[serde(default)]
    pub overwrite: bool,
    /// For a caller whose names say nothing.
    #[serde(skip)]
    pub form: OutForm,
}

impl BakePlan {
    /// A plan with nothing but its inputs.
    #[must_use]
    pub fn new(inputs: Vec<MergeInput>) -> Self {
        Self {
            inputs,
            dtype: StoreAs::Keep,
            stochastic: None,
            inverse: false,
            misfits: false,
            checkpoint: Origin::default(),
            title: None,
            overwrite: false,
            form: OutForm::ByName,
        }
    }

    pub(super) fn validate(&self, members: &[Member<'_>]) -> Result<(), BakeError> {
        let bad = |why: String| Err(BakeError::Plan(why));
        if self.inputs.is_empty() {
            return bad("choose at least one adapter".into());
        }
        if self.inputs.len() != members.len() {
            return bad(format!("{} inputs are planned, {} files are given", self.inputs.len(), members.len()));
        }
        for input in &self.inputs {
            for w in [Some(input.weight), input.te_weight].into_iter().flatten() {
                if !WEIGHT_RANGE.contains(&w) {
                    return bad(format!("the weights of {} must lie between -2 and 2", input.label));
                }
            }
        }
        for (input, member) in self.inputs.iter().zip(members) {
            let Some(profile) = &input.profile else { continue };
            let wanted = profile.layout().id;
            match member.adapter.detection.layout {
                Some(layout) if layout.id == wanted => {}
                Some(layout) => {
                    return bad(format!("the profile of {} is for {wanted}, the file has the layout {}", input.label, layout.id));
                }
                None => return bad(format!("{} has no known block layout, so a profile cannot be applied", input.label)),
            }
        }
        Ok(())
    }
}

/// A module that changes nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unplaced {
    /// Its name in the adapter.
    pub module: String,
    pub reason: String,
}

/// What became of one adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Baked {
    pub label: String,
    /// Modules whose ΔW was added.
    pub applied: usize,
    /// Modules of weight 0.
    pub zero: usize,
    /// Modules without a place in the checkpoint.
    pub unplaced: Vec<Unplaced>,
}

/// What a bake wrote.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BakeReport {
    /// Tensors whose values changed.
    pub changed: usize,
    /// Tensors that were brought to another type without a change.
    pub converted: usize,
    /// Tensors copied byte for byte.
    pub copied: usize,
    /// In the order of the plan.
    pub adapters: Vec<Baked>,
    /// Bytes of the result.
    pub bytes: u64,
    /// Names of the files written, relative to the result where it is a folder.
    pub files: Vec<String>,
    /// Values beyond the range of an 8-bit type, stored as its largest.
    pub saturated: u64,
    /// Who computed and why, where there was a choice.
    pub device: String,
    /// Plain sentences, one per thing the user should know.
    pub warnings: Vec<String>,
}

/// Why a bake did not happen. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum BakeError {
    /// The plan contradicts itself or the files.
    #[error("{0}")]
    Plan(String),
    /// No module of any adapter has a place in the checkpoint.
    #[error("nothing would change: {0}")]
    Nothing(String),
    /// An adapter was made for another model.
    #[error("{file} does not belong into this checkpoint: {reason}")]
    Misfit {
        /// Label of the adapter.
        file: String,
        /// What `fits` says.
        reason: String,
    },
    /// The checkpoint's weights cannot be changed.
    #[error("{0}")]
    Packed(String),
    /// A module's ΔW could not be had.
    #[error("{file}: {source}")]
    Delta {
        /// Label of the adapter.
        file: String,
        source: DeltaError,
    },
    /// A changed value does not fit the stored type.
    #[error("{tensor} would hold values beyond the range of {dtype}; choose bf16 or f32")]
    Range { tensor: String, dtype: Dtype },
    /// The checkpoint could not be read.
    #[error("could not read {file}: {source}")]
    Read {
        /// Label of the file.
        file: String,
        source: ReadError,
    },
    /// The result could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
