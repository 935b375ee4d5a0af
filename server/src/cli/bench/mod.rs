//! `weft bench`: what this machine makes of the work, beside the limit that it sets.
//!
//! Everything of one run is measured on the same machine, in the same minutes, on files made for it. Each figure stands beside what bounds
//! it (reading or copying the same bytes) and, where the user has them, beside other programs.

mod adapters;
mod clock;
mod cold;
mod diffusion;
mod heavy;
mod memory;
mod peer;
mod table;

use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use table::Table;

/// Measure this machine: every figure beside what limits it
#[derive(Debug, clap::Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Reading, measuring, merging, resizing and baking of adapters
    Weights(Weights),
    /// Text encoder, denoiser, image decoder and a whole picture of one checkpoint
    Diffusion(diffusion::Diffusion),
    /// Inspect every adapter of a folder in a process of its own: what `weights` measures as cold
    #[command(hide = true)]
    Inspect(cold::Cold),
}

/// Reading, measuring, merging, resizing and baking of adapters
#[derive(Debug, clap::Args)]
struct Weights {
    /// Folder for the files that are measured (removed afterwards); without it the system's temporary folder
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// How often each figure is taken; the median is shown
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Size of the checkpoint for baking, in GB; three times as much is needed on the disk. 0 leaves it out
    #[arg(long, value_name = "GB", default_value_t = 1.0)]
    checkpoint: f64,
    /// Also the methods that work element by element, on a whole pair: minutes
    #[arg(long)]
    elementwise: bool,
    /// A Python with torch and peft: measures PEFT's `svd` and a dense decomposition on one module beside Weft's
    #[arg(long, value_name = "PYTHON")]
    peft: Option<PathBuf>,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(super) fn run(self) -> Result<ExitCode> {
        let options = match self.what {
            What::Weights(options) => options,
            What::Diffusion(diffusion) => {
                let mut table = Table::new(diffusion.json);
                diffusion.run(&mut table)?;
                table.finish()?;
                return Ok(ExitCode::SUCCESS);
            }
            What::Inspect(cold) => return cold.run(),
        };
        let folder = match &options.folder {
            Some(folder) => tempfile::tempdir_in(folder).with_context(|| folder.display().to_string())?,
            None => tempfile::tempdir()?,
        };
        let mut table = Table::new(options.json);
        let pair = adapters::measure(&mut table, folder.path(), options.rounds)?;
        heavy::verified(&mut table, &pair[0], options.rounds)?;
        let resized = heavy::resized(&mut table, folder.path(), options.rounds)?;
        if options.elementwise {
            heavy::elementwise(&mut table, &pair, &folder.path().join("merged.safetensors"))?;
        }
        if options.checkpoint > 0.0 {
            heavy::baked(&mut table, folder.path(), options.checkpoint)?;
        }
        if let Some(python) = &options.peft {
            peer::dense(&mut table, python, &resized)?;
            peer::peft(&mut table, python, folder.path(), options.rounds)?;
        }
        table.finish()?;
        Ok(ExitCode::SUCCESS)
    }
}
