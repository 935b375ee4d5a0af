//! Where a job writes: a free name below a root, and the clean-up of what a crash left.

use super::{Form, Place};
use crate::names;
use crate::problem::{ForPeople as _, blocking};
use crate::scan::path;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeSet, HashSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use weft_domain::{Problem, RootId};
use weft_storage::{RootRow, Store};
use weft_weights::write;

/// Ended jobs whose folders are swept too.
const ENDED: u64 = 200;

/// A path below the root that no file has and no waiting merge will take: the name, or the name with a number.
pub(crate) async fn free(store: &Store, root: &RootRow, folder: &str, (stem, form): (&str, Form)) -> Result<String, Problem> {
    let taken = taken(store, root.id).await?;
    let (base, folder, stem) = (root.folder(), folder.to_owned(), stem.to_owned());
    blocking(move || {
        if !base.is_dir() {
            return Err(
                Problem::invalid("root", "This folder is not there now.").hint("If it lies on a drive that is off, switch the drive on.")
            );
        }
        first_free(&base, &folder, (&stem, form), &taken)
    })
    .await?
}

/// Paths that waiting and running jobs will write.
async fn taken(store: &Store, root: RootId) -> Result<HashSet<String>, Problem> {
    let inputs = places(store, 0).await?;
    Ok(inputs.into_iter().filter(|i| i.root == root).map(|i| i.relative.to_lowercase()).collect())
}

/// Where active jobs, and the last `ended` ones, write.
async fn places(store: &Store, ended: u64) -> Result<Vec<Place>, Problem> {
    let rows = store.jobs().list(ended).await.for_people("listing jobs")?;
    Ok(rows.into_iter().filter(|j| j.kind.makes_file()).filter_map(|j| serde_json::from_value(j.input).ok()).collect())
}

/// The first candidate that is free on disk and not spoken for.
pub(crate) fn first_free(base: &Path, folder: &str, (stem, form): (&str, Form), taken: &HashSet<String>) -> Result<String, Problem> {
    let below = |name: String| if folder.is_empty() { name } else { format!("{folder}/{name}") };
    names::candidates(stem, form.ending())
        .map(below)
        .find(|relative| !taken.contains(&relative.to_lowercase()) && base.join(path::decode(relative)).symlink_metadata().is_err())
        .ok_or_else(|| Problem::conflict("There are thousands of files of this name.").hint("Choose another name."))
}

/// Makes the folder of the target; refuses where a link leads out of the root.
pub(crate) fn prepare(base: &Path, relative: &str) -> Result<PathBuf, String> {
    let target = base.join(path::decode(relative));
    let folder = target.parent().unwrap_or(base);
    if !base.is_dir() {
        return Err("The folder is not there: its drive may be off.".to_owned());
    }
    std::fs::create_dir_all(folder).map_err(|e| format!("The folder {} cannot be made: {e}.", folder.display()))?;
    match folder.canonicalize() {
        Ok(real) if real == folder => Ok(target),
        _ => Err("A link stands in the way of this folder; Weft writes only below the folders it watches.".to_owned()),
    }
}

/// What tells one finished file from another: its length and the hash of its header, which holds every name, every offset and the recipe.
/// The same job makes the same bytes, so equal fingerprints mean equal files. Of a folder: the same of all its files together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    bytes: u64,
    header: String,
}

impl Fingerprint {
    /// Reads the header of the file at `path`, or of every file of the folder there.
    pub(crate) fn of(path: &Path) -> std::io::Result<Self> {
        if !path.is_dir() {
            return Self::of_file(path);
        }
        let mut files = Vec::new();
        weights_below(path, 0, &mut files)?;
        files.sort();
        let (mut bytes, mut hash) = (0u64, Sha256::new());
        for file in files {
            let one = Self::of_file(&file)?;
            bytes = bytes.saturating_add(one.bytes);
            let below = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().into_owned();
            hash.update(format!("{below}\0{}\0", one.header));
        }
        Ok(Self { bytes, header: hex::encode(hash.finalize()) })
    }

