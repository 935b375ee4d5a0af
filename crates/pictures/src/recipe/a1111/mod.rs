//! The text of A1111, Forge and many others: prompt, `Negative prompt: …`, one line of `Key: value` pairs.

pub(super) mod write;
