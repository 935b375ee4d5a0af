//! Pictures on this machine.
//!
//! Pure: no database, no HTTP, no clock, no global state. Device, seed, progress and cancellation come in as parameters.
//!
//! - [`kernel`]: arithmetic on the processor where candle's is slow: convolutions, attention, norms. Same bits for any number of threads.
//! - [`model`]: text encoders, denoisers and image decoders on candle, adapters on top of them, and the pipeline that ties them together.

#[cfg(feature = "engine")]
pub mod kernel;
#[cfg(feature = "engine")]
pub mod model;
