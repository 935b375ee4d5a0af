//! Files written by PEFT, diffusers, LyCORIS and by the key rules of the trainers, against float64 figures made in Python.
//! `golden/README.md` says how the data is made; nothing of it comes from this crate.

#![expect(clippy::unwrap_used, reason = "tests")]

mod files;
mod merges;
mod read;
