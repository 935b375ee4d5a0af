//! Products of tiles of bf16 (Intel's AMX, in its servers since 2023): 8,192 multiplications an instruction, where the widest vector has 16.
//! They are exact and added in f32; subnormal numbers count as zero, as with the pairs of `avx512`. f16 comes as the sum of two bf16, without
//! loss: the upper one has eight of its eleven bits, and what is left has three.
//!
//! Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18 and volume 2, TDPBF16PS; for the permission,
//! Linux, Documentation/arch/x86/xstate.rst.

use super::LANES;
use super::avx512::{carry, halves, integers};
use std::arch::asm;
use std::arch::x86_64::{
    __m512, __m512i, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps as floats, _mm512_cvtepu16_epi32, _mm512_cvtph_ps,
    _mm512_or_si512, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_slli_epi32, _mm512_srli_epi32, _mm512_sub_ps,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};
use std::array::from_fn;
use std::mem::transmute;
use std::sync::OnceLock;

/// Values of a row of a tile.
const STEP: usize = 2 * LANES;
/// Columns of X that are laid out at once: 4 KB of tiles for each row of bf16, 8 of f16, which fit into the second-level cache up to rank 256.
const PANEL: usize = 1024;

/// Sixteen rows of sixteen words.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Tile([[u32; LANES]; LANES]);

impl Tile {
    const ZERO: Self = Self([[0; LANES]; LANES]);
}

/// Both operands of XXᵀ, laid out in tiles; a buffer.
#[derive(Debug, Default)]
pub(crate) struct Tiles {
    left: Vec<Tile>,
    right: Vec<Tile>,
}

impl Tiles {
    fn make_room(&mut self, count: usize) {
        for operand in [&mut self.left, &mut self.right] {
            operand.resize(operand.len().max(count), Tile::ZERO);
        }
    }
}

/// Whether this processor has the tiles and the system lets the program use them, which is asked for once.
pub(super) fn at_hand() -> bool {
    static AT_HAND: OnceLock<bool> = OnceLock::new();
    *AT_HAND.get_or_init(|| has_tiles() && permitted())
}

fn has_tiles() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    const BF16: u32 = 1 << 22;
    const TILES: u32 = 1 << 24;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & (BF16 | TILES) == BF16 | TILES
}

/// The tiles are 8 KB of registers that the system keeps for each thread only if the program has asked.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a system call that no library of ours offers")]
fn permitted() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const REQUEST: i64 = 0x1023;
    const TILE_DATA: i64 = 18;
    let answer: i64;
    // SAFETY: the call reads and writes no memory of ours; what it and the instruction change is named.
    unsafe {
        asm!("syscall", inlateout("rax") ARCH_PRCTL => answer, in("rdi") REQUEST, in("rsi") TILE_DATA, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    answer == 0
}

#[cfg(not(target_os = "linux"))]
fn permitted() -> bool {
    false
}

/// Adds XXᵀ of X, `rank` rows of `n` values of bf16, or of f16 where `PARTS` is 2, to the upper triangle of `sums`.
#[target_feature(enable = "avx512f,avx512dq")]
#[expect(clippy::needless_range_loop, reason = "bounds that the compiler knows keep vectors in registers")]
pub(super) fn rows<const PARTS: usize>(raw: &[u8], n: usize, rank: usize, tiles: &mut Tiles, sums: &mut [f64]) {
    let blocks = rank.div_ceil(LANES);
    for start in (0..n).step_by(PANEL) {
        let end = (start + PANEL).min(n);
        let steps = (end - start).div_ceil(STEP);
        tiles.make_room(PARTS * blocks * steps);
        for block in 0..blocks {
            let row = |i: usize| if i < rank { &raw[(i * n + start) * 2..(i * n + end) * 2] } else { &[] };
            let rows: [&[u8]; LANES] = from_fn(|i| row(block * LANES + i));
            let to = block * steps * PARTS..(block + 1) * steps * PARTS;
            let (left, right) = (tiles.left[to.clone()].as_chunks_mut::<PARTS>().0, tiles.right[to].as_chunks_mut::<PARTS>().0);
            for ((left, right), at) in left.iter_mut().zip(right).zip((0..).step_by(2 * STEP)) {
                for i in 0..LANES {
                    put(left, i, neighbours::<PARTS>(&padded(rows[i].get(at..).unwrap_or_default())));
                }
                left.iter().zip(right).for_each(|(left, right)| turn(left, right));
            }
        }
        multiply::<PARTS>(tiles, blocks, steps, sums);
    }
}

/// As [`rows`], for XᵀX of X, rows of `rank` values.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn columns<const PARTS: usize>(raw: &[u8], rank: usize, tiles: &mut Tiles, sums: &mut [f64]) {
    let blocks = rank.div_ceil(LANES);
    for raw in raw.chunks(PANEL * 2 * rank) {
        let steps = (raw.len() / 2 / rank).div_ceil(STEP);
        tiles.make_room(PARTS * blocks * steps);
        for (step, raw) in raw.chunks(STEP * 2 * rank).enumerate() {
            for block in 0..blocks {
                let (from, width) = (block * LANES * 2, LANES.min(rank - block * LANES) * 2);
                let row = |i: usize| padded(raw.get(i * 2 * rank + from..i * 2 * rank + from + width).unwrap_or_default());
                let at = (block * steps + step) * PARTS;
                let (left, right) = (&mut tiles.left[at..at + PARTS], &mut tiles.right[at..at + PARTS]);
                for i in 0..LANES {
                    put(right, i, pairs::<PARTS>(&row(2 * i), &row(2 * i + 1)));
                }
                right.iter().zip(left).for_each(|(right, left)| turn(right, left));
            }
        }
        multiply::<PARTS>(tiles, blocks, steps, sums);
    }
}

