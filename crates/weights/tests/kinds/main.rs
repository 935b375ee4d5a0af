//! ΔW of every kind against float64 figures made in Python, and the account of every key. `golden/README.md` says how the data is made.

#![expect(clippy::unwrap_used, reason = "tests")]

mod account;
mod forms;
mod open;
mod speed;
mod traps;
mod truth;
