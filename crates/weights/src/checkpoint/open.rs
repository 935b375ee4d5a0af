//! Finding the files of a checkpoint.

use super::shards::{MAX_INDEX, is_file_name, numbered, parse};
use super::{Checkpoint, CheckpointError, File, Form};
use crate::header::Header;
use crate::source::FileSource;
use crate::text::shown_path;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Subfolders of a diffusers model that hold weights.
const COMPONENTS: [&str; 10] =
    ["unet", "transformer", "transformer_2", "prior", "text_encoder", "text_encoder_2", "text_encoder_3", "text_encoder_4", "vae", "movq"];
/// Most entries of a folder that are looked at.
const MAX_ENTRIES: usize = 65_536;

pub(super) fn open(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let root = Some(path.to_owned());
    if path.is_dir() {
        let parts: Vec<PathBuf> = COMPONENTS.iter().map(|c| path.join(c)).filter(|p| p.is_dir()).collect();
        if parts.is_empty() {
            return component(path, root);
        }
        let mut files = Vec::new();
        for part in parts {
            // A folder without safetensors (only `.bin`, only a configuration) is no part that could be worked with.
            if list(&part)?.iter().any(|n| n.ends_with(".safetensors")) {
                let name = file_name(&part);
                files.extend(in_folder(&part, &format!("{name}/"), &format!("{name}."))?);
            }
        }
        if files.is_empty() {
            return Err(folder(path, "holds no safetensors file in the folders of its components"));
        }
        return Checkpoint::of(files, Form::Folder, root);
    }
    if path.extension().is_some_and(|e| e == "json") {
        let files = sharded(path, "", "")?;
        return Checkpoint::of(files, Form::Sharded, root);
    }
    let file = one(path, "", "")?;
    let mut checkpoint = Checkpoint::of(vec![file], Form::Single, root)?;
    if let Some((_, n, of)) = numbered(&file_name(path)).filter(|(_, _, of)| *of > 1) {
        checkpoint
            .warnings
            .push(format!("The name says that this is shard {n} of {of}; give the folder or the index for the whole model."));
    }
    Ok(checkpoint)
}

/// A folder of one component alone. Its configuration says whether it is a text encoder.
fn component(path: &Path, root: Option<PathBuf>) -> Result<Checkpoint, CheckpointError> {
    let name = file_name(path);
    let known = COMPONENTS.iter().find(|c| **c == name).copied();
    let prefix = known.map_or(String::new(), |c| format!("{c}."));
    let files = in_folder(path, "", if prefix == "transformer_2." { "transformer." } else { &prefix })?;
    let form = if files.len() > 1 { Form::Sharded } else { Form::Single };
    Checkpoint::of(files, form, root)
}

/// The files of one component: an index and its shards, or one file, or shards that are numbered without an index.
fn in_folder(path: &Path, label: &str, prefix: &str) -> Result<Vec<File>, CheckpointError> {
    let names = list(path)?;
    let indices: Vec<&String> = names.iter().filter(|n| n.ends_with(".safetensors.index.json")).collect();
    let plain = |n: &&&String| n.matches('.').count() == 3;
    if let Some(index) = indices.iter().find(plain).or(indices.first().filter(|_| indices.len() == 1)) {
        return sharded(&path.join(index), label, prefix);
    }
    let tensors: Vec<&String> = names.iter().filter(|n| is_file_name(n)).collect();
    if let Some((base, _, of)) = tensors.first().and_then(|n| numbered(n)) {
        let all: BTreeSet<_> = tensors.iter().filter_map(|n| numbered(n)).filter(|(b, _, o)| *b == base && *o == of).map(|n| n.1).collect();
        if all.len() == tensors.len() && all.len() != of {
            return Err(folder(path, &format!("holds {} of {of} shards; download the others", all.len())));
        }
        if all.len() == tensors.len() {
            return tensors.iter().map(|n| one(&path.join(n), label, prefix)).collect();
        }
    }
    // Variants (`.fp16.safetensors`) stand beside the full file, which counts.
    let full: Vec<&&String> = tensors.iter().filter(|n| n.matches('.').count() == 1).collect();
    match (tensors.as_slice(), full.as_slice()) {
        ([], _) => Err(folder(path, "holds no safetensors file")),
        ([single], _) => Ok(vec![one(&path.join(single), label, prefix)?]),
        (_, [single]) => Ok(vec![one(&path.join(single), label, prefix)?]),
        _ => Err(folder(path, "holds several safetensors files that are no shards of one model; choose one of them")),
    }
}

fn sharded(index: &Path, label: &str, prefix: &str) -> Result<Vec<File>, CheckpointError> {
    let shown = shown_path(index);
    let shards = parse(&shown, &small(index)?)?;
    let parent = index.parent().unwrap_or(Path::new(""));
    let mut files = Vec::with_capacity(shards.len());
    for (shard, tensors) in shards {
        let path = parent.join(&shard);
        if !path.exists() {
            return Err(CheckpointError::MissingShard { index: shown, shard });
        }
        let file = one(&path, label, prefix)?;
        let held: BTreeSet<&str> = file.header.tensors.iter().map(|t| t.name.as_str()).collect();
        if let Some(key) = tensors.iter().find(|t| !held.contains(t.as_str())) {
            return Err(CheckpointError::MissingTensor { index: shown, key: key.clone(), shard });
        }
        files.push(file);
    }
    Ok(files)
}

fn one(path: &Path, label: &str, prefix: &str) -> Result<File, CheckpointError> {
    let name = file_name(path);
    let source = FileSource::open(path).map_err(|source| CheckpointError::Read { file: name.clone(), source })?;
    let header = Header::read(&source).map_err(|source| CheckpointError::Header { file: name.clone(), source })?;
    Ok(File { label: format!("{label}{name}"), header, source: Box::new(source), path: Some(path.to_owned()), prefix: prefix.to_owned() })
}

/// A small text file, whole.
fn small(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    let failed = |source| CheckpointError::Read { file: shown_path(path), source };
    let (file, len) = crate::source::open_regular(path).map_err(failed)?;
    if len > MAX_INDEX {
        return Err(CheckpointError::Index { index: shown_path(path), why: "it is longer than the 64 MB that are read".to_owned() });
    }
    let mut text = Vec::with_capacity(len as usize);
    let read = file.take(MAX_INDEX).read_to_end(&mut text);
    read.map_err(|source| failed(crate::source::ReadError::Io { offset: 0, len, source }))?;
    Ok(text)
}

/// Names in a folder, sorted.
fn list(path: &Path) -> Result<Vec<String>, CheckpointError> {
    let failed = |source| CheckpointError::List { path: shown_path(path), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)?.take(MAX_ENTRIES) {
        names.extend(entry.map_err(failed)?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| shown_path(path), |n| n.to_string_lossy().into_owned())
}

fn folder(path: &Path, why: &str) -> CheckpointError {
    CheckpointError::Folder { path: shown_path(path), why: why.to_owned() }
}
