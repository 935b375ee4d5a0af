//! Stored number types: sizes, decoding to floats, encoding back with round-to-nearest-even.

use std::sync::LazyLock;

use half::{bf16, f16, slice::HalfFloatSliceExt};

/// Number type of a tensor, as safetensors names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Dtype {
    F64,
    F32,
    F16,
    BF16,
    #[serde(rename = "F8_E4M3")]
    F8E4M3,
    #[serde(rename = "F8_E5M2")]
    F8E5M2,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    #[serde(rename = "BOOL")]
    Bool,
}

/// A conversion that cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DtypeError {
    /// Byte count and value count do not belong together.
    #[error("{bytes} bytes do not hold {values} values of {dtype}")]
    Size { dtype: Dtype, bytes: usize, values: usize },
    /// Only F32, F16, BF16 and F8_E4M3 are written.
    #[error("{0} cannot be written; choose F32, F16, BF16 or F8_E4M3")]
    NotWritable(Dtype),
}

impl Dtype {
    /// The type named `name` in a safetensors header; None for a name that is not known.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "F64" => Self::F64,
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::BF16,
            "F8_E4M3" => Self::F8E4M3,
            "F8_E5M2" => Self::F8E5M2,
            "I64" => Self::I64,
            "I32" => Self::I32,
            "I16" => Self::I16,
            "I8" => Self::I8,
            "U64" => Self::U64,
            "U32" => Self::U32,
            "U16" => Self::U16,
            "U8" => Self::U8,
            "BOOL" => Self::Bool,
            _ => return None,
        })
    }

    /// Its name in a safetensors header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::F8E4M3 => "F8_E4M3",
            Self::F8E5M2 => "F8_E5M2",
            Self::I64 => "I64",
            Self::I32 => "I32",
            Self::I16 => "I16",
            Self::I8 => "I8",
            Self::U64 => "U64",
            Self::U32 => "U32",
            Self::U16 => "U16",
            Self::U8 => "U8",
            Self::Bool => "BOOL",
        }
    }

    /// Bytes per value.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::BF16 | Self::I16 | Self::U16 => 2,
            Self::F8E4M3 | Self::F8E5M2 | Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// True for the floating types, the only ones that factors may have.
    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16 | Self::F8E4M3 | Self::F8E5M2)
    }
}

impl std::fmt::Display for Dtype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Decodes little-endian `bytes` of `dtype` into `out`. Exact for every type but F64 and wide integers, which round to f32.
///
/// # Errors
/// [`DtypeError::Size`] unless `bytes` holds exactly `out.len()` values.
pub fn decode_f32(dtype: Dtype, bytes: &[u8], out: &mut [f32]) -> Result<(), DtypeError> {
    check(dtype, bytes, out.len())?;
    match dtype {
        Dtype::F32 => each(bytes, out, f32::from_le_bytes),
        Dtype::F16 => match bytemuck::try_cast_slice::<u8, f16>(bytes) {
            Ok(halves) if cfg!(target_endian = "little") => halves.convert_to_f32_slice(out),
            _ => each(bytes, out, |b| f16::from_le_bytes(b).to_f32()),
        },
        Dtype::BF16 => each(bytes, out, |b: [u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)),
        Dtype::F8E4M3 => table(bytes, out, &E4M3),
        Dtype::F8E5M2 => table(bytes, out, &E5M2),
        Dtype::F64 => each(bytes, out, |b| f64::from_le_bytes(b) as f32),
        Dtype::I64 => each(bytes, out, |b| i64::from_le_bytes(b) as f32),
        Dtype::I32 => each(bytes, out, |b| i32::from_le_bytes(b) as f32),
        Dtype::I16 => each(bytes, out, |b| f32::from(i16::from_le_bytes(b))),
        Dtype::I8 => each(bytes, out, |b| f32::from(i8::from_le_bytes(b))),
        Dtype::U64 => each(bytes, out, |b| u64::from_le_bytes(b) as f32),
        Dtype::U32 => each(bytes, out, |b| u32::from_le_bytes(b) as f32),
        Dtype::U16 => each(bytes, out, |b| f32::from(u16::from_le_bytes(b))),
        Dtype::U8 | Dtype::Bool => each(bytes, out, |b: [u8; 1]| f32::from(b[0])),
    }
    Ok(())
}

