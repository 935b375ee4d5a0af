//! `weft samples`.

use super::output::{self, Bar};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use weft_services::samples::write_demo;
use weft_weights::family::Family;
use weft_weights::samples::{SampleOptions, SampleSize, write_samples};

/// Write synthetic adapters to try things out with
#[derive(Debug, clap::Args)]
pub(super) struct Samples {
    /// Folder to write into; made when it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// How many
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,
    /// Only these families: sd1, sdxl, flux1, flux2, wan, qwenimage, … (repeat or separate by commas; a wrong word lists all)
    #[arg(long, value_delimiter = ',', value_name = "FAMILY", value_parser = parse_family)]
    family: Vec<Family>,
    /// Different numbers give different samples; the same number the same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How much of a network each changes: tiny (20 to 400 kB), small (about 2 MB) or full (as trainers write them); without it, small for up to 100 files, tiny beyond
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    size: Option<SampleSize>,
    /// Instead of synthetic ones: the demonstration model, which paints 128 × 128 pixels, and the adapters that were trained on it
    #[arg(long, conflicts_with_all = ["count", "family", "seed", "size"])]
    demo: bool,
    /// Machine-readable output: the files that were written
    #[arg(long)]
    json: bool,
}

fn parse_family(word: &str) -> Result<Family, String> {
    Family::by_id(&word.to_lowercase())
        .filter(|family| *family != Family::Unknown)
        .ok_or_else(|| format!("choose from {}", Family::ALL.map(Family::id).join(", ")))
}

fn parse_size(word: &str) -> Result<SampleSize, String> {
    serde_json::from_value(word.to_lowercase().into()).map_err(|_| "choose tiny, small or full".to_owned())
}

impl Samples {
    pub(super) fn run(self) -> Result<ExitCode> {
        let bar = Bar::new();
        let written = self.write(&bar);
        bar.clear();
        let written = written?;
        if self.json {
            let files: Vec<_> = written.iter().map(|(path, _)| path.display().to_string()).collect();
            println!("{}", serde_json::to_string_pretty(&files)?);
        } else {
            let size: u64 = written.iter().map(|(_, bytes)| bytes).sum();
            let what = if self.demo { "files" } else { "samples" };
            println!("{} {what}, {}, in {}", written.len(), output::bytes(size), self.folder.display());
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Paths and sizes of what was written.
    fn write(&self, bar: &Bar) -> Result<Vec<(PathBuf, u64)>> {
        if self.demo {
            let paths = write_demo(&self.folder, bar)?;
            let sized = paths.into_iter().map(|path| Ok((path.clone(), path.metadata()?.len())));
            return sized.collect();
        }
        let options = SampleOptions { count: self.count as usize, families: self.family.clone(), seed: self.seed, size: self.size };
        Ok(write_samples(&self.folder, &options, bar)?.into_iter().map(|file| (file.path, file.bytes)).collect())
    }
}
