//! Model families, and how a file's family is told from its keys and shapes.
//!
//! A family is one file in this folder: an [`entry::Entry`] (id, label, block layouts), which the page needs too, and a
//! `model::Model` (its weights in every naming, its sizes, what metadata calls it), which everything else is read from: where a
//! key belongs, how it is called elsewhere, how a file is recognised, and what a sample looks like.

pub(crate) mod entry;

mod acestep;
mod anima;
mod auraflow;
mod cascade;
mod chroma;
mod cogvideox;
mod cosmos;
mod cosmospredict2;
mod ernie;
mod flux1;
mod flux2;
mod hidream;
mod hunyuandit;
mod hunyuanimage;
mod hunyuanvideo;
mod hunyuanvideo15;
mod ideogram4;
mod krea2;
mod ltx;
mod lumina2;
mod mochi;
mod omnigen2;
mod ovis;
mod pixart;
mod qwenimage;
mod sd;
mod sd3;
mod wan;
mod zimage;

#[cfg(feature = "engine")]
mod detect;
#[cfg(feature = "engine")]
mod hints;
#[cfg(feature = "engine")]
pub(crate) mod model;

#[cfg(feature = "engine")]
pub use detect::{Evidence, detect};
#[cfg(feature = "engine")]
pub use hints::Hints;

use crate::layout::Layout;
use entry::Entry;

/// A family of base models whose adapters fit one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Sd1,
    Sd2,
    Sdxl,
    Sd3,
    Flux1,
    Chroma,
    Flux2,
    Wan,
    HunyuanVideo,
    HunyuanVideo15,
    HunyuanImage,
    HunyuanDit,
    Ltx,
    QwenImage,
    ZImage,
    Lumina2,
    Cosmos,
    CosmosPredict2,
    Anima,
    Cascade,
    PixArt,
    AuraFlow,
    HiDream,
    Mochi,
    CogVideoX,
    OmniGen2,
    Ovis,
    Krea2,
    Ernie,
    Ideogram4,
    AceStep,
    #[default]
    Unknown,
}

impl Family {
    /// The known ones, in the order of the enum.
    pub const ALL: [Self; 31] = entry::families();

    pub(crate) fn entry(self) -> &'static Entry {
        entry::of(self)
    }

    /// Stable id, as in JSON: `sd1`, `flux1`, …
    #[must_use]
    pub fn id(self) -> &'static str {
        self.entry().id
    }

    /// Name for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        self.entry().label
    }

    /// The family with this id.
    #[must_use]
    pub fn by_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().chain([Self::Unknown]).find(|f| f.id().eq_ignore_ascii_case(id))
    }

    /// True for the families whose denoiser is a UNet with SD's blocks.
    #[must_use]
    pub fn is_unet(self) -> bool {
        matches!(self, Self::Sd1 | Self::Sd2 | Self::Sdxl)
    }
}

/// One of the two experts of a model that comes as a pair of files (Wan 2.2 A14B). Their adapters belong side by side, never in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expert {
    /// Works on the noisy first steps.
    High,
    /// Works on the last steps.
    Low,
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
    /// A known model that Weft has no layout for, when the file looks like one: `the SDXL refiner`, …
    pub looks_like: Option<&'static str>,
    /// Families that keys and shapes fit just as well. Not empty: `family` is only the likeliest of them.
    pub rivals: Vec<Family>,
}

impl Detection {
    /// The expert of a pair that the file was made for, where metadata or the file's name says so.
    #[must_use]
    pub fn expert(&self) -> Option<Expert> {
        let variant = self.variant.as_deref()?;
        [("high noise", Expert::High), ("low noise", Expert::Low)].into_iter().find(|(words, _)| variant.contains(words)).map(|(_, e)| e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_json() {
        for family in Family::ALL.into_iter().chain([Family::Unknown]) {
            assert_eq!(serde_json::to_string(&family).ok(), Some(format!("\"{}\"", family.id())));
            assert_eq!(Family::by_id(family.id()), Some(family));
            assert_eq!(family.entry().family, family);
        }
    }
}
