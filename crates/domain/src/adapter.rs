//! What the library tells of an adapter: the card in the gallery and the page with all details.

use crate::ids::{AdapterId, RootId};
use serde::{Deserialize, Serialize};

/// Where a file stands between "seen on disk" and "all is known".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum FileState {
    /// Header read; the file is usable. Hashes and strengths may still be on their way.
    #[default]
    Ready,
    /// The file is not where it was (deleted, or its drive is off). Its data is kept.
    Missing,
    /// Not valid; `error` says why.
    Broken,
}

impl FileState {
    /// The word that REST, URLs and the database use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Missing => "missing",
            Self::Broken => "broken",
        }
    }
}

/// Whether the picture of a card is the user's or drawn from the block strengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum PreviewKind {
    /// A picture found beside the file or inside its metadata.
    Image,
    /// The woven portrait drawn from the block strengths.
    Portrait,
}

/// What a card in the gallery shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdapterCard {
    pub id: AdapterId,
    /// The user's name for it, else the title in the metadata, else the file name without its ending.
    pub name: String,
    /// File name with its ending.
    pub file_name: String,
    /// Folder below the root, `/`-separated, empty at the root itself.
    pub folder: String,
    pub root: RootId,
    pub state: FileState,
    /// Why the file is broken, in plain words.
    pub error: Option<String>,
    /// Family id (`sd1`, `sdxl`, `flux1`…), `unknown` when nothing fits.
    pub family: String,
    /// Family in words for people: "SDXL".
    pub family_label: String,
    /// Kind id: `lora`, `locon`, `loha`…
    pub kind: String,
    /// Smallest and largest rank of its modules; None for kinds without one.
    pub rank_min: Option<u32>,
    pub rank_max: Option<u32>,
    /// Bytes.
    pub size: i64,
    pub tags: Vec<String>,
    /// 1 to 5 stars, or none given.
    pub rating: Option<u8>,
    /// Real block strengths are known.
    pub has_block_weights: bool,
    /// Neutral profile: no block strengths can be had from this file alone.
    pub fallback: bool,
    pub preview: PreviewKind,
    /// Changes whenever the picture does: part of the picture's address, so that it may be cached for ever.
    pub preview_version: String,
    pub modified_ms: i64,
    pub added_ms: i64,
}

impl AdapterCard {
    /// Address of the card's picture, `width` in CSS pixels rounded up to a size that is kept (160, 320, 640).
    #[must_use]
    pub fn preview_url(&self, width: u32) -> String {
        preview_url(self.id, width, &self.preview_version)
    }

    /// "r16", "r4–32", or nothing.
    #[must_use]
    pub fn rank_label(&self) -> Option<String> {
        match (self.rank_min?, self.rank_max?) {
            (a, b) if a == b => Some(format!("r{a}")),
            (a, b) => Some(format!("r{a}–{b}")),
        }
    }
}

/// Raised when portraits are drawn differently: it is part of their address, so that caches, which keep them for ever, ask anew.
pub const PORTRAIT_VERSION: u32 = 1;

/// Address of an adapter's picture in one of the kept widths.
#[must_use]
pub fn preview_url(id: AdapterId, width: u32, version: &str) -> String {
    let width = match width {
        0..=160 => 160,
        161..=320 => 320,
        _ => 640,
    };
    format!("/api/v1/adapters/{id}/preview?w={width}&v={version}")
}

/// Strength of one slot of the layout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockStrength {
    /// Slot id, equal to the label today: `IN04`, `D07`.
    pub slot: String,
    pub label: String,
    /// Display group: `in`, `mid`, `out`, `double`, `single`, `blocks`.
    pub group: String,
    /// The file has modules in this slot. Absent is not zero.
    pub present: bool,
    /// Frobenius norm of ΔW over the slot's modules.
    pub frobenius: f64,
    /// Root mean square of ΔW's elements: comparable among slots of different size.
    pub rms: f64,
}

/// Strength outside the numbered blocks: text encoders, embedders, head, unmatched keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutsideStrength {
    /// `TE1`, `IN`, `MOD`, `REF`, `OUT`, `OTHER`.
    pub group: String,
    pub frobenius: f64,
    pub modules: u32,
}

/// Hashes in use for finding the same file elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hashes {
    /// Of the whole file, 64 hex digits.
    pub sha256: Option<String>,
    /// First 10 digits of SHA-256.
    pub autov2: Option<String>,
    /// First 12 digits of the SHA-256 of the tensor bytes: survives an edit of the header.
    pub autov3: Option<String>,
}

