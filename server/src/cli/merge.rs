//! `weft merge`.

use super::input::{self, Input};
use super::output::{self, Bar};
use super::strand::StrandArg;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weft_domain::merge::{Method, OutDtype};
use weft_domain::parameter::{ENERGY, RANK};
use weft_weights::merge::{MergeInput, MergePlan, MergeReport, merge};

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
    /// sum, average, concat or svd
    #[arg(long, default_value = "svd", value_parser = parse_method)]
    method: Method,
    /// Rank of the result (svd, sum, average)
    #[arg(long, conflicts_with = "energy")]
    rank: Option<u32>,
    /// Share of the energy to keep, 0.01 to 1; each module gets the rank it needs (svd, sum, average)
    #[arg(long)]
    energy: Option<f64>,
    /// f16, bf16 or f32
    #[arg(long, default_value = "f16", value_parser = input::dtype)]
    dtype: OutDtype,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Machine-readable output: the report
    #[arg(long)]
    json: bool,
}

fn parse_method(word: &str) -> Result<Method, String> {
    Method::ALL.into_iter().find(|m| m.as_str() == word).ok_or_else(|| "choose sum, average, concat or svd".to_owned())
}

impl Merge {
    pub(super) fn run(self) -> Result<ExitCode> {
        let opened = self.strands.iter().map(|strand| Input::open(&strand.path)).collect::<Result<Vec<_>>>()?;
        let plan = self.plan(&opened)?;
        let members: Vec<_> = opened.iter().map(Input::member).collect();
        let bar = Bar::new();
        let report = merge(&plan, &members, &self.output, &bar);
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
        let mut plan = MergePlan::new(inputs, self.method.into_weights(), self.dtype.into_weights());
        plan.rank = self.rank.map(|rank| RANK.check(f64::from(rank)).map(|_| rank as usize)).transpose()?;
        plan.energy = self.energy.map(|energy| ENERGY.check(energy)).transpose()?;
        if self.method == Method::Svd && plan.rank.is_none() && plan.energy.is_none() {
            plan.energy = Some(ENERGY.default);
        }
        plan.title = self.output.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        plan.overwrite = self.force;
        Ok(plan)
    }
}

/// From our words to the engine's.
trait IntoWeights<T> {
    fn into_weights(self) -> T;
}

impl IntoWeights<weft_weights::merge::Method> for Method {
    fn into_weights(self) -> weft_weights::merge::Method {
        use weft_weights::merge::Method as Engine;
        match self {
            Self::Sum => Engine::Sum,
            Self::Average => Engine::Average,
            Self::Concat => Engine::Concat,
            Self::Svd => Engine::Svd,
        }
    }
}

impl IntoWeights<weft_weights::merge::OutDtype> for OutDtype {
    fn into_weights(self) -> weft_weights::merge::OutDtype {
        use weft_weights::merge::OutDtype as Engine;
        match self {
            Self::F16 => Engine::F16,
            Self::Bf16 => Engine::BF16,
            Self::F32 => Engine::F32,
        }
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
