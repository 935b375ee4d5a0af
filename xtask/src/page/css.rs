//! The style sheet: Tailwind over `style/`, with the classes that `app/src` uses.

use std::fs;

use anyhow::{Context as _, Result};

use super::stamp;
use crate::workspace::Workspace;
use crate::{npm, proc};

/// Runs Tailwind when a style, a component or the tool has changed; returns the minified sheet.
pub(crate) fn build(ws: &Workspace) -> Result<String> {
    let sheet = ws.cache().join("weft.css");
    let lock = fs::read(ws.root.join("package-lock.json")).context("package-lock.json")?;
    let inputs = stamp::hash(&[
        &lock,
        stamp::hash_folder(&ws.root.join("style"), &["css"])?.as_bytes(),
        stamp::hash_folder(&ws.root.join("app/src"), &["rs"])?.as_bytes(),
    ]);
    stamp::when_changed(&sheet, &inputs, || {
        proc::run(
            npm::tool(ws, "tailwindcss").args(["--minify", "--input"]).arg(ws.root.join("style/main.css")).arg("--output").arg(&sheet),
        )
    })?;
    fs::read_to_string(&sheet).with_context(|| sheet.display().to_string())
}
