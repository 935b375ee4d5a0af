//! Adapters on a loaded model: put on, changed in strength, taken off, while the checkpoint's own weights stay as they are.
//!
//! A module whose ΔW has small exact factors (LoRA, LoCon, LoHa and LoKr of low rank) is applied beside its weight; all others (stored
//! differences, DoRA, (IA)³, OFT, BOFT, GLoRA, replaced weights, high ranks) go into a changed copy of it. Both give what a baked checkpoint
//! gives, up to the rounding of f32. A change of strength touches the scales of the first and computes the second anew.

mod apply;
mod plan;

pub(crate) use apply::Applied;
pub use plan::{AdapterFile, AdapterReport, AdapterUse, Schedule, Skipped};
