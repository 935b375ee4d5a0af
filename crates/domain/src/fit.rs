//! Whether an adapter fits a checkpoint, and why. docs/checkpoints.md says what each level means.

use crate::ids::{AdapterId, CheckpointId};
use serde::{Deserialize, Serialize};

/// How well an adapter fits, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FitLevel {
    /// Every module has its weight, with the right shape.
    Exact,
    /// It fits, and what it does depends on this checkpoint's values (DoRA, OFT, …).
    NeedsBase,
    /// What it changes of the model is all there; some of its keys have no use here.
    Ignored,
    /// Some of its modules have no weight, or one of another shape.
    Partial,
    /// It was made for another model.
    Wrong,
}

impl FitLevel {
    /// All, best first.
    pub const ALL: [Self; 5] = [Self::Exact, Self::NeedsBase, Self::Ignored, Self::Partial, Self::Wrong];

    /// The word that REST uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::NeedsBase => "needs_base",
            Self::Ignored => "ignored",
            Self::Partial => "partial",
            Self::Wrong => "wrong",
        }
    }

    /// In a few words, for a badge.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Exact => "Fits",
            Self::NeedsBase => "Fits; depends on its values",
            Self::Ignored => "Fits, some keys unused",
            Self::Partial => "Fits in part",
            Self::Wrong => "Another model",
        }
    }

    /// Whether a bake takes the adapter without being told to.
    #[must_use]
    pub const fn usable(self) -> bool {
        !matches!(self, Self::Wrong)
    }
}

/// Modules of one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FitShare {
    pub modules: u32,
    pub matched: u32,
    pub missing: u32,
    /// There, but of another shape.
    pub mismatched: u32,
    /// There, but packed: not to be changed.
    pub packed: u32,
    /// False where the checkpoint has no such network at all.
    pub present: bool,
}

/// Modules of one text encoder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EncoderShare {
    /// 1 = CLIP-L or the only one, 2 = OpenCLIP bigG, 3 = T5.
    pub encoder: u8,
    #[serde(flatten)]
    pub share: FitShare,
}

/// A module whose weight has another shape in the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FitMismatch {
    /// Its name in the adapter.
    pub module: String,
    /// Rows and columns of its ΔW.
    pub adapter: (u32, u32),
    /// Rows and columns of the weight.
    pub checkpoint: (u32, u32),
}

/// One adapter beside one checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fit {
    pub checkpoint: CheckpointId,
    /// What the library calls the checkpoint.
    pub name: String,
    /// Its family id.
    pub family: String,
    /// Its model in words for people.
    pub model: String,
    pub level: FitLevel,
    /// One plain sentence.
    pub reason: String,
    pub denoiser: FitShare,
    pub text_encoders: Vec<EncoderShare>,
    /// Modules without a weight: the first [`Fit::LISTED`]; the shares have their number.
    pub missing: Vec<String>,
    /// Modules of another shape, the same number of them.
    pub mismatched: Vec<FitMismatch>,
    /// Modules whose effect depends on the checkpoint's values.
    pub needs_base: u32,
    /// Tensors of the adapter that belong to no module.
    pub carried: u32,
    pub warnings: Vec<String>,
}

impl Fit {
    /// Modules that the lists name.
    pub const LISTED: usize = 20;

    /// Part of all modules that have a place, 0 to 1.
    #[must_use]
    pub fn matched_share(&self) -> f64 {
        let shares = || std::iter::once(&self.denoiser).chain(self.text_encoders.iter().map(|e| &e.share));
        let (modules, matched) = (shares().map(|s| s.modules).sum::<u32>(), shares().map(|s| s.matched).sum::<u32>());
        if modules == 0 { 0.0 } else { f64::from(matched) / f64::from(modules) }
    }
}

/// One adapter beside the library's checkpoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdapterFits {
    pub adapter: AdapterId,
    /// Best first.
    pub fits: Vec<Fit>,
    /// Checkpoints that could not be read, as plain sentences.
    pub notes: Vec<String>,
}
