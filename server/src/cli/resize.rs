//! `weft resize`.

use super::input::Input;
use super::output::{self, Bar};
use anyhow::{Result, bail};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use weft_domain::parameter::{ENERGY, RANK, RATIO};
use weft_weights::merge::OutDtype;
use weft_weights::ops::{Keep, Origin, ResizeOptions, ResizeReport, resize};

/// Cut an adapter to a smaller rank, in a copy
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples: weft resize ink.safetensors -o ink_r8.safetensors --rank 8\n          weft resize ink.safetensors -o ink_99.safetensors --energy 0.99 --max-rank 32"
)]
pub(super) struct Resize {
    /// Adapter to copy from
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// File to write; it must not exist yet
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    keep: KeepArgs,
    /// Never more than this rank, whatever is asked for
    #[arg(long)]
    max_rank: Option<u32>,
    /// f16, bf16 or f32; without it as it is stored
    #[arg(long, value_parser = super::input::engine_dtype)]
    dtype: Option<OutDtype>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Machine-readable output: the report
    #[arg(long)]
    json: bool,
}

/// What to keep of each module; σ are the singular values of its change.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct KeepArgs {
    /// This rank
    #[arg(long)]
    rank: Option<u32>,
    /// This share of Σσ², above 0 to 1
    #[arg(long)]
    energy: Option<f64>,
    /// Every σ above the largest one divided by this
    #[arg(long)]
    ratio: Option<f64>,
    /// This share of √Σσ² (kohya's sv_fro)
    #[arg(long)]
    frobenius: Option<f64>,
    /// This share of Σσ (kohya's sv_cumulative)
    #[arg(long)]
    cumulative: Option<f64>,
}

impl KeepArgs {
    fn keep(&self) -> Result<Keep> {
        Ok(match *self {
            Self { rank: Some(rank), .. } => Keep::Rank(RANK.check(f64::from(rank)).map(|_| rank as usize)?),
            Self { energy: Some(share), .. } => Keep::Energy(ENERGY.check(share)?),
            Self { ratio: Some(ratio), .. } => Keep::Ratio(RATIO.check(ratio)?),
            Self { frobenius: Some(share), .. } => Keep::Frobenius(ENERGY.check(share)?),
            Self { cumulative: Some(share), .. } => Keep::Cumulative(ENERGY.check(share)?),
            Self { .. } => bail!("say what to keep: --rank, --energy, --ratio, --frobenius or --cumulative"),
        })
    }
}

impl Resize {
    pub(super) fn run(self) -> Result<ExitCode> {
        let input = Input::open(&self.file)?;
        let options = ResizeOptions {
            max_rank: self.max_rank.map(|rank| rank as usize),
            dtype: self.dtype,
            origin: Origin::named(&input.label),
            overwrite: self.force,
            ..ResizeOptions::new(self.keep.keep()?)
        };
        let bar = Bar::new();
        let report = resize(input.member(), &options, &self.output, &bar);
        bar.clear();
        let report = report?;
        if let Some(config) = &report.adapter_config {
            output::beside(&self.output, "adapter_config.json", config, self.force)?;
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&json!({ "output": self.output.display().to_string(), "report": report }))?);
        } else {
            println!("{}", self.output.display());
            print(&report);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(report: &ResizeReport) {
    let rank = output::span(report.rank_min, report.rank_max);
    println!("  {} modules, {} cut, rank {rank}", report.modules.len(), report.cut);
    println!("  {} from {}", output::bytes(report.bytes), output::bytes(report.bytes_before));
    println!("  energy kept  {:.4} %", report.energy * 100.0);
    for warning in &report.warnings {
        println!("  note: {}", output::plain(warning));
    }
}
