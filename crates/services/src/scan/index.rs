//! From a listed file to its row: header, sidecars, picture.

use super::group::{Listed, Unit};
use super::sidecar::{self, Beside};
use super::walk::{Found, Walk};
use super::{checkpoint, facts, open, path};
use crate::previews::{BESIDE, INSIDE, cover_present};
use crate::problem::{ForPeople as _, blocking};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;
use weft_domain::{AdapterId, CheckpointId, Problem};
use weft_storage::{KnownFile, NewCheckpoint, NewFile, RootRow, Store};
use weft_weights::source::TensorSource as _;

/// Raised when this program learns to read more from a header: the next scan then reads every file anew.
const INDEX_VERSION: u32 = 2;
/// Files of whole models that neither hold one nor are a part of one.
const NO_CHECKPOINTS: [&str; 2] = ["a ControlNet", "a textual inversion embedding"];
/// Threads that read headers.
const READERS: usize = 4;
/// Largest header that is hashed for recognising a moved file, in bytes.
const HASHED_MAX: u64 = 8 << 20;

/// What a file, or several together, turned out to be.
#[derive(Debug)]
pub(crate) enum Read {
    Adapter(NewFile),
    Checkpoint(NewCheckpoint),
}

/// Something to read.
#[derive(Debug, Clone)]
pub(crate) enum Task {
    File(Todo),
    Unit(Unit),
}

impl Task {
    /// Never fails: what cannot be read is broken, with its reason. Blocks.
    fn read(&self, root: &Path) -> Read {
        match self {
            Self::File(todo) => todo.read(root),
            Self::Unit(unit) => Read::Checkpoint(checkpoint::read(root, unit)),
        }
    }
}

/// A listed file with its neighbours.
#[derive(Debug, Clone)]
pub(crate) struct Todo {
    pub(crate) file: Found,
    pub(crate) beside: Beside,
}

impl Todo {
    /// Everything beside the file that its row depends on, and the version of the reader.
    fn stamp(&self) -> String {
        let picture = self.beside.picture.as_ref().map_or(String::new(), |p| format!("{} {}", p.name, p.stamp));
        format!("{INDEX_VERSION};{picture};{}", self.beside.stamp.as_deref().unwrap_or(""))
    }

    /// The row stands: the file need not be opened.
    pub(crate) fn is_unchanged(&self, known: &KnownFile) -> bool {
        known.size == self.file.size && known.modified_ms == self.file.modified_ms && known.sidecar_stamp.as_ref() == Some(&self.stamp())
    }

    /// Reads the file: an adapter, else a checkpoint, else a broken adapter with its reason.
    fn read(&self, root: &Path) -> Read {
        let (mut header_hash, mut inside, mut looks_like) = (None, false, None);
        let facts = path::resolve(root, &self.file.relative).map_err(|p| p.title).and_then(|path| {
            let opened = open::open(&path).inspect_err(|not| looks_like = not.looks_like)?;
            header_hash = hash_header(&opened);
            inside = cover_present(|key| opened.adapter.header.metadata.get(key).map(String::as_str));
            Ok(facts::facts(&opened, &self.file.relative, sidecar::read_sheets(&self.beside.sheets)))
        });
        if looks_like.is_some_and(|kind| !NO_CHECKPOINTS.contains(&kind))
            && let Some(found) = checkpoint::read_single(root, &Unit::single(self.file.clone()))
        {
            return Read::Checkpoint(found);
        }
        let (preview_source, preview_stamp) = match &self.beside.picture {
            Some(picture) => (Some(format!("{BESIDE}{}", picture.name)), Some(picture.stamp.clone())),
            None if inside => (Some(INSIDE.to_owned()), header_hash.clone()),
            None => (None, None),
        };
        Read::Adapter(NewFile {
            rel_path: self.file.relative.clone(),
            size: self.file.size,
            modified_ms: self.file.modified_ms,
            file_key: self.file.file_key.clone(),
            header_hash,
            sidecar_stamp: Some(self.stamp()),
            preview_source,
            preview_stamp,
            facts,
        })
    }
}

/// SHA-256 of the header's bytes.
fn hash_header(opened: &open::Opened) -> Option<String> {
    let len = opened.adapter.header.data_start.min(HASHED_MAX);
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    opened.source.read_at(0, &mut bytes).ok()?;
    Some(hex::encode(Sha256::digest(&bytes)))
}

/// Reads everything on a few threads and sends each as it comes; stops when `stop` says so or nobody listens. Blocks.
pub(crate) fn read_all(root: &Path, todo: &[Task], out: &mpsc::Sender<Read>, stop: &(dyn Fn() -> bool + Sync)) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..READERS.min(todo.len()) {
            scope.spawn(|| {
                while let Some(task) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if stop() || out.blocking_send(task.read(root)).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

/// Takes one file in at once, for work that has just written it. None when it cannot be read.
pub(crate) async fn index_one(store: &Store, root: &RootRow, relative: &str, now_ms: i64) -> Result<Option<AdapterId>, Problem> {
    let (folder, wanted) = (root.folder(), relative.to_owned());
    let file = blocking(move || {
        let below = wanted.rsplit_once('/').map_or("", |(below, _)| below);
        let found = Walk::one(&folder, below)?;
        let file = found.files.iter().find(|f| f.relative == wanted)?.clone();
        Some(Todo { beside: sidecar::beside(&file, &found.neighbours), file }.read(&folder))
    })
    .await?;
    let Some(Read::Adapter(file)) = file else { return Ok(None) };
    let usable = file.facts.is_ok();
    let rows = store.adapters().upsert(root.id, &[file], now_ms).await.for_people("writing a scanned file")?;
    Ok(rows.first().filter(|_| usable).map(|row| row.id))
}

/// The same for a checkpoint: a file, the index of its shards, or a folder of diffusers.
pub(crate) async fn index_checkpoint(store: &Store, root: &RootRow, relative: &str, now_ms: i64) -> Result<Option<CheckpointId>, Problem> {
    let (folder, wanted) = (root.folder(), relative.to_owned());
    let found = blocking(move || {
        let above = wanted.rsplit_once('/').map_or("", |(above, _)| above);
        let is_folder = folder.join(path::decode(&wanted)).is_dir();
        let mut listed = Listed::default();
        if is_folder {
            Walk::below(&folder, &wanted).for_each(|folder| listed.add(folder));
        } else {
            Walk::one(&folder, above).into_iter().for_each(|folder| listed.add(folder));
        }
        let Listed { singles, units, .. } = listed.finish();
        if let Some(unit) = units.iter().find(|unit| unit.relative == wanted) {
            return Some(checkpoint::read(&folder, unit));
        }
        match singles.iter().find(|todo| todo.file.relative == wanted)?.read(&folder) {
            Read::Checkpoint(found) => Some(found),
            Read::Adapter(_) => None,
        }
    })
    .await?;
    let Some(found) = found else { return Ok(None) };
    let usable = found.facts.is_ok();
    let rows = store.checkpoints().upsert(root.id, &[found], now_ms).await.for_people("writing a scanned checkpoint")?;
    Ok(rows.first().filter(|_| usable).map(|(id, _)| *id))
}
