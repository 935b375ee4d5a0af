//! Classifier-free guidance.

/// `without` + scale·(`with` − `without`), written over `with` (Ho and Salimans 2022). `with` answers the prompt, `without` the
/// negative prompt. It may be taken on clean latents or on raw outputs: the same for all kinds of prediction.
///
/// # Panics
/// When the slices differ in length.
pub fn guide(with: &mut [f32], without: &[f32], scale: f64) {
    super::mix::mix(with, scale, [(1.0 - scale, without)]);
}

/// Gives `guided` the standard deviation of `with`, by the share φ: φ·(std(with)/std(guided)) + (1 − φ) as a factor (Lin et al. 2024,
/// "Common diffusion noise schedules and sample steps are flawed", equation 16). One picture at a time.
///
/// Take it on the model's own output (v), as the paper and diffusers do.
///
/// # Panics
/// When the slices differ in length.
pub fn rescale(guided: &mut [f32], with: &[f32], share: f64) {
    assert_eq!(guided.len(), with.len(), "both are one picture");
    let wide = deviation(guided);
    if wide > 0.0 {
        let factor = share * deviation(with) / wide + (1.0 - share);
        super::mix::mix(guided, factor, []);
    }
}

/// Standard deviation of a sample.
fn deviation(values: &[f32]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().copied().map(f64::from).sum::<f64>() / n;
    (values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt()
}
