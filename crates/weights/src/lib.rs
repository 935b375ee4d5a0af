//! Adapter files: formats, layouts, strengths, merging.
//!
//! Pure: no database, no HTTP, no clock, no global state. Compiles to WebAssembly. Without the `engine` feature only what the
//! page needs at every visit is left: layouts, profiles and the Gram algebra behind the sliders.
//!
//! Notation: ΔW = s·B·A with A ("down") r×n, B ("up") m×r, s = alpha/r. For convolutions n = in·kh·kw.

pub mod family;
pub mod gram;
pub mod layout;
pub mod profile;

#[cfg(feature = "engine")]
pub mod adapter;
#[cfg(feature = "engine")]
pub mod checkpoint;
#[cfg(feature = "engine")]
pub mod compare;
#[cfg(feature = "engine")]
pub mod delta;
#[cfg(feature = "engine")]
pub mod dtype;
#[cfg(feature = "engine")]
pub mod hashes;
#[cfg(feature = "engine")]
pub mod header;
#[cfg(feature = "engine")]
pub mod inspect;
#[cfg(feature = "engine")]
pub mod keys;
#[cfg(feature = "engine")]
mod linalg;
#[cfg(feature = "engine")]
pub mod measures;
#[cfg(feature = "engine")]
pub mod merge;
#[cfg(feature = "engine")]
pub mod ops;
#[cfg(feature = "engine")]
pub mod progress;
#[cfg(feature = "engine")]
pub mod relations;
#[cfg(feature = "engine")]
pub mod samples;
#[cfg(feature = "engine")]
pub mod source;
#[cfg(feature = "engine")]
pub mod strength;
#[cfg(feature = "engine")]
pub mod text;
#[cfg(feature = "engine")]
pub mod write;
