//! What the storage promises, on every engine it runs on.

#![expect(clippy::unwrap_used, reason = "tests")]

mod blobs;
mod checkpoints;
mod edits;
mod generations;
mod jobs;
mod moves;
mod pending;
mod roots;
mod scans;
mod search;
mod support;
