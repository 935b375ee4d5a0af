//! `weft extract`.

use super::output::{self, Bar};
use anyhow::Result;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weft_domain::parameter::{ENERGY, RANK};
use weft_weights::checkpoint::Checkpoint;
use weft_weights::merge::OutDtype;
use weft_weights::ops::Origin;
use weft_weights::ops::convert::Convention;
use weft_weights::ops::extract::{ExtractPlan, ExtractReport, extract_to};

/// Make an adapter of what sets one checkpoint apart from another
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weft extract tuned.safetensors base.safetensors -o tuned_lora.safetensors --rank 32")]
pub(super) struct Extract {
    /// The finetuned checkpoint
    #[arg(value_name = "TUNED")]
    tuned: PathBuf,
    /// The checkpoint it was tuned from
    #[arg(value_name = "BASE")]
    base: PathBuf,
    /// File to write; it must not exist yet. For peft a folder, unless it ends in .safetensors
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
    /// Whose names the result has: kohya (sd-scripts, A1111), comfyui, diffusers or peft
    #[arg(long, default_value = "kohya", value_parser = super::convert::convention)]
    to: Convention,
    /// Rank of every module; with --energy the largest
    #[arg(long, required_unless_present = "energy")]
    rank: Option<u32>,
    /// Share of each module's energy to keep, above 0 to 1
    #[arg(long)]
    energy: Option<f64>,
    /// f16, bf16 or f32
    #[arg(long, default_value = "f16", value_parser = super::input::engine_dtype)]
    dtype: OutDtype,
    /// Leave the text encoders out
    #[arg(long)]
    no_text_encoders: bool,
    /// Take biases and norms too, as stored differences
    #[arg(long)]
    vectors: bool,
    /// Weights that changed by less than this part of their size count as unchanged
    #[arg(long, default_value_t = 0.0)]
    threshold: f64,
    /// Cut the factors' values at this quantile (other programs cut at 0.99, which changes what was learned)
    #[arg(long, value_name = "QUANTILE")]
    clamp: Option<f64>,
    /// Seed of the randomised decomposition
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Machine-readable output: the report
    #[arg(long)]
    json: bool,
}

fn open(path: &Path) -> Result<(Checkpoint, Origin)> {
    let checkpoint = super::input::checkpoint(path)?;
    Ok((checkpoint, Origin::named(path.file_name().unwrap_or_default().to_string_lossy())))
}

impl Extract {
    pub(super) fn run(self) -> Result<ExitCode> {
        let ((tuned, tuned_origin), (base, base_origin)) = (open(&self.tuned)?, open(&self.base)?);
        let rank = self.rank.map(|rank| RANK.check(f64::from(rank)).map(|_| rank as usize)).transpose()?;
        let energy = self.energy.map(|energy| ENERGY.check(energy)).transpose()?;
        let plan = ExtractPlan {
            text_encoders: !self.no_text_encoders,
            vectors: self.vectors,
            threshold: self.threshold,
            clamp: self.clamp,
            seed: self.seed,
            tuned: tuned_origin,
            base: base_origin,
            title: self.output.file_stem().map(|stem| stem.to_string_lossy().into_owned()),
            overwrite: self.force,
            ..ExtractPlan::new(rank, energy, self.dtype)
        };
        let bar = Bar::new();
        let out = super::convert::target(self.to, &self.output)?;
        let report = extract_to(&tuned, &base, &plan, self.to, &out, &bar);
        bar.clear();
        let (report, config) = report?;
        if let Some(config) = config {
            output::beside(&out, "adapter_config.json", &config, self.force)?;
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&json!({ "output": out.display().to_string(), "report": report }))?);
        } else {
            println!("{}", out.display());
            print(&report);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(report: &ExtractReport) {
    let rank = output::span(report.rank_min, report.rank_max);
    println!("  {} modules, rank {rank}, {}", report.modules.len(), output::bytes(report.bytes));
    println!("  energy kept  {:.4} %", report.energy_kept * 100.0);
    println!("  {} weights are the same in both", report.unchanged);
    for (weight, reason) in report.left_out.iter().take(8) {
        println!("  left out: {}: {}", output::plain(weight), output::plain(reason));
    }
    if report.left_out.len() > 8 {
        println!("  … and {} more", report.left_out.len() - 8);
    }
    for warning in &report.warnings {
        println!("  note: {}", output::plain(warning));
    }
}
