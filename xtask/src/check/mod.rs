//! `cargo xtask test`: every check there is, the quick ones first; it ends at the first that fails.

mod browser;
pub(crate) mod deny;
mod postgres;
mod vulkan;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;
use crate::{npm, page, proc, server};

/// All packages but the one that compiles to WebAssembly alone.
const NATIVE: [&str; 3] = ["--workspace", "--exclude", "weft-frontend"];

/// Runs the checks; `quick` leaves out PostgreSQL and the browser.
pub(crate) fn all(ws: &Workspace, quick: bool) -> Result<()> {
    let mut steps = Steps { begun: Instant::now(), done: Vec::new(), notes: Vec::new() };
    let outcome = run(ws, quick, &mut steps);
    steps.summary(outcome.is_ok());
    outcome
}

/// Starts the database that the tests get, and keeps it until a signal ends us.
pub(crate) fn hold_postgres() -> Result<()> {
    let database = postgres::start()?;
    println!("export WEFT_TEST_POSTGRES_URL={}", database.url);
    loop {
        std::thread::park();
    }
}

fn run(ws: &Workspace, quick: bool, steps: &mut Steps) -> Result<()> {
    steps.step("tools", || {
        npm::ensure(ws)?;
        page::ensure_wasm_target()
    })?;
    steps.step("format", || cargo(ws, &["fmt", "--all", "--check"], &[]))?;
    let note = steps.step("licences and advisories", || deny::run(ws))?;
    steps.notes.extend(note);
    steps.step("lints of the page", || page_lints(ws))?;
    steps.step("page", || page::build(ws, page::Mode::Release).map(drop))?;
    steps.step("lints", || cargo(ws, &["clippy"], &[&NATIVE[..], &["--all-targets", "--", "--deny", "warnings"]].concat()))?;
    if quick {
        steps.step("tests", || cargo(ws, &["test"], &NATIVE))?;
        steps.notes.push("--quick: neither PostgreSQL nor the browser was tested".into());
        return Ok(());
    }
    let database = steps.step("PostgreSQL", postgres::start)?;
    let chromium = steps.step("browser", browser::find)?;
    let vulkan = steps.step("Vulkan", vulkan::ensure)?;
    steps.step("tests", || {
        let mut tests = proc::cargo();
        tests.arg("test").args(NATIVE).current_dir(&ws.root);
        tests.env("WEFT_TEST_POSTGRES_URL", &database.url).env("WEFT_CHROMIUM", &chromium);
        if vulkan {
            tests.env("WEFT_NEEDS_GPU", "1");
        }
        proc::run(&mut tests)
    })?;
    if !vulkan {
        steps.notes.push("no Vulkan driver (Debian: apt install mesa-vulkan-drivers): GPU tests may have been skipped".into());
    }
    // The integration tests of `weft` have built the program, and cargo has laid it into place: building it again by itself
    // would take other features of shared dependencies, and minutes.
    steps.step("browser tests", || browser::test(ws, &chromium, &server::program(ws, server::Profile::Dev)))
}

fn cargo(ws: &Workspace, command: &[&str], args: &[&str]) -> Result<()> {
    proc::run(proc::cargo().args(command).args(args).current_dir(&ws.root))
}

/// The page's lints, with the profile, the flags and the folder of its build: build scripts and macros are compiled once for both.
fn page_lints(ws: &Workspace) -> Result<()> {
    proc::run(page::cargo(ws, "clippy").args(["--package", "weft-app", "--profile", page::RELEASE, "--", "--deny", "warnings"]))
}

/// What ran, how long it took, and what people should know of it.
#[derive(Debug)]
struct Steps {
    begun: Instant,
    done: Vec<(&'static str, Duration, bool)>,
    notes: Vec<String>,
}

impl Steps {
    fn step<T>(&mut self, name: &'static str, check: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n━━ {name} ━━");
        let begun = Instant::now();
        let outcome = check();
        self.done.push((name, begun.elapsed(), outcome.is_ok()));
        outcome.context(name)
    }

    fn summary(&self, passed: bool) {
        println!("\n━━ {} in {:.0} s ━━", if passed { "all passed" } else { "FAILED" }, self.begun.elapsed().as_secs_f32());
        for (name, time, passed) in &self.done {
            println!("{} {:>7.1} s  {name}", if *passed { "ok  " } else { "FAIL" }, time.as_secs_f32());
        }
        for note in &self.notes {
            println!("note: {note}");
        }
    }
}
