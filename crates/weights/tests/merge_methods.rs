//! Every merge method: against float64 results of the papers' formulas and of PEFT itself (`golden/make_methods.py`), and by properties.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "merge_methods/chance.rs"]
mod chance;
#[path = "merge_methods/golden.rs"]
mod golden;
#[path = "merge_methods/kinds.rs"]
mod kinds;
#[path = "merge_methods/properties.rs"]
mod properties;
#[expect(dead_code, reason = "shared with tests that use the rest of it")]
mod support;
