//! Why ΔW of one module could not be had.

use crate::adapter::Kind;
use crate::source::ReadError;

/// Why ΔW of one module could not be had.
#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    /// ΔW depends on the base model and none was given.
    #[error("what {module} does depends on the base model, for it is of the kind {}; give the checkpoint it is for", kind.label())]
    NeedsBase { module: String, kind: Kind },
    /// The base model has no such weight.
    #[error("the base model has no weight for {module}; it is another model than the one the adapter was made for")]
    NotInBase { module: String },
    /// A tensor holds NaN or infinity, or its values leave the range of f32.
    #[error("{key} holds NaN or infinity, or values beyond the range of 32-bit floats; the module cannot be used")]
    NotFinite { key: String },
    /// The tensors do not fit each other, or the base.
    #[error("{module}: {reason}")]
    Shape { module: String, reason: String },
    /// The bytes could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}
