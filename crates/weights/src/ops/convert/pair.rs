//! Pairs cut, joined and scaled.

use crate::delta::Product;

/// A module's share of a unit: rows `row0..` of the unit are `scale`·B·A.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) row0: usize,
    pub(super) scale: f64,
    pub(super) product: Product,
}

/// Cuts rows `from..from + rows` out of a module's pair. Components that are zero in these rows are left out, when the cut is a real one.
pub(super) fn cut(product: &Product, from: usize, rows: usize) -> Product {
    let r = product.rank;
    let b = &product.b[from * r..(from + rows) * r];
    if rows == product.m {
        return Product { b: b.to_vec(), ..product.clone() };
    }
    let live: Vec<usize> = (0..r).filter(|j| b.iter().skip(*j).step_by(r.max(1)).any(|v| *v != 0.0)).collect();
    let kept_b = b.chunks_exact(r.max(1)).flat_map(|row| live.iter().map(|j| row[*j])).collect();
    let kept_a = live.iter().flat_map(|j| product.a[j * product.n..][..product.n].iter().copied()).collect();
    Product { m: rows, n: product.n, rank: live.len(), b: kept_b, a: kept_a }
}

/// Swaps the two halves of the rows.
pub(super) fn swap_halves(product: &mut Product) {
    product.b.rotate_left(product.m / 2 * product.rank);
}

/// All parts of a unit of m rows as one pair and the scale before it. None: the unit is zero.
///
/// One part keeps its scale beside it; of several the scales go into B. Parts with the same A share its rows.
pub(super) fn join(m: usize, mut parts: Vec<Part>) -> Option<(Product, f64)> {
    parts.retain(|p| p.product.rank > 0 && p.scale != 0.0);
    let n = parts.first()?.product.n;
    if let [part] = parts.as_slice()
        && part.row0 == 0
        && part.product.m == m
    {
        let Part { product, scale, .. } = parts.remove(0);
        return Some((product, scale));
    }
    // A scale that all parts share stays outside too, so that no value is rounded for it.
    let common = parts[0].scale;
    let scale = if parts.iter().all(|p| p.scale == common) { common } else { 1.0 };
    let mut columns: Vec<usize> = Vec::with_capacity(parts.len());
    let (mut a, mut rank) = (Vec::new(), 0);
    for (i, part) in parts.iter().enumerate() {
        let twin = (0..i).find(|j| parts[*j].product.a == part.product.a);
        columns.push(twin.map_or(rank, |j| columns[j]));
        if twin.is_none() {
            a.extend_from_slice(&part.product.a);
            rank += part.product.rank;
        }
    }
    let mut b = vec![0f64; m * rank];
    for (part, column) in parts.iter().zip(columns) {
        let (r, factor) = (part.product.rank, part.scale / scale);
        for (to, from) in b.chunks_exact_mut(rank).skip(part.row0).zip(part.product.b.chunks_exact(r)) {
            to[column..column + r].iter_mut().zip(from).for_each(|(t, f)| *t += factor * f64::from(*f));
        }
    }
    let b = b.into_iter().map(|v| v as f32).collect();
    Some((Product { m, n, rank, b, a }, scale))
}

/// Multiplies B by `factor`. Where that would take digits from 16-bit floats, a power of two moves over to A, which costs none.
pub(super) fn fold(product: &mut Product, factor: f64, narrow: bool) {
    if factor == 1.0 {
        return;
    }
    let rms = |x: &[f32]| (x.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>() / x.len().max(1) as f64).sqrt();
    let (a, b) = (rms(&product.a), rms(&product.b) * factor.abs());
    let comfortable = b > 2f64.powi(-10) && b < 2f64.powi(8);
    let power = if narrow && !comfortable && a > 0.0 && b > 0.0 { ((a / b).log2() / 2.0).round().clamp(-30.0, 30.0).exp2() } else { 1.0 };
    if power != 1.0 {
        product.a.iter_mut().for_each(|v| *v = (f64::from(*v) / power) as f32);
    }
    product.b.iter_mut().for_each(|v| *v = (f64::from(*v) * factor * power) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(b: &[f32], a: &[f32], rank: usize) -> Product {
        Product { m: b.len() / rank, n: a.len() / rank, rank, b: b.to_vec(), a: a.to_vec() }
    }

    #[test]
    fn block_diagonal_pairs_are_cut_back_to_their_ranks() {
        let whole = product(&[1.0, 0.0, 2.0, 0.0, 0.0, 3.0], &[1.0, 2.0, 3.0, 4.0], 2);
        let first = cut(&whole, 0, 2);
        assert_eq!((first.rank, first.b.as_slice(), first.a.as_slice()), (1, &[1.0, 2.0][..], &[1.0, 2.0][..]));
        let second = cut(&whole, 2, 1);
        assert_eq!((second.rank, second.a.as_slice()), (1, &[3.0, 4.0][..]));
        assert_eq!(cut(&whole, 0, 3), whole);
        // And joined again.
        let parts = vec![Part { row0: 0, scale: 0.5, product: first }, Part { row0: 2, scale: 0.5, product: second }];
        assert_eq!(join(3, parts), Some((whole, 0.5)));
    }

    #[test]
    fn leaves_that_share_one_a_keep_the_rank() {
        let whole = product(&[1.0, 5.0, 2.0, 6.0, 7.0, 3.0], &[1.0, 2.0, 3.0, 4.0], 2);
        let parts = (0..3).map(|i| Part { row0: i, scale: 1.0, product: cut(&whole, i, 1) }).collect();
        assert_eq!(join(3, parts), Some((whole, 1.0)));
    }

    #[test]
    fn scales_go_into_b_when_they_differ_and_zero_parts_vanish() {
        let one = product(&[1.0], &[1.0, 2.0], 1);
        let two = product(&[4.0], &[5.0, 6.0], 1);
        let part = |row0, scale, product: &Product| Part { row0, scale, product: product.clone() };
        let (joined, scale) = join(2, vec![part(0, 2.0, &one), part(1, 0.5, &two)]).unwrap();
        assert_eq!((joined.b.as_slice(), scale), (&[2.0, 0.0, 0.0, 2.0][..], 1.0));
        assert_eq!(join(2, vec![part(0, 0.0, &one)]), None);
        let (same, _) = join(1, vec![part(0, 1.0, &one), part(0, 3.0, &one)]).unwrap();
        assert_eq!((same.rank, same.b), (1, vec![4.0]));
    }

    #[test]
    fn folding_moves_digits_to_a_where_f16_would_lose_them() {
        let mut p = product(&[1e-3, 2e-3], &[1.0, 0.5], 1);
        fold(&mut p, 1e-4, true);
        assert!(p.b[0] > 1e-5 && (f64::from(p.b[0]) * f64::from(p.a[0]) - 1e-7).abs() < 1e-13);
    }
}
