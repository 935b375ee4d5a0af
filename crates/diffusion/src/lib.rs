//! From words to pictures: prompts, tokenizers, seeded noise, schedules, samplers.
//!
//! Pure: no database, no HTTP, no files, no clock, no global state. Compiles to WebAssembly.
//!
//! Latents are flat `f32` slices in the order channel, row, column; coefficients are computed in `f64`. Noise levels are σ: for
//! variance-exploding models x = x0 + σ·n, for flow models x = (1 − σ)·x0 + σ·n (see [`schedule::Path`]).

pub mod noise;
pub mod prompt;
pub mod sampler;
pub mod schedule;
pub mod tokenizer;
