//! `weft edit`.

use super::input::{self, Input};
use super::output::{self, Bar};
use anyhow::Result;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use weft_weights::ops::edit::Via;
use weft_weights::ops::{EditOptions, EditReport, Origin, edit};

/// Make blocks of an adapter stronger, weaker, or leave them out, in a copy
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weft edit ink.safetensors -o ink_calm.safetensors --scale 0.8 --drop te,OUT09-OUT11")]
pub(super) struct Edit {
    /// Adapter to copy from
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// File to write; it must not exist yet
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Factor for every module
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    scale: f64,
    /// Factor for the text encoders instead of --scale
    #[arg(long, allow_negative_numbers = true)]
    te_scale: Option<f64>,
    /// A factor for each block: a file (JSON, CSV or a line of community text), the name of a preset, or the values themselves
    #[arg(long)]
    profile: Option<String>,
    /// Parts to leave out: IN04, D00-D05, TE1, OUT, … or te for all text encoders (repeat or separate by commas)
    #[arg(long, value_delimiter = ',', value_name = "PART")]
    drop: Vec<String>,
    /// Let alpha take the factors where there is one: rounds nothing, but diffusers reads a single alpha for a whole UNet file
    #[arg(long)]
    via_alpha: bool,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Machine-readable output: the report
    #[arg(long)]
    json: bool,
}

impl Edit {
    pub(super) fn run(self) -> Result<ExitCode> {
        let input = Input::open(&self.file)?;
        let options = EditOptions {
            scale: self.scale,
            te_scale: self.te_scale,
            profile: self.profile.as_deref().map(|text| input::profile(text, &input.adapter)).transpose()?,
            drop: self.drop,
            via: if self.via_alpha { Via::Alpha } else { Via::Factors },
            origin: Origin::named(&input.label),
            overwrite: self.force,
        };
        let bar = Bar::new();
        let report = edit(input.member(), &options, &self.output, &bar);
        bar.clear();
        let report = report?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&json!({ "output": self.output.display().to_string(), "report": report }))?);
        } else {
            println!("{}", self.output.display());
            print(&report);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(report: &EditReport) {
    println!(
        "  {} modules, {} changed, {} left out, {}",
        report.modules,
        report.changed.len() - report.dropped.min(report.changed.len()),
        report.dropped,
        output::bytes(report.bytes)
    );
    for warning in &report.warnings {
        println!("  note: {warning}");
    }
}
