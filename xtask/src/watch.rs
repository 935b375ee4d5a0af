//! `cargo xtask watch`: rebuild, restart, reload.
//!
//! Looks at the files' times twice a second: a few hundred files cost under a millisecond, and it works on every file system,
//! inside containers and with every editor's way of saving.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use walkdir::WalkDir;

use crate::proc::{self, Started};
use crate::workspace::Workspace;
use crate::{page, server};

/// Parts of the page alone: the server reads the built page from disk and need not restart.
const PAGE_ONLY: [&str; 3] = ["frontend", "style", "public"];
/// Parts of both.
const SHARED: [&str; 4] = ["app", "crates", "Cargo.toml", "Cargo.lock"];
/// Parts of the server alone.
const SERVER_ONLY: [&str; 2] = ["server", "migrations"];

type Times = BTreeMap<PathBuf, SystemTime>;

/// Runs until Ctrl-C.
pub(crate) fn watch(ws: &Workspace, args: &[String]) -> Result<()> {
    let mut seen = Seen::look(ws);
    let mut running = rebuild(ws, args, None, true, true);
    loop {
        std::thread::sleep(Duration::from_millis(500));
        if running.as_mut().is_some_and(|server| server.ended().is_some()) {
            println!("the server has ended; it starts again with the next change");
            running = None;
        }
        let mut now = Seen::look(ws);
        if now == seen {
            continue;
        }
        // An editor or a branch switch writes several files: wait until it is done.
        while let later = Seen::look(ws)
            && later != now
        {
            now = later;
            std::thread::sleep(Duration::from_millis(150));
        }
        let page = now.page != seen.page || now.shared != seen.shared;
        let server = now.server != seen.server || now.shared != seen.shared;
        seen = now;
        running = rebuild(ws, args, running, page, server);
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    page: Times,
    shared: Times,
    server: Times,
}

impl Seen {
    fn look(ws: &Workspace) -> Self {
        Self { page: times(ws, &PAGE_ONLY), shared: times(ws, &SHARED), server: times(ws, &SERVER_ONLY) }
    }
}

fn times(ws: &Workspace, parts: &[&str]) -> Times {
    parts
        .iter()
        .flat_map(|part| WalkDir::new(ws.root.join(part)).into_iter().filter_entry(|entry| entry.file_name() != "target"))
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| Some((entry.path().to_owned(), entry.metadata().ok()?.modified().ok()?)))
        .collect()
}

/// Builds what changed. A failed build leaves what runs running: the compiler's message is on the screen.
fn rebuild(ws: &Workspace, args: &[String], running: Option<Started>, page: bool, server: bool) -> Option<Started> {
    let built = (|| {
        if page {
            page::build(ws, page::Mode::Watch)?;
        }
        if server || running.is_none() {
            return server::build(ws, server::Profile::Dev).map(Some);
        }
        Ok(None)
    })();
    match built {
        Ok(Some(program)) => {
            drop(running);
            start(ws, &program, args).inspect_err(report).ok()
        }
        Ok(None) => running,
        Err(error) => {
            report(&error);
            running
        }
    }
}

fn start(ws: &Workspace, program: &Path, args: &[String]) -> Result<Started> {
    // A copy, so that the next build can replace the program while it runs, on every system.
    let copy = ws.cache().join("watch-weft").with_extension(std::env::consts::EXE_EXTENSION);
    fs::create_dir_all(ws.cache()).context("target/xtask")?;
    let _absent = fs::remove_file(&copy);
    fs::copy(program, &copy).with_context(|| copy.display().to_string())?;
    let server = proc::start(Command::new(&copy).arg("serve").args(args).current_dir(&ws.root), "TERM")?;
    mark_restart(ws)?;
    Ok(server)
}

/// Changes the served service worker by a line, which makes open pages reload (see `public/watch.js`).
fn mark_restart(ws: &Workspace) -> Result<()> {
    let worker = ws.site().join("sw.js");
    let mut file = OpenOptions::new().append(true).open(&worker).with_context(|| worker.display().to_string())?;
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    writeln!(file, "// server started {time}").context("sw.js")
}

fn report(error: &anyhow::Error) {
    eprintln!("\nerror: {error:#}\nwaiting for the next change");
}
