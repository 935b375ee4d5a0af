//! Tensors of the input as numbers, numbers as tensors of the result.

use super::OpError;
use crate::adapter::Module;
use crate::dtype::{Dtype, decode_f32, encode_f32, finite};
use crate::header::TensorInfo;
use crate::merge::Member;
use crate::strength::read_scalar;
use std::borrow::Cow;

/// Header entry of a tensor.
pub(super) fn info<'a>(input: Member<'a>, index: usize) -> &'a TensorInfo {
    &input.adapter.header.tensors[index]
}

/// The stored bytes of a tensor, without a copy where they are in memory.
pub(super) fn bytes<'a>(input: Member<'a>, index: usize) -> Result<Cow<'a, [u8]>, OpError> {
    let info = info(input, index);
    if let Some(slice) = input.source.slice(info.range.start, info.byte_len()) {
        return Ok(Cow::Borrowed(slice));
    }
    // The header was checked against the file's length, so the size is no larger than the file.
    let mut buffer = vec![0; info.byte_len() as usize];
    input.source.read_at(info.range.start, &mut buffer)?;
    Ok(Cow::Owned(buffer))
}

/// All values of a tensor as f32; NaN and infinity are errors that name the key.
pub(super) fn floats(input: Member<'_>, index: usize) -> Result<Vec<f32>, OpError> {
    let info = info(input, index);
    let mut values = vec![0f32; info.elements()];
    // The header has checked that sizes agree.
    let _ = decode_f32(info.dtype, &bytes(input, index)?, &mut values);
    if finite(&values) { Ok(values) } else { Err(OpError::NotFinite { key: info.name.clone() }) }
}

/// The value of a module's alpha tensor.
pub(super) fn alpha(input: Member<'_>, module: &Module) -> Result<Option<f64>, OpError> {
    let Some(index) = module.alpha else { return Ok(None) };
    let value = read_scalar(input.source, info(input, index))?;
    match value {
        Some(v) if !v.is_finite() => Err(OpError::NotFinite { key: info(input, index).name.clone() }),
        other => Ok(other),
    }
}

/// Everything that stands before the product of a module's factors.
pub(super) fn scale(input: Member<'_>, module: &Module) -> Result<f64, OpError> {
    Ok(module.scale(alpha(input, module)?))
}

/// The type that new values of a tensor of this type get: the same, where it can be written; else the next one that holds all its values.
pub(super) fn writable(dtype: Dtype) -> Dtype {
    match dtype {
        Dtype::F16 | Dtype::BF16 | Dtype::F8E4M3 => dtype,
        Dtype::F8E5M2 => Dtype::F16,
        _ => Dtype::F32,
    }
}

/// Encodes values; None when one is beyond the range of the type.
pub(super) fn encode(dtype: Dtype, values: &[f32]) -> Option<Vec<u8>> {
    let limit = match dtype {
        Dtype::F8E4M3 => 464.0,
        Dtype::F16 => 65519.996,
        Dtype::BF16 => 3.394e38,
        _ => f32::MAX,
    };
    let mut lanes = [0f32; 16];
    let (whole, rest) = values.as_chunks::<16>();
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(l, v)| *l = l.max(v.abs()));
    }
    if !lanes.iter().chain(rest).all(|v| v.abs() <= limit) {
        return None;
    }
    let mut out = Vec::with_capacity(values.len() * dtype.size());
    encode_f32(dtype, values, &mut out).ok()?;
    Some(out)
}
