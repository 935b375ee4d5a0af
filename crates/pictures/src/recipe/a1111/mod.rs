//! The text of A1111, Forge and many others: prompt, `Negative prompt: …`, one line of `Key: value` pairs.

mod pairs;
pub(super) mod read;
pub(super) mod tags;
pub(super) mod write;
