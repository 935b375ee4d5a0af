//! Tensors as f32, checked to be numbers.

use super::{DeltaError, Loader};
use crate::adapter::Module;
use crate::dtype::{Dtype, decode_f32, finite};
use crate::text::shown;

/// Values decoded between two looks at the bytes: they stay in the cache.
const BLOCK: usize = 1 << 16;

/// Most values of a matrix that is larger than what is stored (a Tucker core multiplied out).
pub(super) const MAX_EXPANDED: usize = 1 << 26;

impl Loader<'_> {
    /// All values of a tensor; NaN and infinity are errors that name the key.
    pub(super) fn floats(&self, index: usize) -> Result<Vec<f32>, DeltaError> {
        let info = &self.adapter.header.tensors[index];
        // The header was checked against the file's length, so this is no larger than the file allows.
        let mut values = vec![0f32; info.elements()];
        if let Some(bytes) = self.source.slice(info.range.start, info.byte_len()) {
            decode(info.dtype, bytes, &mut values);
        } else {
            let size = info.dtype.size();
            let mut buffer = vec![0; BLOCK.min(values.len()) * size];
            for (i, block) in values.chunks_mut(BLOCK).enumerate() {
                let bytes = &mut buffer[..block.len() * size];
                self.source.read_at(info.range.start + (i * BLOCK * size) as u64, bytes)?;
                decode(info.dtype, bytes, block);
            }
        }
        if finite(&values) { Ok(values) } else { Err(DeltaError::NotFinite { key: shown(&info.name) }) }
    }

    pub(super) fn shape_of(&self, index: usize) -> &[usize] {
        &self.adapter.header.tensors[index].shape
    }
}

fn decode(dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
    // Sizes agree: both come from the same checked header.
    let _ = decode_f32(dtype, bytes, out);
}

pub(super) fn shape_error(module: &Module, reason: impl Into<String>) -> DeltaError {
    DeltaError::Shape { module: shown(&module.name), reason: reason.into() }
}
