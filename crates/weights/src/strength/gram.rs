//! Gram matrices of factors: panels of 512 columns in f32, carried on in f64.

/// Columns of one panel.
pub(super) const PANEL: usize = 512;
/// Distance between the rows of a panel: not a power of two, so that columns do not fall onto the same cache lines.
pub(super) const STRIDE: usize = PANEL + 8;
/// Rows of a panel come in fours.
const ROWS: usize = 4;
/// Values that one instruction handles on the widest machine.
const WIDEST: usize = 16;
/// Rows that are transposed together.
const TILE: usize = 8;

/// The Gram matrix of r rows, upper triangle, and the panel it is fed from.
#[derive(Debug, Default)]
pub(super) struct Gram {
    panel: Vec<f32>,
    sums: Vec<f64>,
    padded: usize,
    rank: usize,
}

impl Gram {
    /// Begins anew with `rank` rows.
    pub(super) fn start(&mut self, rank: usize) {
        self.rank = rank;
        self.padded = rank.next_multiple_of(ROWS);
        self.panel.clear();
        self.panel.resize(self.padded * STRIDE, 0.0);
        self.sums.clear();
        self.sums.resize(self.padded * self.padded, 0.0);
    }

    /// Row `i` of the panel, to be filled with up to [`PANEL`] values.
    pub(super) fn row(&mut self, i: usize) -> &mut [f32] {
        &mut self.panel[i * STRIDE..i * STRIDE + PANEL]
    }

    /// Fills the panel with the transpose of `values`, rows × rank.
    pub(super) fn fill_transposed(&mut self, values: &[f32]) {
        let rank = self.rank;
        for (block, rows) in values.chunks(TILE * rank).enumerate() {
            let count = rows.len() / rank;
            for p in 0..rank {
                let to = &mut self.panel[p * STRIDE + block * TILE..][..count];
                for (i, to) in to.iter_mut().enumerate() {
                    *to = rows[i * rank + p];
                }
            }
        }
    }

    /// Adds the products of the first `len` columns of the panel.
    pub(super) fn add(&mut self, len: usize) {
        let full = len.next_multiple_of(WIDEST);
        for i in 0..self.rank {
            self.panel[i * STRIDE + len..i * STRIDE + full].fill(0.0);
        }
        add_panel(&self.panel, full, self.padded, &mut self.sums);
    }

    /// Entry (i, j); i ≤ j.
    pub(super) fn at(&self, i: usize, j: usize) -> f64 {
        self.sums[i * self.padded + j]
    }

    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    /// Sum of the squares of all values.
    pub(super) fn trace(&self) -> f64 {
        (0..self.rank).map(|i| self.at(i, i)).sum()
    }

    /// Multiplies every entry.
    pub(super) fn scale(&mut self, factor: f64) {
        self.sums.iter_mut().for_each(|s| *s *= factor);
    }

    /// Σ (this ∘ other) over the whole symmetric matrices.
    pub(super) fn dot(&self, other: &Self) -> f64 {
        let mut sum = 0.0;
        for i in 0..self.rank {
            sum += self.at(i, i) * other.at(i, i);
            sum += 2.0 * (i + 1..self.rank).map(|j| self.at(i, j) * other.at(i, j)).sum::<f64>();
        }
        sum
    }

    /// The Gram matrix of Σ_q mid[p, q, k]·row q, over all p and k summed: G'[p,p'] = Σ_k Σ_qq' mid[p,q,k]·G[q,q']·mid[p',q',k].
    /// `mid` is [out, rank, taps].
    pub(super) fn through_core(&self, mid: &[f32], out: usize, taps: usize) -> Self {
        let r = self.rank;
        let full = |i: usize, j: usize| if i <= j { self.at(i, j) } else { self.at(j, i) };
        let mut next = Self::default();
        next.start(out);
        let mut half = vec![0.0; out * r];
        for k in 0..taps {
            let m = |p: usize, q: usize| f64::from(mid[(p * r + q) * taps + k]);
            for p in 0..out {
                for j in 0..r {
                    half[p * r + j] = (0..r).map(|q| m(p, q) * full(q, j)).sum();
                }
            }
            for p in 0..out {
                for t in p..out {
                    next.sums[p * next.padded + t] += (0..r).map(|q| half[p * r + q] * m(t, q)).sum::<f64>();
                }
            }
        }
        next
    }
}

