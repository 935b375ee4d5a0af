//! The tests of `end2end/` in headless Chromium.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use crate::{npm, proc};

const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];
const ON_A_MAC: [&str; 2] =
    ["/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];

/// The browser: `WEFT_CHROMIUM`, else one that is installed, else Debian's package where we may install it.
pub(crate) fn find() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("WEFT_CHROMIUM").map(PathBuf::from) {
        if path.is_file() {
            return Ok(path);
        }
        bail!("WEFT_CHROMIUM is {}, where there is no file", path.display());
    }
    if let Some(found) = installed() {
        return Ok(found);
    }
    proc::apt_install(&["chromium"])?;
    match installed() {
        Some(found) => Ok(found),
        None => bail!("no Chromium: install one (Debian: apt install chromium) or set WEFT_CHROMIUM to its program"),
    }
}

fn installed() -> Option<PathBuf> {
    let on_a_mac = ON_A_MAC.iter().map(PathBuf::from).find(|path| path.is_file());
    NAMES.iter().find_map(|name| proc::on_path(name)).or(on_a_mac)
}

/// Runs every spec against `program`, which each worker starts for itself on a free port with an empty data folder.
pub(crate) fn test(ws: &Workspace, chromium: &Path, program: &Path) -> Result<()> {
    let mut playwright = npm::tool(ws, "playwright");
    playwright.args(["test", "--config", "end2end/playwright.config.ts"]);
    playwright.env("WEFT_CHROMIUM", chromium).env("WEFT_PROGRAM", program);
    proc::run(&mut playwright)
}