/// All that is known of one adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdapterDetails {
    pub card: AdapterCard,
    /// Full path on disk: the owner may see where a file lies.
    pub path: String,
    pub root_name: String,
    pub notes: String,
    /// Counts every change of the user's data; sent back with an edit, so that two windows cannot silently overwrite each other.
    pub version: i64,
    pub family_confidence: f64,
    /// Why this family, one plain sentence each.
    pub evidence: Vec<String>,
    /// Wan 14B high noise, Flux schnell, Pony…, when something says so.
    pub variant: Option<String>,
    /// `kohya`, `peft`, …
    pub naming: Option<String>,
    pub layout_id: Option<String>,
    pub layout_version: Option<u32>,
    pub modules: u32,
    pub alpha: Option<f64>,
    pub dtypes: Vec<String>,
    /// Of everything in the file.
    pub frobenius: Option<f64>,
    /// Of the text encoders alone.
    pub te_frobenius: Option<f64>,
    /// Mean and variance over the blocks that are present.
    pub mean: Option<f64>,
    pub variance: Option<f64>,
    pub blocks: Vec<BlockStrength>,
    pub outside: Vec<OutsideStrength>,
    pub trigger_words: Vec<String>,
    /// Tags of the training captions with their counts, most frequent first.
    pub training_tags: Vec<(String, u64)>,
    pub description: Option<String>,
    pub hashes: Hashes,
    pub warnings: Vec<String>,
    /// The file's own metadata, as it stands in the header; long values are cut with a mark.
    pub metadata: Vec<(String, String)>,
    /// Written by `weft samples`.
    pub synthetic: bool,
}

/// What a user may change. A field that is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdapterEdit {
    /// New display name; empty gives the name back to the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// 1 to 5; 0 removes the rating.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<u8>,
    /// The version the user saw; a newer one in the library answers `stale`. None edits whatever is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

impl AdapterEdit {
    /// Longest name, in characters.
    pub const NAME_MAX: usize = 200;
    /// Longest tag, in characters.
    pub const TAG_MAX: usize = 64;
    /// Most tags on one adapter.
    pub const TAGS_MAX: usize = 100;
    /// Longest notes, in characters.
    pub const NOTES_MAX: usize = 100_000;

    /// Checks the limits and trims; the error names the field.
    pub fn checked(mut self) -> Result<Self, crate::Problem> {
        use crate::Problem;
        if let Some(name) = &mut self.name {
            *name = name.trim().to_owned();
            if name.chars().count() > Self::NAME_MAX {
                return Err(Problem::invalid("name", format!("A name may have {} characters at most.", Self::NAME_MAX)));
            }
        }
        if let Some(tags) = &mut self.tags {
            *tags = normalise_tags(tags)?;
        }
        if self.notes.as_ref().is_some_and(|n| n.chars().count() > Self::NOTES_MAX) {
            return Err(Problem::invalid("notes", format!("Notes may have {} characters at most.", Self::NOTES_MAX)));
        }
        if self.rating.is_some_and(|r| r > 5) {
            return Err(Problem::invalid("rating", "A rating is 1 to 5 stars, or 0 for none."));
        }
        Ok(self)
    }
}

/// Trims, drops empties and doubles (case does not count), keeps the order.
fn normalise_tags(tags: &[String]) -> Result<Vec<String>, crate::Problem> {
    let mut seen = std::collections::HashSet::new();
    let mut kept = Vec::new();
    for tag in tags {
        let tag = tag.split_whitespace().collect::<Vec<_>>().join(" ");
        if tag.is_empty() || !seen.insert(tag.to_lowercase()) {
            continue;
        }
        if tag.chars().count() > AdapterEdit::TAG_MAX {
            return Err(crate::Problem::invalid("tags", format!("A tag may have {} characters at most.", AdapterEdit::TAG_MAX)));
        }
        kept.push(tag);
    }
    if kept.len() > AdapterEdit::TAGS_MAX {
        return Err(crate::Problem::invalid("tags", format!("An adapter may have {} tags at most.", AdapterEdit::TAGS_MAX)));
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_trimmed_and_tags_lose_their_doubles() {
        let edit = AdapterEdit {
            name: Some("  Nordic Ink ".into()),
            tags: Some(vec![" ink".into(), "Ink".into(), "".into(), "two  words".into()]),
            ..Default::default()
        };
        let edit = edit.checked().expect("within limits");
        assert_eq!(edit.name.as_deref(), Some("Nordic Ink"));
        assert_eq!(edit.tags, Some(vec!["ink".to_owned(), "two words".to_owned()]));
    }

    #[test]
    fn six_stars_are_refused_by_name() {
        let problem = AdapterEdit { rating: Some(6), ..Default::default() }.checked().expect_err("too many stars");
        assert_eq!(problem.field.as_deref(), Some("rating"));
    }
}
