//! The demonstration model and its adapters: trained for Weft (`models/demo`), part of the program, so that pictures can be made at once.

use rust_embed::RustEmbed;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use weft_weights::progress::Progress;
use weft_weights::write::{AtomicFile, WriteError};

/// The files that the program carries: one checkpoint, its adapters with their pictures.
#[derive(RustEmbed)]
#[folder = "../../models/demo/release/"]
#[include = "weft-demo.safetensors"]
#[include = "adapters/*.safetensors"]
#[include = "adapters/*.png"]
struct Release;

/// Writes the demonstration model and its adapters below `folder`, which is made. What is there stays as it is.
///
/// Answers the paths of all of them, also of those that were there; the first ones only when `progress` says to stop.
pub fn write_demo(folder: &Path, progress: &dyn Progress) -> Result<Vec<PathBuf>, WriteError> {
    let mut names: Vec<_> = Release::iter().collect();
    // The checkpoint first: it is what everything else needs.
    names.sort_by_key(|name| (name.contains('/'), name.clone()));
    let mut paths = Vec::with_capacity(names.len());
    for (done, name) in names.iter().enumerate() {
        progress.step(done as u64, names.len() as u64, "Writing the demonstration model");
        if progress.cancelled() {
            break;
        }
        let path = folder.join(&**name);
        match path.try_exists() {
            Ok(true) => {}
            _ => write(name, &path)?,
        }
        paths.push(path);
    }
    Ok(paths)
}

fn write(name: &str, path: &Path) -> Result<(), WriteError> {
    let failed = |source: io::Error| WriteError::Io { path: path.display().to_string(), source };
    let file = Release::get(name).ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let out = AtomicFile::create(path, true)?;
    out.file()?.write_all(&file.data).map_err(failed)?;
    match out.commit(false) {
        // Another job was faster with the same file.
        Err(WriteError::Exists(_)) => Ok(()),
        done => done,
    }
}
