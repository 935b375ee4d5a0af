//! Pictures that are kept, with everything that made them.

use super::{Dialect, NoiseSource, Numbers, Sampler, Schedule, Variation};
use crate::ids::{AdapterId, CheckpointId, GenerationId, PictureId};
use crate::merge::ProfileValues;
use crate::urlencode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The checkpoint of a picture. The name and the hash stay when the file goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct UsedCheckpoint {
    /// In this library; None where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<CheckpointId>,
    pub name: String,
    /// Family id (`sd1`), empty when unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub family: String,
    /// SHA-256 of the file in hex, or as many of its digits as are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// An adapter of a picture. The name and the hash stay when the file goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct UsedAdapter {
    /// In this library; None where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<AdapterId>,
    pub name: String,
    /// SHA-256, AutoV2 or AutoV3 in hex, or as many of its digits as are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    pub weight: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_weight: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileValues>,
    /// Shares of the steps between which it works, where that is not all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<(f64, f64)>,
}

/// All that made one picture: kept in the database and inside the file. Fields that another program did not write are None.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Recipe {
    /// As it was painted: alternatives chosen, styles put in.
    pub prompt: String,
    pub negative: String,
    /// What was typed, where that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typed_negative: Option<String>,
    /// Names of the styles that were put around both.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub styles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    pub checkpoint: UsedCheckpoint,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<UsedAdapter>,
    pub width: u32,
    pub height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampler: Option<Sampler>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    #[serde(flatten)]
    pub numbers: Numbers,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variation: Option<Variation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<NoiseSource>,
    /// How far the picture it began with was dissolved, for image to image and inpainting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denoise: Option<f64>,
    /// Part of it was painted anew.
    #[serde(skip_serializing_if = "is_false")]
    pub inpainted: bool,
    /// Program and device that painted it: `Weft 0.1.0, CPU, f32`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub engine: String,
    /// What another program wrote and no field above holds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub other: BTreeMap<String, String>,
}

/// Who made the file of a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum PictureSource {
    #[default]
    Weft,
    A1111,
    ComfyUi,
    SwarmUi,
    InvokeAi,
    NovelAi,
    Fooocus,
    /// Without parameters that could be read.
    Unknown,
}

impl PictureSource {
    /// Every source in menu order.
    pub const ALL: [Self; 8] =
        [Self::Weft, Self::A1111, Self::ComfyUi, Self::SwarmUi, Self::InvokeAi, Self::NovelAi, Self::Fooocus, Self::Unknown];

    /// The word that REST and the table use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Weft => "weft",
            Self::A1111 => "a1111",
            Self::ComfyUi => "comfyui",
            Self::SwarmUi => "swarmui",
            Self::InvokeAi => "invokeai",
            Self::NovelAi => "novelai",
            Self::Fooocus => "fooocus",
            Self::Unknown => "unknown",
        }
    }

    /// Name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Weft => "Weft",
            Self::A1111 => "A1111",
            Self::ComfyUi => "ComfyUI",
            Self::SwarmUi => "SwarmUI",
            Self::InvokeAi => "InvokeAI",
            Self::NovelAi => "NovelAI",
            Self::Fooocus => "Fooocus",
            Self::Unknown => "Unknown",
        }
    }
}

/// A picture as the gallery shows it. Its file is at `/pictures/{id}/file`, a thumbnail at `/pictures/{id}/thumbnail?width=`;
/// both never change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PictureCard {
    pub id: PictureId,
    /// None: imported.
    pub generation: Option<GenerationId>,
    /// Place in its generation, from 0; for a sheet row by row.
    pub shot: u32,
    pub width: u32,
    pub height: u32,
    /// `#rrggbb`, shown until the thumbnail is there.
    pub colour: String,
    /// The first 300 characters.
    pub prompt: String,
    pub seed: Option<u64>,
    pub checkpoint: String,
    pub source: PictureSource,
    pub favourite: bool,
    /// 1 to 5.
    pub rating: Option<u8>,
    pub created_ms: i64,
    /// In the trash since.
    pub deleted_ms: Option<i64>,
}

/// All that is known of a picture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PictureDetails {
    pub card: PictureCard,
    pub recipe: Recipe,
    /// `png`, `jpeg`, `webp`.
    pub format: String,
    /// Bytes of the file.
    pub size: i64,
    /// Name of the file when it is downloaded.
    pub file_name: String,
    /// The picture that it was made from, when that is still there.
    pub parent: Option<PictureCard>,
    /// Pictures made from this one, newest first, at most 24.
    pub children: Vec<PictureCard>,
}

/// Order of the gallery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum PictureSort {
    #[default]
    Newest,
    Oldest,
    /// Best first; unrated last.
    Rating,
}

impl PictureSort {
    /// Every order in menu order.
    pub const ALL: [Self; 3] = [Self::Newest, Self::Oldest, Self::Rating];

    /// The word in URLs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::Rating => "rating",
        }
    }

    /// The order a URL names; unknown words give none.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == word)
    }
}

/// Which pictures to show. Lists are "any of"; different fields are "and".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PictureQuery {
    /// Words that must all appear in the prompts, in names of checkpoint and adapters; each matches from the start of a word.
    pub text: String,
    pub checkpoint: Vec<CheckpointId>,
    pub adapter: Vec<AdapterId>,
    pub generation: Option<GenerationId>,
    pub source: Vec<PictureSource>,
    pub favourite: bool,
    /// At least so many stars.
    pub rating: Option<u8>,
    /// Those in the trash, instead of the others.
    pub trash: bool,
    pub sort: PictureSort,
    pub offset: u64,
    /// 0 means the default window of 60; at most 500.
    pub limit: u64,
}

impl PictureQuery {
    /// Longest text that is looked at, in characters.
    const TEXT_MAX: usize = 500;

    /// Reads a query string; unknown keys and bad values are passed over, as an old bookmark must not break a page.
    #[must_use]
    pub fn from_query(query: &str) -> Self {
        let mut this = Self::default();
        for (key, value) in urlencode::decode(query) {
            match key.as_str() {
                "text" | "q" => this.text = value.chars().take(Self::TEXT_MAX).collect(),
                "checkpoint" => this.checkpoint.extend(value.parse::<CheckpointId>()),
                "adapter" => this.adapter.extend(value.parse::<AdapterId>()),
                "generation" => this.generation = value.parse().ok(),
                "source" => this.source.extend(PictureSource::ALL.into_iter().find(|source| source.as_str() == value)),
                "favourite" => this.favourite = value == "true",
                "rating" => this.rating = value.parse().ok(),
                "trash" => this.trash = value == "true",
                "sort" => this.sort = PictureSort::parse(&value).unwrap_or_default(),
                "offset" => this.offset = value.parse().unwrap_or(0),
                "limit" => this.limit = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        this
    }
}

/// A window of the pictures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PicturePage {
    pub items: Vec<PictureCard>,
    /// All that match, not just this window.
    pub total: u64,
    pub offset: u64,
}

/// What to change of pictures; None leaves it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PictureEdit {
    pub favourite: Option<bool>,
    /// 1 to 5; 0 takes the rating away.
    pub rating: Option<u8>,
    /// Into the trash, or out of it.
    pub deleted: Option<bool>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !*value
}
