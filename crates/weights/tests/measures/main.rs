//! Measures and relations against float64 figures made with numpy (`golden/make_measures.py`), and the properties they must have.

#![expect(clippy::unwrap_used, reason = "tests")]

mod build;
mod golden;
mod properties;
mod verdicts;
