//! `weft merge`.

use super::output::{self, Bar};
use super::strand::StrandArg;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weft_domain::merge::{Method, OutDtype};
use weft_domain::parameter::{ENERGY, RANK};
use weft_weights::adapter::Adapter;
use weft_weights::inspect::{neighbour_config, open as open_adapter};
use weft_weights::merge::{Member, MergeInput, MergePlan, MergeReport, merge};
use weft_weights::profile::{Profile, presets};
use weft_weights::source::FileSource;

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
    #[arg(long, default_value = "f16", value_parser = parse_dtype)]
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

fn parse_dtype(word: &str) -> Result<OutDtype, String> {
    OutDtype::ALL.into_iter().find(|d| d.as_str() == word).ok_or_else(|| "choose f16, bf16 or f32".to_owned())
}

impl Merge {
    pub(super) fn run(self) -> Result<ExitCode> {
        let opened = self.strands.iter().map(|strand| open(&strand.path)).collect::<Result<Vec<_>>>()?;
        let plan = self.plan(&opened)?;
        let members: Vec<Member<'_>> = opened.iter().map(|(adapter, source)| Member { adapter, source }).collect();
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

    fn plan(&self, opened: &[(Adapter, FileSource)]) -> Result<MergePlan> {
        let mut inputs = Vec::new();
        for (strand, (adapter, _)) in self.strands.iter().zip(opened) {
            let label = strand.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut input = MergeInput::new(label, strand.weight);
            input.profile = strand.profile.as_deref().map(|text| profile(text, adapter)).transpose()?;
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

fn open(path: &Path) -> Result<(Adapter, FileSource)> {
    let named = || path.display().to_string();
    let source = FileSource::open(path).with_context(named)?;
    let adapter = open_adapter(&source, &path.to_string_lossy(), neighbour_config(path).as_deref()).with_context(named)?;
    Ok((adapter, source))
}

/// A file, a preset's name, or the values themselves; always for the layout of the adapter it applies to.
fn profile(text: &str, adapter: &Adapter) -> Result<Profile> {
    let Some(layout) = adapter.detection.layout else {
        bail!("A profile needs a known layout, and this adapter's family is not known.");
    };
    if let Some(preset) = presets(layout).into_iter().find(|preset| preset.name.eq_ignore_ascii_case(text)) {
        return Ok(preset.profile);
    }
    let path = Path::new(text);
    if !path.is_file() && !text.contains(',') {
        let names: Vec<&str> = presets(layout).into_iter().map(|preset| preset.name).collect();
        bail!("There is no file and no preset named {text:?}. Presets of {}: {}.", layout.id, names.join(", "));
    }
    let (text, ending) = match path.is_file() {
        true => (
            std::fs::read_to_string(path).with_context(|| path.display().to_string())?,
            path.extension().unwrap_or_default().to_string_lossy().to_lowercase(),
        ),
        false => (text.to_owned(), String::new()),
    };
    Ok(match ending.as_str() {
        "json" => Profile::from_json(&text)?,
        "csv" => Profile::from_csv(&text, layout)?,
        _ => Profile::parse(text.trim(), layout, None)?.profile,
    })
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
