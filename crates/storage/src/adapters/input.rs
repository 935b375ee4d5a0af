//! What the services hand in and get back, besides the views of `weft_domain`.

use std::path::PathBuf;
use weft_domain::adapter::{BlockStrength, OutsideStrength};
use weft_domain::{AdapterId, FileState, RootId};

/// What the library remembers of a file, enough to see whether it has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    pub id: AdapterId,
    /// Below the root, `/`-separated.
    pub rel_path: String,
    pub size: i64,
    pub modified_ms: i64,
    pub state: FileState,
    /// What [`NewFile::sidecar_stamp`] was.
    pub sidecar_stamp: Option<String>,
}

/// A file as a scan found it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFile {
    /// Below the root, `/`-separated, no leading `/`. Unique within the root.
    pub rel_path: String,
    pub size: i64,
    pub modified_ms: i64,
    /// Device and inode ("dev:inode") where the platform has them: recognises a renamed file.
    pub file_key: Option<String>,
    /// Hash of the header bytes: with the size, says whether the content may be the same.
    pub header_hash: Option<String>,
    /// Anything that changes when a sidecar file comes, goes or changes (names and times); compared as a whole.
    pub sidecar_stamp: Option<String>,
    /// Where the picture would come from, in the caller's own words; None when there is none.
    pub preview_source: Option<String>,
    /// Changes when the picture's source does.
    pub preview_stamp: Option<String>,
    /// What the header says, or why the file is no adapter.
    pub facts: Result<AdapterFacts, String>,
}

/// What header and sidecars say of an adapter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AdapterFacts {
    /// Title inside the metadata.
    pub title: Option<String>,
    pub family: String,
    pub family_label: String,
    /// 0 to 1.
    pub family_confidence: f64,
    pub evidence: Vec<String>,
    pub variant: Option<String>,
    pub kind: String,
    pub naming: Option<String>,
    pub layout_id: Option<String>,
    pub layout_version: Option<u32>,
    pub modules: u32,
    pub rank_min: Option<u32>,
    pub rank_max: Option<u32>,
    pub alpha: Option<f64>,
    pub dtypes: Vec<String>,
    pub trigger_words: Vec<String>,
    /// With counts, most frequent first.
    pub training_tags: Vec<(String, u64)>,
    /// Tags from sidecars: taken as the adapter's tags until a person edits them.
    pub tags: Vec<String>,
    pub description: Option<String>,
    pub warnings: Vec<String>,
    pub metadata: Vec<(String, String)>,
    pub synthetic: bool,
}

/// Measured strengths of one file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Strengths {
    pub blocks: Vec<BlockStrength>,
    pub outside: Vec<OutsideStrength>,
    /// Of everything in the file.
    pub frobenius: Option<f64>,
    pub te_frobenius: Option<f64>,
    /// Mean and variance over the blocks that are present.
    pub mean: Option<f64>,
    pub variance: Option<f64>,
    /// Real block strengths are known.
    pub has_block_weights: bool,
    /// Neutral profile: none can be had from this file.
    pub fallback: bool,
    /// Why they could not be had, or what is odd about them.
    pub warning: Option<String>,
}

/// Hashes of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHashes {
    /// 64 hex digits, lower case.
    pub sha256: String,
    pub autov2: Option<String>,
    pub autov3: Option<String>,
}

/// What became of a file that was handed to [`super::AdapterRepo::upsert`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upserted {
    pub id: AdapterId,
    pub outcome: UpsertOutcome,
}

/// How a scanned file met what was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpsertOutcome {
    /// Never seen before.
    Added,
    /// Known under this path; its row is up to date now.
    Updated,
    /// Known under another path that is gone: the old row, with all a person wrote, is this file's now.
    Moved,
}

/// Where a file lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePlace {
    pub id: AdapterId,
    pub root: RootId,
    /// Absolute path of the root.
    pub root_path: PathBuf,
    /// Below the root, `/`-separated.
    pub rel_path: String,
    pub file_name: String,
    pub name: String,
    pub size: i64,
    pub modified_ms: i64,
    pub state: FileState,
    /// The root is watched and was readable when it was last looked at.
    pub root_online: bool,
    pub preview_source: Option<String>,
    /// Key of the stored picture, once it was made.
    pub preview_blob: Option<String>,
    pub layout_id: Option<String>,
    pub header_hash: Option<String>,
    pub sha256: Option<String>,
}

impl FilePlace {
    /// Root and relative path joined. Not checked against links: whoever opens it must.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.rel_path.split('/').fold(self.root_path.clone(), |path, part| path.join(part))
    }
}

/// What may still have to be done for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkKind {
    Strengths,
    Hashes,
    /// Only files with a `preview_source`.
    Thumbnails,
}

/// A file that work is left for. Results are accepted only while `size` and `modified_ms` still hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkItem {
    pub id: AdapterId,
    pub root_path: PathBuf,
    pub rel_path: String,
    pub name: String,
    pub size: i64,
    pub modified_ms: i64,
    pub preview_source: Option<String>,
    pub preview_stamp: Option<String>,
}

impl WorkItem {
    /// Root and relative path joined. Not checked against links: whoever opens it must.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.rel_path.split('/').fold(self.root_path.clone(), |path, part| path.join(part))
    }
}
