//! One module's ΔW by its singular values.

use super::OpError;
use crate::delta::{Delta, DeltaError, Dense, Form, KronSide, Product};
use crate::linalg::{Spectrum, Stack};

/// Khatri-Rao factors up to this rank are decomposed as they are; above, or above the smaller side, the dense matrix is.
const KHATRI_RAO: usize = 1024;

/// Decomposition of a form, and the means to build its truncations. The scale is not in it.
#[derive(Debug)]
pub(super) enum Decomposed {
    Plain {
        stack: Stack,
        spectrum: Spectrum,
    },
    /// Singular values of a Kronecker product are all products of those of its sides.
    Kron {
        sides: [Stack; 2],
        order: Vec<(usize, usize)>,
        sigma: Vec<f64>,
    },
}

impl Decomposed {
    pub(super) fn of(delta: &Delta, name: &str) -> Result<Self, OpError> {
        match &delta.form {
            Form::Product(p) => plain(stack(p), name),
            Form::Dense(d) => plain(identity(d), name),
            Form::Hadamard(one, two) => {
                let rank = one.rank.saturating_mul(two.rank);
                match delta.factors(KHATRI_RAO).filter(|_| rank < one.m.min(one.n)) {
                    Some(pair) => plain(stack(&pair), name),
                    None => plain(identity(&dense(delta)), name),
                }
            }
            Form::Kron(one, two) => kron(one, two, name),
        }
    }

    /// Descending singular values.
    pub(super) fn sigma(&self) -> &[f64] {
        match self {
            Self::Plain { spectrum, .. } => &spectrum.sigma,
            Self::Kron { sigma, .. } => sigma,
        }
    }

    /// The best approximation of rank `keep`: (b, a), columns of B and rows of A one after another, √σ in each.
    pub(super) fn truncate(&self, keep: usize) -> (Vec<f64>, Vec<f64>) {
        match self {
            Self::Plain { stack, spectrum } => {
                let best = spectrum.truncate(stack, keep);
                (best.b, best.a)
            }
            Self::Kron { sides: [one, two], order, .. } => {
                let (mut b, mut a) = (Vec::new(), Vec::new());
                for (i, j) in order.iter().take(keep) {
                    outer(column(&one.b, one.m, *i), column(&two.b, two.m, *j), &mut b);
                    outer(column(&one.a, one.n, *i), column(&two.a, two.n, *j), &mut a);
                }
                (b, a)
            }
        }
    }
}

fn column(values: &[f64], len: usize, index: usize) -> &[f64] {
    &values[index * len..][..len]
}

fn outer(x: &[f64], y: &[f64], out: &mut Vec<f64>) {
    x.iter().for_each(|x| out.extend(y.iter().map(|y| x * y)));
}

fn plain(stack: Stack, name: &str) -> Result<Decomposed, OpError> {
    let spectrum = Spectrum::of(&stack).ok_or_else(|| OpError::Numeric(name.into()))?;
    Ok(Decomposed::Plain { stack, spectrum })
}

fn kron(one: &KronSide, two: &KronSide, name: &str) -> Result<Decomposed, OpError> {
    let side = |side: &KronSide| {
        let stack = match side {
            KronSide::Product(p) if p.rank < p.m.min(p.n) => stack(p),
            KronSide::Product(p) => identity(&dense(&Delta { scale: 1.0, form: Form::Product(p.clone()) })),
            KronSide::Dense(d) => identity(d),
        };
        let spectrum = Spectrum::of(&stack).ok_or_else(|| OpError::Numeric(name.into()))?;
        let whole = spectrum.truncate(&stack, spectrum.sigma.len());
        Ok::<_, OpError>((whole, spectrum.sigma))
    };
    let ((left, s), (right, t)) = (side(one)?, side(two)?);
    let mut all: Vec<(f64, (usize, usize))> =
        s.iter().enumerate().flat_map(|(i, x)| t.iter().enumerate().map(move |(j, y)| (x * y, (i, j)))).collect();
    // Equal products keep the order of the sides, so that the same file always gives the same bytes.
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let (sigma, order) = all.into_iter().unzip();
    Ok(Decomposed::Kron { sides: [left, right], order, sigma })
}