/// Decodes little-endian `bytes` of `dtype` into `out`. Exact but for integers above 2^53.
///
/// # Errors
/// [`DtypeError::Size`] unless `bytes` holds exactly `out.len()` values.
pub fn decode_f64(dtype: Dtype, bytes: &[u8], out: &mut [f64]) -> Result<(), DtypeError> {
    check(dtype, bytes, out.len())?;
    match dtype {
        Dtype::F64 => each(bytes, out, f64::from_le_bytes),
        Dtype::I64 => each(bytes, out, |b| i64::from_le_bytes(b) as f64),
        Dtype::U64 => each(bytes, out, |b| u64::from_le_bytes(b) as f64),
        Dtype::I32 => each(bytes, out, |b| f64::from(i32::from_le_bytes(b))),
        Dtype::U32 => each(bytes, out, |b| f64::from(u32::from_le_bytes(b))),
        narrow => {
            let mut block = [0f32; 256];
            for (bytes, out) in bytes.chunks(256 * narrow.size()).zip(out.chunks_mut(256)) {
                let block = &mut block[..out.len()];
                decode_f32(narrow, bytes, block)?;
                out.iter_mut().zip(block).for_each(|(o, v)| *o = f64::from(*v));
            }
        }
    }
    Ok(())
}

/// Appends `values` to `out` as little-endian `dtype`, rounded to nearest, ties to even. F8_E4M3 has no infinity: what is
/// beyond its largest value 448 becomes ±448.
///
/// # Errors
/// [`DtypeError::NotWritable`] for types other than F32, F16, BF16 and F8_E4M3.
pub fn encode_f32(dtype: Dtype, values: &[f32], out: &mut Vec<u8>) -> Result<(), DtypeError> {
    let start = out.len();
    match dtype {
        Dtype::F32 => out.extend(values.iter().flat_map(|v| v.to_le_bytes())),
        Dtype::BF16 => {
            out.resize(start + values.len() * 2, 0);
            for (to, v) in out[start..].chunks_exact_mut(2).zip(values) {
                to.copy_from_slice(&bf16::from_f32(*v).to_le_bytes());
            }
        }
        Dtype::F16 => {
            out.resize(start + values.len() * 2, 0);
            let mut block = [f16::ZERO; 256];
            for (to, from) in out[start..].chunks_mut(512).zip(values.chunks(256)) {
                let block = &mut block[..from.len()];
                block.convert_from_f32_slice(from);
                to.chunks_exact_mut(2).zip(block).for_each(|(t, h)| t.copy_from_slice(&h.to_le_bytes()));
            }
        }
        Dtype::F8E4M3 => out.extend(values.iter().map(|&v| encode_e4m3(v))),
        other => return Err(DtypeError::NotWritable(other)),
    }
    Ok(())
}

fn check(dtype: Dtype, bytes: &[u8], values: usize) -> Result<(), DtypeError> {
    if values.checked_mul(dtype.size()) == Some(bytes.len()) { Ok(()) } else { Err(DtypeError::Size { dtype, bytes: bytes.len(), values }) }
}

#[inline]
fn each<const N: usize, T>(bytes: &[u8], out: &mut [T], value: impl Fn([u8; N]) -> T) {
    for (o, b) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *o = value(*b);
    }
}

fn table(bytes: &[u8], out: &mut [f32], table: &[f32; 256]) {
    out.iter_mut().zip(bytes).for_each(|(o, b)| *o = table[usize::from(*b)]);
}

/// Values of the 256 codes of F8_E4M3 (the "fn" form: no infinity, one NaN per sign; OCP 8-bit floating point 1.0).
static E4M3: LazyLock<[f32; 256]> = LazyLock::new(|| std::array::from_fn(|code| small_float(code as u8, 3, 7, code & 0x7f == 0x7f, false)));
/// Values of the 256 codes of F8_E5M2 (as IEEE: infinities and NaNs; same source).
static E5M2: LazyLock<[f32; 256]> =
    LazyLock::new(|| std::array::from_fn(|code| small_float(code as u8, 2, 15, code & 0x7f > 0x7c, code & 0x7f == 0x7c)));

fn small_float(code: u8, mantissa_bits: i32, bias: i32, nan: bool, infinite: bool) -> f32 {
    let magnitude = i32::from(code & 0x7f);
    let (exponent, mantissa) = (magnitude >> mantissa_bits, magnitude & ((1 << mantissa_bits) - 1));
    let value = match (nan, infinite, exponent) {
        (true, ..) => f32::NAN,
        (_, true, _) => f32::INFINITY,
        (.., 0) => mantissa as f32 * 2f32.powi(1 - bias - mantissa_bits),
        _ => (mantissa + (1 << mantissa_bits)) as f32 * 2f32.powi(exponent - bias - mantissa_bits),
    };
    if code & 0x80 == 0 { value } else { -value }
}

