//! `weft config`.

use crate::config::{GlobalOptions, Settings};
use anyhow::Result;
use std::process::ExitCode;

/// Show every setting and where it comes from
#[derive(Debug, clap::Args)]
pub(super) struct Config {
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl Config {
    pub(super) fn run(&self, global: &GlobalOptions) -> Result<ExitCode> {
        let settings = Settings::load(global, None)?;
        if self.json {
            let rows: Vec<_> = settings
                .rows()
                .into_iter()
                .map(|(name, value, source)| serde_json::json!({ "name": name, "value": value, "source": source }))
                .collect();
            println!("{}", serde_json::to_string_pretty(&rows)?);
        } else {
            let width = settings.rows().iter().map(|(_, value, _)| value.chars().count()).max().unwrap_or(0);
            for (name, value, source) in settings.rows() {
                println!("{name:<13} {value:<width$}  {source}");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
