//! Factors of one module as f32, checked to be numbers.

use super::plan::MergeError;
use super::targets::{Named, Part};
use crate::delta::{Base, Delta, DeltaError, Loader};
use crate::source::TensorSource;

/// ΔW = scale·B·A of one module.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// Row-major r×n; the Tucker core, if any, multiplied in.
    pub(crate) a: Vec<f32>,
    /// Row-major m×r.
    pub(crate) b: Vec<f32>,
    pub(crate) rank: usize,
    pub(crate) scale: f64,
}

/// A file with its bytes.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) file: Named<'a>,
    pub(crate) source: &'a dyn TensorSource,
}

impl Reader<'_> {
    /// Reads the exact factors of a part that has such, in the form that the result has.
    pub(crate) fn load(&self, part: &Part) -> Result<Loaded, MergeError> {
        let module = self.file.module(part);
        let delta = self.delta(part, None)?;
        let scale = delta.scale;
        let kind = || MergeError::Kind { file: self.file.label.into(), kind: module.kind, module: module.name.clone() };
        let mut product = part.rank.and_then(|rank| delta.into_factors(rank)).ok_or_else(kind)?;
        if part.swap {
            product.b.rotate_left(product.m / 2 * product.rank);
        }
        Ok(Loaded { a: product.a, b: product.b, rank: product.rank, scale })
    }

    /// ΔW of a part of any kind, its rows in the order of the file.
    pub(crate) fn delta(&self, part: &Part, base: Option<&dyn Base>) -> Result<Delta, MergeError> {
        let module = self.file.module(part);
        let delta = Loader { adapter: self.file.adapter, source: self.source, base }.load(module).map_err(|e| self.failed(e))?;
        if delta.shape() != part.size {
            return Err(self.unreadable(format!("the tensors of {} do not fit each other", module.name)));
        }
        Ok(delta)
    }

    fn failed(&self, error: DeltaError) -> MergeError {
        let file = self.file.label.to_owned();
        match error {
            DeltaError::NotFinite { key } => MergeError::NotFinite { file, key },
            DeltaError::NeedsBase { module, kind } => MergeError::NeedsBase { file, kind, module },
            other => self.unreadable(other.to_string()),
        }
    }

    /// Hands the stored bytes of a tensor to `f`, without a copy where the source has them in memory.
    pub(crate) fn with_bytes<R>(&self, index: usize, f: impl FnOnce(&[u8]) -> R) -> Result<R, MergeError> {
        let info = &self.file.adapter.header.tensors[index];
        if let Some(bytes) = self.source.slice(info.range.start, info.byte_len()) {
            return Ok(f(bytes));
        }
        // The header was checked against the file's length, so the size is no larger than the file.
        let mut buffer = vec![0; info.byte_len() as usize];
        self.source.read_at(info.range.start, &mut buffer).map_err(|e| self.unreadable(e.to_string()))?;
        Ok(f(&buffer))
    }

    fn unreadable(&self, reason: String) -> MergeError {
        MergeError::Read { file: self.file.label.into(), reason }
    }
}
