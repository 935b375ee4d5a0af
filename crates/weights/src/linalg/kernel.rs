//! The inner loops of Gram matrices, one set per kind of processor, chosen at run time.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod double;
mod each;
mod slim;

pub(crate) use double::{dots_f64, outer_f64};
pub(crate) use each::{between, widest};
pub(crate) use slim::{THIN, add_turned, product, times_thin};

#[cfg(target_arch = "x86_64")]
pub(crate) use amx::Tiles;
/// What needs no room where there are none.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) type Tiles = ();

use crate::dtype::{Dtype, decode_f32};
use std::hint::black_box;
use std::ops::Range;

/// Values that one f32 instruction handles on the widest machine.
pub(crate) const LANES: usize = 16;
/// Rows whose dot products are computed together.
pub(crate) const ROWS: usize = 4;
/// Longest run of f32 additions before the sums go on in f64.
pub(crate) const RUN: usize = 128;

/// Which instructions to use. `detect` gives the widest that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Arch {
    /// What every processor of the build's target has.
    #[default]
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512(Bf16),
}

/// What is quickest for bf16 beside AVX-512.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bf16 {
    /// Decoding to f32.
    Decoded,
    /// Products of pairs.
    Pairs,
    /// Products of tiles, for factors of more than [`LANES`] rows.
    Tiles,
}

impl Arch {
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        #[cfg(target_arch = "x86_64")]
        if wide && is_x86_feature_detected!("avx512dq") && is_x86_feature_detected!("avx512vl") {
            return Self::Avx512(match is_x86_feature_detected!("avx512bf16") {
                true if amx::at_hand() => Bf16::Tiles,
                true if quick_pairs() => Bf16::Pairs,
                _ => Bf16::Decoded,
            });
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Self::Avx2;
        }
        Self::Plain
    }

    /// All that this processor can run, for tests; also what is slow there.
    #[cfg(test)]
    pub(crate) fn available() -> Vec<Self> {
        let mut all = vec![Self::Plain];
        #[cfg(target_arch = "x86_64")]
        match Self::detect() {
            Self::Plain => {}
            Self::Avx2 => all.push(Self::Avx2),
            best => {
                all.extend([Self::Avx2, Self::Avx512(Bf16::Decoded)]);
                all.extend(is_x86_feature_detected!("avx512bf16").then_some(Self::Avx512(Bf16::Pairs)));
                all.extend((best == Self::Avx512(Bf16::Tiles)).then_some(best));
            }
        }
        all
    }

    pub(crate) fn has_bf16(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self == Self::Avx512(Bf16::Pairs);
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// Whether the Gram matrix of `rank` rows of this type comes from [`tiles_of_rows`] and [`tiles_of_columns`]. Smaller ones are done before
    /// they are read.
    pub(crate) fn has_tiles(self, rank: usize, dtype: Dtype) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self == Self::Avx512(Bf16::Tiles) && rank > LANES && matches!(dtype, Dtype::BF16 | Dtype::F16);
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = (rank, dtype);
            false
        }
    }

    /// f32 values per step of a dot product.
    pub(crate) fn width(self) -> usize {
        #[cfg(target_arch = "x86_64")]
        if matches!(self, Self::Avx512(_)) {
            return 16;
        }
        8
    }
}

/// AMD's processors multiply as many pairs of bf16 as single f32 in a cycle. Intel's take four times as long for them, so that decoding wins:
/// 1.6 against 6.6 billion instructions a second on a core of the kind that `docs/benchmarks.md` names.
#[cfg(target_arch = "x86_64")]
fn quick_pairs() -> bool {
    use std::arch::x86_64::__cpuid;
    use std::sync::OnceLock;
    // Asked once: a virtual machine answers this question by hand, in microseconds.
    static AMD: OnceLock<bool> = OnceLock::new();
    *AMD.get_or_init(|| {
        let leaf = __cpuid(0);
        [leaf.ebx, leaf.edx, leaf.ecx].map(u32::to_le_bytes).concat() == b"AuthenticAMD"
    })
}

/// Bytes of a cache line, which is also the widest vector.
const LINE: usize = 64;

