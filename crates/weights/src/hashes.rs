//! The hashes in use for adapter files, all from one pass over the file.

use sha2::{Digest, Sha256};

use crate::progress::{Cancelled, Progress};
use crate::source::TensorSource;
use crate::strength::StrengthError;

/// Bytes read at once.
const CHUNK: usize = 4 << 20;

/// Hashes of one file, lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hashes {
    /// SHA-256 of the whole file, 64 digits.
    pub sha256: String,
    /// First 10 digits of `sha256`.
    pub autov2: String,
    /// First 12 digits of the SHA-256 of all bytes after the header: the same when only the header was edited.
    pub autov3: String,
}

/// Hashes the file behind `source`, whose tensors begin at byte `data_start`.
///
/// # Errors
/// [`StrengthError`] when the file cannot be read or the caller cancels.
pub fn hashes(source: &dyn TensorSource, data_start: u64, progress: &dyn Progress) -> Result<Hashes, StrengthError> {
    let total = source.len();
    let (mut whole, mut body) = (Sha256::new(), Sha256::new());
    let mut buffer = Vec::new();
    let mut at = 0;
    while at < total {
        Cancelled::check(progress)?;
        let len = (CHUNK as u64).min(total - at);
        let chunk = match source.slice(at, len) {
            Some(slice) => slice,
            None => {
                buffer.resize(len as usize, 0);
                source.read_at(at, &mut buffer)?;
                &buffer[..]
            }
        };
        let skip = data_start.saturating_sub(at).min(len) as usize;
        both(|| whole.update(chunk), || body.update(&chunk[skip..]));
        at += len;
        progress.step(at, total, "Hashing");
    }
    let sha256 = hex::encode(whole.finalize());
    let mut autov3 = hex::encode(body.finalize());
    autov3.truncate(12);
    Ok(Hashes { autov2: sha256[..10].to_owned(), autov3, sha256 })
}

#[cfg(not(target_arch = "wasm32"))]
fn both(a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
    rayon::join(a, b);
}

#[cfg(target_arch = "wasm32")]
fn both(a: impl FnOnce(), b: impl FnOnce()) {
    a();
    b();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use crate::source::MemorySource;

    #[test]
    fn known_digests() {
        let h = hashes(&MemorySource(b"12345678{}abc"), 10, &Silent).unwrap();
        // sha256 of "abc" begins ba7816bf8f01.
        assert_eq!(h.autov3, "ba7816bf8f01");
        assert_eq!((h.sha256.len(), &h.sha256[..10]), (64, h.autov2.as_str()));
    }

    #[test]
    fn files_longer_than_a_chunk_hash_the_same_from_disk_and_memory() {
        let bytes: Vec<u8> = (0..CHUNK * 2 + 77).map(|i| (i % 251) as u8).collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, &bytes).unwrap();
        let file = crate::source::FileSource::open(&path).unwrap();
        assert_eq!(hashes(&file, 5_000_000, &Silent).unwrap(), hashes(&MemorySource(&bytes), 5_000_000, &Silent).unwrap());
    }

    #[test]
    fn cancelling_stops() {
        let stop = std::sync::atomic::AtomicBool::new(true);
        assert!(matches!(hashes(&MemorySource(b"abc"), 0, &stop), Err(StrengthError::Cancelled(_))));
    }
}
