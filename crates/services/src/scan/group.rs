//! Several files that are one checkpoint: shards beside their index, and folders of diffusers.
//!
//! Both are told by names alone, so that a scan opens nothing that has not changed. Shards are named `STEM-00001-of-00003.safetensors` beside
//! `STEM.safetensors.index.json`; a folder of diffusers holds `model_index.json` and a subfolder with a `config.json` for each part.

use super::index::Todo;
use super::sidecar;
use super::walk::{Folder, Found, MODEL_INDEX};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use weft_domain::checkpoint::CheckpointForm;

/// Raised when this program learns to read more from a checkpoint: the next scan then reads every one anew.
const READER_VERSION: u32 = 1;

/// The files of one checkpoint, as the listing shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    /// The file, the index of the shards, or the folder; below the root, `/`-separated.
    pub(crate) relative: String,
    pub(crate) form: CheckpointForm,
    pub(crate) files: Vec<Found>,
}

impl Unit {
    /// A checkpoint of one file.
    pub(crate) fn single(file: Found) -> Self {
        Self { relative: file.relative.clone(), form: CheckpointForm::Single, files: vec![file] }
    }

    /// Bytes of all files.
    pub(crate) fn size(&self) -> i64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// Of the newest file.
    pub(crate) fn modified_ms(&self) -> i64 {
        self.files.iter().map(|file| file.modified_ms).max().unwrap_or(0)
    }

    /// Changes when any of its files does, or when the reader learns more.
    pub(crate) fn stamp(&self) -> String {
        let mut hash = Sha256::new();
        for file in &self.files {
            hash.update(format!("{}\0{}\0{}\0", file.relative, file.size, file.modified_ms));
        }
        format!("{READER_VERSION};{}", hex::encode(&hash.finalize()[..16]))
    }
}

/// What lies below a root, sorted into single files and checkpoints of several.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) singles: Vec<Todo>,
    pub(crate) units: Vec<Unit>,
    /// The folder of diffusers that the next folders may be parts of.
    model: Option<Unit>,
}

impl Listed {
    /// Takes in the next folder of a walk. What lies in a folder comes right after it.
    pub(crate) fn add(&mut self, folder: Folder) {
        let part = self.model.as_ref().and_then(|model| folder.below.strip_prefix(&model.relative)?.strip_prefix('/'));
        match part {
            Some(part) if !part.contains('/') && folder.neighbours.contains_key("config.json") => {
                if let Some(model) = &mut self.model {
                    model.files.extend(folder.files);
                }
                return;
            }
            Some(_) => {}
            None => self.close(),
        }
        // At the root itself there is no name for it, and parts of other models may lie beside.
        if self.model.is_none() && !folder.below.is_empty() && folder.neighbours.contains_key(MODEL_INDEX) {
            self.model = Some(Unit { relative: folder.below.clone(), form: CheckpointForm::Folder, files: Vec::new() });
        }
        let (rest, shards) = shards(folder.files, &folder.below, &folder.neighbours);
        self.units.extend(shards);
        let todo = |file: Found| Todo { beside: sidecar::beside(&file, &folder.neighbours), file };
        self.singles.extend(rest.into_iter().map(todo));
    }

    /// Ends the walk.
    pub(crate) fn finish(mut self) -> Self {
        self.close();
        self
    }

    /// Files so far.
    pub(crate) fn len(&self) -> usize {
        self.singles.len() + self.units.len()
    }

    fn close(&mut self) {
        self.units.extend(self.model.take().filter(|model| !model.files.is_empty()));
    }
}

