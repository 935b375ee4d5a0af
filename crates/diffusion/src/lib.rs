//! From words to pictures: prompts, tokenizers, seeded noise, schedules, samplers, and the models.
//!
//! Pure: no database, no HTTP, no clock, no global state. Device, seed, progress and cancellation come in as parameters; files only as paths
//! handed in. Without the `engine` feature what is left compiles to WebAssembly.
//!
//! Latents are flat `f32` slices in the order channel, row, column; coefficients are computed in `f64`. Noise levels are σ: for
//! variance-exploding models x = x0 + σ·n, for flow models x = (1 − σ)·x0 + σ·n (see [`schedule::Path`]).
//!
//! - [`kernel`]: arithmetic on the processor where candle's is slow: convolutions, attention, norms. Same bits for any number of threads.
//! - [`model`]: text encoders, denoisers and image decoders on candle, adapters on top of them, and the pipeline that ties all together.

pub mod noise;
pub mod prompt;
pub mod sampler;
pub mod schedule;
pub mod tokenizer;

#[cfg(feature = "engine")]
pub mod kernel;
#[cfg(feature = "engine")]
pub mod model;
