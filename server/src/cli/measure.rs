//! `weft measure`.

use super::input::{self, Input};
use super::output::{self, Bar};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use weft_weights::delta::Base;
use weft_weights::measures::{FileMeasures, MeasureOptions, Measures, measures};

/// Norms and ranks of what an adapter changes, by block, group and module
#[derive(Debug, clap::Args)]
pub(super) struct Measure {
    /// Adapter
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Base checkpoint: gives sizes relative to the weights, and the kinds whose effect depends on it
    #[arg(long, value_name = "CHECKPOINT")]
    base: Option<PathBuf>,
    /// Machine-readable output: everything, down to single modules
    #[arg(long)]
    json: bool,
}

impl Measure {
    pub(super) fn run(self) -> Result<ExitCode> {
        let input = Input::open(&self.file)?;
        let base = self.base.as_deref().map(input::checkpoint).transpose()?;
        let bar = Bar::new();
        let base = base.as_ref().map(|b| b as &dyn Base);
        let found = measures(&input.adapter, input.member().source, base, &MeasureOptions::default(), &bar);
        bar.clear();
        let found = found?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&found)?);
        } else {
            print(&found);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(found: &FileMeasures) {
    println!(
        "  {:<8} {:>11} {:>10} {:>10} {:>7} {:>7} {:>13} {:>9}",
        "", "Frobenius", "RMS", "spectral", "stable", "effect.", "90/95/99 %", "relative"
    );
    line("all", &found.denoiser);
    if let Some(text) = &found.text_encoders {
        line("text", text);
    }
    for part in found.groups.iter().chain(&found.slots) {
        line(&part.label, &part.measures);
    }
    for note in &found.notes {
        println!("  note: {}", output::plain(note));
    }
}

fn line(name: &str, m: &Measures) {
    let (effective, ranks) = m.spectrum.as_ref().map_or_else(
        || ("–".to_owned(), "–".to_owned()),
        |s| (format!("{:.1}", s.effective_rank), format!("{}/{}/{}", s.rank_90, s.rank_95, s.rank_99)),
    );
    let relative = m.relative.map_or_else(|| "–".to_owned(), |r| format!("{:.3} %", r * 100.0));
    println!(
        "  {name:<8} {:>11.5} {:>10.3e} {:>10.4} {:>7.2} {effective:>7} {ranks:>13} {relative:>9}",
        m.frobenius, m.rms, m.spectral, m.stable_rank
    );
}
