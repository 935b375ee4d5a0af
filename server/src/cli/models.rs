//! `weft models`.

use super::output;
use crate::config::{GlobalOptions, Settings};
use crate::start;
use anyhow::Result;
use serde::Serialize;
use std::collections::HashMap;
use std::process::ExitCode;
use weft_domain::{CheckpointCard, CheckpointQuery, FileState, LibraryQuery};
use weft_services::access::Reader;

/// List the checkpoints of the library
#[derive(Debug, clap::Args)]
#[command(after_help = "`weft scan DIR` puts the checkpoints below a folder into the library.")]
pub(super) struct Models {
    /// Words that must appear in title, file, folder or model
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Only this family (sd1, sdxl, flux1, …); may be given several times
    #[arg(long, value_name = "FAMILY")]
    family: Vec<String>,
    /// Machine-readable output: an array
    #[arg(long)]
    json: bool,
}

/// A checkpoint and why it cannot paint here; null: it can.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    card: CheckpointCard,
    cannot_paint: Option<String>,
}

impl Models {
    pub(super) fn run(self, global: &GlobalOptions) -> Result<ExitCode> {
        let mut settings = Settings::load(global, None)?;
        if settings.log.source == crate::config::Source::Default {
            settings.log.value = "warn".to_owned();
        }
        super::with_runtime(&settings, || async {
            let services = start::open_services(&settings).await?;
            let reader: Reader = services.access.owner().into();
            let mut found: Vec<CheckpointCard> = Vec::new();
            loop {
                let query = CheckpointQuery {
                    text: self.words.join(" "),
                    family: self.family.clone(),
                    offset: found.len() as u64,
                    limit: LibraryQuery::MAX_LIMIT,
                    ..CheckpointQuery::default()
                };
                let page = services.checkpoints.query(&reader, &query).await?;
                let last = page.items.is_empty();
                found.extend(page.items);
                if last || found.len() as u64 >= page.total {
                    break;
                }
            }
            let all = services.generating.models(&reader).await?;
            let mut refused: HashMap<_, _> = all.into_iter().map(|model| (model.card.id, model.refused)).collect();
            let shown = found.into_iter().map(|card| Shown { cannot_paint: refused.remove(&card.id).flatten(), card });
            let shown: Vec<Shown> = shown.collect();
            services.close().await?;
            self.show(&shown)?;
            Ok(ExitCode::SUCCESS)
        })
    }

    fn show(&self, found: &[Shown]) -> Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(found)?);
            return Ok(());
        }
        for Shown { card, cannot_paint } in found {
            let size = output::bytes(u64::try_from(card.size).unwrap_or(0));
            println!("{:>5}  {}", card.id, output::plain(&card.name));
            println!("       {}, {}, {size}, {}, {}", card.model, card.form.label(), card.dtypes.join(" "), parts(card));
            match card.state {
                FileState::Ready => match cannot_paint {
                    None => println!("       paints here"),
                    Some(why) => println!("       cannot paint here: {}", output::plain(why)),
                },
                FileState::Missing => println!("       missing: its files are not there, or their drive is off"),
                FileState::Broken => println!("       broken: {}", output::plain(card.error.as_deref().unwrap_or_default())),
            }
        }
        if found.is_empty() {
            println!("The library has no such checkpoint. `weft scan DIR` looks for them.");
        }
        Ok(())
    }
}

/// `denoiser, text encoders 1 2, VAE`.
fn parts(card: &CheckpointCard) -> String {
    let mut parts = Vec::new();
    if card.denoiser {
        parts.push("denoiser".to_owned());
    }
    if !card.text_encoders.is_empty() {
        let numbers: Vec<String> = card.text_encoders.iter().map(u8::to_string).collect();
        parts.push(format!("text encoder {}", numbers.join(" ")));
    }
    if card.vae {
        parts.push("VAE".to_owned());
    }
    if parts.is_empty() { "no part that is known".to_owned() } else { parts.join(", ") }
}
