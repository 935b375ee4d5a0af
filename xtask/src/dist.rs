//! The release: one file.

use std::fs;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::workspace::Workspace;
use crate::{page, server};

/// Builds page and server and lays the program, with its SHA-256 beside it, into `target/dist`.
pub(crate) fn make(ws: &Workspace) -> Result<()> {
    page::build(ws, page::Mode::Release)?;
    // The profile is called `dist` too, so cargo has put the program where it belongs.
    let program = server::build(ws, server::Profile::Dist)?;
    let bytes = fs::read(&program).with_context(|| program.display().to_string())?;
    let name = program.file_name().context("the program has no name")?.to_string_lossy();
    let sum = hex::encode(Sha256::digest(&bytes));
    let listed = program.with_added_extension("sha256");
    fs::write(&listed, format!("{sum}  {name}\n")).with_context(|| listed.display().to_string())?;
    println!("{}  {:.1} MB  sha256 {sum}", program.display(), bytes.len() as f64 / 1e6);
    Ok(())
}
