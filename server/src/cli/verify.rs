//! `weft verify`.

use super::output::{self, Bar};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weft_weights::ops::verify::{Expected, HashKind};
use weft_weights::ops::{Severity, VerifyReport, verify_file};

/// Check that adapter files are whole, are what they say, and do something
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The exit code is 1 when a file has an error. Hashes stated in the metadata, in the file's name and in what stands beside it are checked too."
)]
pub(super) struct Verify {
    /// Adapter files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// SHA-256 that the file must have, or its first 8 or more digits (one file only)
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// Machine-readable output: an array, one report for each file
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) fn run(self) -> Result<ExitCode> {
        if self.sha256.is_some() && self.files.len() > 1 {
            bail!("--sha256 belongs to one file; {} are named.", self.files.len());
        }
        let expected: Vec<Expected> = self
            .sha256
            .iter()
            .map(|value| Expected { source: "the command line".into(), kind: HashKind::Sha256, value: value.clone() })
            .collect();
        let bar = Bar::new();
        let (mut reports, mut sound) = (Vec::new(), true);
        for file in &self.files {
            let report = verify_file(file, &expected, &bar);
            bar.clear();
            sound &= report.as_ref().is_ok_and(|r| r.sound);
            match report {
                Ok(report) if self.json => reports.push(serde_json::to_value(&report)?),
                Ok(report) => print(file, &report),
                Err(error) if self.json => {
                    reports.push(json!({ "file": file.display().to_string(), "sound": false, "error": error.to_string() }))
                }
                Err(error) => eprintln!("{}: {error}", file.display()),
            }
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&Value::Array(reports))?);
        }
        Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn print(file: &Path, report: &VerifyReport) {
    let verdict = match (report.sound, report.count(Severity::Warning)) {
        (false, _) => "damaged",
        (true, 0) => "sound",
        (true, _) => "sound, with warnings",
    };
    println!("{}: {verdict}", file.display());
    println!("  {}, {} tensors, {} modules", output::bytes(report.size), report.tensors, report.modules);
    if let Some(hashes) = &report.hashes {
        println!("  sha256 {}", hashes.sha256);
    }
    for finding in &report.findings {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        println!("  {severity}: {} {}", output::plain(&finding.text), output::plain(&finding.advice));
    }
}