fn encode_e4m3(value: f32) -> u8 {
    let sign = ((value.to_bits() >> 24) & 0x80) as u8;
    let size = value.abs();
    if size.is_nan() {
        return sign | 0x7f;
    }
    if size >= 448.0 {
        return sign | 0x7e;
    }
    // In units of the spacing at this size (2^-9 below 2^-6) rounding to an integer is rounding to the type.
    let exponent = (((size.to_bits() >> 23) as i32) - 127).max(-6);
    let steps = (size * 2f32.powi(3 - exponent)).round_ties_even() as i32;
    // `steps` is 8..=16 for normal numbers, 0..=8 below; carries into the exponent add up by themselves.
    let code = ((exponent + 6) << 3) + steps;
    sign | (code.clamp(0, 0x7e) as u8)
}

/// True when no value is NaN or infinite: 0·x is 0 for every number, in blocks that the compiler turns into vector code.
pub(crate) fn finite(values: &[f32]) -> bool {
    values.chunks(4096).all(|block| {
        let mut lanes = [0f32; 16];
        let (whole, rest) = block.as_chunks::<16>();
        for chunk in whole {
            lanes.iter_mut().zip(chunk).for_each(|(l, v)| *l += v * 0.0);
        }
        lanes.iter().all(|l| *l == 0.0) && rest.iter().all(|v| v.is_finite())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
        let mut out = vec![0.0; bytes.len() / dtype.size()];
        decode_f32(dtype, bytes, &mut out).unwrap();
        out
    }

    #[test]
    fn every_f16_and_bf16_code_decodes_as_half_does() {
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        for (code, (a, b)) in (0..=u16::MAX).zip(decoded(Dtype::F16, &bytes).into_iter().zip(decoded(Dtype::BF16, &bytes))) {
            let (x, y) = (f16::from_bits(code).to_f32(), bf16::from_bits(code).to_f32());
            assert!(a == x || (a.is_nan() && x.is_nan()), "f16 {code:#x}");
            assert!(b == y || (b.is_nan() && y.is_nan()), "bf16 {code:#x}");
        }
    }

    #[test]
    fn unaligned_bytes_decode_the_same() {
        let mut bytes = vec![0];
        bytes.extend(f16::from_f32(1.5).to_le_bytes());
        assert_eq!(decoded(Dtype::F16, &bytes[1..]), [1.5]);
    }

    #[test]
    fn known_f8_codes() {
        assert_eq!(decoded(Dtype::F8E4M3, &[0x7e, 0x01, 0xb8, 0x00]), [448.0, 0.001_953_125, -1.0, 0.0]);
        assert!(decoded(Dtype::F8E4M3, &[0x7f])[0].is_nan());
        assert_eq!(decoded(Dtype::F8E5M2, &[0x7b, 0x01, 0xbc, 0x7c]), [57344.0, 0.000_015_258_789, -1.0, f32::INFINITY]);
    }

    #[test]
    fn e4m3_round_trips_and_rounds_to_the_nearest() {
        let codes: Vec<u8> = (0..=255).filter(|c| c & 0x7f != 0x7f).collect();
        let mut back = Vec::new();
        encode_f32(Dtype::F8E4M3, &decoded(Dtype::F8E4M3, &codes), &mut back).unwrap();
        assert_eq!(back, codes);
        for pair in (0..0x7e).map(|c| (c, E4M3[usize::from(c)], E4M3[usize::from(c) + 1])) {
            let (code, low, high) = pair;
            let middle = f32::midpoint(low, high);
            let even = if code % 2 == 0 { code } else { code + 1 };
            assert_eq!(encode_e4m3(middle), even, "tie above {low}");
            assert_eq!(encode_e4m3(middle * 0.999), code, "below the tie above {low}");
            assert_eq!(encode_e4m3(middle * 1.001), code + 1, "above the tie above {low}");
        }
        assert_eq!((encode_e4m3(1e9), encode_e4m3(-1e9)), (0x7e, 0xfe));
    }

    #[test]
    fn f64_decoding_is_exact() {
        let mut out = [0.0; 1];
        decode_f64(Dtype::F64, &std::f64::consts::PI.to_le_bytes(), &mut out).unwrap();
        assert_eq!(out, [std::f64::consts::PI]);
        let mut many = vec![0.0; 300];
        decode_f64(Dtype::U8, &[7; 300], &mut many).unwrap();
        assert!(many.iter().all(|v| *v == 7.0));
    }

    #[test]
    fn wrong_size_is_refused() {
        assert!(decode_f32(Dtype::F32, &[0; 5], &mut [0.0]).is_err());
    }
}