/// Takes the shards that have an index out of a folder's files.
fn shards(files: Vec<Found>, below: &str, neighbours: &BTreeMap<String, std::path::PathBuf>) -> (Vec<Found>, Vec<Unit>) {
    let mut units: BTreeMap<String, Unit> = BTreeMap::new();
    let mut rest = Vec::new();
    for file in files {
        let name = file.relative.rsplit('/').next().unwrap_or(&file.relative);
        let index = stem(name).and_then(|stem| neighbours.get(&format!("{}.safetensors.index.json", stem.to_lowercase())));
        let Some(index) = index.and_then(|path| path.file_name()).map(super::path::encode) else {
            rest.push(file);
            continue;
        };
        let relative = if below.is_empty() { index } else { format!("{below}/{index}") };
        let unit = || Unit { relative: relative.clone(), form: CheckpointForm::Sharded, files: Vec::new() };
        units.entry(relative.clone()).or_insert_with(unit).files.push(file);
    }
    (rest, units.into_values().collect())
}

/// `model` of `model-00002-of-00003.safetensors`.
fn stem(name: &str) -> Option<&str> {
    let (rest, of) = name.strip_suffix(".safetensors")?.rsplit_once("-of-")?;
    let (stem, number) = rest.rsplit_once('-')?;
    let digits = |s: &str| s.len() == 5 && s.bytes().all(|b| b.is_ascii_digit());
    (digits(of) && digits(number)).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::super::walk::Walk;
    use super::*;
    use std::path::Path;

    fn listed(root: &Path) -> Listed {
        let mut listed = Listed::default();
        for folder in Walk::new(root) {
            listed.add(folder);
        }
        listed.finish()
    }

    fn write(root: &Path, names: &[&str]) {
        for name in names {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
    }

    #[test]
    fn shards_and_folders_are_one_and_what_lies_beside_stays() {
        let dir = tempfile::tempdir().unwrap();
        write(
            dir.path(),
            &[
                "lora.safetensors",
                "big/model-00001-of-00002.safetensors",
                "big/model-00002-of-00002.safetensors",
                "big/model.safetensors.index.json",
                "big/other.safetensors",
                "big/alone-00001-of-00002.safetensors",
                "sd/model_index.json",
                "sd/v1-pruned.safetensors",
                "sd/unet/config.json",
                "sd/unet/diffusion_pytorch_model.safetensors",
                "sd/vae/config.json",
                "sd/vae/diffusion_pytorch_model.safetensors",
                "sd/loras/ink.safetensors",
                "sd/unet/deep/er.safetensors",
                "sdx/plain.safetensors",
                "zz/model_index.json",
            ],
        );
        let found = listed(dir.path());
        let units: Vec<(&str, CheckpointForm, usize)> = found.units.iter().map(|u| (u.relative.as_str(), u.form, u.files.len())).collect();
        assert!(units.contains(&("big/model.safetensors.index.json", CheckpointForm::Sharded, 2)), "{units:?}");
        assert!(units.contains(&("sd", CheckpointForm::Folder, 2)), "{units:?}");
        assert_eq!(units.len(), 2, "{units:?}");
        let mut singles: Vec<&str> = found.singles.iter().map(|t| t.file.relative.as_str()).collect();
        singles.sort_unstable();
        let rest = [
            "big/alone-00001-of-00002.safetensors",
            "big/other.safetensors",
            "lora.safetensors",
            "sd/loras/ink.safetensors",
            "sd/unet/deep/er.safetensors",
            "sd/v1-pruned.safetensors",
            "sdx/plain.safetensors",
        ];
        assert_eq!(singles, rest);
    }

    #[test]
    fn the_stamp_follows_every_file() {
        let dir = tempfile::tempdir().unwrap();
        write(
            dir.path(),
            &["a/model_index.json", "a/unet/config.json", "a/unet/x.safetensors", "a/vae/config.json", "a/vae/y.safetensors"],
        );
        let stamp = || listed(dir.path()).units[0].stamp();
        let before = stamp();
        assert_eq!(stamp(), before);
        std::fs::write(dir.path().join("a/vae/y.safetensors"), b"xy").unwrap();
        let grown = stamp();
        assert_ne!(grown, before);
        std::fs::remove_file(dir.path().join("a/vae/y.safetensors")).unwrap();
        assert_ne!(stamp(), grown);
    }
}
