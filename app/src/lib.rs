//! The page: routes, components and the server functions behind them.
//!
//! Thin by rule: it asks a service and shows the answer. Built twice: with `ssr` into the server, with `hydrate` into WebAssembly. The
//! first render must come out the same in both, so nothing here reads a clock, a locale, storage or the window before an effect runs.
#![recursion_limit = "256"]
#![expect(unreachable_pub, reason = "the component macro writes `pub` items for private components")]

pub mod adapter;
pub mod api;
pub mod blocks;
pub mod checkpoints;
mod choose;
pub mod compare;
pub mod dom;
pub mod format;
pub mod kit;
pub mod library;
mod making;
mod page;
mod parts;
mod picture;
mod profile;
pub mod shell;
pub mod studio;
pub mod weave;
mod windowed;

pub use page::{App, PageOptions, shell};
