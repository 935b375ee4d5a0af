//! What is written for AVX-512 by hand. Products of bf16 pairs (AVX512_BF16): exact products of two neighbours, added in f32. Subnormal numbers
//! count as zero; factors so small are measured again after scaling, see `norms`. Outer products of rows of f32, in wider blocks than the
//! compiler keeps in registers. Decoding, and closing gaps.

use super::{LANES, ROWS};
use std::arch::x86_64::{
    __m256i, __m512, __m512bh, __m512i, _mm512_add_pd, _mm512_add_ps, _mm512_and_si512, _mm512_castps_si512, _mm512_castps512_ps256,
    _mm512_castsi512_ps, _mm512_cmpge_epi32_mask, _mm512_cmpgt_epi32_mask, _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_cvtps_pd,
    _mm512_dpbf16_ps, _mm512_extractf32x8_ps, _mm512_fmadd_ps, _mm512_loadu_pd, _mm512_maskz_compress_epi32, _mm512_or_si512,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi32, _mm512_storeu_pd,
};
use std::mem::transmute;
use std::ops::Range;

/// Bytes of one vector.
const BYTES: usize = 64;
/// Bytes of as many 16-bit values as a vector has of 32 bits.
const BYTES_HALF: usize = 32;

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) fn dots_bf16(raw: &[u8], n: usize, rank: usize, span: Range<usize>, lanes: &mut [f32]) {
    let rows = rank.next_multiple_of(ROWS);
    let steps = span.len() * 2 / BYTES;
    // Rows beyond the last are the last again: what they give is never looked at.
    let row = |i: usize| &raw[(i.min(rank - 1) * n + span.start) * 2..].as_chunks::<BYTES>().0[..steps];
    let mut blocks = lanes.as_chunks_mut::<LANES>().0.chunks_exact_mut(ROWS * ROWS);
    for i in (0..rows).step_by(ROWS) {
        let left = [row(i), row(i + 1), row(i + 2), row(i + 3)];
        for j in (i..rows).step_by(ROWS) {
            let right = [row(j), row(j + 1), row(j + 2), row(j + 3)];
            let Some(block) = blocks.next() else { return };
            let mut sums = [[_mm512_setzero_ps(); ROWS]; ROWS];
            for k in 0..steps {
                let b = [load(&right[0][k]), load(&right[1][k]), load(&right[2][k]), load(&right[3][k])];
                for x in 0..ROWS {
                    let a = load(&left[x][k]);
                    for y in 0..ROWS {
                        sums[x][y] = _mm512_dpbf16_ps(sums[x][y], a, b[y]);
                    }
                }
            }
            for (to, sum) in block.iter_mut().zip(sums.into_iter().flatten()) {
                *to = values(_mm512_add_ps(vector(to), sum));
            }
        }
    }
}

