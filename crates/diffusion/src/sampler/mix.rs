//! Weighted sums of latents, element by element in double precision.

/// x ← scale·x + Σ weight·y.
///
/// # Panics
/// When the slices differ in length.
pub fn mix<const N: usize>(x: &mut [f32], scale: f64, terms: [(f64, &[f32]); N]) {
    let n = x.len();
    let terms = terms.map(|(weight, values)| (weight, &values[..n]));
    for (i, x) in x.iter_mut().enumerate() {
        *x = terms.iter().fold(scale * f64::from(*x), |sum, (weight, values)| sum + weight * f64::from(values[i])) as f32;
    }
}

/// out = Σ weight·y.
///
/// # Panics
/// When the slices differ in length.
pub fn combine<const N: usize>(out: &mut [f32], terms: [(f64, &[f32]); N]) {
    let n = out.len();
    let terms = terms.map(|(weight, values)| (weight, &values[..n]));
    for (i, out) in out.iter_mut().enumerate() {
        *out = terms.iter().fold(0.0, |sum, (weight, values)| sum + weight * f64::from(values[i])) as f32;
    }
}
