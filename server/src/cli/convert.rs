//! `weft convert`.

use super::input::{self, Input};
use super::output::{self, Bar};
use anyhow::{Context, Result};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weft_weights::adapter::Component;
use weft_weights::merge::OutDtype;
use weft_weights::ops::Origin;
use weft_weights::ops::convert::{Convention, ConvertOptions, ConvertReport, convert};

/// Write an adapter under the names that another program reads
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples: weft convert ink.safetensors --to diffusers -o ink_diffusers.safetensors\n          weft convert ink.safetensors --to peft -o ink_peft/   (a folder: adapter_model.safetensors and adapter_config.json)"
)]
pub(super) struct Convert {
    /// Adapter to copy from
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// kohya (sd-scripts, A1111), comfyui, diffusers or peft
    #[arg(long, value_parser = convention)]
    to: Convention,
    /// File to write; it must not exist yet. For peft a folder, unless it ends in .safetensors
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
    /// peft: the text encoder of this number instead of the denoiser (a PEFT adapter holds one network)
    #[arg(long, value_name = "NUMBER")]
    text_encoder: Option<u8>,
    /// Leave out what the names cannot hold, instead of stopping
    #[arg(long)]
    leave_out: bool,
    /// Largest rank of the pair that a LoHa or LoKr becomes
    #[arg(long, default_value_t = 256)]
    max_rank: usize,
    /// f16, bf16 or f32; without it as it is stored
    #[arg(long, value_parser = input::engine_dtype)]
    dtype: Option<OutDtype>,
    /// Replace what exists
    #[arg(long)]
    force: bool,
    /// Machine-readable output: the report
    #[arg(long)]
    json: bool,
}

pub(super) fn convention(word: &str) -> Result<Convention, String> {
    Convention::ALL.into_iter().find(|c| c.name() == word).ok_or_else(|| "choose kohya, comfyui, diffusers or peft".to_owned())
}

impl Convert {
    pub(super) fn run(self) -> Result<ExitCode> {
        let input = Input::open(&self.file)?;
        let out = target(self.to, &self.output)?;
        let options = ConvertOptions {
            component: self.text_encoder.map_or(Component::Denoiser, Component::TextEncoder),
            max_rank: self.max_rank,
            leave_out: self.leave_out,
            dtype: self.dtype,
            origin: Origin::named(&input.label),
            overwrite: self.force,
            ..ConvertOptions::new(self.to)
        };
        let bar = Bar::new();
        let report = convert(input.member(), &options, &out, &bar);
        bar.clear();
        let report = report?;
        if let Some(config) = &report.adapter_config {
            output::beside(&out, "adapter_config.json", config, self.force)?;
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&json!({ "output": out.display().to_string(), "report": report }))?);
        } else {
            print(&out, &report);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The file to write for `output`: PEFT reads a folder with two files of fixed names.
pub(super) fn target(to: Convention, output: &Path) -> Result<PathBuf> {
    if to != Convention::Peft || output.extension().is_some_and(|ending| ending == "safetensors") {
        return Ok(output.to_owned());
    }
    std::fs::create_dir_all(output).with_context(|| output.display().to_string())?;
    Ok(output.join("adapter_model.safetensors"))
}

fn print(path: &Path, report: &ConvertReport) {
    println!("{}", path.display());
    println!("  {} modules, {}", report.modules.len(), output::bytes(report.bytes));
    const SHOWN: usize = 8;
    for (module, reason) in report.left_out.iter().take(SHOWN) {
        println!("  left out: {}: {}", output::plain(module), output::plain(reason));
    }
    if report.left_out.len() > SHOWN {
        println!("  … and {} more", report.left_out.len() - SHOWN);
    }
    for warning in &report.warnings {
        println!("  note: {}", output::plain(warning));
    }
}
