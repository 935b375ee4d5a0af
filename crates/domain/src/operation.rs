//! What can be done to one adapter: each gives a new file and leaves the old one as it is.

use crate::ids::{AdapterId, RootId};
use crate::merge::{OutDtype, ProfileValues};
use serde::{Deserialize, Serialize};

/// How much of each module a resize keeps. σ are the singular values of a module's ΔW.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// This rank, or less where the module has less.
    Rank(u32),
    /// This share of Σσ², above 0 to 1.
    Energy(f64),
    /// Every σ larger than the largest divided by this, 1 or more.
    Ratio(f64),
    /// This share of √Σσ², above 0 to 1.
    Frobenius(f64),
    /// This share of Σσ, above 0 to 1.
    Cumulative(f64),
}

/// Whose names a converted file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Convention {
    /// kohya's sd-scripts, musubi-tuner, A1111, Forge.
    Kohya,
    ComfyUi,
    Diffusers,
    /// A folder of two files; holds the denoiser alone.
    Peft,
}

impl Convention {
    /// All, in menu order.
    pub const ALL: [Self; 4] = [Self::Kohya, Self::ComfyUi, Self::Diffusers, Self::Peft];

    /// The word that REST uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kohya => "kohya",
            Self::ComfyUi => "comfyui",
            Self::Diffusers => "diffusers",
            Self::Peft => "peft",
        }
    }

    /// Who reads them.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Kohya => "kohya: A1111, Forge, trainers",
            Self::ComfyUi => "ComfyUI",
            Self::Diffusers => "diffusers",
            Self::Peft => "PEFT: a folder of two files",
        }
    }
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum Operation {
    /// Fewer ranks: a smaller file that keeps most of what the adapter does.
    Resize {
        keep: Keep,
        /// Never more than this rank, whatever `keep` asks for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_rank: Option<u32>,
        /// None: as it is stored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dtype: Option<OutDtype>,
    },
    /// Blocks made stronger, weaker or left out.
    Edit {
        /// Factor for every module.
        #[serde(default = "one")]
        scale: f64,
        /// Factor for the text encoders instead of `scale`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        te_scale: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        profile: Option<ProfileValues>,
        /// Parts to leave out: `IN04`, `D00-D05`, `TE1`, `te`, …
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        drop: Vec<String>,
    },
    /// The same under the names that another program reads.
    Convert {
        to: Convention,
        /// Leave out what the names cannot hold, instead of stopping.
        #[serde(default)]
        leave_out: bool,
        /// None: as it is stored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dtype: Option<OutDtype>,
    },
}

fn one() -> f64 {
    1.0
}

/// Does it and saves the result as a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationRequest {
    pub adapter: AdapterId,
    #[serde(flatten)]
    pub operation: Operation,
    /// Name of the new adapter: its file name, made safe.
    pub name: String,
    pub root: RootId,
    /// Folder below the root, `/`-separated; made when it is not there.
    #[serde(default)]
    pub folder: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file must not be used as it is.
    Error,
    /// It does not do what it was meant to.
    Warning,
    /// Worth knowing.
    Note,
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    pub severity: Severity,
    /// Stable name of the sort of finding.
    pub code: String,
    /// Tensor or module it is about.
    pub key: Option<String>,
    /// One sentence.
    pub text: String,
    pub advice: String,
}

/// What a finished check found: the job's `result`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckOutcome {
    pub adapter: AdapterId,
    /// Without any finding of severity error.
    pub sound: bool,
    pub bytes: u64,
    pub tensors: u32,
    pub modules: u32,
    pub sha256: Option<String>,
    /// Worst first.
    pub findings: Vec<Finding>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_as_one_flat_object() {
        let text = r#"{"adapter":3,"operation":"resize","keep":{"rank":8},"name":"small","root":1}"#;
        let request: OperationRequest = serde_json::from_str(text).expect("a request");
        assert_eq!(request.operation, Operation::Resize { keep: Keep::Rank(8), max_rank: None, dtype: None });
        let text = r#"{"adapter":3,"operation":"edit","drop":["te"],"name":"no text","root":1}"#;
        let request: OperationRequest = serde_json::from_str(text).expect("a request");
        assert!(matches!(request.operation, Operation::Edit { scale: 1.0, ref drop, .. } if drop == &["te"]));
    }
}
