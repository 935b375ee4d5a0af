//! `weft inspect`.

use super::output::{self, Bar};
use anyhow::Result;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weft_weights::inspect::{Inspection, inspect};

/// Show what adapter files hold and where in the network they work
#[derive(Debug, clap::Args)]
pub(super) struct Inspect {
    /// Adapter files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Machine-readable output: an array, one object for each file; a file that cannot be read has `error` in its object
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) fn run(self) -> Result<ExitCode> {
        let bar = Bar::new();
        let mut objects = Vec::new();
        let mut failed = false;
        for file in &self.files {
            let found = inspect(file, &bar);
            bar.clear();
            failed |= found.is_err();
            match found {
                Ok(found) if self.json => objects.push(serde_json::to_value(&found)?),
                Ok(found) => print(file, &found),
                Err(error) if self.json => objects.push(json!({ "file": file.display().to_string(), "error": error.to_string() })),
                Err(error) => eprintln!("{}: {error}", file.display()),
            }
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&Value::Array(objects))?);
        }
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// A page for people: facts first, then one bar for each block.
fn print(file: &Path, found: &Inspection) {
    println!("{}", file.display());
    for (name, value) in facts(found) {
        println!("  {name:<12} {value}");
    }
    let peak = found.blocks.iter().filter_map(|block| block.frobenius).fold(0.0, f64::max);
    for (label, strength) in found.blocks.iter().filter_map(|block| Some((&block.label, block.frobenius?))) {
        let filled = if peak > 0.0 { (strength / peak * 32.0).round() as usize } else { 0 };
        println!("  {label:<6} {strength:>12.6}  {}", "█".repeat(filled));
    }
    for warning in &found.warnings {
        println!("  note: {}", output::plain(warning));
    }
    println!();
}

fn facts(found: &Inspection) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("kind", format!("{:?}", found.kind).to_lowercase()),
        ("family", format!("{} ({:.0} % sure)", found.family.label(), found.family_confidence * 100.0)),
    ];
    if let Some(layout) = &found.layout {
        facts.push(("layout", format!("{} v{}", layout.id, layout.version)));
    }
    let rank = &found.rank;
    if rank.max > 0 {
        facts.push(("rank", output::span(rank.min, rank.max)));
    }
    facts.push(("modules", found.modules.to_string()));
    facts.push(("types", found.dtypes.iter().map(|d| format!("{d:?}")).collect::<Vec<_>>().join(", ")));
    facts.push(("size", output::bytes(found.size)));
    match found.frobenius {
        Some(norm) => facts.push(("strength", format!("{norm:.6} (Frobenius norm of ΔW)"))),
        None => facts.push(("strength", "neutral: cannot be told from this file alone".to_owned())),
    }
    if let Some(norm) = found.te_frobenius.filter(|norm| *norm > 0.0) {
        facts.push(("text enc.", format!("{norm:.6}")));
    }
    if !found.trigger_words.is_empty() {
        facts.push(("triggers", found.trigger_words.join(", ")));
    }
    if let Some(hashes) = &found.hashes {
        facts.push(("sha256", hashes.sha256.clone()));
    }
    facts.into_iter().map(|(name, value)| (name, output::plain(&value))).collect()
}
