//! Writing safetensors files: one pass over the data, a temporary name until the last byte is on the disk.
//!
//! Ranks chosen from the data are known only once a module is computed, and the header stands before the data. So the writer reserves a
//! header of the largest size it can need, streams the tensors behind it, and fills the header in at the end, padded with spaces as the format allows.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

mod behind;

pub use behind::Sink;

use crate::dtype::Dtype;
use behind::Behind;

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The operating system refused.
    #[error("could not write {path}: {source}")]
    Io {
        /// File or folder that was worked on.
        path: String,
        /// Its reason.
        source: io::Error,
    },
    /// The target exists and overwriting was not asked for.
    #[error("{0} exists already; choose another name or ask to overwrite it")]
    Exists(String),
    /// The header grew beyond its reserve: a fault in the caller's bound.
    #[error("the header needs {needed} bytes but {reserved} were reserved")]
    Reserve {
        /// Bytes needed.
        needed: usize,
        /// Bytes reserved.
        reserved: usize,
    },
    /// Two tensors of one name: a file that nobody could read.
    #[error("two tensors of the result would be named {}; nothing was written", crate::text::shown(.0))]
    Twice(String),
}

/// Name and largest shape of a tensor to come: what the header's reserve is computed from.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Key of the tensor.
    pub name: String,
    /// Stored type.
    pub dtype: Dtype,
    /// Largest shape it can get.
    pub shape: Vec<usize>,
}

/// Upper bound of the header's length in bytes for these tensors and this metadata (a multiple of 8).
#[must_use]
pub fn header_bound(tensors: &[Planned], metadata: &BTreeMap<String, String>) -> usize {
    let mut entries = Map::new();
    entries.insert("__metadata__".into(), json!(metadata));
    for t in tensors {
        entries.insert(t.name.clone(), entry(t.dtype, &t.shape, u64::MAX, u64::MAX));
    }
    let length = serde_json::to_string(&Value::Object(entries)).map_or(0, |s| s.len());
    (length + 8).next_multiple_of(8)
}

/// Streams a safetensors file: tensors in the order of the calls, header at the end.
#[derive(Debug)]
pub struct TensorWriter<W: Write + Seek> {
    out: BufWriter<W>,
    reserved: usize,
    entries: Vec<(String, Value)>,
    at: u64,
}

impl<W: Write + Seek> TensorWriter<W> {
    /// Starts a file with `reserved` bytes of header (see [`header_bound`]).
    pub fn new(out: W, reserved: usize) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, out);
        out.write_all(&vec![b' '; reserved + 8])?;
        Ok(Self { out, reserved, entries: Vec::new(), at: 0 })
    }

    /// Appends a tensor: little-endian bytes of `shape` elements, row-major.
    pub fn tensor(&mut self, name: &str, dtype: Dtype, shape: &[usize], bytes: &[u8]) -> io::Result<()> {
        let end = self.at + bytes.len() as u64;
        self.entries.push((name.to_owned(), entry(dtype, shape, self.at, end)));
        self.at = end;
        self.out.write_all(bytes)
    }

    /// Begins a tensor of `len` bytes, which follow in calls of [`append`](Self::append): for tensors that are copied piece by piece.
    pub fn begin(&mut self, name: &str, dtype: Dtype, shape: &[usize], len: u64) {
        self.entries.push((name.to_owned(), entry(dtype, shape, self.at, self.at + len)));
        self.at += len;
    }

    /// Adds bytes to the tensor that was begun last. All its bytes must have come before the next one begins.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Bytes of tensor data so far.
    #[must_use]
    pub fn data_len(&self) -> u64 {
        self.at
    }

    /// Writes the header and hands the sink back, flushed.
    pub fn finish(mut self, metadata: &BTreeMap<String, String>) -> Result<W, WriteError> {
        let io_error = |source| WriteError::Io { path: "the output".into(), source };
        let mut seen = HashSet::new();
        if let Some((name, _)) = self.entries.iter().find(|(name, _)| !seen.insert(name.as_str())) {
            return Err(WriteError::Twice(name.clone()));
        }
        let header = self.header(metadata).map_err(|e| io_error(e.into()))?;
        if header.len() > self.reserved {
            return Err(WriteError::Reserve { needed: header.len(), reserved: self.reserved });
        }
        self.out.seek(SeekFrom::Start(0)).map_err(io_error)?;
        self.out.write_all(&(self.reserved as u64).to_le_bytes()).map_err(io_error)?;
        self.out.write_all(&header).map_err(io_error)?;
        self.out.into_inner().map_err(|e| io_error(e.into_error()))
    }

    /// `{"__metadata__":…, tensors in the order of their data}`.
    fn header(&self, metadata: &BTreeMap<String, String>) -> serde_json::Result<Vec<u8>> {
        let mut header = b"{".to_vec();
        if !metadata.is_empty() {
            header.extend_from_slice(b"\"__metadata__\":");
            serde_json::to_writer(&mut header, metadata)?;
            header.push(b',');
        }
        for (name, value) in &self.entries {
            serde_json::to_writer(&mut header, name)?;
            header.push(b':');
            serde_json::to_writer(&mut header, value)?;
            header.push(b',');
        }
        if header.last() == Some(&b',') {
            header.pop();
        }
        header.push(b'}');
        Ok(header)
    }
}

