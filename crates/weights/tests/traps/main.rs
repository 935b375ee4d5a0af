//! One test for each trap that is known: those that every engine of adapters can fall into ([`engine`]), and the verified defects of other programs
//! ([`elsewhere`]), each test named after what goes wrong there. Truth is float64, by the definition of ΔW, worked out in the test.
#![expect(clippy::unwrap_used, reason = "a panic is a test's message")]

mod elsewhere;
mod engine;
mod made;
#[path = "../support/mod.rs"]
mod support;
mod tools;
