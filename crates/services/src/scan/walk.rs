//! Lists a root folder by folder: each folder is read once, links are never followed, depth and number are bounded.

use super::path;
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Deepest folder below the root.
pub(crate) const DEPTH_MAX: usize = 48;
/// Most entries of one root, folders and other files included.
pub(crate) const ENTRIES_MAX: u64 = 4_000_000;
/// Stands in a folder of diffusers, whose subfolders hold the parts of one model.
pub(crate) const MODEL_INDEX: &str = "model_index.json";
/// Most notes that are kept; the rest is only counted.
const NOTES_MAX: usize = 100;

/// One adapter file as the listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Below the root, `/`-separated, see [`path`].
    pub(crate) relative: String,
    pub(crate) size: i64,
    pub(crate) modified_ms: i64,
    /// Device and inode where the system has them: the same file under a new name.
    pub(crate) file_key: Option<String>,
}

/// One folder with adapter files in it, or with what says that the folders below are one model.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Full path.
    pub(crate) path: PathBuf,
    /// Below the root, `/`-separated; empty at the root itself.
    pub(crate) below: String,
    pub(crate) files: Vec<Found>,
    /// Other plain files by their name in lower case: where sidecars and previews are looked for.
    pub(crate) neighbours: BTreeMap<String, PathBuf>,
}

/// What was passed over and why.
#[derive(Debug, Default, Clone)]
pub(crate) struct Notes {
    pub(crate) list: Vec<String>,
    pub(crate) more: u64,
    /// Files of other kinds.
    pub(crate) ignored: u64,
    /// A folder could not be read to its end: what is not seen there is not known to be gone.
    pub(crate) unread: Vec<String>,
}

impl Notes {
    pub(crate) fn add(&mut self, note: String) {
        if self.list.len() < NOTES_MAX {
            self.list.push(note);
        } else {
            self.more += 1;
        }
    }

    /// Was anything below this folder not read to its end?
    pub(crate) fn unread_below(&self, folder: &str) -> bool {
        self.unread.iter().any(|unread| unread == folder || unread.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    }

    /// Could a file that was not seen be there all the same? True below a folder that was not read to its end.
    pub(crate) fn may_hide(&self, relative: &str) -> bool {
        self.unread
            .iter()
            .any(|folder| folder.is_empty() || relative.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/')))
    }
}

/// Walks the root; an iterator of folders that hold adapter files. What lies in a folder comes right after it.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Folders still to read: path, text below the root, depth.
    open: Vec<(PathBuf, String, usize)>,
    entries: u64,
    left_out: Option<PathBuf>,
    pub(crate) notes: Notes,
}

impl Walk {
    pub(crate) fn new(root: &Path) -> Self {
        Self { open: vec![(root.to_owned(), String::new(), 0)], entries: 0, left_out: None, notes: Notes::default() }
    }

    /// A folder below the root and all in it.
    pub(crate) fn below(root: &Path, below: &str) -> Self {
        let folder = if below.is_empty() { root.to_owned() } else { root.join(path::decode(below)) };
        Self { open: vec![(folder, below.to_owned(), 0)], ..Self::new(root) }
    }

    /// One folder below the root, nothing deeper.
    pub(crate) fn one(root: &Path, below: &str) -> Option<Folder> {
        let mut walk = Self::below(root, below);
        let (folder, below, depth) = walk.open.pop()?;
        walk.read(folder, &below, depth)
    }

    /// Leaves a folder out.
    pub(crate) fn leave_out(&mut self, folder: PathBuf) {
        self.left_out = Some(folder);
    }

    fn read(&mut self, folder: PathBuf, below: &str, depth: usize) -> Option<Folder> {
        let listing = match fs::read_dir(&folder) {
            Ok(listing) => listing,
            Err(error) => {
                self.unread(below, &error.to_string());
                return None;
            }
        };
        let mut out = Folder { path: folder, below: below.to_owned(), files: Vec::new(), neighbours: BTreeMap::new() };
        let mut deeper = Vec::new();
        for entry in listing {
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                self.unread(below, "the folder holds more files than Weft reads");
                break;
            }
            match entry {
                Ok(entry) => self.entry(&entry, below, depth, &mut out, &mut deeper),
                Err(error) => self.unread(below, &error.to_string()),
            }
        }
        // Names in order, whatever the disk says: the same folder gives the same list.
        out.files.sort_by(|a, b| a.relative.cmp(&b.relative));
        deeper.sort_by(|a: &(PathBuf, String, usize), b| b.1.cmp(&a.1));
        self.open.append(&mut deeper);
        (!out.files.is_empty() || out.neighbours.contains_key(MODEL_INDEX)).then_some(out)
    }

