//! Checkpoints: the index, fits, bake, extract. Against what diffusers and PEFT make of the same files, and against hostile ones.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "checkpoint/bakes.rs"]
mod bakes;
#[path = "checkpoint/extracts.rs"]
mod extracts;
#[path = "checkpoint/families.rs"]
mod families;
#[path = "checkpoint/files.rs"]
mod files;
#[path = "checkpoint/fitting.rs"]
mod fitting;
#[path = "checkpoint/golden.rs"]
mod golden;
#[path = "checkpoint/hostile.rs"]
mod hostile;
