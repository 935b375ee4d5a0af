//! Methods that remember slopes dx/dσ.

use super::mix::mix;
use super::rules::History;
use super::walk::{Error, Walk};

const ORDER: usize = 4;

/// Adams–Bashforth over uneven levels: the polynomial through the last four slopes, integrated. The last step, to level 0, is straight, as
/// in ComfyUI.
pub fn lms<E>(walk: &mut Walk<'_, E>) -> Result<(), Error<E>> {
    adams(walk, lagrange_integral)
}

/// ∫ of the Lagrange polynomial that is 1 at `nodes[which]` and 0 at the others, from `a` to `b`. Four Gauss–Legendre points are
/// exact for these degrees.
fn lagrange_integral(nodes: &[f64], which: usize, a: f64, b: f64) -> f64 {
    const POINTS: [(f64, f64); 2] =
        [(0.339_981_043_584_856_26, 0.652_145_154_862_546_2), (0.861_136_311_594_052_6, 0.347_854_845_137_453_85)];
    let basis = |x: f64| -> f64 {
        let others = nodes.iter().enumerate().filter(|(k, _)| *k != which);
        others.map(|(_, node)| (x - node) / (nodes[which] - node)).product()
    };
    let (middle, half) = ((a + b) / 2.0, (b - a) / 2.0);
    POINTS.iter().map(|(at, weight)| half * weight * (basis(middle + half * at) + basis(middle - half * at))).sum()
}

/// Adams–Bashforth with the weights of even steps (Zhang and Chen 2023, iPNDM); the last step is straight.
pub fn ipndm<E>(walk: &mut Walk<'_, E>) -> Result<(), Error<E>> {
    const WEIGHTS: [&[f64]; ORDER] =
        [&[1.0], &[1.5, -0.5], &[23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0], &[55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0]];
    adams(walk, |nodes, age, sigma, next| (next - sigma) * WEIGHTS[nodes.len() - 1][age])
}

/// Steps along the last slopes, newest first, each times `weight(levels of the slopes, which of them, from, to)`.
fn adams<E>(walk: &mut Walk<'_, E>, weight: impl Fn(&[f64], usize, f64, f64) -> f64) -> Result<(), Error<E>> {
    let mut slopes = History::new(ORDER);
    let mut slope = vec![0.0; walk.x.len()];
    for i in 0..walk.steps() {
        let (sigma, next) = walk.levels(i);
        walk.look(i, sigma)?;
        if next == 0.0 {
            walk.straight(sigma, next);
            continue;
        }
        walk.slope(sigma, &mut slope);
        slopes.push(&slope);
        let nodes: Vec<f64> = (0..slopes.len()).map(|age| walk.sigmas[i - age]).collect();
        for age in 0..nodes.len() {
            mix(walk.x, 1.0, [(weight(&nodes, age, sigma, next), slopes.get(age))]);
        }
    }
    Ok(())
}
