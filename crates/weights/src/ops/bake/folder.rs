//! A result that is a folder: shards with their index, or the components of a diffusers model with everything that stands beside them.
//!
//! All of it is written into a folder with a temporary name, which gets its own at the end.

use super::layout::Layout;
use super::plan::BakeError;
use crate::checkpoint::{Checkpoint, Form};
use crate::text::shown_path;
use crate::write::WriteError;
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::io;
use std::path::{Component as Part, Path, PathBuf};

/// Most files beside the weights that are taken along, and the largest of them.
const MAX_BESIDE: usize = 4096;
const MAX_SIZE: u64 = 64 << 20;

/// Removes what is unfinished.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Published folders have another name by now; where removing fails there is nobody to tell.
        drop(fs::remove_dir_all(&self.0));
    }
}

pub(super) fn write<R>(
    checkpoint: &Checkpoint,
    layout: &Layout,
    out: &Path,
    overwrite: bool,
    fill: impl FnOnce(&[&File]) -> Result<R, BakeError>,
) -> Result<R, BakeError> {
    if out.symlink_metadata().is_ok() && !(overwrite && out.is_dir()) {
        return Err(WriteError::Exists(out.display().to_string()).into());
    }
    let temp = temporary(out)?;
    let mut files = Vec::with_capacity(layout.files.len());
    for file in &layout.files {
        let path = temp.0.join(inside(&file.name)?);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| failed(parent, e))?;
        }
        files.push(File::create_new(&path).map_err(|e| failed(&path, e))?);
    }
    let result = fill(&files.iter().collect::<Vec<_>>())?;
    indices(checkpoint, layout, &temp.0)?;
    if let Some(root) = checkpoint.root() {
        let root = if root.is_dir() { root } else { root.parent().unwrap_or(Path::new("")) };
        if root.is_dir() {
            // Only a diffusers folder has folders that belong to the model.
            let depth = if checkpoint.form() == Form::Folder { 3 } else { 0 };
            beside(root, &temp.0, Path::new(""), depth, &mut 0)?;
        }
    }
    for file in files {
        file.sync_all().map_err(|e| failed(&temp.0, e))?;
    }
    publish(&temp.0, out)?;
    Ok(result)
}

fn temporary(out: &Path) -> Result<Temporary, BakeError> {
    let parent = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for n in 0..10_000u32 {
        let temp = parent.join(format!(".weft-{}-{n}.tmp", std::process::id()));
        match fs::create_dir(&temp) {
            Ok(()) => return Ok(Temporary(temp)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(failed(parent, e)),
        }
    }
    Err(failed(parent, io::Error::other("too many unfinished results; remove the .weft-*.tmp folders of crashed runs")))
}

/// An existing folder is moved aside, not mixed with the new one, and removed when the new one stands.
fn publish(temp: &Path, out: &Path) -> Result<(), BakeError> {
    if out.symlink_metadata().is_err() {
        return fs::rename(temp, out).map_err(|e| failed(out, e));
    }
    let old = temporary(out)?;
    let aside = old.0.join("old");
    fs::rename(out, &aside).map_err(|e| failed(out, e))?;
    fs::rename(temp, out).map_err(|e| {
        // The old one back in its place: nothing has happened.
        drop(fs::rename(&aside, out));
        failed(out, e)
    })
}

/// A label as a relative path. Labels are made of file names; anything else is refused.
fn inside(label: &str) -> Result<PathBuf, BakeError> {
    let path = PathBuf::from(label);
    if path.components().all(|c| matches!(c, Part::Normal(_))) && !label.is_empty() {
        return Ok(path);
    }
    Err(BakeError::Plan(format!("{} is no name for a file of the result", crate::text::shown(label))))
}

/// One index for each folder that holds several shards.
fn indices(checkpoint: &Checkpoint, layout: &Layout, temp: &Path) -> Result<(), BakeError> {
    let mut folders: Vec<&str> = layout.files.iter().map(|f| f.name.rsplit_once('/').map_or("", |p| p.0)).collect();
    folders.dedup();
    for folder in folders {
        let here: Vec<_> = layout.files.iter().filter(|f| f.name.rsplit_once('/').map_or("", |p| p.0) == folder).collect();
        if here.len() < 2 {
            continue;
        }
        let mut map = Map::new();
        for file in &here {
            let name = file.name.rsplit('/').next().unwrap_or_default();
            map.extend(file.jobs.iter().map(|j| (checkpoint.info(j.tensor).name.clone(), Value::from(name))));
        }
        let size: u64 = here.iter().flat_map(|f| &f.jobs).map(|j| j.len).sum();
        let first = here.first().and_then(|f| f.name.rsplit('/').next()).unwrap_or_default();
        let stem = first.split_once("-0").map_or("model", |p| p.0);
        let text = json!({"metadata": {"total_size": size}, "weight_map": map}).to_string();
        let path = temp.join(folder).join(format!("{stem}.safetensors.index.json"));
        fs::write(&path, text).map_err(|e| failed(&path, e))?;
    }
    Ok(())
}

/// Configurations, tokenizers and the like go along; weights in other formats do not, for they would be the old ones.
fn beside(root: &Path, temp: &Path, sub: &Path, depth: usize, count: &mut usize) -> Result<(), BakeError> {
    const LEFT: [&str; 8] = ["safetensors", "bin", "ckpt", "pt", "pth", "onnx", "msgpack", "gguf"];
    let folder = root.join(sub);
    for entry in fs::read_dir(&folder).map_err(|e| failed(&folder, e))? {
        let path = entry.map_err(|e| failed(&folder, e))?.path();
        let Some(name) = path.file_name() else { continue };
        let to = temp.join(sub).join(name);
        let hidden = name.to_string_lossy().starts_with('.');
        let index = name.to_string_lossy().ends_with(".safetensors.index.json");
        let left = path.extension().is_some_and(|e| LEFT.iter().any(|l| e.eq_ignore_ascii_case(l)));
        let Ok(meta) = fs::metadata(&path) else { continue };
        if hidden || index || left || to.exists() && meta.is_file() || *count >= MAX_BESIDE {
            continue;
        }
        if meta.is_dir() && sub.components().count() < depth {
            // A link to a folder above would never end; the depth bounds it, and the count too.
            fs::create_dir_all(&to).map_err(|e| failed(&to, e))?;
            beside(root, temp, &sub.join(name), depth, count)?;
        } else if meta.is_file() && meta.len() <= MAX_SIZE {
            *count += 1;
            fs::copy(&path, &to).map_err(|e| failed(&to, e))?;
        }
    }
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> BakeError {
    WriteError::Io { path: shown_path(path), source }.into()
}
