//! `weft fits`.

use super::input::{self, Input};
use super::output::{self, Bar};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use weft_weights::ops::fits::{Fit, Level, Share, fits};
use weft_weights::strength::strengths;

/// Tell whether an adapter fits a checkpoint, and why
#[derive(Debug, clap::Args)]
#[command(after_help = "The exit code is 1 for an adapter that was made for another model.")]
pub(super) struct Fits {
    /// Adapter
    #[arg(value_name = "ADAPTER")]
    adapter: PathBuf,
    /// Checkpoint: a safetensors file, the index.json of its shards, or a diffusers folder
    #[arg(value_name = "CHECKPOINT")]
    checkpoint: PathBuf,
    /// Read headers only: modules are counted, not weighed by what they do
    #[arg(long)]
    headers_only: bool,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl Fits {
    pub(super) fn run(self) -> Result<ExitCode> {
        let input = Input::open(&self.adapter)?;
        let checkpoint = input::checkpoint(&self.checkpoint)?;
        let bar = Bar::new();
        let strengths = (!self.headers_only).then(|| strengths(&input.adapter, input.member().source, &bar)).transpose();
        bar.clear();
        let fit = fits(&input.adapter, &checkpoint, strengths?.as_ref());
        if self.json {
            println!("{}", serde_json::to_string_pretty(&fit)?);
        } else {
            print(&fit);
        }
        Ok(if fit.level == Level::Wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// The level in words.
fn level(level: Level) -> &'static str {
    match level {
        Level::Exact => "fits",
        Level::Ignored => "fits, with keys that have no use here",
        Level::Partial => "fits in part",
        Level::Wrong => "made for another model",
        Level::NeedsBase => "fits; its effect depends on this checkpoint's values",
    }
}

fn print(fit: &Fit) {
    println!("{}: {}", level(fit.level), output::plain(&fit.reason));
    println!("  checkpoint  {}", output::plain(&fit.checkpoint));
    share("denoiser", &fit.denoiser);
    for (number, encoder) in &fit.text_encoders {
        share(&format!("text enc. {number}"), encoder);
    }
    const SHOWN: usize = 8;
    for module in fit.missing.iter().take(SHOWN) {
        println!("  no weight for {}", output::plain(module));
    }
    if fit.missing.len() > SHOWN {
        println!("  … and {} more", fit.missing.len() - SHOWN);
    }
    for other in fit.mismatched.iter().take(SHOWN) {
        let ((m, n), (rows, columns)) = (other.adapter, other.checkpoint);
        println!("  {} is {m}×{n}, the weight {rows}×{columns}", output::plain(&other.module));
    }
    for warning in &fit.warnings {
        println!("  note: {}", output::plain(warning));
    }
}

fn share(name: &str, share: &Share) {
    if share.modules == 0 {
        return;
    }
    let energy = share.energy.map(|e| format!(", {:.1} % of its strength squared", e * 100.0)).unwrap_or_default();
    println!("  {name:<11} {} of {} modules{energy}", share.matched, share.modules);
}
