//! The singular value decomposition of Σ b_j a_jᵀ through its factors.
//!
//! Gram route: with BᵀB = V Λ Vᵀ and AAᵀ = W M Wᵀ the R×R core Λ^½ Vᵀ W M^½ has the singular values of ΔW, and two thin products give the
//! singular vectors. Squaring the condition is safe while the smallest eigenvalue kept is far above f64 rounding; where it is not (nearly
//! dependent or badly scaled factors), Householder QR of both factors takes over.

use super::{Stack, times};
use faer::linalg::solvers::Svd;
use faer::{Mat, MatRef, Side};

/// Below this ratio of eigenvalues the Gram route hands over to QR: its error in the smallest direction would pass 1e-6 of that direction.
const GRAM_LIMIT: f64 = 1e-9;

/// Singular values below this part of the components' size are rounding.
const ROUNDING: f64 = 1e-14;

/// How many singular values a compression keeps.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Truncation {
    /// At most so many.
    pub(crate) rank: Option<usize>,
    /// The fewest whose squares sum to this part (0 to 1) of all.
    pub(crate) energy: Option<f64>,
}

/// Number of the descending singular values `sigma` to keep. Values below rounding never count.
#[must_use]
pub(crate) fn keep_for(sigma: &[f64], truncation: Truncation) -> usize {
    let largest = sigma.first().copied().unwrap_or(0.0);
    let real = sigma.iter().take_while(|&&s| s > largest * 1e-14 && s > 0.0).count();
    let mut keep = truncation.rank.map_or(real, |k| k.min(real));
    if let Some(energy) = truncation.energy {
        let total: f64 = sigma.iter().map(|s| s * s).sum();
        let mut tail = 0.0;
        let mut needed = real;
        while needed > 0 {
            tail += sigma[needed - 1] * sigma[needed - 1];
            if tail > (1.0 - energy) * total {
                break;
            }
            needed -= 1;
        }
        keep = keep.min(needed.max(usize::from(real > 0)));
    }
    keep
}

/// What is needed to rebuild the singular vectors.
#[derive(Debug)]
enum Route {
    /// Coefficients on the stack's own components (R×q each): U = B·left, V = Aᵀ·right.
    Gram { left: Mat<f64>, right: Mat<f64> },
    /// Orthonormal bases (m×p, n×p) with the core's vectors (p×q).
    Qr { qb: Mat<f64>, qa: Mat<f64>, left: Mat<f64>, right: Mat<f64> },
    /// ΔW = 0.
    Zero,
}

/// Singular values of a stack, and the means to build its truncations.
#[derive(Debug)]
pub(crate) struct Spectrum {
    /// Descending singular values of ΔW; those below the rounding of the components that cancelled are left out.
    pub(crate) sigma: Vec<f64>,
    /// √Σ‖b_j‖²‖a_j‖²: about ‖ΔW‖ where the components are unrelated, far more where they cancel.
    pub(crate) size: f64,
    route: Route,
}

impl Spectrum {
    /// Decomposes Σ b_j a_jᵀ. None if the small decomposition does not converge, which finite factors do not cause.
    #[must_use]
    pub(crate) fn of(stack: &Stack) -> Option<Self> {
        let (gb, ga) = stack.grams();
        let gauge = Gauge::of(&gb, &ga);
        if gauge.live.is_empty() {
            return Some(Self { sigma: Vec::new(), size: 0.0, route: Route::Zero });
        }
        let size = gauge.live.iter().map(|(j, _)| gb[(*j, *j)] * ga[(*j, *j)]).sum::<f64>().sqrt();
        let mut spectrum = Self::route(stack, &gauge, &gb, &ga)?;
        spectrum.sigma.retain(|s| *s > size * ROUNDING);
        spectrum.size = size;
        Some(spectrum)
    }

    fn route(stack: &Stack, gauge: &Gauge, gb: &Mat<f64>, ga: &Mat<f64>) -> Option<Self> {
        let (gb, ga) = (gauge.apply(gb, 1.0), gauge.apply(ga, -1.0));
        match (root(&gb)?, root(&ga)?) {
            (Some(b), Some(a)) => Self::by_gram(gauge, stack.rank(), &b, &a),
            _ => Self::by_qr(stack, gauge),
        }
    }

    fn by_gram(gauge: &Gauge, rank: usize, b: &Root, a: &Root) -> Option<Self> {
        let core = b.half.transpose() * &a.half;
        let svd = Svd::new_thin(core.as_ref()).ok()?;
        let left = gauge.expand(&(&b.inverse * svd.U()), rank, 1.0);
        let right = gauge.expand(&(&a.inverse * svd.V()), rank, -1.0);
        Some(Self { sigma: values(&svd), size: 0.0, route: Route::Gram { left, right } })
    }

