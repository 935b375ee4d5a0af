//! The tools that come by npm, pinned in `package.json` and `package-lock.json`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::page::stamp;
use crate::proc;
use crate::workspace::Workspace;

const OLDEST_NODE: u32 = 20;

/// Installs the tools when the lock file is not the one they were installed from.
pub(crate) fn ensure(ws: &Workspace) -> Result<()> {
    let lock = fs::read(ws.root.join("package-lock.json")).context("package-lock.json")?;
    let wanted = stamp::hash(&[&lock]);
    let mark = ws.root.join("node_modules/.weft-lock");
    if fs::read_to_string(&mark).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    check_node()?;
    println!("installing the tools of package-lock.json");
    // No package may run a script of its own, and no browser is fetched: the tests use the system's Chromium.
    proc::run(
        Command::new(program("npm"))
            .args(["ci", "--ignore-scripts", "--loglevel=error"])
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
            .current_dir(&ws.root),
    )?;
    fs::write(&mark, wanted).context("node_modules/.weft-lock")
}

/// A command of `node_modules/.bin`.
pub(crate) fn tool(ws: &Workspace, name: &str) -> Command {
    let mut command = Command::new(tool_path(ws, name));
    command.current_dir(&ws.root);
    command
}

fn tool_path(ws: &Workspace, name: &str) -> PathBuf {
    ws.root.join("node_modules/.bin").join(program(name))
}

fn program(name: &str) -> String {
    if cfg!(windows) { format!("{name}.cmd") } else { name.to_owned() }
}

fn check_node() -> Result<()> {
    let version = proc::output(Command::new("node").arg("--version")).unwrap_or_default();
    let major: Option<u32> = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    match major {
        Some(major) if major >= OLDEST_NODE => Ok(()),
        Some(_) => bail!("Node {} is too old: install Node {OLDEST_NODE} or newer (nodejs.org, or your system's packages)", version.trim()),
        None => bail!("Node is missing: install Node {OLDEST_NODE} or newer, with npm (nodejs.org, or your system's packages)"),
    }
}
