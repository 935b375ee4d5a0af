//! The same loops in f64, where inner products must survive that they nearly cancel.

use super::{Arch, ROWS};

/// Values of one f64 instruction on the widest machine.
#[cfg(target_arch = "x86_64")]
const LANES_F64: usize = 8;

/// Adds XXᵀ to the upper triangle of `sums` (rows of `width` values). Row i of X begins at i·`stride` and has `len` values.
pub(crate) fn dots_f64(arch: Arch, x: &[f64], stride: usize, len: usize, rank: usize, sums: &mut [f64], width: usize) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "vector instructions chosen at run time")]
    match arch {
        Arch::Plain => dots::<false, 2, 2>(x, stride, len, rank, sums, width),
        // SAFETY: `Arch` holds this value only after the processor was asked for these features (`Arch::detect`).
        Arch::Avx2 => unsafe { dots_avx2(x, stride, len, rank, sums, width) },
        // SAFETY: as above.
        Arch::Avx512(_) => unsafe { dots_avx512(x, stride, len, rank, sums, width) },
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let Arch::Plain = arch;
        dots::<{ cfg!(target_arch = "aarch64") }, 2, 2>(x, stride, len, rank, sums, width);
    }
}

/// Adds XᵀX of the rows of `rows`, each `width` values of which the first `rank` count, to the upper triangle of `sums`, whose rows have
/// `width` values too. `width` is a multiple of 16.
pub(crate) fn outer_f64(arch: Arch, rows: &[f64], rank: usize, width: usize, sums: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "vector instructions chosen at run time")]
    match arch {
        Arch::Plain => outer::<false, 2, 1>(rows, rank, width, sums),
        // SAFETY: `Arch` holds this value only after the processor was asked for these features (`Arch::detect`).
        Arch::Avx2 => unsafe { outer_avx2(rows, rank, width, sums) },
        // SAFETY: as above.
        Arch::Avx512(_) => unsafe { outer_avx512(rows, rank, width, sums) },
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let Arch::Plain = arch;
        outer::<{ cfg!(target_arch = "aarch64") }, 2, 2>(rows, rank, width, sums);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn dots_avx512(x: &[f64], stride: usize, len: usize, rank: usize, sums: &mut [f64], width: usize) {
    dots::<true, LANES_F64, 4>(x, stride, len, rank, sums, width);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn dots_avx2(x: &[f64], stride: usize, len: usize, rank: usize, sums: &mut [f64], width: usize) {
    dots::<true, 4, 2>(x, stride, len, rank, sums, width);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn outer_avx512(rows: &[f64], rank: usize, width: usize, sums: &mut [f64]) {
    outer::<true, LANES_F64, 4>(rows, rank, width, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn outer_avx2(rows: &[f64], rank: usize, width: usize, sums: &mut [f64]) {
    outer::<true, 4, 2>(rows, rank, width, sums);
}

#[inline(always)]
fn fused<const FMA: bool>(a: f64, b: f64, sum: f64) -> f64 {
    if FMA { a.mul_add(b, sum) } else { a * b + sum }
}
/// `L` values at a time, [`ROWS`] × `J` products in registers.
#[inline(always)]
fn dots<const FMA: bool, const L: usize, const J: usize>(
    x: &[f64],
    stride: usize,
    len: usize,
    rank: usize,
    sums: &mut [f64],
    width: usize,
) {
    let whole = len / L * L;
    // Rows beyond the last are the last again: what they give is never looked at.
    let row = |i: usize| x[i.min(rank - 1) * stride..][..whole].as_chunks::<L>().0;
    for i in (0..rank).step_by(ROWS) {
        let left = [row(i), row(i + 1), row(i + 2), row(i + 3)];
        for j in (i..rank).step_by(J) {
            let right: [&[[f64; L]]; J] = std::array::from_fn(|y| row(j + y));
            let found = products::<FMA, L, J>(left, right);
            for (x, found) in found.iter().enumerate().take(rank - i) {
                let to = &mut sums[(i + x) * width + j..][..J.min(rank - j)];
                for (to, lanes) in to.iter_mut().zip(found) {
                    *to += total(lanes);
                }
            }
        }
    }
    if whole < len {
        rest(x, stride, whole..len, rank, sums, width);
    }
}
/// The products of rows, still in lanes.
#[inline(always)]
fn products<const FMA: bool, const L: usize, const J: usize>(a: [&[[f64; L]]; ROWS], b: [&[[f64; L]]; J]) -> [[[f64; L]; J]; ROWS] {
    let mut sums = [[[0f64; L]; J]; ROWS];
    let [a0, a1, a2, a3] = a;
    // Zipped, not indexed: a bound that is checked in the loop keeps the sums out of the registers.
    let left = a0.iter().zip(a1).zip(a2.iter().zip(a3));
    let mut step = |a: [&[f64; L]; ROWS], b: [&[f64; L]; J]| {
        for x in 0..ROWS {
            for y in 0..J {
                for l in 0..L {
                    sums[x][y][l] = fused::<FMA>(a[x][l], b[y][l], sums[x][y][l]);
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
/// Blocks of 4·`J` × `L` sums in registers.
#[inline(always)]
fn outer<const FMA: bool, const L: usize, const J: usize>(rows: &[f64], rank: usize, width: usize, sums: &mut [f64]) {
    for i in (0..rank).step_by(ROWS * J) {
        for j in (i..rank).step_by(L) {
            let mut block = [[[0f64; L]; ROWS]; J];
            for row in rows.chunks_exact(width) {
                let (Some(left), Some(right)) =
                    (row[i..i + ROWS * J].as_chunks::<ROWS>().0.first_chunk::<J>(), row[j..].first_chunk::<L>())
                else {
                    return;
                };
                for x in 0..J {
                    for y in 0..ROWS {
                        for l in 0..L {
                            block[x][y][l] = fused::<FMA>(left[x][y], right[l], block[x][y][l]);
                        }
                    }
                }
            }
            for (x, lanes) in block.iter().flatten().enumerate() {
                let to = &mut sums[(i + x) * width + j..][..L];
                to.iter_mut().zip(lanes).for_each(|(to, sum)| *to += sum);
            }
        }
    }
}

/// The columns that fill no vector.
fn rest(x: &[f64], stride: usize, span: std::ops::Range<usize>, rank: usize, sums: &mut [f64], width: usize) {
    for i in 0..rank {
        let a = &x[i * stride..][span.clone()];
        for j in i..rank {
            let b = &x[j * stride..][span.clone()];
            sums[i * width + j] += a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        }
    }
}

/// Sum of the lanes, pair by pair: the halves of a vector are added as vectors.
#[inline(always)]
fn total<const L: usize>(lanes: &[f64; L]) -> f64 {
    let mut sums = *lanes;
    let mut half = L / 2;
    while half > 0 {
        for l in 0..half {
            sums[l] += sums[l + half];
        }
        half /= 2;
    }
    sums[0]
}
