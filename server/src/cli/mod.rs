//! The command line: one file per command, each a call to the same services that the page uses.

mod bake;
mod bench;
mod compare;
mod config;
mod convert;
mod edit;
mod extract;
mod fits;
mod generate;
mod input;
mod inspect;
mod measure;
mod merge;
mod models;
mod output;
mod pictures;
mod resize;
mod samples;
mod scan;
mod serve;
mod strand;
mod verify;

use crate::config::{GlobalOptions, Settings};
use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

pub use output::why;

/// A workbench for LoRA adapters: collect, look inside, weave.
#[derive(Debug, Parser)]
#[command(name = "weft", version, about, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open the workbench in the browser: serves the page and the REST interface
    Serve(serve::Serve),
    /// Add folders to the library (or look through them again) and wait until all is measured
    Scan(scan::Scan),
    /// List the checkpoints of the library
    Models(models::Models),
    /// Paint pictures
    Generate(Box<generate::Generate>),
    /// Show what adapter files hold and where in the network they work
    Inspect(inspect::Inspect),
    /// Weave several adapters into one file
    Merge(merge::Merge),
    /// Cut an adapter to a smaller rank, in a copy
    Resize(resize::Resize),
    /// Write an adapter under the names that another program reads
    Convert(convert::Convert),
    /// Make blocks of an adapter stronger, weaker, or leave them out, in a copy
    Edit(edit::Edit),
    /// Tell how adapters relate: the same training, independent, or fighting, and where
    Compare(compare::Compare),
    /// Norms and ranks of what an adapter changes, by block, group and module
    Measure(measure::Measure),
    /// Tell whether an adapter fits a checkpoint, and why
    Fits(fits::Fits),
    /// Bake adapters into a copy of a checkpoint
    Bake(bake::Bake),
    /// Take adapters that were baked in out of a copy of a checkpoint: the same command with the weights turned around
    Unbake(bake::Bake),
    /// Make an adapter of what sets one checkpoint apart from another
    Extract(extract::Extract),
    /// Check that adapter files are whole, are what they say, and do something
    Verify(verify::Verify),
    /// Take pictures in, or show what is written in one
    Pictures(pictures::Pictures),
    /// Write synthetic adapters to try things out with
    Samples(samples::Samples),
    /// Measure this machine: every figure beside what limits it
    Bench(bench::Bench),
    /// Show every setting and where it comes from
    Config(config::Config),
}

impl Cli {
    /// Runs the command. The exit code is 0, or 1 when a part of what was asked failed.
    pub fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Serve(command) => command.run(&self.global),
            Command::Scan(command) => command.run(&self.global),
            Command::Models(command) => command.run(&self.global),
            Command::Generate(command) => command.run(&self.global),
            Command::Inspect(command) => command.run(),
            Command::Merge(command) => command.run(),
            Command::Resize(command) => command.run(),
            Command::Extract(command) => command.run(),
            Command::Convert(command) => command.run(),
            Command::Edit(command) => command.run(),
            Command::Compare(command) => command.run(),
            Command::Measure(command) => command.run(),
            Command::Fits(command) => command.run(),
            Command::Bake(command) => command.run(false),
            Command::Unbake(command) => command.run(true),
            Command::Verify(command) => command.run(),
            Command::Pictures(command) => command.run(&self.global),
            Command::Samples(command) => command.run(),
            Command::Bench(command) => command.run(),
            Command::Config(command) => command.run(&self.global),
        }
    }
}

/// Settings, log and runtime for commands that need services.
fn with_runtime<F, T>(settings: &Settings, work: impl FnOnce() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    crate::start::start_log(settings)?;
    // Leptos wants several workers even on one core, or a page that waits for itself would hang.
    let workers = std::thread::available_parallelism().map_or(4, usize::from).max(4);
    tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?.block_on(work())
}