/// The first `len` values of a buffer that begin at a cache line: a vector that straddles two lines is loaded in two steps.
pub(crate) fn aligned<T: Copy + Default>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    let spare = LINE / size_of::<T>().max(1);
    buffer.resize(buffer.len().max(len + spare), T::default());
    // Where no address is known (constant evaluation) the answer is "never": any place is right, only slower.
    let start = buffer.as_ptr().align_offset(LINE).min(spare);
    &mut buffer[start..start + len]
}

/// Runs the body for the processor at hand.
macro_rules! dispatch {
    ($arch:expr, $plain:ident, $avx2:ident, $avx512:ident, ($($argument:expr),*)) => {{
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "vector instructions chosen at run time")]
        match $arch {
            Arch::Plain => $plain::<false, 8, 2>($($argument),*),
            // SAFETY: `Arch` holds this value only after the processor was asked for these features (`Arch::detect`).
            Arch::Avx2 => unsafe { $avx2($($argument),*) },
            // SAFETY: as above.
            Arch::Avx512(_) => unsafe { $avx512($($argument),*) },
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let Arch::Plain = $arch;
            $plain::<{ cfg!(target_arch = "aarch64") }, 8, 2>($($argument),*);
        }
    }};
}

/// Room for the unfinished sums of `rank` rows: [`LANES`] for each product of the blocks on and above the diagonal.
pub(crate) fn lanes(rank: usize) -> usize {
    let blocks = rank.div_ceil(ROWS);
    blocks * (blocks + 1) / 2 * ROWS * ROWS * LANES
}

/// Decodes `raw` into `out`, with the instructions at hand.
pub(crate) fn decode(arch: Arch, dtype: Dtype, raw: &[u8], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "vector instructions chosen at run time")]
    let done = match dtype {
        // SAFETY: `Arch` has this width only after the processor was asked for AVX-512 (`Arch::detect`).
        Dtype::F16 if arch.width() == 16 => unsafe { avx512::decode_f16(raw, out) },
        // SAFETY: as above.
        Dtype::BF16 if arch.width() == 16 => unsafe { avx512::decode_bf16(raw, out) },
        _ => 0,
    };
    #[cfg(not(target_arch = "x86_64"))]
    let (done, _) = (0, arch);
    // The header has checked that sizes agree.
    let _ = decode_f32(dtype, &raw[done * dtype.size()..], &mut out[done..]);
}

/// Adds the dot products of all pairs of rows of `panel`, over `len` columns, to `lanes`.
pub(crate) fn dots(arch: Arch, panel: &[f32], stride: usize, len: usize, rank: usize, lanes: &mut [f32]) {
    dispatch!(arch, dots_with, dots_avx2, dots_avx512, (panel, stride, len, rank, lanes));
}

/// Moves the sums of `lanes`, as `dots` left them, to the upper triangle of `sums`.
pub(crate) fn drain(arch: Arch, lanes: &mut [f32], rank: usize, stride: usize, sums: &mut [f64]) {
    if arch.width() == 16 { drain_with::<16, 4>(lanes, rank, stride, sums) } else { drain_with::<8, 2>(lanes, rank, stride, sums) }
}

/// Adds XᵀX of X (rows of `stride` values, of which `rank` count) to the upper triangle of `sums`. At most [`RUN`] rows.
pub(crate) fn outer(arch: Arch, rows: &[f32], rank: usize, stride: usize, sums: &mut [f64]) {
    dispatch!(arch, outer_with, outer_avx2, outer_avx512, (rows, rank, stride, sums));
}

/// As `dots`, straight from the columns `span` of bf16 rows of n values; the span's length is a multiple of 32.
pub(crate) fn dots_bf16(arch: Arch, raw: &[u8], n: usize, rank: usize, span: Range<usize>, lanes: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "vector instructions chosen at run time")]
    if arch.has_bf16() {
        // SAFETY: `Arch` holds this value only after the processor was asked for these features (`Arch::detect`).
        return unsafe { avx512::dots_bf16(raw, n, rank, span, lanes) };
    }
    let _ = (raw, n, rank, span, lanes);
    unreachable!("{arch:?} has no products of bf16");
}

