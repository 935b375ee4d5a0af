//! Prompts: what the dialects mean, and texts that nobody should type.
#![expect(clippy::unwrap_used, reason = "tests")]

mod chance;
mod chunks;
mod dialects;
mod hostile;
mod weights;
