//! Weaving several adapters into one: what is asked, and what comes back.

mod method;
mod options;

pub use method::Method;
pub use options::{Divisor, Elect, Form, Inner, Options, Scope, Share, Vote};

use crate::ids::{AdapterId, RootId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Number type of the file that is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum OutDtype {
    /// 16 bits, relative rounding 5e-4.
    #[default]
    F16,
    /// 16 bits, the range of f32, relative rounding 4e-3.
    Bf16,
    /// 32 bits.
    F32,
}

impl OutDtype {
    /// Every type in menu order.
    pub const ALL: [Self; 3] = [Self::F16, Self::Bf16, Self::F32];

    /// The word that REST and the command line use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
        }
    }

    /// Bytes of one element.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }
}

/// One number per slot of a named layout. Slots that are not named keep 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProfileValues {
    /// Layout id the slot names belong to.
    pub layout: String,
    /// Factor by slot (`IN04`, `D07`, `TE1`, `OTHER`…), −2 to 2.
    pub slots: BTreeMap<String, f64>,
    /// Name of the preset or the user's own, for provenance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One strand of the weave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Strand {
    #[serde(alias = "id")]
    pub adapter: AdapterId,
    /// −2 to 2.
    pub weight: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileValues>,
}

/// What a merge needs to know, before where it goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Weave {
    pub strands: Vec<Strand>,
    #[serde(default)]
    pub method: Method,
    /// Largest rank of a module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
    /// Share of ΔW's energy (squared Frobenius norm) to keep, 0 to 1; the rank follows per module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<f64>,
    #[serde(default)]
    pub dtype: OutDtype,
    /// Parameters of the method; what is not named keeps its default.
    #[serde(default, skip_serializing_if = "Options::is_default")]
    pub options: Options,
}

/// Weaves and saves as a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MergeRequest {
    #[serde(flatten)]
    pub weave: Weave,
    /// Name of the new adapter: its title and, made safe, its file name.
    pub name: String,
    pub root: RootId,
    /// Folder below the root, `/`-separated; made when it is not there.
    #[serde(default)]
    pub folder: String,
}

/// Energy kept and size of the file at one rank.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RankPoint {
    pub rank: u32,
    /// 0 to 1.
    pub energy: f64,
    /// Bytes of the tensors in the chosen number type.
    pub bytes: u64,
}

/// What would come out, computed without writing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MergeEstimate {
    /// By rising rank.
    pub curve: Vec<RankPoint>,
    /// Rank, energy and size of the request as it stands.
    pub chosen: Option<RankPoint>,
    /// Rank that loses nothing.
    pub exact_rank: u32,
    pub modules: u32,
    pub warnings: Vec<String>,
}

/// Do these adapters go together?
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Verdict {
    pub fits: bool,
    /// Plain sentences: why, or why not.
    pub reasons: Vec<String>,
    /// They go together, but know this.
    pub warnings: Vec<String>,
}

/// What a finished merge left: the job's `result`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MergeOutcome {
    /// In the library, once it is indexed.
    pub adapter: Option<AdapterId>,
    pub path: String,
    pub modules: u32,
    pub rank_min: u32,
    pub rank_max: u32,
    pub energy_kept: f64,
    pub bytes: u64,
    pub warnings: Vec<String>,
}
