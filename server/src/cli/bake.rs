//! `weft bake` and `weft unbake`.

use super::input::{self, Input};
use super::output::{self, Bar};
use super::strand::StrandArg;
use anyhow::{Result, anyhow};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use weft_services::card;
use weft_weights::merge::MergeInput;
use weft_weights::ops::Origin;
use weft_weights::ops::bake::{BakePlan, BakeReport, StoreAs, bake_on};

/// Bake adapters into a copy of a checkpoint
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weft bake flux.safetensors ink.safetensors:0.8 aurora.safetensors:0.5@double.json -o nordic.safetensors")]
pub(super) struct Bake {
    /// Checkpoint: a safetensors file, the index.json of its shards, or a diffusers folder
    #[arg(value_name = "CHECKPOINT")]
    checkpoint: PathBuf,
    /// FILE[:WEIGHT][@PROFILE], as for merge
    #[arg(value_name = "STRAND", required = true)]
    strands: Vec<StrandArg>,
    /// What to write; it must not exist yet. A name that ends in .safetensors gives one file, another a folder
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
    /// keep, f16, bf16, f32, f8_e4m3 or f8_e5m2
    #[arg(long, default_value = "keep", value_parser = store_as)]
    dtype: StoreAs,
    /// Round changed values up or down by chance, so that small changes survive in coarse types on average; the seed fixes the outcome
    #[arg(long, value_name = "SEED")]
    stochastic: Option<u64>,
    /// Bake adapters in that were made for another model, as far as their modules find a weight
    #[arg(long)]
    misfits: bool,
    /// Replace what exists
    #[arg(long)]
    force: bool,
    /// Machine-readable output: the report
    #[arg(long)]
    json: bool,
}

fn store_as(word: &str) -> Result<StoreAs, String> {
    serde_json::from_value(word.to_lowercase().into()).map_err(|_| "choose keep, f16, bf16, f32, f8_e4m3 or f8_e5m2".to_owned())
}

impl Bake {
    /// `inverse` takes the adapters out again.
    pub(super) fn run(self, inverse: bool) -> Result<ExitCode> {
        let checkpoint = input::checkpoint(&self.checkpoint)?;
        let opened = self.strands.iter().map(|strand| Input::open(&strand.path)).collect::<Result<Vec<_>>>()?;
        let mut inputs = Vec::new();
        for (strand, opened) in self.strands.iter().zip(&opened) {
            let mut input = MergeInput::new(opened.label.clone(), strand.weight);
            input.profile = strand.profile.as_deref().map(|text| input::profile(text, &opened.adapter)).transpose()?;
            inputs.push(input);
        }
        let name = self.checkpoint.file_name().ok_or_else(|| anyhow!("{} has no name", self.checkpoint.display()))?;
        let plan = BakePlan {
            dtype: self.dtype,
            stochastic: self.stochastic,
            inverse,
            misfits: self.misfits,
            checkpoint: Origin::named(name.to_string_lossy()),
            title: self.output.file_stem().map(|stem| stem.to_string_lossy().into_owned()),
            overwrite: self.force,
            ..BakePlan::new(inputs)
        };
        let members: Vec<_> = opened.iter().map(Input::member).collect();
        let (bar, began) = (Bar::new(), Instant::now());
        let card = card::for_bake(&checkpoint, &plan, &members)?;
        let report = bake_on(Some(&card), &checkpoint, &plan, &members, &self.output, &bar);
        bar.clear();
        let (report, seconds) = (report?, began.elapsed().as_secs_f64());
        if self.json {
            let output = self.output.display().to_string();
            println!("{}", serde_json::to_string_pretty(&json!({ "output": output, "seconds": seconds, "report": report }))?);
        } else {
            println!("{}", self.output.display());
            print(&report, seconds);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(report: &BakeReport, seconds: f64) {
    let speed = report.bytes as f64 / 1e9 / seconds.max(1e-9);
    println!("  {} in {seconds:.1} s, {speed:.2} GB/s", output::bytes(report.bytes));
    println!("  {} tensors changed, {} only converted, {} copied", report.changed, report.converted, report.copied);
    println!("  computed by {}", output::plain(&report.device));
    for adapter in &report.adapters {
        println!("  {}: {} modules applied", output::plain(&adapter.label), adapter.applied);
        const SHOWN: usize = 8;
        for missed in adapter.unplaced.iter().take(SHOWN) {
            println!("    left out: {}: {}", output::plain(&missed.module), output::plain(&missed.reason));
        }
        if adapter.unplaced.len() > SHOWN {
            println!("    … and {} more", adapter.unplaced.len() - SHOWN);
        }
    }
    if report.saturated > 0 {
        println!("  note: {} values were beyond the range of the type and were set to its largest", report.saturated);
    }
    for warning in &report.warnings {
        println!("  note: {}", output::plain(warning));
    }
}
