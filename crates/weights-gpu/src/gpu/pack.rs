//! Stored bytes, side by side in one buffer of 32-bit words.

use std::borrow::Cow;

use weft_weights::dtype::{Dtype, decode_f32};

use crate::error::GpuError;
use crate::factors::Stored;

/// Where a matrix begins, and how its numbers are stored (the constants of `numbers.wgsl`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) word: u32,
    pub(super) code: u32,
}

/// Matrices waiting for their upload.
#[derive(Debug, Default)]
pub(super) struct Packer<'a> {
    pieces: Vec<Cow<'a, [u8]>>,
    bytes: usize,
}

impl<'a> Packer<'a> {
    /// Adds a matrix; each begins with a word.
    pub(super) fn add(&mut self, stored: Stored<'a>, what: &'static str) -> Result<Place, GpuError> {
        let (code, bytes) = coded(stored, what)?;
        let word = u32::try_from(self.bytes / 4).map_err(|_| GpuError::Shape("more than a buffer can hold".into()))?;
        self.bytes += bytes.len().next_multiple_of(4);
        self.pieces.push(bytes);
        Ok(Place { word, code })
    }

    /// Size of the upload.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts all pieces to their places.
    pub(super) fn write(&self, into: &mut wgpu::QueueWriteBufferView) {
        let mut at = 0;
        for piece in &self.pieces {
            into.slice(at..at + piece.len()).copy_from_slice(piece);
            let next = at + piece.len().next_multiple_of(4);
            into.slice(at + piece.len()..next).copy_from_slice(&[0; 3][..next - at - piece.len()]);
            at = next;
        }
    }
}

/// The number of a type in the shaders; None for types that are converted first.
pub(super) fn code(dtype: Dtype) -> Option<u32> {
    match dtype {
        Dtype::F32 => Some(0),
        Dtype::F16 => Some(1),
        Dtype::BF16 => Some(2),
        Dtype::F8E4M3 => Some(3),
        Dtype::F8E5M2 => Some(4),
        _ => None,
    }
}

/// Bytes of one value in an upload.
pub(super) fn packed_size(dtype: Dtype) -> usize {
    code(dtype).map_or(4, |_| dtype.size())
}

/// Bytes that a matrix takes in an upload.
pub(super) fn packed(stored: Stored<'_>) -> usize {
    (stored.bytes.len() / stored.dtype.size() * packed_size(stored.dtype)).next_multiple_of(4)
}

/// Bytes that the shaders can read, and their code: as they are, or as f32 where the type is F64.
pub(super) fn coded<'a>(stored: Stored<'a>, what: &'static str) -> Result<(u32, Cow<'a, [u8]>), GpuError> {
    let (code, bytes) = match code(stored.dtype) {
        Some(code) => (code, Cow::Borrowed(stored.bytes)),
        None => {
            let mut values = vec![0f32; stored.bytes.len() / stored.dtype.size()];
            decode_f32(stored.dtype, stored.bytes, &mut values).map_err(|e| GpuError::Shape(e.to_string()))?;
            (0, Cow::Owned(bytemuck::cast_slice(&values).to_vec()))
        }
    };
    if finite(code, &bytes) { Ok((code, bytes)) } else { Err(GpuError::NotFinite(what)) }
}

/// True when no value is NaN or infinite: all have an exponent that is not all ones (E4M3: not the one code of NaN).
fn finite(code: u32, bytes: &[u8]) -> bool {
    let pairs = |mask: u16| bytes.as_chunks::<2>().0.iter().fold(true, |ok, b| ok & (u16::from_le_bytes(*b) & mask != mask));
    let single = |mask: u8| bytes.iter().fold(true, |ok, b| ok & (b & mask != mask));
    match code {
        0 => bytes.as_chunks::<4>().0.iter().fold(true, |ok, b| ok & (u32::from_le_bytes(*b) & 0x7f80_0000 != 0x7f80_0000)),
        1 => pairs(0x7c00),
        2 => pairs(0x7f80),
        3 => single(0x7f),
        _ => single(0x7c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_that_is_no_number_is_found() {
        for dtype in [Dtype::F8E4M3, Dtype::F8E5M2, Dtype::F16, Dtype::BF16] {
            let top = if dtype.size() == 1 { 0xff } else { u16::MAX };
            for bits in 0..=top {
                let bytes = &bits.to_le_bytes()[..dtype.size()];
                let mut value = [0f32];
                decode_f32(dtype, bytes, &mut value).unwrap();
                assert_eq!(coded(Stored { dtype, bytes }, "it").is_ok(), value[0].is_finite(), "{dtype} {bits:#x}");
            }
        }
        for value in [0f32, -1.5, f32::MAX, f32::MIN_POSITIVE, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let bytes = value.to_le_bytes();
            assert_eq!(coded(Stored { dtype: Dtype::F32, bytes: &bytes }, "it").is_ok(), value.is_finite());
        }
    }

    #[test]
    fn wide_floats_become_f32() {
        let bytes = 0.5f64.to_le_bytes();
        let (code, out) = coded(Stored { dtype: Dtype::F64, bytes: &bytes }, "it").unwrap();
        assert_eq!((code, out.as_ref()), (0, &0.5f32.to_le_bytes()[..]));
    }
}