    fn entry(&mut self, entry: &fs::DirEntry, below: &str, depth: usize, out: &mut Folder, deeper: &mut Vec<(PathBuf, String, usize)>) {
        let name = path::encode(&entry.file_name());
        let relative = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let adapter = name.to_ascii_lowercase().ends_with(".safetensors");
        let Ok(kind) = entry.file_type() else {
            return self.unread(below, "an entry could not be looked at");
        };
        if kind.is_symlink() {
            // A link may lead out of the root or in a circle: none is followed.
            if adapter || entry.path().is_dir() {
                self.notes.add(format!("{} is a link: not followed.", path::shown(&relative)));
            }
        } else if kind.is_dir() {
            if adapter {
                self.notes.add(format!("{} is a folder, not a file.", path::shown(&relative)));
            }
            if depth >= DEPTH_MAX {
                self.unread(&relative, "it is nested too deep");
            } else if !name.starts_with('.') && self.left_out.as_deref() != Some(entry.path().as_path()) {
                deeper.push((entry.path(), relative, depth + 1));
            }
        } else if !kind.is_file() {
            if adapter {
                self.notes.add(format!("{} is not a plain file.", path::shown(&relative)));
            }
        } else if adapter && !name.starts_with(".weft-") {
            match entry.metadata() {
                Ok(data) => out.files.push(found(relative, &data)),
                Err(error) => self.unread(below, &error.to_string()),
            }
        } else {
            self.notes.ignored += 1;
            out.neighbours.insert(name.to_lowercase(), entry.path());
        }
    }

    fn unread(&mut self, below: &str, why: &str) {
        let shown = if below.is_empty() { "The root".to_owned() } else { path::shown(below) };
        self.notes.add(format!("{shown} could not be read to its end: {why}."));
        self.notes.unread.push(below.to_owned());
    }
}

impl Iterator for Walk {
    type Item = Folder;

    fn next(&mut self) -> Option<Folder> {
        while let Some((folder, below, depth)) = self.open.pop() {
            if let Some(found) = self.read(folder, &below, depth) {
                return Some(found);
            }
        }
        None
    }
}

fn found(relative: String, data: &Metadata) -> Found {
    Found { relative, size: i64::try_from(data.len()).unwrap_or(i64::MAX), modified_ms: modified_ms(data), file_key: file_key(data) }
}

/// Time of the last change in milliseconds since 1970; 0 where the disk does not tell.
pub(crate) fn modified_ms(data: &Metadata) -> i64 {
    let Ok(time) = data.modified() else { return 0 };
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    }
}

#[cfg(unix)]
fn file_key(data: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    Some(format!("{:x}:{:x}", data.dev(), data.ino()))
}

#[cfg(not(unix))]
fn file_key(_: &Metadata) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(root: &Path) -> (Vec<String>, Notes) {
        let mut walk = Walk::new(root);
        let files = walk.by_ref().flat_map(|f| f.files).map(|f| f.relative).collect();
        (files, walk.notes)
    }

    #[test]
    fn only_plain_adapter_files_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("b/c")).unwrap();
        fs::create_dir(root.join("dir.safetensors")).unwrap();
        for name in ["z.safetensors", "A.SAFETENSORS", "b/c/deep.safetensors", "b/note.txt", ".weft-1.tmp.safetensors", "x.ckpt"] {
            fs::write(root.join(name), b"x").unwrap();
        }
        let (files, notes) = names(root);
        assert_eq!(files, ["A.SAFETENSORS", "z.safetensors", "b/c/deep.safetensors"]);
        assert!(notes.list.iter().any(|n| n.contains("dir.safetensors") && n.contains("folder")), "{notes:?}");
        assert!(notes.unread.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn no_link_is_followed() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.safetensors"), b"x").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::write(root.join("own.safetensors"), b"x").unwrap();
        std::os::unix::fs::symlink(outside.path(), root.join("way")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret.safetensors"), root.join("link.safetensors")).unwrap();
        std::os::unix::fs::symlink(root, root.join("circle")).unwrap();
        let (files, notes) = names(root);
        assert_eq!(files, ["own.safetensors"]);
        assert_eq!(notes.list.len(), 3, "{notes:?}");
    }
}