    fn by_qr(stack: &Stack, gauge: &Gauge) -> Option<Self> {
        let qb = gauge.gather(stack.b_view(), 1.0).qr();
        let qa = gauge.gather(stack.at_view(), -1.0).qr();
        let core = qb.thin_R() * qa.thin_R().transpose();
        let svd = Svd::new_thin(core.as_ref()).ok()?;
        let (left, right) = (svd.U().to_owned(), svd.V().to_owned());
        Some(Self { sigma: values(&svd), size: 0.0, route: Route::Qr { qb: qb.compute_thin_Q(), qa: qa.compute_thin_Q(), left, right } })
    }

    /// The best approximation of rank `keep`, as a stack of `keep` components (fewer where ΔW has fewer): b = √σ·u, a = √σ·v, so both
    /// factors have the same size and neither leaves the range of a 16-bit float before the other.
    #[must_use]
    pub(crate) fn truncate(&self, stack: &Stack, keep: usize) -> Stack {
        let k = keep.min(self.sigma.len());
        let scaled = |x: &Mat<f64>| Mat::from_fn(x.nrows(), k, |i, j| x[(i, j)] * self.sigma[j].sqrt());
        let (b, a) = match &self.route {
            Route::Gram { left, right } => (times(stack.b_view(), scaled(left).as_ref()), times(stack.at_view(), scaled(right).as_ref())),
            Route::Qr { qb, qa, left, right } => (times(qb.as_ref(), scaled(left).as_ref()), times(qa.as_ref(), scaled(right).as_ref())),
            Route::Zero => (Vec::new(), Vec::new()),
        };
        Stack { m: stack.m, n: stack.n, b, a }
    }

    /// Σσ² of the first `keep`, and of all.
    #[must_use]
    pub(crate) fn energy(&self, keep: usize) -> (f64, f64) {
        let sum = |s: &[f64]| s.iter().map(|v| v * v).sum::<f64>();
        (sum(&self.sigma[..keep.min(self.sigma.len())]), sum(&self.sigma))
    }
}

fn values(svd: &Svd<f64>) -> Vec<f64> {
    let s = svd.S().column_vector();
    (0..s.nrows()).map(|i| s[i].max(0.0)).collect()
}

/// Scales of the components that make b_j and a_j equally long. ΔW does not change, the condition of both Gram matrices gets as good as a
/// diagonal scaling can make it, and components that are zero on either side are left out.
struct Gauge {
    /// Components that are not zero, with the factor for b (a gets its inverse).
    live: Vec<(usize, f64)>,
}

impl Gauge {
    fn of(gb: &Mat<f64>, ga: &Mat<f64>) -> Self {
        let live =
            (0..gb.nrows()).filter(|&j| gb[(j, j)] > 0.0 && ga[(j, j)] > 0.0).map(|j| (j, (ga[(j, j)] / gb[(j, j)]).powf(0.25))).collect();
        Self { live }
    }

    fn apply(&self, g: &Mat<f64>, power: f64) -> Mat<f64> {
        let r = self.live.len();
        let scale: Vec<f64> = self.live.iter().map(|(_, d)| d.powf(power)).collect();
        Mat::from_fn(r, r, |i, j| g[(self.live[i].0, self.live[j].0)] * scale[i] * scale[j])
    }

    fn expand(&self, x: &Mat<f64>, rank: usize, power: f64) -> Mat<f64> {
        let mut out = Mat::zeros(rank, x.ncols());
        for (i, (row, d)) in self.live.iter().enumerate() {
            for j in 0..x.ncols() {
                out[(*row, j)] = x[(i, j)] * d.powf(power);
            }
        }
        out
    }

    fn gather(&self, x: MatRef<'_, f64>, power: f64) -> Mat<f64> {
        let mut out = Mat::zeros(x.nrows(), self.live.len());
        for (j, (column, d)) in self.live.iter().enumerate() {
            let scale = d.powf(power);
            out.col_mut(j).iter_mut().zip(x.col(*column).iter()).for_each(|(o, v)| *o = v * scale);
        }
        out
    }
}

/// G = half·halfᵀ with inverse = half^(−T): columns V_j·√λ_j and V_j/√λ_j.
struct Root {
    half: Mat<f64>,
    inverse: Mat<f64>,
}