/// As `outer`, straight from bf16 rows of `rank` values, at most 2·[`RUN`] of them. `pairs` is a buffer.
pub(crate) fn outer_bf16(arch: Arch, raw: &[u8], rank: usize, stride: usize, pairs: &mut Vec<u32>, sums: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "vector instructions chosen at run time")]
    if arch.has_bf16() {
        // SAFETY: `Arch` holds this value only after the processor was asked for these features (`Arch::detect`).
        return unsafe { avx512::outer_bf16(raw, rank, stride, pairs, sums) };
    }
    let _ = (raw, rank, stride, pairs, sums);
    unreachable!("{arch:?} has no products of bf16");
}

/// Adds XXᵀ of X, stored in `raw` as rows of n values of `dtype`, as many as the rank, to the upper triangle of `sums`.
pub(crate) fn tiles_of_rows(arch: Arch, dtype: Dtype, raw: &[u8], n: usize, rank: usize, tiles: &mut Tiles, sums: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "tiles chosen at run time")]
    if arch.has_tiles(rank, dtype) {
        // SAFETY: `Arch` holds this value only after the processor was asked for these features (`Arch::detect`).
        return match dtype {
            Dtype::F16 => unsafe { amx::rows::<2>(raw, n, rank, tiles, sums) },
            _ => unsafe { amx::rows::<1>(raw, n, rank, tiles, sums) },
        };
    }
    let _ = (raw, n, tiles, sums);
    unreachable!("{arch:?} has no tiles for {rank} rows of {dtype}");
}