/// Adds all products of rows of `panel` to the upper triangle of `sums`.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "runtime choice of vector instructions, proved just before each call")]
fn add_panel(panel: &[f32], len: usize, rows: usize, sums: &mut [f64]) {
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has AVX-512F, as was just asked; the function needs nothing else.
        unsafe { add_panel_avx512(panel, len, rows, sums) }
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both features, as was just asked; the function needs nothing else.
        unsafe { add_panel_avx2(panel, len, rows, sums) }
    } else {
        add_panel_with::<false, 8>(panel, len, rows, sums);
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn add_panel(panel: &[f32], len: usize, rows: usize, sums: &mut [f64]) {
    add_panel_with::<{ cfg!(target_arch = "aarch64") }, 8>(panel, len, rows, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn add_panel_avx512(panel: &[f32], len: usize, rows: usize, sums: &mut [f64]) {
    add_panel_with::<true, 16>(panel, len, rows, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn add_panel_avx2(panel: &[f32], len: usize, rows: usize, sums: &mut [f64]) {
    add_panel_with::<true, 8>(panel, len, rows, sums);
}

/// `L` values at a time; `FMA` only where the machine has it, since the function that stands in for it is slow.
#[inline(always)]
fn add_panel_with<const FMA: bool, const L: usize>(panel: &[f32], len: usize, rows: usize, sums: &mut [f64]) {
    let row = |i: usize| panel[i * STRIDE..i * STRIDE + len].as_chunks::<L>().0;
    for i in (0..rows).step_by(ROWS) {
        let left = [row(i), row(i + 1), row(i + 2), row(i + 3)];
        for j in (i..rows).step_by(2) {
            let block = products::<FMA, L>(left, [row(j), row(j + 1)]);
            for (x, pair) in block.iter().enumerate() {
                for (y, lanes) in pair.iter().enumerate() {
                    sums[(i + x) * rows + j + y] += total(lanes);
                }
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

/// The 4 × 2 products of rows, still in lanes: eight accumulators that stay in registers.
#[inline(always)]
fn products<const FMA: bool, const L: usize>(a: [&[[f32; L]]; ROWS], b: [&[[f32; L]]; 2]) -> [[[f32; L]; 2]; ROWS] {
    let mut sums = [[[0f32; L]; 2]; ROWS];
    let [a0, a1, a2, a3] = a;
    let [b0, b1] = b;
    for (((((a0, a1), a2), a3), b0), b1) in a0.iter().zip(a1).zip(a2).zip(a3).zip(b0).zip(b1) {
        for (x, a) in [a0, a1, a2, a3].into_iter().enumerate() {
            for (y, b) in [b0, b1].into_iter().enumerate() {
                for l in 0..L {
                    let sum = &mut sums[x][y][l];
                    *sum = if FMA { a[l].mul_add(b[l], *sum) } else { a[l] * b[l] + *sum };
                }
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gram_of_integers_is_exact_for_every_rank_and_length() {
        for rank in [1, 2, 3, 4, 5, 7, 16, 33] {
            for n in [1, 7, 8, 511, 512, 513, 1300] {
                let value = |i: usize, c: usize| ((i * 31 + c * 17) % 13) as f32 - 6.0;
                let mut gram = Gram::default();
                gram.start(rank);
                for start in (0..n).step_by(PANEL) {
                    let len = PANEL.min(n - start);
                    for i in 0..rank {
                        for (c, v) in gram.row(i)[..len].iter_mut().enumerate() {
                            *v = value(i, start + c);
                        }
                    }
                    gram.add(len);
                }
                for i in 0..rank {
                    for j in i..rank {
                        let want: f64 = (0..n).map(|c| f64::from(value(i, c)) * f64::from(value(j, c))).sum();
                        assert!((gram.at(i, j) - want).abs() == 0.0, "rank {rank} n {n} ({i}, {j})");
                    }
                }
            }
        }
    }

    /// The machine that runs the tests may never choose the narrow ways: they are called by name.
    #[test]
    fn every_width_gives_the_same_exact_sums() {
        let rows = 8;
        let panel: Vec<f32> = (0..rows * STRIDE).map(|i| (i % 9) as f32 - 4.0).collect();
        let run = |add: fn(&[f32], usize, usize, &mut [f64])| {
            let mut sums = vec![0.0; rows * rows];
            add(&panel, 496, rows, &mut sums);
            sums
        };
        let plain = run(add_panel_with::<false, 8>);
        assert_eq!(run(add_panel_with::<true, 8>), plain);
        assert_eq!(run(add_panel_with::<true, 16>), plain);
        assert_eq!(run(add_panel), plain);
    }

    #[test]
    fn transposed_panels_give_the_same() {
        let (rank, n) = (5, 21);
        let values: Vec<f32> = (0..rank * n).map(|x| (x % 11) as f32).collect();
        let mut gram = Gram::default();
        gram.start(rank);
        gram.fill_transposed(&values);
        gram.add(n);
        let want: f64 = (0..n).map(|r| f64::from(values[r * rank + 1]) * f64::from(values[r * rank + 4])).sum();
        assert!((gram.at(1, 4) - want).abs() < 1e-12);
    }
}
