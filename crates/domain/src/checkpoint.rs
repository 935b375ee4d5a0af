//! Checkpoints of the library: whole models, or parts of one, that adapters are fitted to, baked into and extracted from.

use crate::adapter::{FileState, Hashes};
use crate::ids::{CheckpointId, RootId};
use crate::query::Facet;
use crate::urlencode;
use serde::{Deserialize, Serialize};

/// How the files of a checkpoint belong together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum CheckpointForm {
    /// One safetensors file.
    #[default]
    Single,
    /// Shards with an index, shown as one.
    Sharded,
    /// A diffusers folder, shown as one.
    Folder,
}

impl CheckpointForm {
    /// The word that REST and the database use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Sharded => "sharded",
            Self::Folder => "folder",
        }
    }

    /// Name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Single => "one file",
            Self::Sharded => "shards",
            Self::Folder => "diffusers folder",
        }
    }
}

/// What a checkpoint makes pictures from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckpointPurpose {
    /// Noise alone.
    #[default]
    Base,
    /// A picture with a mask.
    Inpaint,
    /// A picture and an instruction.
    Edit,
    /// A control picture.
    Control,
    /// A picture that becomes a film.
    ImageToVideo,
}

impl CheckpointPurpose {
    /// The word that REST and the database use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Inpaint => "inpaint",
            Self::Edit => "edit",
            Self::Control => "control",
            Self::ImageToVideo => "image_to_video",
        }
    }

    /// Name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Base => "Base",
            Self::Inpaint => "Inpainting",
            Self::Edit => "Editing",
            Self::Control => "Control",
            Self::ImageToVideo => "Image to video",
        }
    }
}

/// What a list of checkpoints shows of each.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckpointCard {
    pub id: CheckpointId,
    /// Title in the metadata, else the name of the file or folder without its ending.
    pub name: String,
    /// File, index of the shards, or folder.
    pub file_name: String,
    /// Folder below the root, `/`-separated, empty at the root itself.
    pub folder: String,
    pub root: RootId,
    pub state: FileState,
    /// Why it cannot be used, in plain words.
    pub error: Option<String>,
    pub form: CheckpointForm,
    /// Family id (`sd1`, `sdxl`, `flux1`…), `unknown` when nothing fits.
    pub family: String,
    /// Model in words for people: "Flux.1 schnell".
    pub model: String,
    pub variant: Option<String>,
    pub purpose: CheckpointPurpose,
    /// What the model predicts (`v`), where a file says so. Most do not.
    pub prediction: Option<String>,
    /// Packed format (`nunchaku`…) whose weights cannot be changed; None for plain numbers.
    pub packing: Option<String>,
    /// Stored types, most bytes first.
    pub dtypes: Vec<String>,
    /// Bytes of all its files.
    pub size: i64,
    pub tensors: u32,
    /// Values of all tensors.
    pub parameters: i64,
    /// It holds a denoiser.
    pub denoiser: bool,
    /// Numbers of the text encoders it holds: 1 = CLIP-L or the only one, 2 = OpenCLIP bigG, 3 = T5.
    pub text_encoders: Vec<u8>,
    /// It holds an image decoder.
    pub vae: bool,
    /// First 10 digits of the SHA-256 of the file; None until it is hashed, and for more than one file.
    pub autov2: Option<String>,
    pub modified_ms: i64,
    pub added_ms: i64,
}

/// One file of a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckpointFile {
    /// Relative to the checkpoint's folder.
    pub name: String,
    /// Bytes.
    pub size: i64,
}

/// All that is known of one checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckpointDetails {
    pub card: CheckpointCard,
    /// Full path on disk of the file, index or folder.
    pub path: String,
    pub root_name: String,
    /// Counts every change of the row.
    pub version: i64,
    /// 0 to 1.
    pub family_confidence: f64,
    /// Why this family, one plain sentence each.
    pub evidence: Vec<String>,
    /// Block layout of adapters for it.
    pub layout_id: Option<String>,
    /// Channels of the denoiser's input layer, patches included.
    pub in_channels: Option<u32>,
    pub files: Vec<CheckpointFile>,
    /// Of the file; all None for more than one.
    pub hashes: Hashes,
    pub warnings: Vec<String>,
    /// The files' own metadata; long values are cut with a mark.
    pub metadata: Vec<(String, String)>,
}