fn entry(dtype: Dtype, shape: &[usize], start: u64, end: u64) -> Value {
    json!({ "dtype": dtype.name(), "shape": shape, "data_offsets": [start, end] })
}

const TEMP_PREFIX: &str = ".weft-";
const TEMP_SUFFIX: &str = ".tmp";

/// A file that gets its name only when it is complete. Dropped before [`commit`](Self::commit), it leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    file: Option<File>,
    behind: Behind,
    temp: PathBuf,
    target: PathBuf,
    /// The temporary name is free again: another file may bear it by now.
    published: bool,
}

impl AtomicFile {
    /// Opens a temporary file beside `target`. Fails at once where the target exists and `overwrite` is false.
    pub fn create(target: &Path, overwrite: bool) -> Result<Self, WriteError> {
        if !overwrite && target.symlink_metadata().is_ok() {
            return Err(WriteError::Exists(target.display().to_string()));
        }
        let folder = folder_of(target);
        for n in 0..10_000u32 {
            let temp = temp_name(folder, n);
            match OpenOptions::new().write(true).create_new(true).open(&temp) {
                Ok(file) => {
                    let behind = Behind::default();
                    return Ok(Self { file: Some(file), behind, temp, target: target.to_owned(), published: false });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(failed(folder, e)),
            }
        }
        Err(failed(folder, io::Error::other("too many unfinished files; remove the .weft-*.tmp files of crashed runs")))
    }

    /// The file to write to.
    pub fn file(&self) -> Result<&File, WriteError> {
        self.file.as_ref().ok_or_else(|| failed(&self.temp, io::Error::other("already closed")))
    }

    /// Where to write what may be long: it goes to the disk while the rest is made.
    pub fn sink(&self) -> Result<Sink<'_>, WriteError> {
        Ok(Sink { file: self.file()?, behind: &self.behind, fresh: 0 })
    }

    /// Where the bytes lie until then: for a writer that opens paths itself. It may replace the file there; it must force it to the disk.
    #[must_use]
    pub fn temporary(&self) -> &Path {
        &self.temp
    }

    /// Forces the bytes to the disk and gives the file its name. Without `overwrite` a file that appeared meanwhile is left alone.
    pub fn commit(self, overwrite: bool) -> Result<(), WriteError> {
        let file = self.file()?;
        self.behind.end().and_then(|()| file.sync_all()).map_err(|e| failed(&self.temp, e))?;
        let folder = folder_of(&self.target).to_owned();
        self.publish(overwrite)?;
        sync_folder(&folder);
        Ok(())
    }

    /// Gives the file its name without waiting for the disk: for files that can be made again.
    pub fn publish(mut self, overwrite: bool) -> Result<(), WriteError> {
        self.file = None;
        if overwrite {
            std::fs::rename(&self.temp, &self.target).map_err(|e| failed(&self.target, e))?;
        } else {
            self.publish_new()?;
        }
        self.published = true;
        Ok(())
    }

    /// A hard link never replaces; file systems without links fall back to a check and a rename.
    fn publish_new(&self) -> Result<(), WriteError> {
        match std::fs::hard_link(&self.temp, &self.target) {
            Ok(()) => std::fs::remove_file(&self.temp).map_err(|e| failed(&self.temp, e)),
            Err(_) if self.target.symlink_metadata().is_ok() => Err(WriteError::Exists(self.target.display().to_string())),
            Err(_) => std::fs::rename(&self.temp, &self.target).map_err(|e| failed(&self.target, e)),
        }
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        // Its thread holds the file open, and some systems remove no open file. Whoever needed the bytes has asked before.
        drop(self.behind.end());
        self.file = None;
        if !self.published {
            // What is unfinished must not stay; where it cannot be removed there is nobody to tell.
            drop(std::fs::remove_file(&self.temp));
        }
    }
}