/// The products of all blocks of rows on and above the diagonal, two by two: then a tile that is loaded serves two products.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn multiply<const PARTS: usize>(tiles: &Tiles, blocks: usize, steps: usize, sums: &mut [f64]) {
    let stride = blocks * LANES;
    let strip = |all: &'_ [Tile], block: usize| -> *const Tile {
        // Beyond the last block stands the last again: what it gives is never looked at.
        let at = block.min(blocks - 1) * steps * PARTS;
        all[at..at + steps * PARTS].as_ptr()
    };
    let mut add = |i: usize, j: usize, tile: &Tile| {
        if j < blocks {
            for (x, row) in tile.0.iter().enumerate() {
                let Some(to) = sums[(i * LANES + x) * stride + j * LANES..].first_chunk_mut::<LANES>() else { return };
                carry(to, sums_of(row));
            }
        }
    };
    for i in (0..blocks).step_by(2) {
        for j in (i..blocks).step_by(2) {
            let left = [strip(&tiles.left, i), strip(&tiles.left, i + 1)];
            let right = [strip(&tiles.right, j), strip(&tiles.right, j + 1)];
            let mut all = [Tile::ZERO; 6];
            #[expect(unsafe_code, reason = "the instructions have no other form")]
            // SAFETY: each strip is a slice of so many tiles, and `rows` and `columns` run only where `at_hand` has answered yes.
            unsafe {
                match (PARTS, i == j) {
                    (1, true) => on_diagonal(left, right, steps, &mut all),
                    (1, false) => products(left, right, steps, &mut all),
                    (_, true) => on_diagonal_of_two(left, right, steps, &mut all),
                    (_, false) => products_of_two(left, right, steps, &mut all),
                }
            }
            let [first, across, second, rest, first_mixed, second_mixed] = &all;
            add(i, j, first);
            add(i, j + 1, across);
            add(i + 1, j + 1, second);
            match (PARTS, i == j) {
                (_, false) => add(i + 1, j, rest),
                (1, true) => {}
                (_, true) => {
                    add(i, i + 1, rest);
                    for (i, mixed) in [(i, first_mixed), (i + 1, second_mixed)] {
                        let mut turned = Tile::ZERO;
                        turn(mixed, &mut turned);
                        add(i, i, mixed);
                        add(i, i, &turned);
                    }
                }
            }
        }
    }
}

