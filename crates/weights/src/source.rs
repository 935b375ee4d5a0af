//! Where the bytes of an adapter come from: a file on disk, or a buffer in memory (the browser).
//!
//! Files are read with positioned reads into reusable buffers and never mapped: a map of a file that someone else
//! truncates ends the whole program with SIGBUS, a short read ends in an error.

use std::io;
#[cfg(any(unix, windows))]
use std::path::{Path, PathBuf};

/// Why bytes could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The path holds something other than a file.
    #[error("{path} is {what}, not a file; choose the adapter file itself")]
    NotAFile { path: String, what: &'static str },
    /// The file cannot be opened.
    #[error("{path} cannot be opened: {source}")]
    Open { path: String, source: io::Error },
    /// The range asked for is not inside the file.
    #[error("bytes {offset} to {} lie outside the file, which has {file_len}; the file was cut short or changed while it was read", offset.saturating_add(*.len))]
    OutOfRange { offset: u64, len: u64, file_len: u64 },
    /// The device or the file system failed.
    #[error("reading {len} bytes at {offset} failed: {source}")]
    Io { offset: u64, len: u64, source: io::Error },
}

/// Random access to the bytes of one file.
pub trait TensorSource: Sync {
    /// Size of the whole file in bytes.
    fn len(&self) -> u64;

    /// True for a file of zero bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buf` with the bytes that start at `offset`.
    ///
    /// # Errors
    /// [`ReadError`] when the range is not inside the file or the device fails.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError>;

    /// The bytes themselves where they are in memory already; None asks the caller to read.
    fn slice(&self, _offset: u64, _len: u64) -> Option<&[u8]> {
        None
    }
}

/// A file held in memory.
#[derive(Debug, Clone, Copy)]
pub struct MemorySource<'a>(pub &'a [u8]);

impl TensorSource for MemorySource<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let len = buf.len() as u64;
        let bytes = self.slice(offset, len).ok_or(ReadError::OutOfRange { offset, len, file_len: self.len() })?;
        buf.copy_from_slice(bytes);
        Ok(())
    }

    fn slice(&self, offset: u64, len: u64) -> Option<&[u8]> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        self.0.get(start..end)
    }
}

/// A file on disk, read by position; several threads may read it at once.
#[cfg(any(unix, windows))]
#[derive(Debug)]
pub struct FileSource {
    file: std::fs::File,
    len: u64,
    path: PathBuf,
}

#[cfg(any(unix, windows))]
impl FileSource {
    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// [`ReadError::NotAFile`] for folders, pipes, sockets and devices, [`ReadError::Open`] for anything else.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let (file, len) = open_regular(path)?;
        Ok(Self { file, len, path: path.to_owned() })
    }

    /// The path it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[cfg(unix)]
    fn read_some(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, buf, offset)
    }

    #[cfg(windows)]
    fn read_some(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.file, buf, offset)
    }
}

#[cfg(any(unix, windows))]
impl TensorSource for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let len = buf.len() as u64;
        let out_of_range = ReadError::OutOfRange { offset, len, file_len: self.len };
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(out_of_range);
        }
        let mut done = 0;
        while done < buf.len() {
            match self.read_some(&mut buf[done..], offset + done as u64) {
                Ok(0) => return Err(out_of_range),
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ReadError::Io { offset, len, source }),
            }
        }
        Ok(())
    }
}

/// Opens `path` when it is a regular file and returns it with its size. Never waits on a pipe: the type is
/// looked at before opening and again on what was opened.
///
/// # Errors
/// [`ReadError::NotAFile`] or [`ReadError::Open`].
#[cfg(any(unix, windows))]
pub fn open_regular(path: &Path) -> Result<(std::fs::File, u64), ReadError> {
    let shown = || crate::text::shown_path(path);
    let failed = |source| ReadError::Open { path: shown(), source };
    let refuse = |meta: &std::fs::Metadata| match irregular(meta.file_type()) {
        Some(what) => Err(ReadError::NotAFile { path: shown(), what }),
        None => Ok(()),
    };
    refuse(&std::fs::metadata(path).map_err(failed)?)?;
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        // O_NONBLOCK: if the file became a pipe in between, opening it must not hang. No effect on regular files.
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, 0o4000);
    }
    let file = options.open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    refuse(&meta)?;
    Ok((file, meta.len()))
}

#[cfg(any(unix, windows))]
fn irregular(kind: std::fs::FileType) -> Option<&'static str> {
    if kind.is_file() {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Some("a pipe");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
        if kind.is_block_device() || kind.is_char_device() {
            return Some("a device");
        }
    }
    Some(if kind.is_dir() { "a folder" } else { "no regular file" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_reads_inside_and_refuses_outside() {
        let source = MemorySource(&[1, 2, 3, 4]);
        let mut two = [0; 2];
        source.read_at(1, &mut two).unwrap();
        assert_eq!(two, [2, 3]);
        assert!(matches!(source.read_at(3, &mut two), Err(ReadError::OutOfRange { .. })));
        assert!(source.slice(u64::MAX, 2).is_none());
    }

    #[test]
    fn file_reads_by_position() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.bin");
        std::fs::write(&path, [9, 8, 7]).unwrap();
        let source = FileSource::open(&path).unwrap();
        let mut one = [0];
        source.read_at(2, &mut one).unwrap();
        assert_eq!((one, source.len()), ([7], 3));
        assert!(matches!(source.read_at(3, &mut one), Err(ReadError::OutOfRange { .. })));
    }

    #[test]
    fn file_that_shrinks_gives_an_error_and_no_signal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.bin");
        std::fs::write(&path, vec![1; 10_000]).unwrap();
        let source = FileSource::open(&path).unwrap();
        std::fs::write(&path, [1]).unwrap();
        assert!(matches!(source.read_at(5000, &mut [0; 10]), Err(ReadError::OutOfRange { .. })));
    }

    #[test]
    fn folder_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let message = FileSource::open(dir.path()).unwrap_err().to_string();
        assert!(message.contains("is a folder"), "{message}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn device_is_refused() {
        let message = FileSource::open(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(message.contains("is a device"), "{message}");
    }
}
