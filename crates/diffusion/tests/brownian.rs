//! The random path of the stochastic samplers.

use proptest::prelude::*;
use weft_diffusion::noise::Brownian;

const N: usize = 4096;

fn increment(path: &mut Brownian, from: f64, to: f64) -> Vec<f64> {
    let mut out = vec![0.0; N];
    path.increment(from, to, &mut out);
    out.into_iter().map(f64::from).collect()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / N as f64
}

#[test]
fn increments_are_standard_normal_and_independent_when_apart() {
    let levels = [14.61, 9.0, 4.03, 1.2, 0.7, 0.69, 0.3, 0.03];
    let mut path = Brownian::new(77);
    let parts: Vec<Vec<f64>> = levels.windows(2).map(|pair| increment(&mut path, pair[0], pair[1])).collect();
    for (i, a) in parts.iter().enumerate() {
        let mean = a.iter().sum::<f64>() / N as f64;
        let fourth = a.iter().map(|v| v.powi(4)).sum::<f64>() / N as f64;
        // Four standard errors of 4096 numbers.
        assert!(mean.abs() < 0.065 && (correlation(a, a) - 1.0).abs() < 0.09 && (fourth - 3.0).abs() < 0.65, "{i}: {mean} {fourth}");
        for b in &parts[i + 1..] {
            assert!(correlation(a, b).abs() < 0.065, "{i}");
        }
    }
}

#[test]
fn overlapping_intervals_share_noise() {
    let mut path = Brownian::new(3);
    let (whole, part) = (increment(&mut path, 8.0, 2.0), increment(&mut path, 8.0, 4.0));
    // Covariance 4 of the increments, variances 6 and 4.
    assert!((correlation(&whole, &part) - 4.0 / 24.0_f64.sqrt()).abs() < 0.05);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The path is one: parts add up to the whole, whatever was asked before, to the accuracy of f32.
    #[test]
    fn parts_add_up(seed: u64, a in 0.01..16.0_f64, b in 0.01..16.0_f64, c in 0.01..16.0_f64, other in 0.01..16.0_f64) {
        let mut path = Brownian::new(seed);
        let mut sum = [0.0_f64; 8];
        let mut out = [0.0; 8];
        for (from, to) in [(a, b), (b, c), (c, a)] {
            path.increment(from, to, &mut out);
            let scale = (from - to).abs().sqrt() * (from - to).signum();
            sum.iter_mut().zip(out).for_each(|(s, x)| *s += scale * f64::from(x));
        }
        prop_assert!(sum.iter().all(|s| s.abs() < 1e-4), "{sum:?}");
        let mut fresh = Brownian::new(seed);
        let mut again = [0.0; 8];
        fresh.increment(other, b, &mut again);
        fresh.increment(c, a, &mut again);
        prop_assert_eq!(out, again);
    }

    #[test]
    fn any_level_gives_numbers(seed: u64, from: f64, to: f64) {
        let mut out = [0.0; 5];
        Brownian::new(seed).increment(from, to, &mut out);
        prop_assert!(from.is_nan() || to.is_nan() || out.iter().all(|x| x.is_finite()));
    }
}
