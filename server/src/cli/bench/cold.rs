//! `weft bench inspect`: the work of a process that has just been started.

use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use weft_weights::inspect::{Depth, inspect_many};
use weft_weights::progress::Silent;

/// Inspect every adapter of a folder
#[derive(Debug, clap::Args)]
pub(super) struct Cold {
    /// Folder with adapters
    folder: PathBuf,
    /// headers, strengths or hashes
    #[arg(long, default_value = "strengths", value_parser = depth)]
    depth: Depth,
}

fn depth(word: &str) -> Result<Depth, String> {
    match word {
        "headers" => Ok(Depth::Header),
        "strengths" => Ok(Depth::Strengths),
        "hashes" => Ok(Depth::Hashes),
        _ => Err("choose headers, strengths or hashes".to_owned()),
    }
}

impl Cold {
    pub(super) fn run(self) -> Result<ExitCode> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "safetensors") {
                files.push(path);
            }
        }
        let failed = inspect_many(&files, self.depth, &Silent).iter().filter(|found| found.is_err()).count();
        if failed > 0 {
            bail!("{failed} of {} files could not be read", files.len());
        }
        println!("{} files", files.len());
        Ok(ExitCode::SUCCESS)
    }
}
