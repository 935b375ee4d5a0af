//! Pictures: from a wish to what paints it.

mod engine;
pub mod generator;

pub use engine::{Engine, EngineSettings};
pub use generator::{Able, Generator, Painted, Shot, StartPixels, Unpainted, Unwatched, Watch};