/// As `tiles_of_rows`, for XᵀX of X stored as rows of `rank` values.
pub(crate) fn tiles_of_columns(arch: Arch, dtype: Dtype, raw: &[u8], rank: usize, tiles: &mut Tiles, sums: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "tiles chosen at run time")]
    if arch.has_tiles(rank, dtype) {
        // SAFETY: `Arch` holds this value only after the processor was asked for these features (`Arch::detect`).
        return match dtype {
            Dtype::F16 => unsafe { amx::columns::<2>(raw, rank, tiles, sums) },
            _ => unsafe { amx::columns::<1>(raw, rank, tiles, sums) },
        };
    }
    let _ = (raw, tiles, sums);
    unreachable!("{arch:?} has no tiles for rows of {rank} values of {dtype}");
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn dots_avx512(panel: &[f32], stride: usize, len: usize, rank: usize, lanes: &mut [f32]) {
    dots_with::<true, 16, 4>(panel, stride, len, rank, lanes);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn dots_avx2(panel: &[f32], stride: usize, len: usize, rank: usize, lanes: &mut [f32]) {
    dots_with::<true, 8, 2>(panel, stride, len, rank, lanes);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn outer_avx512(rows: &[f32], rank: usize, stride: usize, sums: &mut [f64]) {
    avx512::outer(rows, rank, stride, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn outer_avx2(rows: &[f32], rank: usize, stride: usize, sums: &mut [f64]) {
    outer_with::<true, 8, 2>(rows, rank, stride, sums);
}

/// `L` values at a time, [`ROWS`] × `J` products in registers; `FMA` only where the machine has it, since what stands in for it is slow.
#[inline(always)]
fn dots_with<const FMA: bool, const L: usize, const J: usize>(panel: &[f32], stride: usize, len: usize, rank: usize, lanes: &mut [f32]) {
    let rows = rank.next_multiple_of(ROWS);
    let row = |i: usize| panel[i * stride..i * stride + len].as_chunks::<L>().0;
    let mut blocks = lanes.as_chunks_mut::<L>().0.as_chunks_mut::<J>().0.as_chunks_mut::<ROWS>().0.iter_mut();
    for i in (0..rows).step_by(ROWS) {
        let left = [row(i), row(i + 1), row(i + 2), row(i + 3)];
        for j in (i..rows).step_by(J) {
            let right: [&[[f32; L]]; J] = std::array::from_fn(|y| row(j + y));
            let Some(block) = blocks.next() else { return };
            let sums = in_memory(products::<FMA, L, J>(left, right));
            let to = block.as_flattened_mut().as_flattened_mut();
            to.iter_mut().zip(sums.as_flattened().as_flattened()).for_each(|(to, sum)| *to += sum);
        }
    }
}

/// The products of rows, still in lanes.
#[inline(always)]
fn products<const FMA: bool, const L: usize, const J: usize>(a: [&[[f32; L]]; ROWS], b: [&[[f32; L]]; J]) -> [[[f32; L]; J]; ROWS] {
    let mut sums = [[[0f32; L]; J]; ROWS];
    let [a0, a1, a2, a3] = a;
    // Zipped, not indexed: a bound that is checked in the loop keeps the sums out of the registers.
    let left = a0.iter().zip(a1).zip(a2.iter().zip(a3));
    let mut step = |a: [&[f32; L]; ROWS], b: [&[f32; L]; J]| {
        for x in 0..ROWS {
            for y in 0..J {
                for l in 0..L {
                    let sum = &mut sums[x][y][l];
                    *sum = if FMA { a[x][l].mul_add(b[y][l], *sum) } else { a[x][l] * b[y][l] + *sum };
                }
            }
        }
    };
    if J == 4 {
        let right = b[0].iter().zip(b[1]).zip(b[2].iter().zip(b[3]));
        for (((a0, a1), (a2, a3)), ((b0, b1), (b2, b3))) in left.zip(right) {
            let four = [b0, b1, b2, b3];
            step([a0, a1, a2, a3], std::array::from_fn(|y| four[y]));
        }
    } else {
        let right = b[0].iter().zip(b[1]);
        for (((a0, a1), (a2, a3)), (b0, b1)) in left.zip(right) {
            let two = [b0, b1];
            step([a0, a1, a2, a3], std::array::from_fn(|y| two[y]));
        }
    }
    sums
}

fn drain_with<const L: usize, const J: usize>(lanes: &mut [f32], rank: usize, stride: usize, sums: &mut [f64]) {
    let rows = rank.next_multiple_of(ROWS);
    let mut blocks = lanes.as_chunks_mut::<L>().0.chunks_exact_mut(ROWS * J);
    for i in (0..rows).step_by(ROWS) {
        for j in (i..rows).step_by(J) {
            let Some(block) = blocks.next() else { return };
            for (k, lanes) in block.iter_mut().enumerate() {
                sums[(i + k / J) * stride + j + k % J] += total(lanes);
                lanes.fill(0.0);
            }
        }
    }
}

/// Sum of the lanes in f64.
#[inline(always)]
fn total<const L: usize>(lanes: &[f32; L]) -> f64 {
    let mut quad = [0f64; 4];
    for four in lanes.as_chunks::<4>().0 {
        for l in 0..4 {
            quad[l] += f64::from(four[l]);
        }
    }
    (quad[0] + quad[1]) + (quad[2] + quad[3])
}

/// Blocks of `4·J` × `L` sums in registers.
#[inline(always)]
fn outer_with<const FMA: bool, const L: usize, const J: usize>(rows: &[f32], rank: usize, stride: usize, sums: &mut [f64]) {
    for i in (0..rank).step_by(ROWS * J) {
        for j in (i / L * L..rank).step_by(L) {
            let mut block = [[[0f32; L]; ROWS]; J];
            for row in rows.chunks_exact(stride) {
                let (Some(left), Some(right)) = (row[i..].first_chunk::<L>(), row[j..].first_chunk::<L>()) else { return };
                for x in 0..J * ROWS {
                    for l in 0..L {
                        let sum = &mut block[x / ROWS][x % ROWS][l];
                        *sum = if FMA { left[x].mul_add(right[l], *sum) } else { left[x] * right[l] + *sum };
                    }
                }
            }
            for (x, lanes) in in_memory(block).as_flattened().iter().enumerate() {
                let Some(to) = sums[(i + x) * stride + j..].first_chunk_mut::<L>() else { return };
                to.iter_mut().zip(lanes).for_each(|(to, sum)| *to += f64::from(*sum));
            }
        }
    }
}

/// Puts what was summed in registers into memory: what adds it up from there takes whole vectors; from registers the compiler takes value by
/// value, which costs as much as the products.
#[inline(always)]
fn in_memory<T>(sums: T) -> T {
    black_box(sums)
}
