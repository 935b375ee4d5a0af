//! Model families, and how a file's family is told from its keys and shapes.

#[cfg(feature = "engine")]
mod detect;
#[cfg(feature = "engine")]
mod hints;

#[cfg(feature = "engine")]
pub use detect::{Evidence, detect};
#[cfg(feature = "engine")]
pub use hints::Hints;

use crate::layout::Layout;

/// A family of base models whose adapters fit one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Sd1,
    Sd2,
    Sdxl,
    Sd3,
    Flux1,
    Wan,
    #[default]
    Unknown,
}

impl Family {
    /// The known ones, oldest first.
    pub const ALL: [Self; 6] = [Self::Sd1, Self::Sd2, Self::Sdxl, Self::Sd3, Self::Flux1, Self::Wan];

    /// Stable id, as in JSON: `sd1`, `flux1`, …
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Sd1 => "sd1",
            Self::Sd2 => "sd2",
            Self::Sdxl => "sdxl",
            Self::Sd3 => "sd3",
            Self::Flux1 => "flux1",
            Self::Wan => "wan",
            Self::Unknown => "unknown",
        }
    }

    /// Name for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Sd1 => "SD 1.5",
            Self::Sd2 => "SD 2",
            Self::Sdxl => "SDXL",
            Self::Sd3 => "SD 3",
            Self::Flux1 => "Flux.1",
            Self::Wan => "Wan",
            Self::Unknown => "Unknown",
        }
    }

    /// The family with this id.
    #[must_use]
    pub fn by_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().chain([Self::Unknown]).find(|f| f.id().eq_ignore_ascii_case(id))
    }

    /// True for the families whose denoiser is a UNet.
    #[must_use]
    pub fn is_unet(self) -> bool {
        matches!(self, Self::Sd1 | Self::Sd2 | Self::Sdxl)
    }
}

/// What a file was found to be made for, and why.
#[derive(Debug, Clone, Default)]
pub struct Detection {
    pub family: Family,
    /// 0 (a guess) to 1 (certain).
    pub confidence: f32,
    /// The reasons, as plain sentences.
    pub evidence: Vec<String>,
    /// Finer than the family where something tells: `1.3B`, `14B I2V, high noise`, `schnell`, `Pony`, …
    pub variant: Option<String>,
    /// Block layout of the model; None when it cannot be told.
    pub layout: Option<&'static Layout>,
    /// A known family that Weft has no layout for, when the file looks like one: `Flux.2`, `Qwen-Image`, …
    pub looks_like: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_json() {
        for family in Family::ALL {
            assert_eq!(serde_json::to_string(&family).ok(), Some(format!("\"{}\"", family.id())));
            assert_eq!(Family::by_id(family.id()), Some(family));
        }
    }
}