/// Makes a function that adds XᵀX of X, rows of `stride` words of which `rank` count, to the upper triangle of `sums`.
macro_rules! outer {
    ($(#[$features:meta])* $name:ident, $tile:ident, $word:ty, $spread:expr, $load:expr, $add:ident) => {
        $(#[$features])*
        pub(super) fn $name(rows: &[$word], rank: usize, stride: usize, sums: &mut [f64]) {
            for i in (0..rank).step_by(LANES) {
                let mut j = i;
                while j < rank {
                    // A word that is spread over a vector serves both; with one vector there is a load for each multiplication.
                    let two = j + LANES < rank;
                    match (two, rank - i <= LANES / 2) {
                        (true, _) => {
                            $tile::<8, 2>(rows, i, j, stride, sums);
                            $tile::<8, 2>(rows, i + 8, j, stride, sums);
                        }
                        (false, true) => $tile::<8, 1>(rows, i, j, stride, sums),
                        (false, false) => $tile::<LANES, 1>(rows, i, j, stride, sums),
                    }
                    j += if two { 2 * LANES } else { LANES };
                }
            }
        }

        /// `I` rows of sums from column `i`, `W` vectors of columns from `j`.
        #[inline]
        $(#[$features])*
        fn $tile<const I: usize, const W: usize>(rows: &[$word], i: usize, j: usize, stride: usize, sums: &mut [f64]) {
            let mut tile = [[_mm512_setzero_ps(); W]; I];
            for row in rows.chunks_exact(stride) {
                let right = row[j..].as_chunks::<LANES>().0.first_chunk::<W>();
                let (Some(left), Some(right)) = (row[i..].first_chunk::<I>(), right) else { return };
                for x in 0..I {
                    let a = $spread(left[x]);
                    for w in 0..W {
                        tile[x][w] = $add(tile[x][w], a, $load(&right[w]));
                    }
                }
            }
            for x in 0..I {
                let to = sums[(i + x) * stride + j..].as_chunks_mut::<LANES>().0.first_chunk_mut::<W>();
                let Some(to) = to else { return };
                for w in 0..W {
                    carry(&mut to[w], tile[x][w]);
                }
            }
        }
    };
}

outer!(
    #[target_feature(enable = "avx512f,avx512dq")]
    outer,
    tile,
    f32,
    _mm512_set1_ps,
    vector,
    add_product
);
outer!(
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
    outer_pairs,
    tile_of_pairs,
    u32,
    spread,
    words,
    _mm512_dpbf16_ps
);

/// Adds sums in f32 to those in f64.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
#[expect(unsafe_code, reason = "loads and stores by address: copies of arrays make a detour through the stack")]
pub(super) fn carry(to: &mut [f64; LANES], sums: __m512) {
    let (low, high) = (_mm512_cvtps_pd(_mm512_castps512_ps256(sums)), _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(sums)));
    let at = to.as_mut_ptr();
    // SAFETY: `at` is the first of sixteen f64 that are ours alone, and the two halves are eight of them each.
    unsafe {
        _mm512_storeu_pd(at, _mm512_add_pd(_mm512_loadu_pd(at), low));
        _mm512_storeu_pd(at.add(LANES / 2), _mm512_add_pd(_mm512_loadu_pd(at.add(LANES / 2)), high));
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add_product(sum: __m512, a: __m512, b: __m512) -> __m512 {
    _mm512_fmadd_ps(a, b, sum)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
pub(super) fn outer_bf16(raw: &[u8], rank: usize, stride: usize, pairs: &mut Vec<u32>, sums: &mut [f64]) {
    pair_up(raw, rank, stride, pairs);
    outer_pairs(pairs, rank, stride, sums);
}

/// Lays rows 2k and 2k+1 of `rank` 16-bit values each side by side, value by value; a missing last row is zero.
#[inline]
#[target_feature(enable = "avx512f")]
fn pair_up(raw: &[u8], rank: usize, stride: usize, pairs: &mut Vec<u32>) {
    let row = 2 * rank;
    pairs.resize(raw.len().div_ceil(2 * row) * stride, 0);
    let mut rows = raw.chunks_exact(2 * row);
    let mut to = pairs.chunks_exact_mut(stride);
    for (raw, to) in rows.by_ref().zip(to.by_ref()) {
        let (low, high) = raw.split_at(row);
        interleave(low, high, to);
    }
    if let (false, Some(to)) = (rows.remainder().is_empty(), to.next()) {
        let zero = vec![0; row];
        interleave(rows.remainder(), &zero, to);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn interleave(low: &[u8], high: &[u8], to: &mut [u32]) {
    let pair = |l: [u8; 2], h: [u8; 2]| u32::from(u16::from_le_bytes(l)) | u32::from(u16::from_le_bytes(h)) << 16;
    let ((low, low_rest), (high, high_rest)) = (low.as_chunks::<BYTES_HALF>(), high.as_chunks::<BYTES_HALF>());
    let mut blocks = to.as_chunks_mut::<LANES>().0.iter_mut();
    for ((l, h), to) in low.iter().zip(high).zip(blocks.by_ref()) {
        let (l, h) = (_mm512_cvtepu16_epi32(halves(l)), _mm512_cvtepu16_epi32(halves(h)));
        *to = integers(_mm512_or_si512(l, _mm512_slli_epi32::<16>(h)));
    }
    if let (false, Some(to)) = (low_rest.is_empty(), blocks.next()) {
        to.fill(0);
        for (to, (l, h)) in to.iter_mut().zip(low_rest.as_chunks::<2>().0.iter().zip(high_rest.as_chunks::<2>().0)) {
            *to = pair(*l, *h);
        }
    }
}

/// Decodes whole vectors of little-endian f16 and returns how many values that were.
#[target_feature(enable = "avx512f")]
pub(super) fn decode_f16(raw: &[u8], out: &mut [f32]) -> usize {
    let (from, _) = raw.as_chunks::<BYTES_HALF>();
    let (to, _) = out.as_chunks_mut::<LANES>();
    from.iter().zip(to).for_each(|(from, to)| *to = values(_mm512_cvtph_ps(halves(from))));
    from.len() * LANES
}

/// Decodes whole vectors of little-endian bf16, which are the upper halves of f32, and returns how many values that were.
#[target_feature(enable = "avx512f")]
pub(super) fn decode_bf16(raw: &[u8], out: &mut [f32]) -> usize {
    let (from, _) = raw.as_chunks::<BYTES_HALF>();
    let (to, _) = out.as_chunks_mut::<LANES>();
    let wide = |from| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves(from))));
    from.iter().zip(to).for_each(|(from, to)| *to = values(wide(from)));
    from.len() * LANES
}

/// Counts the values whose magnitude has more bits than `high`, appends the bits of those from `low` to `high`, and returns how many values it
/// looked at: whole vectors.
#[target_feature(enable = "avx512f")]
pub(super) fn between(values: &[f32], low: u32, high: u32, above: &mut u64, inside: &mut Vec<u32>) -> usize {
    const RUN: usize = 64;
    let (whole, _) = values.as_chunks::<LANES>();
    let (low, high) = (_mm512_set1_epi32(low.cast_signed()), _mm512_set1_epi32(high.cast_signed()));
    let sizes = _mm512_set1_epi32(i32::MAX);
    let mut found = [0u32; (RUN + 1) * LANES];
    for run in whole.chunks(RUN) {
        let mut count = 0;
        for chunk in run {
            let size = _mm512_and_si512(_mm512_castps_si512(vector(chunk)), sizes);
            // Magnitudes have no sign bit, so that they compare as signed numbers do.
            let larger = _mm512_cmpgt_epi32_mask(size, high);
            let within = !larger & _mm512_cmpge_epi32_mask(size, low);
            *above += u64::from(larger.count_ones());
            found[count..count + LANES].copy_from_slice(&integers(_mm512_maskz_compress_epi32(within, size)));
            count += within.count_ones() as usize;
        }
        inside.extend_from_slice(&found[..count]);
    }
    whole.len() * LANES
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the same 64 bytes under another type")]
fn load(bytes: &[u8; BYTES]) -> __m512bh {
    // SAFETY: both types are 64 bytes without padding, and every bit pattern is valid for either.
    unsafe { transmute::<[u8; BYTES], __m512bh>(*bytes) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the same 64 bytes under another type")]
fn words(words: &[u32; LANES]) -> __m512bh {
    // SAFETY: both types are 64 bytes without padding, and every bit pattern is valid for either.
    unsafe { transmute::<[u32; LANES], __m512bh>(*words) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the same 64 bytes under another type")]
fn spread(pair: u32) -> __m512bh {
    // SAFETY: both types are 64 bytes without padding, and every bit pattern is valid for either.
    unsafe { transmute(_mm512_set1_epi32(pair.cast_signed())) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the same 64 bytes under another type")]
fn vector(lanes: &[f32; LANES]) -> __m512 {
    // SAFETY: both types are 64 bytes without padding, and every bit pattern is valid for either.
    unsafe { transmute::<[f32; LANES], __m512>(*lanes) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the same 64 bytes under another type")]
fn values(vector: __m512) -> [f32; LANES] {
    // SAFETY: both types are 64 bytes without padding, and every bit pattern is valid for either.
    unsafe { transmute::<__m512, [f32; LANES]>(vector) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the same 32 bytes under another type")]
pub(super) fn halves(bytes: &[u8; BYTES_HALF]) -> __m256i {
    // SAFETY: both types are 32 bytes without padding, and every bit pattern is valid for either.
    unsafe { transmute::<[u8; BYTES_HALF], __m256i>(*bytes) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the same 64 bytes under another type")]
pub(super) fn integers(vector: __m512i) -> [u32; LANES] {
    // SAFETY: both types are 64 bytes without padding, and every bit pattern is valid for either.
    unsafe { transmute::<__m512i, [u32; LANES]>(vector) }
}
