//! `weft merge`.

mod options;

use crate::cli::input::{self, Input};
use crate::cli::output::{self, Bar};
use crate::cli::strand::StrandArg;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weft_domain::parameter::{ENERGY, RANK};
use weft_weights::delta::Base;
use weft_weights::merge::{Form, MergeInput, MergePlan, MergeReport, Method, OutDtype, merge_on};

/// Weave several adapters into one file
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: weft merge ink.safetensors:0.8 aurora.safetensors:0.5@double.json -o nordic.safetensors --method svd --rank 32"
)]
pub(super) struct Merge {
    /// FILE[:WEIGHT][@PROFILE]. WEIGHT lies between -2 and 2. PROFILE is a file (JSON, CSV or a line of community text), the name of a preset, or the values themselves
    #[arg(value_name = "STRAND", required = true)]
    strands: Vec<StrandArg>,
    /// File to write; it must not exist yet
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// How they become one: svd, concat, sum, average, slerp, karcher, norm_equal, ties, dare, dare_ties, della, magnitude_prune, breadcrumbs, sce, knots, core or null_space
    #[arg(long, default_value = "svd", value_parser = parse_method)]
    method: Method,
    /// Rank of the result
    #[arg(long)]
    rank: Option<u32>,
    /// Share of the energy to keep, 0.01 to 1; each module gets the rank it needs, at most --rank
    #[arg(long)]
    energy: Option<f64>,
    /// f16, bf16 or f32
    #[arg(long, default_value = "f16", value_parser = input::engine_dtype)]
    dtype: OutDtype,
    /// Base checkpoint, for the kinds whose effect depends on it (DoRA, (IA)³, OFT, BOFT, GLoRA)
    #[arg(long, value_name = "CHECKPOINT")]
    base: Option<PathBuf>,
    #[command(flatten)]
    options: options::OptionArgs,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Machine-readable output: the report
    #[arg(long)]
    json: bool,
}

fn parse_method(word: &str) -> Result<Method, String> {
    Method::ALL
        .into_iter()
        .find(|m| m.as_str() == word)
        .ok_or_else(|| format!("choose one of {}", Method::ALL.map(Method::as_str).join(", ")))
}

impl Merge {
    pub(super) fn run(self) -> Result<ExitCode> {
        let opened = self.strands.iter().map(|strand| Input::open(&strand.path)).collect::<Result<Vec<_>>>()?;
        let plan = self.plan(&opened)?;
        let members: Vec<_> = opened.iter().map(Input::member).collect();
        let bar = Bar::new();
        let base = self.base.as_deref().map(input::checkpoint).transpose()?;
        let report = merge_on(&plan, &members, base.as_ref().map(|b| b as &dyn Base), &self.output, &bar);
        bar.clear();
        let report = report?;
        if self.json {
            println!(
                "{}",
                serde_json::to_string_pretty(&serde_json::json!({ "output": self.output.display().to_string(), "report": report }))?
            );
        } else {
            print(&self.output, &report);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn plan(&self, opened: &[Input]) -> Result<MergePlan> {
        let mut inputs = Vec::new();
        for (strand, opened) in self.strands.iter().zip(opened) {
            let mut input = MergeInput::new(opened.label.clone(), strand.weight);
            input.profile = strand.profile.as_deref().map(|text| input::profile(text, &opened.adapter)).transpose()?;
            inputs.push(input);
        }
        let mut plan = MergePlan::new(inputs, self.method, self.dtype);
        plan.options = (&self.options).into();
        plan.rank = self.rank.map(|rank| RANK.check(f64::from(rank)).map(|_| rank as usize)).transpose()?;
        plan.energy = self.energy.map(|energy| ENERGY.check(energy)).transpose()?;
        let needs_size = (self.method == Method::Svd || self.method.is_dense()) && plan.options.form != Form::Diff;
        if needs_size && plan.rank.is_none() && plan.energy.is_none() {
            plan.energy = Some(ENERGY.default);
        }
        plan.title = self.output.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        plan.overwrite = self.force;
        Ok(plan)
    }
}

fn print(path: &Path, report: &MergeReport) {
    let rank = output::span(report.rank_min, report.rank_max);
    println!("{}", path.display());
    println!("  {} modules, rank {rank}, {}", report.modules, output::bytes(report.bytes));
    println!("  energy kept  {:.4} %", report.energy_kept * 100.0);
    if let Some(norm) = report.frobenius {
        println!("  strength     {norm:.6}");
    }
    for warning in &report.warnings {
        println!("  note: {warning}");
    }
}
