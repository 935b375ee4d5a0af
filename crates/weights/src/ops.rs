//! Operations on whole files. On one adapter: [`edit()`], [`verify()`]; with a checkpoint: [`fits`], [`bake`], [`extract`].
//!
//! Each reads a file through its index, module by module, and writes a new one; the input is never changed. Common to all:
//!
//! - **Exact or said.** What an operation rounds, cuts or cannot hold stands in its report or is its error.
//! - **Bounded memory.** A batch of modules, never a whole file, is in memory; factors are never multiplied out to m×n where that can be avoided.
//! - **Same bytes.** The same input and options give the same file, whatever the number of threads.
//! - **Provenance.** The metadata of the input is kept; `weft.history` gets one entry per operation: what was done, with which version, to which file.
//!   Hashes that the metadata stated about the old tensors (`sshs_model_hash`, `sshs_legacy_hash`) are left out, for they would be wrong.
//! - **Whole or nothing.** A new file has a temporary name until its last byte is on the disk; errors and cancellation leave nothing.

#[cfg(any(unix, windows))]
pub mod bake;
pub mod convert;
pub mod edit;
mod error;
pub mod extract;
pub mod fits;
mod meta;
mod peft;
pub mod resize;
mod stream;
mod tensors;
pub mod verify;

pub use convert::{Convention, ConvertOptions, ConvertReport, convert, convert_into};
pub use edit::{EditOptions, EditReport, edit, edit_into};
pub use error::OpError;
pub use meta::Origin;
pub use resize::{Keep, ResizeOptions, ResizeReport, resize, resize_into};
#[cfg(any(unix, windows))]
pub use verify::verify_file;
pub use verify::{Finding, Severity, VerifyOptions, VerifyReport, verify};
