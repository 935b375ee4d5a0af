//! The page: from Rust, CSS and a few hand-written files to `target/site`.
//!
//! Rust → `cargo` (profile `wasm-release`, own target folder) → cut into parts → wasm-bindgen → wasm-opt → hashed name; Tailwind → hashed name;
//! templates of `public/` filled in with the hashed names; `.br` and `.gz` beside everything that shrinks. Each step is skipped
//! when nothing that it reads has changed.

mod compress;
mod css;
mod fonts;
mod site;
pub(crate) mod stamp;
mod wasm;

use std::time::Instant;

use anyhow::Result;

pub(crate) use wasm::{RELEASE, cargo, ensure_target as ensure_wasm_target};

use crate::npm;
use crate::workspace::Workspace;

/// What the page is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To be used: smallest download.
    Release,
    /// To be edited: quickest build, reloads by itself, no service worker.
    Watch,
}

/// Builds the page into `target/site`; says whether anything in it changed.
pub(crate) fn build(ws: &Workspace, mode: Mode) -> Result<bool> {
    let begun = Instant::now();
    npm::ensure(ws)?;
    let parts = site::Parts { wasm: wasm::build(ws, mode)?, css: css::build(ws)?, fonts: fonts::read(ws)? };
    let done = site::write(ws, mode, &parts)?;
    if done.changed {
        println!("page {} built in {:.1} s: {}", done.build, begun.elapsed().as_secs_f32(), done.sizes);
    }
    Ok(done.changed)
}
