//! What can go wrong, and whether the CPU should take over.

use weft_weights::dtype::Dtype;
use weft_weights::progress::Cancelled;

/// Why a computation gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    /// There is no device, or no driver for it.
    #[error("no GPU can be used here: {0}")]
    NoDevice(String),
    /// There is a device, but it cannot do what is needed.
    #[error("{device} cannot be used: {why}")]
    Unfit {
        /// Name of the device.
        device: String,
        /// What it lacks.
        why: String,
    },
    /// The device refused an allocation.
    #[error("the GPU has too little free memory; use the CPU or close programs that use the GPU")]
    OutOfMemory,
    /// One piece of work is larger than the device takes at once.
    #[error("{what} needs {bytes} bytes in one piece, the GPU takes {limit}; use the CPU")]
    TooLarge {
        /// What is large.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The device's limit.
        limit: u64,
    },
    /// The device went away: unplugged, reset by its driver, or taken by the system.
    #[error("the GPU was lost: {0}; use the CPU, or open the device again")]
    Lost(String),
    /// No answer in time.
    #[error("the GPU gave no answer within {0} s; use the CPU")]
    Timeout(u64),
    /// The driver refused a command: a defect here or there.
    #[error("the GPU's driver refused the work: {0}; use the CPU")]
    Refused(String),
    /// Sizes that do not belong together.
    #[error("{0}")]
    Shape(String),
    /// A number type that factors and weights do not have.
    #[error("{0} is no type for weights")]
    Dtype(Dtype),
    /// A stored value is NaN or infinite.
    #[error("{0} holds NaN or infinity; check the file")]
    NotFinite(&'static str),
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl GpuError {
    /// True where the same work may succeed on the CPU: the fault lies with the device, not with the input.
    #[must_use]
    pub fn try_cpu(&self) -> bool {
        !matches!(self, Self::Shape(_) | Self::Dtype(_) | Self::NotFinite(_) | Self::Cancelled(_))
    }
}
