//! Row and column spaces of ΔW and the angles between those of two files, from Gram matrices of the factors alone.

use faer::linalg::solvers::Svd;
use faer::{Mat, Side};

/// Directions of a factor below this part of its largest eigenvalue (1e-5 of its length) do not count: they are rounding of stored numbers.
const WEAKEST: f64 = 1e-10;
/// Directions of ΔW below this part of the largest singular value do not count.
const WEAKEST_SIGMA: f64 = 1e-6;

/// Orthonormal bases of both spaces of one ΔW = Σ b_j a_jᵀ, as coefficients on the components of a stack.
#[derive(Debug)]
pub(super) struct Basis {
    /// The components they are made of.
    components: Vec<usize>,
    /// U = B·left.
    left: Mat<f64>,
    /// V = Aᵀ·right.
    right: Mat<f64>,
}

/// The angles between the spaces of two files.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spaces {
    /// Cosines of the principal angles between the row spaces, largest first.
    pub(crate) input: Vec<f64>,
    /// … between the column spaces.
    pub(crate) output: Vec<f64>,
    /// Dimensions of the spaces of either file.
    pub(crate) ranks: (usize, usize),
}

impl Basis {
    /// Of the components `all` of a stack with these Gram matrices. None for a change of zero.
    pub(super) fn of(gb: &Mat<f64>, ga: &Mat<f64>, all: Vec<usize>) -> Option<Self> {
        let live: Vec<usize> = all.into_iter().filter(|&j| gb[(j, j)] > 0.0 && ga[(j, j)] > 0.0).collect();
        if live.is_empty() {
            return None;
        }
        // b_j and a_j made equally long: their product stays, and a lopsided pair does not look like a weak direction.
        let gauge: Vec<f64> = live.iter().map(|&j| (ga[(j, j)] / gb[(j, j)]).powf(0.25)).collect();
        let part = |g: &Mat<f64>, power: i32| {
            let r = live.len();
            Mat::from_fn(r, r, |i, j| g[(live[i], live[j])] * gauge[i].powi(power) * gauge[j].powi(power))
        };
        let (b, a) = (Root::of(&part(gb, 1))?, Root::of(&part(ga, -1))?);
        let svd = Svd::new_thin((b.half.transpose() * &a.half).as_ref()).ok()?;
        let sigma = svd.S().column_vector();
        let strong = (0..sigma.nrows()).take_while(|&i| sigma[i] > 0.0 && sigma[i] >= sigma[0] * WEAKEST_SIGMA).count();
        if strong == 0 {
            return None;
        }
        let unscaled = |x: Mat<f64>, power: i32| Mat::from_fn(x.nrows(), strong, |i, j| x[(i, j)] * gauge[i].powi(power));
        let (left, right) = (unscaled(&b.inverse * svd.U(), 1), unscaled(&a.inverse * svd.V(), -1));
        Some(Self { components: live, left, right })
    }

    fn rank(&self) -> usize {
        self.left.ncols()
    }
}

/// A Gram matrix as half·halfᵀ, with inverse = half^(−T), on the directions that count.
struct Root {
    half: Mat<f64>,
    inverse: Mat<f64>,
}

impl Root {
    fn of(g: &Mat<f64>) -> Option<Self> {
        let eigen = g.self_adjoint_eigen(Side::Lower).ok()?;
        let values = eigen.S().column_vector();
        let r = values.nrows();
        let largest = values[r - 1];
        let kept: Vec<usize> = (0..r).filter(|&i| values[i] > 0.0 && values[i] > largest * WEAKEST).collect();
        let vectors = eigen.U();
        let scaled = |power: f64| Mat::from_fn(r, kept.len(), |i, j| vectors[(i, kept[j])] * values[kept[j]].powf(power));
        (!kept.is_empty()).then(|| Self { half: scaled(0.5), inverse: scaled(-0.5) })
    }
}

/// The principal angles between two files' spaces (Björck and Golub: singular values of the product of the bases).
pub(super) fn principal(gb: &Mat<f64>, ga: &Mat<f64>, x: &Basis, y: &Basis) -> Option<Spaces> {
    let cosines = |g: &Mat<f64>, left: &Mat<f64>, right: &Mat<f64>| -> Option<Vec<f64>> {
        let cross = Mat::from_fn(x.components.len(), y.components.len(), |i, j| g[(x.components[i], y.components[j])]);
        let product = left.transpose() * &(&cross * right);
        let mut values = product.singular_values().ok()?;
        values.iter_mut().for_each(|c| *c = c.clamp(0.0, 1.0));
        values.sort_by(|a, b| b.total_cmp(a));
        Some(values)
    };
    Some(Spaces { input: cosines(ga, &x.right, &y.right)?, output: cosines(gb, &x.left, &y.left)?, ranks: (x.rank(), y.rank()) })
}
