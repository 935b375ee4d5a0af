//! Why an operation did not happen. No file is left behind.

use crate::dtype::Dtype;
use crate::progress::Cancelled;
use crate::source::ReadError;
use crate::text::shown;
use crate::write::WriteError;

/// One variant for each way an operation can fail.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// The options contradict themselves or the file.
    #[error("{0}")]
    Options(String),
    /// A module that the operation cannot treat rightly.
    #[error("{}: {reason}", shown(.module))]
    Module {
        /// Its name in the file.
        module: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// NaN or infinity in a factor.
    #[error("the tensor {} holds values that are not numbers (NaN or infinity); the file is damaged", shown(.key))]
    NotFinite {
        /// Key of the tensor.
        key: String,
    },
    /// A value does not fit the stored type.
    #[error("{} would hold values beyond the range of {dtype}; choose bf16 or f32", shown(.module))]
    Range {
        /// Module or tensor of the result.
        module: String,
        /// The type.
        dtype: Dtype,
    },
    /// A decomposition did not converge.
    #[error("the decomposition of {} did not converge; please report the file", shown(.0))]
    Numeric(String),
    /// The input could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The result could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl OpError {
    pub(super) fn io(source: std::io::Error) -> Self {
        WriteError::Io { path: "the output".into(), source }.into()
    }

    pub(super) fn module(module: &str, reason: impl Into<String>) -> Self {
        Self::Module { module: module.to_owned(), reason: reason.into() }
    }
}
