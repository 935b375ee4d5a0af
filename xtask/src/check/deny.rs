//! Licences, bans, sources and known vulnerabilities of the dependencies, by `cargo deny`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::proc;
use crate::workspace::Workspace;

/// Installed into `target/tools`, as a debug build: that takes a fifth of the time, and the checks take a second all the same.
const VERSION: &str = "0.20.2";

/// Runs the checks; returns a note when the database of advisories could not be fetched.
pub(crate) fn run(ws: &Workspace) -> Result<Option<String>> {
    let tool = ensure(ws)?;
    proc::run(deny(&tool, ws).args(["bans", "licenses", "sources"]))?;
    advisories(&tool, ws)
}

fn deny(tool: &PathBuf, ws: &Workspace) -> Command {
    let mut command = Command::new(tool);
    command.args(["--workspace", "--all-features", "--locked", "check", "--hide-inclusion-graph"]).current_dir(&ws.root);
    command
}

fn ensure(ws: &Workspace) -> Result<PathBuf> {
    let folder = ws.root.join("target/tools").join(format!("cargo-deny-{VERSION}"));
    let tool = folder.join("bin/cargo-deny").with_extension(std::env::consts::EXE_EXTENSION);
    if !tool.is_file() {
        println!("installing cargo-deny {VERSION} into target/tools");
        let mut install = proc::cargo();
        install.args(["install", "cargo-deny", "--version", VERSION, "--locked", "--debug", "--no-track", "--root"]).arg(&folder);
        // Not this project's target folder or toolchain file: a tool is built by itself.
        proc::run(install.env_remove("CARGO_TARGET_DIR").current_dir(std::env::temp_dir()))?;
    }
    Ok(tool)
}

/// Advisories need a database from the network. Where that cannot be reached the rest still counts, and the summary says so.
fn advisories(tool: &PathBuf, ws: &Workspace) -> Result<Option<String>> {
    let out = deny(tool, ws).arg("advisories").stdout(Stdio::piped()).stderr(Stdio::piped()).output().context("cannot start cargo-deny")?;
    let said = [out.stdout, out.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if out.status.success() {
        return Ok(None);
    }
    if said.contains("failed to fetch advisory database") {
        return Ok(Some("the advisory database could not be fetched: known vulnerabilities were NOT checked".into()));
    }
    bail!("cargo deny check advisories:\n{said}")
}
