//! Is this file whole, is it what it says, and will it do something?
//!
//! One pass over the bytes: both hashes and the checks of every value run side by side while the next piece is read. What is found is a list of
//! findings, each with its severity, the key it is about, a plain sentence and what to do. A file that cannot even be opened as an adapter gives
//! findings too; only a device that fails is an error.
//!
//! | Severity | Meaning |
//! |---|---|
//! | error | Programs refuse the file, or pictures made with it are damaged: a broken header, NaN, another hash than expected. |
//! | warning | It loads, but not as its maker meant: modules without effect, keys nobody reads, metadata about other tensors. |
//! | note | Worth knowing. |

mod checks;
mod finding;
mod hashed;
mod pass;
mod scan;
#[cfg(any(unix, windows))]
mod sidecar;

pub use finding::{Finding, Severity};
pub use hashed::{Expected, HashKind};

use crate::adapter::Adapter;
use crate::hashes::Hashes;
use crate::header::{Header, HeaderError};
use crate::progress::Progress;
use crate::source::{ReadError, TensorSource};
use finding::Findings;
use serde::{Deserialize, Serialize};

/// Why a check could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The file cannot be opened, or the device failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] crate::progress::Cancelled),
}

/// What a file is held against.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// Name of the file: some carry a hash, and it helps to tell the family.
    pub file_name: Option<String>,
    /// Text of the `adapter_config.json` beside it.
    pub adapter_config: Option<String>,
    /// Hashes that others state about it; those in its metadata and its name are found without.
    pub expected: Vec<Expected>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// Name or path, as it was given.
    pub file: String,
    /// Size in bytes.
    pub size: u64,
    /// True without any finding of severity error.
    pub sound: bool,
    /// None where the header is so broken that the tensors' beginning is unknown.
    pub hashes: Option<Hashes>,
    /// Tensors in the header.
    pub tensors: usize,
    /// Modules of the adapter.
    pub modules: usize,
    /// Worst first, then in the order of the file.
    pub findings: Vec<Finding>,
}

impl VerifyReport {
    /// Findings of one severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|f| f.severity == severity).count()
    }
}

/// Checks the file behind `source`.
///
/// # Errors
/// [`VerifyError`] when the bytes cannot be read or the caller cancels; a bad file is a report.
pub fn verify(source: &dyn TensorSource, options: &VerifyOptions, progress: &dyn Progress) -> Result<VerifyReport, VerifyError> {
    let mut findings = Findings::default();
    let header = match Header::read(source) {
        Ok(header) => Some(header),
        Err(HeaderError::Read(e)) => return Err(e.into()),
        Err(e) => {
            findings.error("header", None, e.to_string(), "get the file again from where it came from");
            None
        }
    };
    let tensors = header.as_ref().map(|h| h.tensors.as_slice()).unwrap_or_default();
    let data_start = header.as_ref().map(|h| h.data_start);
    let read = pass::read(source, data_start, tensors, progress)?;
    let mut modules = 0;
    if let Some(header) = header {
        hashed::check(source, &header, &read, options, &mut findings)?;
        checks::header(&header, &mut findings);
        checks::values(&header, &read.stats, &mut findings);
        let adapter = Adapter::from_header(header, options.file_name.as_deref(), options.adapter_config.as_deref());
        match adapter {
            Ok(adapter) => {
                modules = adapter.modules.len();
                checks::adapter(&adapter, source, &read.stats, &mut findings)?;
            }
            Err(e) => findings.error("kind", None, format!("{e}."), "use it for what it is; Weft handles adapters only"),
        }
    } else {
        hashed::expected(&read, options, &mut findings);
    }
    let findings = findings.sorted();
    Ok(VerifyReport {
        file: options.file_name.clone().unwrap_or_default(),
        size: source.len(),
        sound: findings.iter().all(|f| f.severity != Severity::Error),
        hashes: read.hashes,
        tensors: read.stats.len(),
        modules,
        findings,
    })
}

/// [`verify`] for a file on disk, held also against what stands beside it: `NAME.sha256`, `NAME.civitai.info`, `NAME.metadata.json`, `NAME.json`.
///
/// # Errors
/// As [`verify`].
#[cfg(any(unix, windows))]
pub fn verify_file(path: &std::path::Path, expected: &[Expected], progress: &dyn Progress) -> Result<VerifyReport, VerifyError> {
    let source = crate::source::FileSource::open(path)?;
    let mut all = expected.to_vec();
    all.extend(sidecar::expected(path));
    let options = VerifyOptions {
        file_name: path.file_name().map(|n| n.to_string_lossy().into_owned()),
        adapter_config: crate::inspect::neighbour_config(path),
        expected: all,
    };
    let mut report = verify(&source, &options, progress)?;
    report.file = path.to_string_lossy().into_owned();
    Ok(report)
}
