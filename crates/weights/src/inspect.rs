//! All that can be said of one file, ready to be shown, stored or printed as JSON.

#[cfg(any(unix, windows))]
mod many;
mod metadata;
mod report;
mod tags;

#[cfg(any(unix, windows))]
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::adapter::{Adapter, AdapterError, Kind, Naming};
use crate::dtype::Dtype;
use crate::family::Family;
use crate::hashes::{Hashes, hashes};
use crate::header::{Header, HeaderError};
use crate::layout::{Extra, Group};
use crate::progress::Progress;
use crate::source::TensorSource;
use crate::strength::{StrengthError, strengths};

#[cfg(any(unix, windows))]
pub use many::{Depth, inspect_many};
pub use tags::TagCount;

/// Why a file cannot be shown as an adapter.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    #[error(transparent)]
    Strength(#[from] StrengthError),
}

impl From<crate::source::ReadError> for InspectError {
    fn from(e: crate::source::ReadError) -> Self {
        Self::Header(e.into())
    }
}

/// Smallest and largest of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Span<T> {
    pub min: T,
    pub max: T,
}

/// A layout by name and version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayoutId {
    pub id: String,
    pub version: u16,
}

/// One block of the layout. Absent is not zero: an absent block has no numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Name of the slot in profiles and requests; the same as the label today.
    pub slot: String,
    pub label: String,
    pub group: Group,
    /// True when the file changes this block.
    pub present: bool,
    /// ‖ΔW‖ over its modules; None when absent or not measured.
    pub frobenius: Option<f64>,
    /// frobenius / √(values).
    pub rms: Option<f64>,
}

/// A part outside of the blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outside {
    pub group: Extra,
    /// Modules in it.
    pub modules: usize,
    pub frobenius: Option<f64>,
    pub rms: Option<f64>,
}

/// What is known of one adapter file. Fields without a value are `null` in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// Path or name, as it was given.
    pub file: String,
    /// For people: title, output name, or the file's name without its ending.
    pub name: String,
    /// Bytes.
    pub size: u64,
    pub kind: Kind,
    pub family: Family,
    /// 0 to 1.
    pub family_confidence: f32,
    /// Why this family: plain sentences.
    pub evidence: Vec<String>,
    pub variant: Option<String>,
    /// A known family without a layout here, when the file looks like one.
    pub looks_like: Option<String>,
    pub layout: Option<LayoutId>,
    /// Naming of most modules.
    pub naming: Option<Naming>,
    /// Over all modules that have one; 0 to 0 without any.
    pub rank: Span<usize>,
    /// The alpha that most modules have; from the metadata while the tensors are unread; None where nothing says it.
    pub alpha: Option<f64>,
    /// Over all modules with an alpha; None while the tensors are unread.
    pub alpha_range: Option<Span<f64>>,
    /// Stored types, most bytes first.
    pub dtypes: Vec<Dtype>,
    pub modules: usize,
    pub tensors: usize,
    /// True when at least one block has a strength of its own.
    pub has_block_weights: bool,
    /// True when only a neutral profile can be shown.
    pub fallback: bool,
    /// ‖ΔW‖ of the whole denoiser: blocks and outside together, text encoders apart.
    pub frobenius: Option<f64>,
    pub te_frobenius: Option<f64>,
    /// Every slot of the layout, in order.
    pub blocks: Vec<Block>,
    /// Parts outside of the blocks that the file changes, text encoders among them.
    pub outside: Vec<Outside>,
    /// Mean and (population) variance of `frobenius` over the present blocks.
    pub mean: Option<f64>,
    pub variance: Option<f64>,
    pub trigger_words: Vec<String>,
    /// Most frequent first.
    pub tags: Vec<String>,
    /// How often each training tag occurs, most frequent first.
    pub tag_frequency: Vec<TagCount>,
    /// None until the whole file was read.
    pub hashes: Option<Hashes>,
    pub title: Option<String>,
    pub description: Option<String>,
    pub author: Option<String>,
    pub license: Option<String>,
    pub date: Option<String>,
    pub usage_hint: Option<String>,
    /// What the metadata says about the base model, most telling first.
    pub base_hints: Vec<String>,
    /// Settings of the training, by kohya's names without `ss_`.
    pub training: std::collections::BTreeMap<String, String>,
    /// Pictures inside the metadata.
    pub covers: usize,
    /// Written by `weft samples`, not trained.
    pub synthetic: bool,
    pub warnings: Vec<String>,
}

/// Reads the header only: no strengths, no hashes.
///
/// # Errors
/// [`InspectError`] when the file is no adapter or cannot be read.
#[cfg(any(unix, windows))]
pub fn inspect_header(path: &Path) -> Result<Inspection, InspectError> {
    let source = crate::source::FileSource::open(path)?;
    let adapter = open(&source, &path.to_string_lossy(), neighbour_config(path).as_deref())?;
    Ok(Inspection::of(&adapter, &path.to_string_lossy(), None, None))
}

/// Reads everything: strengths and hashes.
///
/// # Errors
/// [`InspectError`] when the file is no adapter, cannot be read, or the caller cancels.
#[cfg(any(unix, windows))]
pub fn inspect(path: &Path, progress: &dyn Progress) -> Result<Inspection, InspectError> {
    let source = crate::source::FileSource::open(path)?;
    inspect_source(&source, &path.to_string_lossy(), neighbour_config(path).as_deref(), progress)
}

/// [`inspect`] over any source of bytes. `file` is shown and its name may tell the variant.
///
/// # Errors
/// [`InspectError`] when the bytes are no adapter, cannot be read, or the caller cancels.
pub fn inspect_source(
    source: &dyn TensorSource,
    file: &str,
    adapter_config: Option<&str>,
    progress: &dyn Progress,
) -> Result<Inspection, InspectError> {
    let adapter = open(source, file, adapter_config)?;
    let strengths = strengths(&adapter, source, progress)?;
    let hashes = hashes(source, adapter.header.data_start, progress)?;
    Ok(Inspection::of(&adapter, file, Some(&strengths), Some(hashes)))
}

/// Reads the header and builds the adapter's index.
///
/// # Errors
/// [`InspectError`] when the bytes are no adapter or cannot be read.
pub fn open(source: &dyn TensorSource, file: &str, adapter_config: Option<&str>) -> Result<Adapter, InspectError> {
    let header = Header::read(source)?;
    let name = file.rsplit(['/', '\\']).next();
    Ok(Adapter::from_header(header, name, adapter_config)?)
}

/// The text of the `adapter_config.json` that PEFT writes beside `adapter_model.safetensors`; None for files of any other name, because in a
/// folder of adapters it would belong to only one of them.
#[cfg(any(unix, windows))]
#[must_use]
pub fn neighbour_config(path: &Path) -> Option<String> {
    const LONGEST: u64 = 4 << 20;
    if !path.file_name()?.to_str()?.starts_with("adapter_model") {
        return None;
    }
    let (file, len) = crate::source::open_regular(&path.with_file_name("adapter_config.json")).ok()?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut std::io::Read::take(file, LONGEST), &mut text).ok()?;
    (len <= LONGEST).then_some(text)
}

#[cfg(test)]
mod tests;
