//! What the services hand in and get back, besides the views of `weft_domain`.

use std::path::PathBuf;
use weft_domain::checkpoint::{CheckpointFile, CheckpointForm, CheckpointPurpose};
use weft_domain::{CheckpointId, FileState, RootId};

/// What the library remembers of a checkpoint, enough to see whether it has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCheckpoint {
    pub id: CheckpointId,
    /// Below the root, `/`-separated.
    pub rel_path: String,
    /// What [`NewCheckpoint::stamp`] was.
    pub stamp: String,
    pub state: FileState,
}

/// A checkpoint as a scan found it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCheckpoint {
    /// Below the root, `/`-separated, no leading `/`: the file, the index of the shards, or the folder. Unique within the root.
    pub rel_path: String,
    pub form: CheckpointForm,
    /// Bytes of all files.
    pub size: i64,
    /// Of the newest file.
    pub modified_ms: i64,
    /// Changes when any of its files does; compared as a whole.
    pub stamp: String,
    /// Device and inode of the file, or of the first one, where the platform has them.
    pub file_key: Option<String>,
    /// Hash of the headers' bytes.
    pub header_hash: Option<String>,
    pub files: Vec<CheckpointFile>,
    /// What the headers say, or why it cannot be used.
    pub facts: Result<CheckpointFacts, String>,
}

/// What the headers say of a checkpoint.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CheckpointFacts {
    pub title: Option<String>,
    pub family: String,
    /// 0 to 1.
    pub family_confidence: f64,
    /// In words for people.
    pub model: String,
    pub variant: Option<String>,
    pub purpose: CheckpointPurpose,
    pub prediction: Option<String>,
    pub packing: Option<String>,
    pub layout_id: Option<String>,
    pub in_channels: Option<u32>,
    /// Most bytes first.
    pub dtypes: Vec<String>,
    pub tensors: u32,
    pub parameters: i64,
    pub denoiser: bool,
    pub text_encoders: Vec<u8>,
    pub vae: bool,
    pub evidence: Vec<String>,
    pub warnings: Vec<String>,
    pub metadata: Vec<(String, String)>,
}

/// Where a checkpoint lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointPlace {
    pub id: CheckpointId,
    pub root: RootId,
    /// Absolute path of the root.
    pub root_path: PathBuf,
    /// Below the root, `/`-separated.
    pub rel_path: String,
    pub file_name: String,
    pub name: String,
    pub form: CheckpointForm,
    pub family: String,
    pub model: String,
    pub size: i64,
    pub stamp: String,
    pub state: FileState,
    pub error: Option<String>,
    pub sha256: Option<String>,
}

/// A checkpoint of one file that has no hash yet. Results are accepted only while `stamp` still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointWork {
    pub id: CheckpointId,
    pub root_path: PathBuf,
    pub rel_path: String,
    pub name: String,
    pub size: i64,
    pub stamp: String,
}
