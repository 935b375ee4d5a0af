//! Why a picture could not be made.

use weft_weights::checkpoint::CheckpointError;
use weft_weights::delta::DeltaError;
use weft_weights::progress::Cancelled;
use weft_weights::source::ReadError;

/// What was wrong with a model or a request, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The files are no usable checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file could not be read to its end.
    #[error("reading the model failed: {0}")]
    Read(#[from] ReadError),
    /// A configuration beside the weights cannot be used.
    #[error("{file}: {why}")]
    Config { file: String, why: String },
    /// A tensor that the network needs is not in the files.
    #[error("the {part} lacks {path}; the file is incomplete, or of another kind of model")]
    Missing { part: &'static str, path: String },
    /// A tensor has another shape than its neighbours ask for.
    #[error("{path} of the {part} is {found:?}, but {wanted} is needed; the file is damaged, or of another kind of model")]
    Shape { part: &'static str, path: String, found: Vec<usize>, wanted: String },
    /// A part of the model is in none of the files.
    #[error("the model has no {part}; give its file beside the checkpoint")]
    NoPart { part: &'static str },
    /// A family, or a variant of one, that this engine does not run.
    #[error("{0}")]
    Unsupported(String),
    /// More memory than may be used.
    #[error("the model needs {} for its weights and about {} to work, but {} may be used; {advice}", size(*.weights), size(*.work), size(*.budget))]
    Budget { weights: u64, work: u64, budget: u64, advice: String },
    /// The request asks for something that cannot be.
    #[error("{0}")]
    Request(String),
    /// An adapter's module could not be read.
    #[error("{file}: {source}")]
    Adapter { file: String, source: DeltaError },
    /// Nothing of an adapter fits the model.
    #[error("{file} does not fit this model: {why}")]
    Misfit { file: String, why: String },
    /// Numbers that are no numbers.
    #[error("{what} holds values that are no numbers (NaN or infinite){when}; {advice}")]
    NotFinite { what: &'static str, when: String, advice: &'static str },
    /// The tensor library refused.
    #[error("the computation failed: {0}")]
    Tensor(#[from] candle_core::Error),
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib < 10.0 {
        format!("{mib:.1} MiB")
    } else if mib < 1024.0 {
        format!("{mib:.0} MiB")
    } else {
        format!("{:.1} GiB", mib / 1024.0)
    }
}

/// Result of this module.
pub type Result<T, E = ModelError> = std::result::Result<T, E>;
