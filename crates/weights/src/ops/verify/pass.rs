//! The one pass over the file: both hashes and the counting, while the next piece is read.

use super::VerifyError;
use super::scan::{Scan, Stats};
use crate::hashes::Hashes;
use crate::header::TensorInfo;
use crate::linalg::par_join;
use crate::progress::{Cancelled, Progress};
use crate::source::{ReadError, TensorSource};
use sha2::{Digest, Sha256};

/// Bytes read at once: two such buffers, and counting one stays inside of the caches that hashing has just filled.
const PIECE: u64 = 2 << 20;

/// What the pass tells.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) hashes: Option<Hashes>,
    /// SHA-256 of the whole file.
    pub(super) whole: String,
    /// SHA-256 of everything after the header; None where its end is unknown.
    pub(super) body: Option<String>,
    /// One per tensor of the header.
    pub(super) stats: Vec<Stats>,
}

pub(super) fn read(
    source: &dyn TensorSource,
    data_start: Option<u64>,
    tensors: &[TensorInfo],
    progress: &dyn Progress,
) -> Result<Read, VerifyError> {
    let total = source.len();
    let (mut whole, mut body, mut scan) = (Sha256::new(), Sha256::new(), Scan::new(tensors));
    let (mut now, mut next) = (Vec::new(), Vec::new());
    let mut at = 0;
    fetch(source, at, &mut now)?;
    while at < total {
        Cancelled::check(progress)?;
        let len = PIECE.min(total - at);
        let piece = source.slice(at, len).unwrap_or(&now);
        let skip = data_start.unwrap_or(u64::MAX).saturating_sub(at).min(len) as usize;
        let hash_body = || body.update(&piece[skip..]);
        let (((), ()), ((), fetched)) = par_join(
            || par_join(|| whole.update(piece), hash_body),
            || par_join(|| scan.feed(at, piece), || fetch(source, at + len, &mut next)),
        );
        fetched?;
        std::mem::swap(&mut now, &mut next);
        at += len;
        progress.step(at, total, "checking");
    }
    let whole = hex::encode(whole.finalize());
    let body = data_start.map(|_| hex::encode(body.finalize()));
    let hashes = body.as_ref().map(|b| Hashes { sha256: whole.clone(), autov2: whole[..10].to_owned(), autov3: b[..12].to_owned() });
    Ok(Read { hashes, whole, body, stats: scan.finish() })
}

/// Reads the piece at `at` unless it is in memory already.
fn fetch(source: &dyn TensorSource, at: u64, buffer: &mut Vec<u8>) -> Result<(), ReadError> {
    let len = PIECE.min(source.len().saturating_sub(at));
    if len == 0 || source.slice(at, len).is_some() {
        return Ok(());
    }
    buffer.resize(len as usize, 0);
    source.read_at(at, buffer)
}