/// The name of this process's unfinished file or folder number `n` in `folder`: [`sweep`] knows it.
#[must_use]
pub fn temp_name(folder: &Path, n: u32) -> PathBuf {
    folder.join(format!("{TEMP_PREFIX}{}-{n}{TEMP_SUFFIX}", std::process::id()))
}

/// Process id in the name of an unfinished file of ours; None for any other name.
#[must_use]
pub fn temp_owner(file_name: &str) -> Option<u32> {
    let (pid, n) = file_name.strip_prefix(TEMP_PREFIX)?.strip_suffix(TEMP_SUFFIX)?.split_once('-')?;
    n.parse::<u32>().ok()?;
    pid.parse().ok()
}

/// Removes unfinished files and folders that crashed runs left in `folder`. `alive` says whether a process id still works on one. Returns how many went.
pub fn sweep(folder: &Path, alive: impl Fn(u32) -> bool) -> io::Result<usize> {
    let mut removed = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let stale = entry.file_name().to_str().and_then(temp_owner).is_some_and(|pid| !alive(pid));
        let kind = entry.file_type()?;
        if stale && kind.is_file() {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        } else if stale && kind.is_dir() {
            // Links inside are removed, not followed.
            std::fs::remove_dir_all(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the new name itself durable. Folders cannot be opened on every system; the file's own bytes are safe already.
fn sync_folder(folder: &Path) {
    if let Ok(dir) = File::open(folder) {
        drop(dir.sync_all());
    }
}

fn failed(path: &Path, source: io::Error) -> WriteError {
    WriteError::Io { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_comes_twice_is_refused() {
        let mut writer = TensorWriter::new(io::Cursor::new(Vec::new()), 1024).unwrap();
        writer.tensor("a", Dtype::U8, &[1], &[1]).unwrap();
        writer.tensor("a", Dtype::U8, &[1], &[2]).unwrap();
        assert!(matches!(writer.finish(&BTreeMap::new()), Err(WriteError::Twice(name)) if name == "a"));
    }

    #[test]
    fn nothing_stays_of_an_unfinished_file() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a.safetensors");
        let file = AtomicFile::create(&target, false).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        drop(file);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_existing_file_is_replaced_only_when_asked() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a.safetensors");
        let late = AtomicFile::create(&target, false).unwrap();
        std::fs::write(&target, b"mine").unwrap();
        assert!(matches!(late.commit(false), Err(WriteError::Exists(_))));
        assert!(matches!(AtomicFile::create(&target, false), Err(WriteError::Exists(_))));
        assert_eq!(std::fs::read(&target).unwrap(), b"mine");
        let file = AtomicFile::create(&target, true).unwrap();
        file.file().unwrap().write_all(b"new").unwrap();
        file.commit(true).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_published_file_leaves_the_next_owner_of_its_temporary_name_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let dir = dir.path();
                scope.spawn(move || {
                    for n in 0..200 {
                        AtomicFile::create(&dir.join(format!("{thread}-{n}")), false).unwrap().publish(false).unwrap();
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 800);
    }

    #[test]
    fn sweep_takes_only_files_of_the_dead() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".weft-7-0.tmp", ".weft-8-12.tmp", ".weft-x-0.tmp", "weft-7-0.tmp", ".weft-7-0.tmp.safetensors"] {
            std::fs::write(dir.path().join(name), b"").unwrap();
        }
        std::fs::create_dir_all(dir.path().join(".weft-7-1.tmp/result/unet")).unwrap();
        std::fs::write(dir.path().join(".weft-7-1.tmp/result/unet/x"), b"half").unwrap();
        assert_eq!(sweep(dir.path(), |pid| pid == 8).unwrap(), 2);
        assert!(!dir.path().join(".weft-7-0.tmp").exists() && !dir.path().join(".weft-7-1.tmp").exists());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4);
    }

    #[test]
    fn written_files_are_read_back() {
        let metadata = BTreeMap::from([("title".to_owned(), "<b>\u{202e}\n\"q\"".to_owned())]);
        let planned = [Planned { name: "a\"\n".into(), dtype: Dtype::F32, shape: vec![99, 3] }];
        let mut writer = TensorWriter::new(io::Cursor::new(Vec::new()), header_bound(&planned, &metadata)).unwrap();
        writer.tensor("a\"\n", Dtype::F32, &[1, 3], &[0u8; 12]).unwrap();
        let bytes = writer.finish(&metadata).unwrap().into_inner();
        let header = crate::header::Header::parse(&bytes, bytes.len() as u64).unwrap();
        assert_eq!(header.metadata, metadata);
        assert_eq!((header.tensors[0].name.as_str(), header.tensors[0].shape.as_slice()), ("a\"\n", [1usize, 3].as_slice()));
    }
}