/// Square root of a positive Gram matrix. Outer None: no convergence. Inner None: too badly conditioned for this route.
fn root(g: &Mat<f64>) -> Option<Option<Root>> {
    let eigen = g.self_adjoint_eigen(Side::Lower).ok()?;
    let values = eigen.S().column_vector();
    let r = values.nrows();
    let (smallest, largest) = (values[0], values[r - 1]);
    if smallest <= largest * GRAM_LIMIT {
        return Some(None);
    }
    let vectors = eigen.U();
    let half = Mat::from_fn(r, r, |i, j| vectors[(i, j)] * values[j].sqrt());
    let inverse = Mat::from_fn(r, r, |i, j| vectors[(i, j)] / values[j].sqrt());
    Some(Some(Root { half, inverse }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: u64) -> impl FnMut() -> f32 {
        let mut s = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        move || {
            s ^= s << 13;
            s ^= s >> 7;
            s ^= s << 17;
            ((s >> 40) as f32 / (1u64 << 24) as f32) * 2.0 - 1.0
        }
    }

    fn dense(s: &Stack) -> Mat<f64> {
        s.b_view() * s.at_view().transpose()
    }

    /// Largest difference between our truncations and the dense optimum, relative to ‖ΔW‖.
    fn error(stack: &Stack) -> f64 {
        let w = dense(stack);
        let reference = Svd::new_thin(w.as_ref()).unwrap();
        let sigma = values(&reference);
        let spectrum = Spectrum::of(stack).unwrap();
        let norm = w.norm_l2().max(1e-300);
        let mut worst: f64 = sigma.iter().zip(&spectrum.sigma).map(|(a, b)| (a - b).abs() / norm).fold(0.0, f64::max);
        for k in 1..=spectrum.sigma.len() {
            let tail = sigma[k..].iter().map(|s| s * s).sum::<f64>().sqrt();
            let ours = (&w - dense(&spectrum.truncate(stack, k))).norm_l2();
            worst = worst.max((ours - tail) / norm);
        }
        worst
    }

    fn stack(m: usize, n: usize, parts: &[usize], seed: u64) -> Stack {
        let mut rng = random(seed);
        let mut s = Stack::new(m, n);
        for (i, &r) in parts.iter().enumerate() {
            let b: Vec<f32> = (0..m * r).map(|_| rng()).collect();
            let a: Vec<f32> = (0..n * r).map(|_| rng()).collect();
            s.push(&b, &a, 0, 0.5 + i as f64);
        }
        s
    }

    #[test]
    fn truncations_equal_the_dense_optimum() {
        for (m, n, parts) in [(40, 30, vec![4, 8]), (7, 50, vec![3]), (16, 16, vec![8, 8]), (12, 9, vec![8, 8]), (5, 5, vec![1])] {
            let e = error(&stack(m, n, &parts, 7 + m as u64));
            assert!(e < 1e-10, "{m}x{n} {parts:?}: {e}");
        }
    }

    #[test]
    fn dependent_and_nearly_dependent_factors() {
        for eps in [0.0f32, 1e-7, 1e-6, 1e-4, 1e-2] {
            let mut rng = random(3);
            let (m, n, r) = (48, 36, 6);
            let b: Vec<f32> = (0..m * r).map(|_| rng()).collect();
            let a: Vec<f32> = (0..n * r).map(|_| rng()).collect();
            let mut s = Stack::new(m, n);
            s.push(&b, &a, 0, 1.0);
            let near = |x: &[f32], rng: &mut dyn FnMut() -> f32| x.iter().map(|v| v + eps * rng()).collect::<Vec<f32>>();
            let (b2, a2) = (near(&b, &mut rng), near(&a, &mut rng));
            s.push(&b2, &a2, 0, 1.0);
            assert!(error(&s) < 1e-9, "sum, {eps}: {}", error(&s));
            // Difference of near-equal files: almost everything cancels, the rest must still be right.
            let mut d = Stack::new(m, n);
            d.push(&b, &a, 0, 1.0);
            d.push(&b2, &a2, 0, -1.0);
            if eps > 0.0 {
                assert!(error(&d) < 1e-7, "difference, {eps}: {}", error(&d));
            }
        }
    }

    #[test]
    fn unbalanced_gauge_and_zero_components() {
        let mut rng = random(11);
        let (m, n) = (30, 20);
        let mut s = Stack::new(m, n);
        for scale in [1e-9f32, 1.0, 1e9] {
            let b: Vec<f32> = (0..m * 2).map(|_| rng() * scale).collect();
            let a: Vec<f32> = (0..n * 2).map(|_| rng() / scale).collect();
            s.push(&b, &a, 0, 1.0);
        }
        s.push(&vec![0.0; m * 3], &vec![1.0; n * 3], 0, 1.0);
        assert!(error(&s) < 1e-10);
        let zero = Spectrum::of(&{
            let mut z = Stack::new(m, n);
            z.push(&vec![0.0; m], &vec![1.0; n], 0, 1.0);
            z
        });
        assert!(zero.unwrap().sigma.is_empty());
    }

    #[test]
    fn energy_keeps_the_fewest() {
        let sigma = [2.0, 1.0, 1.0, 0.0];
        let by = |energy| keep_for(&sigma, Truncation { rank: None, energy: Some(energy) });
        assert_eq!((by(0.5), by(0.7), by(0.84), by(1.0)), (1, 2, 3, 3));
        assert_eq!(keep_for(&sigma, Truncation { rank: Some(2), energy: Some(1.0) }), 2);
        assert_eq!(keep_for(&[], Truncation::default()), 0);
    }
}
