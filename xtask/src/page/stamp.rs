//! Skipping a step whose inputs have not changed.
//!
//! A step's stamp is a hash over all that it reads. It is written beside the step's output after the output, so a step that was
//! interrupted runs again.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

/// Hash of several parts, each with its length, as 16 hexadecimal digits: enough for names that change with their content.
pub(crate) fn hash(parts: &[&[u8]]) -> String {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_le_bytes());
        sum.update(part);
    }
    hex::encode(&sum.finalize()[..8])
}

/// Hash of all files of a folder with one of these extensions, names included; a missing folder counts as empty.
pub(crate) fn hash_folder(folder: &Path, extensions: &[&str]) -> Result<String> {
    let mut files: Vec<PathBuf> = WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().and_then(|ext| ext.to_str()).is_some_and(|ext| extensions.contains(&ext)))
        .collect();
    files.sort();
    let mut sums = Vec::with_capacity(files.len());
    for file in &files {
        let bytes = fs::read(file).with_context(|| file.display().to_string())?;
        sums.push(hash(&[file.to_string_lossy().as_bytes(), &bytes]));
    }
    Ok(hash(&[sums.concat().as_bytes()]))
}

/// Runs `step` unless `output` exists and was made from inputs with this hash. Says whether it ran.
pub(crate) fn when_changed(output: &Path, inputs: &str, step: impl FnOnce() -> Result<()>) -> Result<bool> {
    let mark = output.with_added_extension("stamp");
    if output.exists() && fs::read_to_string(&mark).is_ok_and(|made_from| made_from == inputs) {
        return Ok(false);
    }
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    step()?;
    fs::write(&mark, inputs).with_context(|| mark.display().to_string())?;
    Ok(true)
}