fn stack(p: &Product) -> Stack {
    let mut stack = Stack::new(p.m, p.n);
    stack.push(&p.b, &p.a, 0, 1.0);
    stack
}

/// A matrix as itself times the identity of its smaller dimension.
fn identity(d: &Dense) -> Stack {
    let r = d.m.min(d.n);
    let unit: Vec<f32> = (0..r * r).map(|i| if i / r == i % r { 1.0 } else { 0.0 }).collect();
    let (b, a) = if d.n <= d.m { (d.values.clone(), unit) } else { (unit, d.values.clone()) };
    stack(&Product { m: d.m, n: d.n, rank: r, b, a })
}

fn dense(delta: &Delta) -> Dense {
    let (m, n) = delta.shape();
    let plain = Delta { scale: 1.0, form: delta.form.clone() };
    let mut values = vec![0f32; m * n];
    plain.rows(0..m, &mut values);
    Dense { m, n, values }
}

/// A module that cannot be loaded.
pub(in crate::ops) fn refused(name: &str, error: DeltaError) -> OpError {
    match error {
        DeltaError::Read(e) => OpError::Read(e),
        DeltaError::NotFinite { key } => OpError::NotFinite { key },
        other => OpError::module(name, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Mat;

    fn matrix(m: usize, n: usize, seed: u64) -> Dense {
        let mut s = seed | 1;
        let values = (0..m * n)
            .map(|_| {
                s ^= s << 13;
                s ^= s >> 7;
                s ^= s << 17;
                (s >> 40) as f32 / (1u64 << 23) as f32 - 1.0
            })
            .collect();
        Dense { m, n, values }
    }

    fn product(m: usize, n: usize, rank: usize, seed: u64) -> Product {
        Product { m, n, rank, b: matrix(m, rank, seed).values, a: matrix(rank, n, seed + 100).values }
    }

    /// Largest error of a truncation beyond that of the dense optimum, relative to ‖ΔW‖.
    fn excess(form: Form) -> f64 {
        let delta = Delta { scale: 1.0, form };
        let (m, n) = delta.shape();
        let w = dense(&delta).values;
        let w = Mat::from_fn(m, n, |i, j| f64::from(w[i * n + j]));
        let svd = w.thin_svd().unwrap();
        let sigma: Vec<f64> = svd.S().column_vector().iter().copied().collect();
        let found = Decomposed::of(&delta, "x").unwrap();
        let mut worst: f64 = 0.0;
        for k in 1..=found.sigma().len() {
            let (b, a) = found.truncate(k);
            let best = Mat::from_fn(m, n, |i, j| (0..k).map(|c| b[c * m + i] * a[c * n + j]).sum::<f64>());
            let tail = sigma[k..].iter().map(|s| s * s).sum::<f64>().sqrt();
            worst = worst.max((&w - best).norm_l2() - tail).max((found.sigma()[k - 1] - sigma[k - 1]).abs());
        }
        worst / w.norm_l2()
    }

    #[test]
    fn truncations_of_every_form_are_the_dense_optimum() {
        let forms = [
            Form::Product(product(14, 9, 3, 1)),
            Form::Hadamard(product(14, 9, 2, 2), product(14, 9, 2, 3)),
            Form::Hadamard(product(6, 9, 3, 4), product(6, 9, 3, 5)),
            Form::Kron(KronSide::Dense(matrix(3, 2, 6)), KronSide::Dense(matrix(4, 5, 7))),
            Form::Kron(KronSide::Dense(matrix(2, 3, 8)), KronSide::Product(product(7, 5, 2, 9))),
            Form::Kron(KronSide::Product(product(3, 3, 1, 10)), KronSide::Product(product(4, 3, 4, 11))),
            Form::Dense(matrix(5, 8, 12)),
        ];
        for form in forms {
            let what = format!("{form:?}");
            let excess = excess(form);
            // The dense reference is rounded to f32.
            assert!(excess < 3e-7, "{excess:e} {}", &what[..20]);
        }
    }
}
