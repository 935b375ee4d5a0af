//! Why a checkpoint cannot be used.

use crate::header::HeaderError;
use crate::source::ReadError;

/// What was wrong with a checkpoint, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file could not be opened or read.
    #[error("{file}: {source}")]
    Read { file: String, source: ReadError },
    /// A file is no sound safetensors file.
    #[error("{file}: {source}")]
    Header { file: String, source: HeaderError },
    /// A folder could not be listed.
    #[error("{path} cannot be listed: {source}")]
    List { path: String, source: std::io::Error },
    /// A folder without a model, or with several.
    #[error("{path} {why}")]
    Folder { path: String, why: String },
    /// The index of a sharded checkpoint cannot be trusted.
    #[error("{index}: {why}")]
    Index { index: String, why: String },
    /// A shard that the index names is not there.
    #[error("{index} names the shard {shard}, which is not there; download it or choose the complete folder")]
    MissingShard { index: String, shard: String },
    /// The index says that a shard holds a tensor which it does not hold.
    #[error("{index} says that {key} is in {shard}, but it is not; the download is incomplete or the files are of different models")]
    MissingTensor { index: String, key: String, shard: String },
    /// One name in two files.
    #[error("{key} stands in {first} and in {second}; only one of them can be right")]
    Twice { key: String, first: String, second: String },
    /// More tensors than any model has.
    #[error("{found} tensors are more than the {} that are worked with", super::MAX_TENSORS)]
    TooMany { found: usize },
    /// No tensor at all.
    #[error("the checkpoint holds no tensors")]
    Empty,
}
