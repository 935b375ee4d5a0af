//! Reading tensors into buffers that are used again.

use crate::dtype::{decode_f32, decode_f64};
use crate::header::TensorInfo;
use crate::linalg::kernel::aligned;
use crate::source::{ReadError, TensorSource};

/// The bytes of `tensor`: from memory where they are, else read into `buffer`.
pub(super) fn bytes<'a>(source: &'a dyn TensorSource, tensor: &TensorInfo, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], ReadError> {
    let len = tensor.byte_len();
    if let Some(slice) = source.slice(tensor.range.start, len) {
        return Ok(slice);
    }
    let too_long = || ReadError::OutOfRange { offset: tensor.range.start, len, file_len: source.len() };
    let len = usize::try_from(len).map_err(|_| too_long())?;
    let bytes = aligned(buffer, len);
    source.read_at(tensor.range.start, bytes)?;
    Ok(bytes)
}

/// Hands out the bytes of `tensor` by `rows` of its leading dimension, so that a piece stays in the cache that it was read into; all at once
/// where they are in memory.
pub(super) fn pieces(
    source: &dyn TensorSource,
    tensor: &TensorInfo,
    rows: usize,
    buffer: &mut Vec<u8>,
    each: &mut dyn FnMut(&[u8]),
) -> Result<(), ReadError> {
    if let Some(slice) = source.slice(tensor.range.start, tensor.byte_len()) {
        each(slice);
        return Ok(());
    }
    let step = tensor.byte_len() / tensor.shape[0].max(1) as u64 * rows as u64;
    let mut at = tensor.range.start;
    while at < tensor.range.end {
        let piece = aligned(buffer, step.min(tensor.range.end - at) as usize);
        source.read_at(at, piece)?;
        each(piece);
        at += step;
    }
    Ok(())
}

/// All values of `tensor` as f32.
pub(super) fn values(source: &dyn TensorSource, tensor: &TensorInfo, buffer: &mut Vec<u8>) -> Result<Vec<f32>, ReadError> {
    let bytes = bytes(source, tensor, buffer)?;
    let mut out = vec![0.0; tensor.elements()];
    // The header has checked that sizes agree.
    let _ = decode_f32(tensor.dtype, bytes, &mut out);
    Ok(out)
}

/// The value of a tensor with one element (alpha); None for any other tensor.
///
/// # Errors
/// [`ReadError`] when the bytes cannot be read.
pub fn read_scalar(source: &dyn TensorSource, tensor: &TensorInfo) -> Result<Option<f64>, ReadError> {
    if tensor.elements() != 1 {
        return Ok(None);
    }
    let mut raw = [0; 8];
    let raw = &mut raw[..tensor.dtype.size()];
    source.read_at(tensor.range.start, raw)?;
    let mut value = [0.0];
    Ok(decode_f64(tensor.dtype, raw, &mut value).ok().map(|()| value[0]))
}
