//! Products of wide matrices with thin ones, [`THIN`] columns at a time, and of low-rank factors: the loops in which methods that work
//! element by element spend their time.

#[cfg(target_arch = "x86_64")]
use super::Arch;
use super::aligned;

/// Columns of a thin matrix that are worked on together; its rows have so many values.
pub(crate) const THIN: usize = 32;
/// Rows that are worked on together.
const FOUR: usize = 4;
/// Columns of a wide matrix that are brought together: one cache line of each row.
const STRIP: usize = 16;
/// Vectors of the thin side that are held in registers.
const VECTORS: usize = 2;

/// Sums of four rows, `VECTORS` vectors of `L` values each.
type Block<const L: usize> = [[[f32; L]; VECTORS]; FOUR];

/// Runs the body with the vectors of the processor at hand.
macro_rules! dispatch {
    ($plain:ident, $avx2:ident, $avx512:ident, ($($argument:expr),*)) => {{
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "vector instructions chosen at run time")]
        match Arch::detect() {
            Arch::Plain => $plain::<false, 4>($($argument),*),
            // SAFETY: `Arch` holds this value only after the processor was asked for these features (`Arch::detect`).
            Arch::Avx2 => unsafe { $avx2($($argument),*) },
            // SAFETY: as above.
            Arch::Avx512(_) => unsafe { $avx512($($argument),*) },
        }
        #[cfg(not(target_arch = "x86_64"))]
        $plain::<{ cfg!(target_arch = "aarch64") }, 4>($($argument),*);
    }};
}

/// out[i, :] = scale·Σ_k b[i, k]·a[k, :], or adds that to `out`. `b` is row-major with `rank` columns, `a` and `out` with `n`.
pub(crate) fn product(b: &[f32], a: &[f32], rank: usize, n: usize, scale: f32, out: &mut [f32], add: bool) {
    dispatch!(product_plain, product_avx2, product_avx512, (b, a, rank, n, scale, out, add));
}

/// y[i, :] = Σ_k d[i, k]·x[k, :] for D of `n` columns; x and y have [`THIN`].
pub(crate) fn times_thin(d: &[f32], n: usize, x: &[f32], y: &mut [f32]) {
    dispatch!(thin_with, thin_avx2, thin_avx512, (d, n, x, y));
}

