//! The services on real folders, real files and SQLite, through their public doors.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bake;
mod checkpoints;
mod common;
mod engine;
mod operate;
mod paint;
mod queue;
mod samples;
mod scan;
mod styles;
mod weave;
