//! Conversions, bit by bit: a merge of nothing only decodes and rounds.

use weft_weights::dtype::{Dtype, decode_f32, encode_f32};
use weft_weights_gpu::{Backend, Stored, Tile};

use super::Outcome;

async fn converted<B: Backend>(backend: &B, from: Dtype, bytes: &[u8], to: Dtype) -> Result<Vec<u8>, String> {
    let count = bytes.len() / from.size();
    // Rows of 7 where that divides: no row but the first begins with a whole word.
    let n = if count.is_multiple_of(7) { 7 } else { count };
    let tile = Tile { rows: 0..count / n, n, weight: Stored { dtype: from, bytes } };
    let mut out = Vec::new();
    backend.merge_tile(&tile, &[], to, &mut out).await.map_err(|e| e.to_string())?;
    Ok(out)
}

/// Every code that is a number, of every type. bf16 numbers below f32's smallest normal one may become zero.
pub(crate) async fn decoded<B: Backend>(backend: &B) -> Outcome {
    let mut total = 0;
    for dtype in [Dtype::F16, Dtype::BF16, Dtype::F8E4M3, Dtype::F8E5M2] {
        let codes = if dtype.size() == 1 { 256 } else { 65_536 };
        let mut bytes: Vec<u8> = (0..codes).flat_map(|code: u32| code.to_le_bytes()[..dtype.size()].to_vec()).collect();
        let mut want = vec![0f32; codes as usize];
        decode_f32(dtype, &bytes, &mut want).map_err(|e| e.to_string())?;
        let keep: Vec<bool> = want.iter().map(|v| v.is_finite()).collect();
        bytes = bytes.chunks(dtype.size()).zip(&keep).filter(|(_, keep)| **keep).flat_map(|(code, _)| code.to_vec()).collect();
        want.retain(|v| v.is_finite());
        let got = converted(backend, dtype, &bytes, Dtype::F32).await?;
        for (got, want) in got.chunks_exact(4).zip(&want) {
            let got = f32::from_le_bytes([got[0], got[1], got[2], got[3]]);
            let tiny = want.abs() < f32::MIN_POSITIVE && got == 0.0;
            if got != *want && !tiny {
                return Err(format!("{dtype}: {want} became {got}"));
            }
        }
        total += want.len();
    }
    Ok(format!("{total} codes exact"))
}

/// Numbers of all sizes around the places where rounding turns.
fn awkward() -> Vec<f32> {
    let mut values = vec![0.0, 65_504.0, 65_519.0, 65_520.0, 65_536.0, 448.0, 449.0, 464.0, 480.0, 1e9, 3.4e38, 3.389_5e38];
    for exponent in -30..18 {
        let base = 2f32.powi(exponent);
        for step in 0..64 {
            for nudge in [-1i32, 0, 1] {
                // Ties of bf16 (8 bits), f16 (11) and E4M3 (4), and their neighbours.
                for bits in [5, 9, 12] {
                    let tie = base * (1.0 + (2 * step + 1) as f32 / 2f32.powi(bits));
                    values.push(f32::from_bits((tie.to_bits() as i32 + nudge) as u32));
                }
            }
        }
    }
    let negative: Vec<f32> = values.iter().map(|v| -v).collect();
    values.extend(negative);
    values.truncate(values.len() / 7 * 7);
    values
}

pub(crate) async fn rounded<B: Backend>(backend: &B) -> Outcome {
    let values = awkward();
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    for dtype in [Dtype::F32, Dtype::BF16, Dtype::F16, Dtype::F8E4M3] {
        let mut want = Vec::new();
        encode_f32(dtype, &values, &mut want).map_err(|e| e.to_string())?;
        let got = converted(backend, Dtype::F32, &bytes, dtype).await?;
        let size = dtype.size();
        let wrong = got.chunks(size).zip(want.chunks(size)).position(|(got, want)| got != want);
        if got.len() != want.len() {
            return Err(format!("{dtype}: {} bytes instead of {}", got.len(), want.len()));
        }
        if let Some(i) = wrong {
            return Err(format!("{} to {dtype}: {:x?} instead of {:x?}", values[i], &got[i * size..][..size], &want[i * size..][..size]));
        }
    }
    Ok(format!("{} values exact in 4 types", values.len()))
}
