//! The largest singular value of a dense matrix, without the others.

use crate::delta::Dense;
use faer::Mat;

/// Most steps. Matrices whose largest values lie close together (pure noise) need about a hundred.
const STEPS: usize = 240;
/// Steps between two looks at the value.
const LOOK: usize = 8;
/// The value stands when so much of it, or less, changed since the last look.
const SETTLED: f64 = 1e-9;

/// σ₁ of `d` to about 1e-8 by Golub-Kahan-Lanczos bidiagonalisation with full reorthogonalisation (Golub and Kahan 1965); two passes over the
/// matrix per step, sums in f64. None when the small decompositions do not converge.
pub(super) fn largest(d: &Dense) -> Option<f64> {
    let mut right: Vec<Vec<f64>> = vec![start(d.n)];
    let mut left: Vec<Vec<f64>> = Vec::new();
    let (mut diagonal, mut above): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut last = 0.0;
    for step in 0..STEPS.min(d.n) {
        let mut u = times(d, &right[step]);
        let alpha = orthonormal(&mut u, &left);
        diagonal.push(alpha);
        let mut v = times_transposed(d, &u);
        left.push(u);
        let beta = orthonormal(&mut v, &right);
        // Nothing is left in a direction: what was found is all there is.
        let rounding = 1e-13 * diagonal[0];
        let spent = alpha <= rounding || beta <= rounding;
        if spent || (step + 1) % LOOK == 0 {
            let value = top(&diagonal, &above)?;
            if spent || (value - last).abs() <= SETTLED * value {
                return Some(value);
            }
            last = value;
        }
        above.push(beta);
        right.push(v);
    }
    top(&diagonal, &above)
}

/// A fixed vector without symmetries that a matrix could be orthogonal to by design.
fn start(n: usize) -> Vec<f64> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut v: Vec<f64> = (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        })
        .collect();
    orthonormal(&mut v, &[]);
    v
}

/// Takes the parts along `basis` out of `x` (twice, for rounding), brings it to length 1 and returns the length it had.
fn orthonormal(x: &mut [f64], basis: &[Vec<f64>]) -> f64 {
    for q in basis.iter().chain(basis) {
        let along: f64 = q.iter().zip(x.iter()).map(|(q, x)| q * x).sum();
        x.iter_mut().zip(q).for_each(|(x, q)| *x -= along * q);
    }
    let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length > 0.0 {
        x.iter_mut().for_each(|x| *x /= length);
    }
    length
}

fn times(d: &Dense, v: &[f64]) -> Vec<f64> {
    let row = |row: &[f32]| {
        let mut lanes = [0f64; 8];
        let ((a, a_rest), (v, v_rest)) = (row.as_chunks::<8>(), v.as_chunks::<8>());
        for (a, v) in a.iter().zip(v) {
            for l in 0..8 {
                lanes[l] += f64::from(a[l]) * v[l];
            }
        }
        lanes.iter().sum::<f64>() + a_rest.iter().zip(v_rest).map(|(a, v)| f64::from(*a) * v).sum::<f64>()
    };
    d.values.chunks_exact(d.n).map(row).collect()
}

fn times_transposed(d: &Dense, u: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; d.n];
    for (row, u) in d.values.chunks_exact(d.n).zip(u) {
        out.iter_mut().zip(row).for_each(|(o, a)| *o += u * f64::from(*a));
    }
    out
}

/// Largest singular value of the upper bidiagonal matrix so far.
fn top(diagonal: &[f64], above: &[f64]) -> Option<f64> {
    let k = diagonal.len();
    let entry = |i: usize, j: usize| match j.checked_sub(i) {
        Some(0) => diagonal[i],
        Some(1) => above[i],
        _ => 0.0,
    };
    Mat::from_fn(k, k, entry).singular_values().ok()?.into_iter().reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_full_decomposition() {
        let mut state = 3u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        for (m, n) in [(1, 5), (5, 1), (3, 3), (60, 40), (40, 200), (300, 300)] {
            let d = Dense { m, n, values: (0..m * n).map(|_| noise()).collect() };
            let full = Mat::from_fn(m, n, |i, j| f64::from(d.values[i * n + j]));
            let want = full.singular_values().ok().and_then(|s| s.into_iter().reduce(f64::max));
            let (got, want) = (largest(&d).unwrap_or(0.0), want.unwrap_or(0.0));
            assert!((got - want).abs() < 1e-8 * want, "{m}×{n}: {got} is not {want}");
        }
        let rank_one = Dense { m: 7, n: 9, values: (0..63).map(|k| ((k / 9 + 1) * (k % 9 + 1)) as f32).collect() };
        let want = rank_one.values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        assert!((largest(&rank_one).unwrap_or(0.0) - want).abs() < 1e-9 * want);
        assert_eq!(largest(&Dense { m: 3, n: 4, values: vec![0.0; 12] }), Some(0.0));
    }
}
