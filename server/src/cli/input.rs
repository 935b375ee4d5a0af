//! Files and profiles that a command names.

use anyhow::{Context, Result, bail};
use std::path::Path;
use weft_weights::adapter::Adapter;
use weft_weights::checkpoint::Checkpoint;
use weft_weights::inspect::{neighbour_config, open as open_adapter};
use weft_weights::merge::{Member, OutDtype};
use weft_weights::profile::{Profile, presets};
use weft_weights::source::FileSource;

/// An adapter that is open for reading.
#[derive(Debug)]
pub(super) struct Input {
    /// File name, for messages and for the recipe in the result.
    pub(super) label: String,
    pub(super) adapter: Adapter,
    source: FileSource,
}

impl Input {
    /// Opens a file and looks for the `adapter_config.json` beside it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let named = || path.display().to_string();
        let source = FileSource::open(path).with_context(named)?;
        let adapter = open_adapter(&source, &path.to_string_lossy(), neighbour_config(path).as_deref()).with_context(named)?;
        Ok(Self { label: path.file_name().unwrap_or_default().to_string_lossy().into_owned(), adapter, source })
    }

    pub(super) fn member(&self) -> Member<'_> {
        Member { adapter: &self.adapter, source: &self.source }
    }
}

/// A file (JSON, CSV or a line of community text), a preset's name, or the values themselves; always for the layout of the adapter it
/// applies to.
pub(super) fn profile(text: &str, adapter: &Adapter) -> Result<Profile> {
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

/// Opens a checkpoint: a file, the index of its shards, or a diffusers folder.
pub(super) fn checkpoint(path: &Path) -> Result<Checkpoint> {
    Checkpoint::open(path).with_context(|| path.display().to_string())
}

/// A number type by its word.
pub(super) fn engine_dtype(word: &str) -> Result<OutDtype, String> {
    serde_json::from_value(word.to_lowercase().into()).map_err(|_| "choose f16, bf16 or f32".to_owned())
}