/// w[k, :] += Σ_i d[i, k]·y[i, :] for D of `n` columns; y and w have [`THIN`].
pub(crate) fn add_turned(d: &[f32], n: usize, y: &[f32], w: &mut [f32]) {
    dispatch!(turned_with, turned_avx2, turned_avx512, (d, n, y, w));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn product_avx512(b: &[f32], a: &[f32], rank: usize, n: usize, scale: f32, out: &mut [f32], add: bool) {
    if add { product_with::<true, 16, true>(b, a, rank, n, scale, out) } else { product_with::<true, 16, false>(b, a, rank, n, scale, out) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn product_avx2(b: &[f32], a: &[f32], rank: usize, n: usize, scale: f32, out: &mut [f32], add: bool) {
    if add { product_with::<true, 8, true>(b, a, rank, n, scale, out) } else { product_with::<true, 8, false>(b, a, rank, n, scale, out) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn thin_avx512(d: &[f32], n: usize, x: &[f32], y: &mut [f32]) {
    thin_with::<true, 16>(d, n, x, y);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn thin_avx2(d: &[f32], n: usize, x: &[f32], y: &mut [f32]) {
    thin_with::<true, 8>(d, n, x, y);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn turned_avx512(d: &[f32], n: usize, y: &[f32], w: &mut [f32]) {
    turned_with::<true, 16>(d, n, y, w);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn turned_avx2(d: &[f32], n: usize, y: &[f32], w: &mut [f32]) {
    turned_with::<true, 8>(d, n, y, w);
}

#[inline(always)]
fn fused<const FMA: bool>(a: f32, b: f32, sum: f32) -> f32 {
    if FMA { a.mul_add(b, sum) } else { a * b + sum }
}

/// sums[x] += four[x]·row.
#[inline(always)]
fn step<const FMA: bool, const L: usize>(sums: &mut Block<L>, four: [f32; FOUR], row: &[[f32; L]; VECTORS]) {
    for x in 0..FOUR {
        for v in 0..VECTORS {
            for l in 0..L {
                sums[x][v][l] = fused::<FMA>(four[x], row[v][l], sums[x][v][l]);
            }
        }
    }
}

/// The columns of four rows of `n` values. Zipped, not indexed: a bound that is checked in the loop keeps the sums out of the registers.
#[inline(always)]
fn columns(x: &[f32], n: usize) -> impl Iterator<Item = [f32; FOUR]> + '_ {
    let (low, high) = x.split_at(2 * n);
    let ((a, b), (c, d)) = (low.split_at(n), high.split_at(n));
    a.iter().zip(b).zip(c.iter().zip(d)).map(|((a, b), (c, d))| [*a, *b, *c, *d])
}

/// The columns of fewer than four rows, zeros below them.
#[inline(always)]
fn short_columns(x: &[f32], n: usize) -> impl Iterator<Item = [f32; FOUR]> + '_ {
    (0..n).map(move |k| std::array::from_fn(|i| x.get(i * n + k).copied().unwrap_or(0.0)))
}

fn product_plain<const FMA: bool, const L: usize>(b: &[f32], a: &[f32], rank: usize, n: usize, scale: f32, out: &mut [f32], add: bool) {
    if add { product_with::<FMA, L, true>(b, a, rank, n, scale, out) } else { product_with::<FMA, L, false>(b, a, rank, n, scale, out) }
}

#[inline(always)]
fn product_with<const FMA: bool, const L: usize, const ADD: bool>(
    b: &[f32],
    a: &[f32],
    rank: usize,
    n: usize,
    scale: f32,
    out: &mut [f32],
) {
    let wide = L * VECTORS;
    let mut buffer = Vec::new();
    let pack = aligned::<f32>(&mut buffer, rank * wide);
    for start in (0..n).step_by(wide) {
        let width = wide.min(n - start);
        // The rows of A are often a power of two apart and would push each other out of the cache.
        for (to, from) in pack.chunks_exact_mut(wide).zip(a.chunks_exact(n)) {
            to[..width].copy_from_slice(&from[start..start + width]);
            to[width..].fill(0.0);
        }
        let pack = pack.as_chunks::<L>().0.as_chunks::<VECTORS>().0;
        for (b, out) in b.chunks(FOUR * rank).zip(out.chunks_mut(FOUR * n)) {
            let mut sums = [[[0f32; L]; VECTORS]; FOUR];
            if b.len() == FOUR * rank {
                for (b, a) in columns(b, rank).zip(pack) {
                    step::<FMA, L>(&mut sums, b, a);
                }
            } else {
                for (b, a) in short_columns(b, rank).zip(pack) {
                    step::<FMA, L>(&mut sums, b, a);
                }
            }
            for (row, sums) in out.chunks_exact_mut(n).zip(&sums) {
                let to = &mut row[start..start + width];
                if width < wide {
                    to.iter_mut().zip(sums.as_flattened()).for_each(|(to, s)| *to = scale * s + if ADD { *to } else { 0.0 });
                    continue;
                }
                for (to, sums) in to.as_chunks_mut::<L>().0.iter_mut().zip(sums) {
                    for l in 0..L {
                        to[l] = scale * sums[l] + if ADD { to[l] } else { 0.0 };
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn thin_with<const FMA: bool, const L: usize>(d: &[f32], n: usize, x: &[f32], y: &mut [f32]) {
    let x = x.as_chunks::<L>().0;
    for at in (0..THIN / L).step_by(VECTORS) {
        for (d, y) in d.chunks(FOUR * n).zip(y.chunks_mut(FOUR * THIN)) {
            let mut sums = [[[0f32; L]; VECTORS]; FOUR];
            let rows = x.chunks_exact(THIN / L);
            if d.len() == FOUR * n {
                for (d, x) in columns(d, n).zip(rows) {
                    let Some(x) = x[at..].first_chunk::<VECTORS>() else { return };
                    step::<FMA, L>(&mut sums, d, x);
                }
            } else {
                for (d, x) in short_columns(d, n).zip(rows) {
                    let Some(x) = x[at..].first_chunk::<VECTORS>() else { return };
                    step::<FMA, L>(&mut sums, d, x);
                }
            }
            for (y, sums) in y.chunks_exact_mut(THIN).zip(&sums) {
                y[at * L..][..VECTORS * L].copy_from_slice(sums.as_flattened());
            }
        }
    }
}

#[inline(always)]
fn turned_with<const FMA: bool, const L: usize>(d: &[f32], n: usize, y: &[f32], w: &mut [f32]) {
    let y = y.as_chunks::<L>().0;
    let mut strip: Vec<[f32; STRIP]> = Vec::with_capacity(d.len() / n.max(1));
    for (block, w) in w[..n * THIN].chunks_mut(STRIP * THIN).enumerate() {
        let start = block * STRIP;
        strip.clear();
        strip.extend(d.chunks_exact(n).map(|d| cut(&d[start..])));
        for (half, w) in w.chunks_mut(2 * FOUR * THIN).enumerate() {
            for at in (0..THIN / L).step_by(VECTORS) {
                let mut low = [[[0f32; L]; VECTORS]; FOUR];
                let mut high = [[[0f32; L]; VECTORS]; FOUR];
                for (d, y) in strip.iter().zip(y.chunks_exact(THIN / L)) {
                    let (Some(y), [a, b, c, d]) = (y[at..].first_chunk::<VECTORS>(), d.as_chunks::<FOUR>().0) else { return };
                    let (one, two) = if half == 0 { (a, b) } else { (c, d) };
                    step::<FMA, L>(&mut low, *one, y);
                    step::<FMA, L>(&mut high, *two, y);
                }
                for (w, sums) in w.chunks_exact_mut(THIN).zip(low.iter().chain(&high)) {
                    w[at * L..][..VECTORS * L].iter_mut().zip(sums.as_flattened()).for_each(|(w, s)| *w += s);
                }
            }
        }
    }
}

/// The first values of a row, zeros where it ends.
#[inline(always)]
fn cut(row: &[f32]) -> [f32; STRIP] {
    row.first_chunk().copied().unwrap_or_else(|| {
        let mut out = [0.0; STRIP];
        out.iter_mut().zip(row).for_each(|(o, v)| *o = *v);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(i: usize, j: usize) -> f32 {
        ((i * 7 + j * 13) % 11) as f32 - 5.0
    }

    fn matrix(m: usize, n: usize) -> Vec<f32> {
        (0..m * n).map(|k| whole(k / n, k % n)).collect()
    }

    /// Small whole numbers: every product and sum is exact. Each way this processor has, and rows and columns that fill no block.
    #[test]
    fn products_of_integers_are_exact_in_every_way() {
        for (m, n, rank) in [(1, 1, 1), (3, 5, 2), (4, 32, 4), (9, 33, 16), (42, 100, 3), (8, 17, 33)] {
            let (b, a, d) = (matrix(m, rank), matrix(rank, n), matrix(m, n));
            let (x, y) = (matrix(n, THIN), matrix(m, THIN));
            let mut found = vec![(matrix(m, n), vec![9.0; m * THIN], matrix(n, THIN))];
            let (out, thin, turned) = &mut found[0];
            product_plain::<false, 4>(&b, &a, rank, n, 2.0, out, true);
            thin_with::<false, 4>(&d, n, &x, thin);
            turned_with::<false, 4>(&d, n, &y, turned);
            let (mut out, mut thin, mut turned) = (matrix(m, n), vec![9.0; m * THIN], matrix(n, THIN));
            product(&b, &a, rank, n, 2.0, &mut out, true);
            times_thin(&d, n, &x, &mut thin);
            add_turned(&d, n, &y, &mut turned);
            found.push((out, thin, turned));
            for (out, thin, turned) in &found {
                for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    let want = (0..rank).map(|k| b[i * rank + k] * a[k * n + j]).sum::<f32>();
                    assert_eq!(out[i * n + j], whole(i, j) + 2.0 * want, "{m}×{n} rank {rank} ({i}, {j})");
                }
                for (i, l) in (0..m).flat_map(|i| (0..THIN).map(move |l| (i, l))) {
                    assert_eq!(thin[i * THIN + l], (0..n).map(|k| d[i * n + k] * x[k * THIN + l]).sum::<f32>(), "{m}×{n}");
                }
                for (k, l) in (0..n).flat_map(|k| (0..THIN).map(move |l| (k, l))) {
                    assert_eq!(turned[k * THIN + l], whole(k, l) + (0..m).map(|i| d[i * n + k] * y[i * THIN + l]).sum::<f32>(), "{m}×{n}");
                }
            }
            product(&b, &a, rank, n, 1.0, &mut found[0].0, false);
            assert_eq!(found[0].0[0], (0..rank).map(|k| b[k] * a[k * n]).sum::<f32>());
        }
    }
}