/// Order of a list of checkpoints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum CheckpointSort {
    #[default]
    Name,
    /// Newest in the library first.
    Added,
    /// Newest file first.
    Modified,
    /// Largest first.
    Size,
}

impl CheckpointSort {
    /// Every order in menu order, with its words for people.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Name, "Name"), (Self::Added, "Newest here"), (Self::Modified, "Newest file"), (Self::Size, "Size")];

    /// The word in URLs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Size => "size",
        }
    }

    /// The order a URL names; unknown words give none.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().map(|(sort, _)| sort).find(|sort| sort.as_str() == word)
    }
}

/// Which checkpoints to show. Lists are "any of"; different fields are "and".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckpointQuery {
    /// Words that must all appear in title, file, folder or model; each matches from the start of a word.
    pub text: String,
    pub family: Vec<String>,
    /// `ready`, `missing`, `broken`.
    pub state: Vec<String>,
    /// Root ids.
    pub root: Vec<String>,
    pub sort: CheckpointSort,
    /// Turns the natural direction of `sort` round.
    pub reverse: bool,
    pub offset: u64,
    /// 0 means the default window of 60; at most 500.
    pub limit: u64,
}

impl CheckpointQuery {
    /// The window's size after defaults and limits: those of the library.
    #[must_use]
    pub fn window(&self) -> u64 {
        match self.limit {
            0 => crate::LibraryQuery::DEFAULT_LIMIT,
            n => n.min(crate::LibraryQuery::MAX_LIMIT),
        }
    }

    /// `text=flux&family=flux1`, without what stands at its default. Round trips through [`Self::from_query`].
    #[must_use]
    pub fn to_query(&self) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        if !self.text.is_empty() {
            pairs.push(("text", self.text.clone()));
        }
        for (key, list) in [("family", &self.family), ("state", &self.state), ("root", &self.root)] {
            pairs.extend(list.iter().map(|value| (key, value.clone())));
        }
        if self.sort != CheckpointSort::default() {
            pairs.push(("sort", self.sort.as_str().to_owned()));
        }
        if self.reverse {
            pairs.push(("reverse", "true".to_owned()));
        }
        for (key, number) in [("offset", self.offset), ("limit", self.limit)] {
            if number > 0 {
                pairs.push((key, number.to_string()));
            }
        }
        urlencode::encode(&pairs)
    }

    /// Reads a query string; unknown keys and bad values are passed over, as an old bookmark must not break a page. `q` is another
    /// word for `text`.
    #[must_use]
    pub fn from_query(query: &str) -> Self {
        let mut this = Self::default();
        for (key, value) in urlencode::decode(query) {
            let list = match key.as_str() {
                "text" | "q" => {
                    this.text = value.chars().take(crate::LibraryQuery::TEXT_MAX).collect();
                    continue;
                }
                "sort" => {
                    this.sort = CheckpointSort::parse(&value).unwrap_or_default();
                    continue;
                }
                "reverse" => {
                    this.reverse = value == "true";
                    continue;
                }
                "offset" => {
                    this.offset = value.parse().unwrap_or(0);
                    continue;
                }
                "limit" => {
                    this.limit = value.parse().unwrap_or(0);
                    continue;
                }
                "family" => &mut this.family,
                "state" => &mut this.state,
                "root" => &mut this.root,
                _ => continue,
            };
            if !value.is_empty() && !list.contains(&value) {
                list.push(value);
            }
        }
        this
    }
}

/// A window of the checkpoints.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckpointPage {
    pub items: Vec<CheckpointCard>,
    /// All that match, not just this window.
    pub total: u64,
    pub offset: u64,
    /// Families of all checkpoints that match the rest of the query, most frequent first.
    pub families: Vec<Facet>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_survives_its_url_and_an_old_bookmark_does_not_break() {
        let query = CheckpointQuery {
            text: "dream & \"shaper\" ü".into(),
            family: vec!["sd1".into(), "sdxl".into()],
            sort: CheckpointSort::Size,
            reverse: true,
            limit: 20,
            ..Default::default()
        };
        assert_eq!(CheckpointQuery::from_query(&query.to_query()), query);
        let odd = CheckpointQuery::from_query("?sort=colour&gone=1&family=&family=sd1&family=sd1&offset=-3&%zz=%&q=x");
        assert_eq!(odd, CheckpointQuery { family: vec!["sd1".into()], text: "x".into(), ..Default::default() });
        assert_eq!(CheckpointQuery { limit: 10_000, ..Default::default() }.window(), 500);
    }
}