    fn of_file(path: &Path) -> std::io::Result<Self> {
        let mut file = std::fs::File::open(path)?;
        let bytes = file.metadata()?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let mut hash = Sha256::new_with_prefix(length);
        std::io::copy(&mut file.take(u64::from_le_bytes(length)), &mut hash)?;
        Ok(Self { bytes, header: hex::encode(hash.finalize()) })
    }
}

/// The safetensors files of a result; none is more than a few folders deep.
fn weights_below(folder: &Path, depth: usize, out: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < 4 {
            weights_below(&entry.path(), depth + 1, out)?;
        } else if kind.is_file() && entry.path().extension().is_some_and(|ending| ending == "safetensors") {
            out.push(entry.path());
        }
    }
    Ok(())
}

/// Removes the temporary files and folders of jobs that a crash cut off, also of those whose last attempt it was. Called before the first file of this process, so that none of its own
/// is under way; a file of another living process is left alone.
pub(crate) async fn sweep_unfinished(store: &Store) -> Result<(), Problem> {
    let mut folders = BTreeSet::new();
    for input in places(store, ENDED).await? {
        if let Some(root) = store.roots().get(input.root).await.for_people("reading a root")? {
            folders.extend(root.folder().join(path::decode(&input.relative)).parent().map(Path::to_owned));
        }
    }
    blocking(move || {
        for folder in folders {
            match write::sweep(&folder, lives) {
                Ok(0) | Err(_) => {}
                Ok(count) => tracing::info!(count, folder = %folder.display(), "removed unfinished files of an interrupted job"),
            }
        }
    })
    .await
}

/// Does another process with this id live? Where the system cannot tell, none does.
fn lives(pid: u32) -> bool {
    pid != std::process::id() && Path::new("/proc").join(pid.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_header_and_its_length() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, header: &str, body: &[u8]| {
            let path = dir.path().join(name);
            let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(body);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let ours = Fingerprint::of(&write("a", "{\"recipe\":1}", b"1234")).unwrap();
        assert_eq!(Fingerprint::of(&write("b", "{\"recipe\":1}", b"1234")).unwrap(), ours);
        assert_ne!(Fingerprint::of(&write("c", "{\"recipe\":2}", b"1234")).unwrap(), ours);
        assert_ne!(Fingerprint::of(&write("d", "{\"recipe\":1}", b"12345")).unwrap(), ours);
        // As after a restart: it comes back from its stored text.
        assert_eq!(serde_json::from_str::<Fingerprint>(&serde_json::to_string(&ours).unwrap()).unwrap(), ours);
        assert!(Fingerprint::of(&dir.path().join("gone")).is_err());
    }

    #[test]
    fn a_folder_is_known_by_all_its_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("unet")).unwrap();
        let write = |name: &str, body: &[u8]| {
            let bytes = [&2u64.to_le_bytes()[..], b"{}", body].concat();
            std::fs::write(dir.path().join(name), bytes).unwrap();
        };
        write("unet/a.safetensors", b"12");
        write("b.safetensors", b"1");
        let before = Fingerprint::of(dir.path()).unwrap();
        assert_eq!(before.bytes, 23);
        std::fs::write(dir.path().join("notes.txt"), b"x").unwrap();
        assert_eq!(Fingerprint::of(dir.path()).unwrap(), before);
        write("unet/a.safetensors", b"123");
        assert_ne!(Fingerprint::of(dir.path()).unwrap(), before);
    }

    #[test]
    fn names_go_on_counting_and_folders_stay_inside() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::write(base.join("x.safetensors"), b"").unwrap();
        let taken = HashSet::from(["x 2.safetensors".to_owned()]);
        assert_eq!(first_free(&base, "", ("x", Form::File), &taken).unwrap(), "x 3.safetensors");
        assert_eq!(first_free(&base, "deep", ("x", Form::File), &taken).unwrap(), "deep/x.safetensors");
        assert_eq!(first_free(&base, "", ("x", Form::Folder), &taken).unwrap(), "x");
        assert_eq!(prepare(&base, "deep/er/x.safetensors").unwrap(), base.join("deep/er/x.safetensors"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("/tmp", base.join("way")).unwrap();
            assert!(prepare(&base, "way/x.safetensors").is_err());
        }
        assert!(prepare(&base.join("gone"), "x.safetensors").is_err());
        assert!(!base.join("gone").exists(), "a root that is off is not made anew");
    }
}
