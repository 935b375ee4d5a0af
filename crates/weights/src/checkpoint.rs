//! Checkpoints: whole models, or the parts of one, that adapters are fitted to, baked into and extracted from.
//!
//! Read from headers alone: one file under the names of the original programs, a sharded file (`*.index.json` and its shards), or a
//! folder of diffusers (`unet/` or `transformer/`, `text_encoder*/`). Tensor names go through the same `keys::canonical` as adapters,
//! so a weight is found whatever the two sides call it, fused on one side and split on the other ([`Places`]). Values are read a few rows at
//! a time; a checkpoint is never in memory as a whole.

mod detect;
mod error;
mod names;
#[cfg(any(unix, windows))]
mod open;
mod places;
mod read;
#[cfg(any(unix, windows))]
mod shards;

pub use detect::{Model, Packing, Purpose};
pub use error::CheckpointError;
pub use places::{Miss, Piece, Place, Places, Span};
pub use read::{Matrix, Rows};

use crate::header::{Header, TensorInfo};
use crate::source::TensorSource;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Most tensors of a whole checkpoint, over all its files.
pub const MAX_TENSORS: usize = 1 << 18;

/// One file of a checkpoint.
pub struct File {
    /// Name for messages: its path inside of the folder, or its file name.
    pub label: String,
    pub header: Header,
    /// Its bytes.
    pub source: Box<dyn TensorSource + Send + Sync>,
    /// Where it lies on the disk; None in memory.
    pub path: Option<PathBuf>,
    /// What stands before every name of the file: the folder of a diffusers component with a dot (`transformer.`), else nothing.
    pub prefix: String,
}

/// How the files belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// One safetensors file.
    Single,
    /// Shards with an index.
    Sharded,
    /// A folder with one subfolder per component.
    Folder,
}

/// The index of a checkpoint.
#[derive(Debug)]
pub struct Checkpoint {
    files: Vec<File>,
    form: Form,
    /// What was opened; None in memory.
    root: Option<PathBuf>,
    tensors: Vec<Tensor>,
    model: Model,
    places: Places,
    scales: HashMap<usize, usize>,
    /// By tensor: part of a network that adapters reach.
    network: Vec<bool>,
    warnings: Vec<String>,
}

/// A tensor by its file and its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tensor {
    pub file: usize,
    pub index: usize,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("label", &self.label).field("tensors", &self.header.tensors.len()).finish_non_exhaustive()
    }
}

impl Checkpoint {
    /// Opens a safetensors file, a `*.index.json`, or a folder. Reads headers only.
    ///
    /// # Errors
    /// [`CheckpointError`], one variant per way to be unusable.
    #[cfg(any(unix, windows))]
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        open::open(path)
    }

    /// The index of files that are open already: the browser, tests.
    ///
    /// # Errors
    /// [`CheckpointError::Twice`] when two files hold the same name, [`CheckpointError::TooMany`], [`CheckpointError::Packed`].
    pub fn of(files: Vec<File>, form: Form, root: Option<PathBuf>) -> Result<Self, CheckpointError> {
        let mut warnings = Vec::new();
        for file in &files {
            warnings.extend(file.header.warnings.iter().map(|w| format!("{}: {w}", file.label)));
        }
        let tensors = unique(&files)?;
        let read = names::read(&files, &tensors);
        let model = detect::detect(&files, &tensors, &read);
        let scales = read::find_scales(&files, &tensors, &read);
        let places = Places::of(&files, &tensors, &read, &model, &scales.unusable);
        warnings.extend(notes(&read, scales.unusable.len()));
        let network = read.iter().map(|n| n.located.is_some()).collect();
        Ok(Self { files, form, root, tensors, model, places, scales: scales.of, network, warnings })
    }

    /// Its files, in the order of the index or of their names.
    #[must_use]
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// How the files belong together.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// The path that was opened.
    #[must_use]
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Every tensor, file by file in the order of the headers. [`Piece::tensor`] counts in this list.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Header entry of a tensor.
    #[must_use]
    pub fn info(&self, tensor: usize) -> &TensorInfo {
        let Tensor { file, index } = self.tensors[tensor];
        &self.files[file].header.tensors[index]
    }

    /// The file that holds a tensor.
    #[must_use]
    pub fn file_of(&self, tensor: usize) -> &File {
        &self.files[self.tensors[tensor].file]
    }

    /// What model it is, and why that is known.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Where each weight stands.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Plain sentences, one per thing a user should know.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.header.file_len).sum()
    }

    /// The tensor that the values of `tensor` are to be multiplied by: scaled 8-bit checkpoints store it beside the weight.
    #[must_use]
    pub fn scale_of(&self, tensor: usize) -> Option<usize> {
        self.scales.get(&tensor).copied()
    }

    /// True for what stands beside scaled 8-bit weights: their scales, those of their inputs, and the marks that say there are some.
    #[must_use]
    pub fn is_scaling(&self, tensor: usize) -> bool {
        const ENDS: [&str; 5] = [".scale_weight", ".weight_scale", ".scale_input", ".input_scale", ".comfy_quant"];
        let name = self.info(tensor).name.as_str();
        name.ends_with("scaled_fp8") || ENDS.iter().any(|e| name.ends_with(e))
    }

    /// True for tensors of the denoiser and the text encoders; false for the image decoder and whatever else a file brings along.
    #[must_use]
    pub fn is_network(&self, tensor: usize) -> bool {
        self.network.get(tensor).copied().unwrap_or(false)
    }
}

fn notes(names: &[names::Name<'_>], unusable: usize) -> Vec<String> {
    let count = |role| names.iter().filter(|n| n.role == role).count();
    let mut out = Vec::new();
    let mut note = |n: usize, text: &str| {
        if n > 0 {
            out.push(format!("{n} {text}"));
        }
    };
    note(count(names::Role::Ema), "tensors are averages over the training (EMA); adapters do not change them.");
    note(
        count(names::Role::Second),
        "tensors belong to a second denoiser (transformer_2), which is left as it is. Give its own folder to change it.",
    );
    note(unusable, "weights are stored with scales of a form that is not known; they are left as they are.");
    out
}

/// Every tensor; a name that stands in two files is an error, because programs differ in which one they take.
fn unique(files: &[File]) -> Result<Vec<Tensor>, CheckpointError> {
    let total: usize = files.iter().map(|f| f.header.tensors.len()).sum();
    if total > MAX_TENSORS {
        return Err(CheckpointError::TooMany { found: total });
    }
    if total == 0 {
        return Err(CheckpointError::Empty);
    }
    let mut seen: HashMap<(&str, &str), usize> = HashMap::with_capacity(total);
    let mut out = Vec::with_capacity(total);
    for (f, file) in files.iter().enumerate() {
        for (index, info) in file.header.tensors.iter().enumerate() {
            if let Some(first) = seen.insert((&file.prefix, &info.name), f) {
                return Err(CheckpointError::Twice {
                    key: crate::text::shown(&info.name),
                    first: files[first].label.clone(),
                    second: file.label.clone(),
                });
            }
            out.push(Tensor { file: f, index });
        }
    }
    Ok(out)
}

/// Rows and columns of a tensor as a matrix: the first dimension, and the product of the others. None for scalars and empty tensors.
#[must_use]
pub fn matrix(info: &TensorInfo) -> Option<(usize, usize)> {
    let (rows, rest) = info.shape.split_first()?;
    // The header has checked that the product does not overflow.
    let columns = rest.iter().product();
    (*rows > 0 && columns > 0).then_some((*rows, columns))
}
