//! The program `weft`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::proc;
use crate::workspace::Workspace;

/// How the server is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build, reads the page from disk.
    Dev,
    /// Optimised, the page inside.
    Release,
    /// As `Release`, smaller and slower to build: what is handed out.
    Dist,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
            Self::Dist => "dist",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
            Self::Dist => "dist",
        }
    }
}

/// Builds the server and returns the program's path. The page must be there: a release embeds it.
pub(crate) fn build(ws: &Workspace, profile: Profile) -> Result<PathBuf> {
    proc::run(proc::cargo().args(["build", "--package", "weft", "--bin", "weft", "--profile", profile.name()]).current_dir(&ws.root))?;
    Ok(program(ws, profile))
}

/// Where a built server lies.
pub(crate) fn program(ws: &Workspace, profile: Profile) -> PathBuf {
    ws.target.join(profile.folder()).join("weft").with_extension(std::env::consts::EXE_EXTENSION)
}

/// Becomes `weft serve`, so that signals and the exit status are its own.
pub(crate) fn serve_in_place(program: &Path, args: &[String]) -> Result<()> {
    let mut command = Command::new(program);
    command.arg("serve").args(args);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        Err(command.exec()).with_context(|| format!("cannot start {}", program.display()))
    }
    #[cfg(not(unix))]
    proc::run(&mut command).context("weft serve")
}