/// What the tile registers hold: all eight have sixteen rows of 64 bytes.
#[repr(C, align(64))]
struct Shape {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

static SHAPE: Shape = Shape {
    palette: 1,
    start: 0,
    reserved: [0; 14],
    bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// Makes a function that multiplies two strips of left tiles with two of right ones; `$tiles` is how many tiles of a strip a step takes, and
/// `$step` are its instructions. They add to tiles 0 to 5, as far as `$sums` says where they are to be stored.
macro_rules! products {
    ($(#[$about:meta])* $name:ident, $tiles:literal, [$($sum:literal => $tile:literal),*], [$($step:literal),*]) => {
        $(#[$about])*
        ///
        /// # Safety
        /// The processor must have the tiles, the system must permit them, `steps` must be above 0, and each strip must hold the tiles of so many.
        #[expect(unsafe_code, reason = "the instructions have no other form")]
        unsafe fn $name(left: [*const Tile; 2], right: [*const Tile; 2], steps: usize, sums: &mut [Tile; 6]) {
            // SAFETY: reads the tiles that the caller promises and writes the sums, which are ours; the registers that change are named, and
            // at the end the tiles are given back.
            unsafe {
                asm!(
                    "ldtilecfg [{shape}]",
                    $(concat!("tilezero ", $tile),)*
                    "2:",
                    $($step,)*
                    "add {left_0}, {stride}",
                    "add {left_1}, {stride}",
                    "add {right_0}, {stride}",
                    "add {right_1}, {stride}",
                    "dec {steps}",
                    "jnz 2b",
                    $(concat!("tilestored [{sums} + {line} + 1024 * ", $sum, "], ", $tile),)*
                    "tilerelease",
                    shape = in(reg) &raw const SHAPE,
                    sums = in(reg) sums.as_mut_ptr(),
                    line = in(reg) 64usize,
                    stride = const $tiles * size_of::<Tile>(),
                    left_0 = inout(reg) left[0] => _,
                    left_1 = inout(reg) left[1] => _,
                    right_0 = inout(reg) right[0] => _,
                    right_1 = inout(reg) right[1] => _,
                    steps = inout(reg) steps => _,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    };
}

products!(
    /// The first left strip with both right ones, the second with the second, the second with the first.
    products,
    1,
    [0 => "tmm0", 1 => "tmm1", 2 => "tmm3", 3 => "tmm2"],
    [
        "tileloadd tmm4, [{left_0} + {line}]",
        "tileloadd tmm6, [{right_0} + {line}]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm7, [{right_1} + {line}]",
        "tdpbf16ps tmm1, tmm4, tmm7",
        "tileloadd tmm5, [{left_1} + {line}]",
        "tdpbf16ps tmm2, tmm5, tmm6",
        "tdpbf16ps tmm3, tmm5, tmm7"
    ]
);

products!(
    /// As `products` where both sides are the same rows, without what the others give again.
    on_diagonal,
    1,
    [0 => "tmm0", 1 => "tmm1", 2 => "tmm2"],
    [
        "tileloadd tmm4, [{left_0} + {line}]",
        "tileloadd tmm6, [{right_0} + {line}]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm7, [{right_1} + {line}]",
        "tdpbf16ps tmm1, tmm4, tmm7",
        "tileloadd tmm5, [{left_1} + {line}]",
        "tdpbf16ps tmm2, tmm5, tmm7"
    ]
);

products!(
    /// As `products` of two tiles a step, whose sum is meant: each of the left with each of the right, in an order that loads few of them twice.
    products_of_two,
    2,
    [0 => "tmm0", 1 => "tmm1", 2 => "tmm3", 3 => "tmm2"],
    [
        "tileloadd tmm4, [{left_0} + {line}]",
        "tileloadd tmm6, [{right_0} + {line}]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm7, [{right_1} + {line}]",
        "tdpbf16ps tmm1, tmm4, tmm7",
        "tileloadd tmm5, [{left_1} + {line}]",
        "tdpbf16ps tmm2, tmm5, tmm6",
        "tdpbf16ps tmm3, tmm5, tmm7",
        "tileloadd tmm6, [{right_0} + {line} + 1024]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm7, [{right_1} + {line} + 1024]",
        "tdpbf16ps tmm1, tmm4, tmm7",
        "tdpbf16ps tmm2, tmm5, tmm6",
        "tdpbf16ps tmm3, tmm5, tmm7",
        "tileloadd tmm4, [{left_0} + {line} + 1024]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tdpbf16ps tmm1, tmm4, tmm7",
        "tileloadd tmm5, [{left_1} + {line} + 1024]",
        "tdpbf16ps tmm2, tmm5, tmm6",
        "tdpbf16ps tmm3, tmm5, tmm7",
        "tileloadd tmm6, [{right_0} + {line}]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm7, [{right_1} + {line}]",
        "tdpbf16ps tmm1, tmm4, tmm7",
        "tdpbf16ps tmm2, tmm5, tmm6",
        "tdpbf16ps tmm3, tmm5, tmm7"
    ]
);

products!(
    /// As `products_of_two` where both sides are the same rows. The upper part of a block with its lower one stands apart, last of the sums: its
    /// transpose is the lower part with the upper one. The fourth sum belongs to the second.
    on_diagonal_of_two,
    2,
    [0 => "tmm0", 1 => "tmm1", 2 => "tmm2", 3 => "tmm3", 4 => "tmm4", 5 => "tmm5"],
    [
        // Each product keeps one operand of the one before, and a sum rests for four products: it is ready after three.
        "tileloadd tmm6, [{left_0} + {line}]",
        "tileloadd tmm7, [{right_0} + {line}]",
        "tdpbf16ps tmm0, tmm6, tmm7",
        "tileloadd tmm7, [{right_1} + {line}]",
        "tdpbf16ps tmm1, tmm6, tmm7",
        "tileloadd tmm6, [{left_1} + {line}]",
        "tdpbf16ps tmm2, tmm6, tmm7",
        "tileloadd tmm7, [{right_1} + {line} + 1024]",
        "tdpbf16ps tmm5, tmm6, tmm7",
        "tileloadd tmm6, [{left_0} + {line}]",
        "tdpbf16ps tmm3, tmm6, tmm7",
        "tileloadd tmm7, [{right_0} + {line} + 1024]",
        "tdpbf16ps tmm4, tmm6, tmm7",
        "tileloadd tmm6, [{left_0} + {line} + 1024]",
        "tdpbf16ps tmm0, tmm6, tmm7",
        "tileloadd tmm7, [{right_1} + {line} + 1024]",
        "tdpbf16ps tmm1, tmm6, tmm7",
        "tileloadd tmm6, [{left_1} + {line} + 1024]",
        "tdpbf16ps tmm2, tmm6, tmm7",
        "tileloadd tmm6, [{left_0} + {line} + 1024]",
        "tileloadd tmm7, [{right_1} + {line}]",
        "tdpbf16ps tmm3, tmm6, tmm7"
    ]
);

/// 32 neighbours of a row, two to a word. In which order is the same to a sum of products, as long as it is one order.
#[inline]
#[target_feature(enable = "avx512f")]
fn neighbours<const PARTS: usize>(raw: &[u8; 64]) -> [__m512i; PARTS] {
    if PARTS == 1 {
        return [bits(raw); PARTS];
    }
    let (first, second) = raw.split_at(32);
    pairs(&padded(first), &padded(second))
}

/// The values of two rows, one of each to a word: bf16 as they are, f16 in two parts.
#[inline]
#[target_feature(enable = "avx512f")]
fn pairs<const PARTS: usize>(first: &[u8; 32], second: &[u8; 32]) -> [__m512i; PARTS] {
    let (first, second) = (halves(first), halves(second));
    if PARTS == 1 {
        let (low, high) = (_mm512_cvtepu16_epi32(first), _mm512_cvtepu16_epi32(second));
        return [_mm512_or_si512(low, _mm512_slli_epi32::<16>(high)); PARTS];
    }
    let (a, b) = (_mm512_cvtph_ps(first), _mm512_cvtph_ps(second));
    let (a_high, b_high) = (upper(a), upper(b));
    // What is left has three bits at most, so that the lower halves of its words are zero too.
    let (a_rest, b_rest) = (_mm512_castps_si512(_mm512_sub_ps(a, floats(a_high))), _mm512_castps_si512(_mm512_sub_ps(b, floats(b_high))));
    let mut parts = [_mm512_or_si512(_mm512_srli_epi32::<16>(a_high), b_high); PARTS];
    parts[PARTS - 1] = _mm512_or_si512(_mm512_srli_epi32::<16>(a_rest), b_rest);
    parts
}

/// The upper halves of f32, which are bf16: of the eleven bits that a f16 has, eight.
#[inline]
#[target_feature(enable = "avx512f")]
fn upper(values: __m512) -> __m512i {
    _mm512_and_si512(_mm512_castps_si512(values), _mm512_set1_epi32(-1 << 16))
}

/// Row `i` of the tiles, one for each part.
#[inline]
#[target_feature(enable = "avx512f")]
fn put<const PARTS: usize>(to: &mut [Tile], i: usize, parts: [__m512i; PARTS]) {
    to.iter_mut().zip(parts).for_each(|(to, part)| to.0[i] = integers(part));
}

/// The transpose of sixteen rows of sixteen words: pairs of rows, then fours, then whole quarters change places.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(clippy::needless_range_loop, reason = "bounds that the compiler knows keep vectors in registers")]
fn turn(from: &Tile, to: &mut Tile) {
    let mut rows = [_mm512_setzero_si512(); LANES];
    for i in 0..LANES {
        rows[i] = words(&from.0[i]);
    }
    let mut fours = [_mm512_setzero_si512(); LANES];
    for g in (0..LANES).step_by(4) {
        let (low_0, high_0) = (_mm512_unpacklo_epi32(rows[g], rows[g + 1]), _mm512_unpackhi_epi32(rows[g], rows[g + 1]));
        let (low_1, high_1) = (_mm512_unpacklo_epi32(rows[g + 2], rows[g + 3]), _mm512_unpackhi_epi32(rows[g + 2], rows[g + 3]));
        fours[g] = _mm512_unpacklo_epi64(low_0, low_1);
        fours[g + 1] = _mm512_unpackhi_epi64(low_0, low_1);
        fours[g + 2] = _mm512_unpacklo_epi64(high_0, high_1);
        fours[g + 3] = _mm512_unpackhi_epi64(high_0, high_1);
    }
    const EVEN: i32 = 0x88;
    const ODD: i32 = 0xdd;
    let mut columns = [_mm512_setzero_si512(); LANES];
    for c in 0..4 {
        let (a, b) = (_mm512_shuffle_i32x4::<EVEN>(fours[c], fours[c + 4]), _mm512_shuffle_i32x4::<EVEN>(fours[c + 8], fours[c + 12]));
        let (d, e) = (_mm512_shuffle_i32x4::<ODD>(fours[c], fours[c + 4]), _mm512_shuffle_i32x4::<ODD>(fours[c + 8], fours[c + 12]));
        columns[c] = _mm512_shuffle_i32x4::<EVEN>(a, b);
        columns[c + 4] = _mm512_shuffle_i32x4::<EVEN>(d, e);
        columns[c + 8] = _mm512_shuffle_i32x4::<ODD>(a, b);
        columns[c + 12] = _mm512_shuffle_i32x4::<ODD>(d, e);
    }
    for i in 0..LANES {
        to.0[i] = integers(columns[i]);
    }
}

/// The first `N` bytes, with zeros where there are fewer.
#[inline(always)]
fn padded<const N: usize>(raw: &[u8]) -> [u8; N] {
    match raw.first_chunk::<N>() {
        Some(whole) => *whole,
        None => {
            let mut all = [0; N];
            all[..raw.len()].copy_from_slice(raw);
            all
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the same 64 bytes under another type")]
fn bits(raw: &[u8; 64]) -> __m512i {
    // SAFETY: both types are 64 bytes without padding, and every bit pattern is valid for either.
    unsafe { transmute::<[u8; 64], __m512i>(*raw) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the same 64 bytes under another type")]
fn words(row: &[u32; LANES]) -> __m512i {
    // SAFETY: both types are 64 bytes without padding, and every bit pattern is valid for either.
    unsafe { transmute::<[u32; LANES], __m512i>(*row) }
}

/// A row of a tile of sums, which are f32.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the same 64 bytes under another type")]
fn sums_of(row: &[u32; LANES]) -> __m512 {
    // SAFETY: both types are 64 bytes without padding, and every bit pattern is valid for either.
    unsafe { transmute::<[u32; LANES], __m512>(*row) }
}
