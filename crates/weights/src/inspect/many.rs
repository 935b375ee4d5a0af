//! Many files at once, on all cores.

use super::{InspectError, Inspection, neighbour_config, open};
use crate::hashes::hashes;
use crate::linalg::par_map;
use crate::progress::{Cancelled, Progress};
use crate::source::FileSource;
use crate::strength::{StrengthError, strengths};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// The header: all but strengths and hashes.
    Header,
    /// Also every factor.
    Strengths,
    /// Also every byte, for the hashes.
    Hashes,
}

/// Inspects `files`, several at a time; results in their order, one file's failure apart from the others. When the caller cancels, the files
/// not yet begun fail with [`Cancelled`].
pub fn inspect_many(files: &[PathBuf], depth: Depth, progress: &dyn Progress) -> Vec<Result<Inspection, InspectError>> {
    let done = AtomicU64::new(0);
    let inner = Quiet(progress);
    par_map(files, |file| {
        Cancelled::check(progress).map_err(StrengthError::from)?;
        let found = one(file, depth, &inner);
        progress.step(done.fetch_add(1, Ordering::Relaxed) + 1, files.len() as u64, "Inspecting");
        found
    })
}

fn one(path: &Path, depth: Depth, progress: &dyn Progress) -> Result<Inspection, InspectError> {
    let source = FileSource::open(path)?;
    let file = path.to_string_lossy();
    let adapter = open(&source, &file, neighbour_config(path).as_deref())?;
    let strengths = if depth >= Depth::Strengths { Some(strengths(&adapter, &source, progress)?) } else { None };
    let hashes = if depth >= Depth::Hashes { Some(hashes(&source, adapter.header.data_start, progress)?) } else { None };
    Ok(Inspection::of(&adapter, &file, strengths.as_ref(), hashes))
}

/// Passes cancellation on, and no steps: those of single files would run through each other.
struct Quiet<'a>(&'a dyn Progress);

impl Progress for Quiet<'_> {
    fn step(&self, _done: u64, _total: u64, _what: &str) {}

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}
