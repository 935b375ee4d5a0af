//! From the tensors of a module to its [`Delta`].

use super::read::{MAX_EXPANDED, shape_error};
use super::{Delta, DeltaError, Dense, Form, KronSide, Loader, Product, based, needs_base, transposed};
use crate::adapter::{Factors, Module, Pair, Side};
use crate::strength::read_scalar;
use crate::text::shown;

pub(super) fn delta(loader: &Loader<'_>, module: &Module) -> Result<Delta, DeltaError> {
    if needs_base(module) {
        return based::delta(loader, module);
    }
    let delta = Delta { scale: loader.scale(module)?, form: form(loader, module)? };
    if delta.shape() == (module.out_dim, module.in_dim) { Ok(delta) } else { Err(shape_error(module, "its factors do not fit each other")) }
}

/// The form that the factors of a module have, without its scale.
pub(super) fn form(loader: &Loader<'_>, module: &Module) -> Result<Form, DeltaError> {
    Ok(match &module.factors {
        Factors::Pair(pair) => Form::Product(loader.pair(module, *pair)?),
        Factors::Loha { w1a, w1b, w2a, w2b, t1, t2 } => {
            Form::Hadamard(loader.side(module, *w1a, *w1b, *t1)?, loader.side(module, *w2a, *w2b, *t2)?)
        }
        Factors::Lokr { w1, w2, t2 } => Form::Kron(loader.kron(module, *w1, None)?, loader.kron(module, *w2, *t2)?),
        Factors::Other(list) => Form::Dense(loader.stored(module, list)?),
    })
}

impl Loader<'_> {
    /// The factor before the form, by the rule of the kind.
    pub(super) fn scale(&self, module: &Module) -> Result<f64, DeltaError> {
        Ok(module.scale(self.alpha(module)?))
    }

    /// The stored alpha.
    pub(super) fn alpha(&self, module: &Module) -> Result<Option<f64>, DeltaError> {
        let Some(index) = module.alpha else { return Ok(None) };
        let info = &self.adapter.header.tensors[index];
        let alpha = read_scalar(self.source, info)?;
        if alpha.is_some_and(|a| !a.is_finite()) {
            return Err(DeltaError::NotFinite { key: shown(&info.name) });
        }
        Ok(alpha)
    }

    /// Up·down; down is [r, in, k…], up [m, r, 1…].
    pub(super) fn pair(&self, module: &Module, pair: Pair) -> Result<Product, DeltaError> {
        let (a, b) = (self.floats(pair.down)?, self.floats(pair.up)?);
        let rank = self.rows_of(module, pair.down)?;
        let a = match pair.mid {
            // down'[p, i, k] = Σ_q mid[p, q, k]·down[q, i]
            Some(mid) => self.through_core(module, mid, &a, rank)?,
            None => a,
        };
        // With a core the rank between up and core is the core's first dimension.
        let rank = pair.mid.map_or(Ok(rank), |mid| self.rows_of(module, mid))?;
        product(module, b, a, rank)
    }

    /// One factored side of a LoHa or LoKr: a·b, or with a Tucker core t [p, q, k…], a [p, m], b [q, n]: Σ t[p, q, k]·a[p, m]·b[q, n].
    fn side(&self, module: &Module, a: usize, b: usize, core: Option<usize>) -> Result<Product, DeltaError> {
        let (left, right) = (self.floats(a)?, self.floats(b)?);
        let rank = self.rows_of(module, b)?;
        let Some(t) = core else { return product(module, left, right, rank) };
        let right = self.through_core(module, t, &right, rank)?;
        let rank = self.rows_of(module, a)?;
        let rows = left.len() / rank;
        product(module, transposed(&left, rank, rows), right, rank)
    }

    fn kron(&self, module: &Module, side: Side, core: Option<usize>) -> Result<KronSide, DeltaError> {
        match side {
            Side::Product(a, b) => Ok(KronSide::Product(self.side(module, a, b, core)?)),
            Side::Whole(w) => {
                let values = self.floats(w)?;
                let m = self.rows_of(module, w)?;
                Ok(KronSide::Dense(Dense { m, n: values.len() / m, values }))
            }
        }
    }

    /// A stored difference: rows × the rest.
    fn stored(&self, module: &Module, list: &[usize]) -> Result<Dense, DeltaError> {
        let [tensor] = list else { return Err(shape_error(module, "it is made of other tensors than one difference")) };
        Ok(Dense { m: module.out_dim, n: module.in_dim, values: self.floats(*tensor)? })
    }

    /// out[p, i, k] = Σ_q core[p, q, k]·right[q, i]; `right` is row-major q×i. Rows of the result: the core's first dimension.
    pub(super) fn through_core(&self, module: &Module, core: usize, right: &[f32], inner: usize) -> Result<Vec<f32>, DeltaError> {
        let rank = self.rows_of(module, core)?;
        let values = self.floats(core)?;
        let (taps, columns) = (values.len() / rank / inner.max(1), right.len() / inner.max(1));
        let len = rank.checked_mul(columns).and_then(|x| x.checked_mul(taps)).filter(|x| *x <= MAX_EXPANDED);
        let Some(len) = len.filter(|_| values.len() == rank * inner * taps) else {
            return Err(shape_error(module, "its Tucker core does not fit its factors, or is larger than any layer"));
        };
        let mut out = vec![0f32; len];
        let mut row = vec![0f64; columns * taps];
        for (p, out) in out.chunks_exact_mut((columns * taps).max(1)).enumerate() {
            row.fill(0.0);
            for q in 0..inner {
                let core = &values[(p * inner + q) * taps..][..taps];
                for (slot, value) in row.chunks_exact_mut(taps.max(1)).zip(&right[q * columns..]) {
                    slot.iter_mut().zip(core).for_each(|(o, c)| *o += f64::from(*c) * f64::from(*value));
                }
            }
            out.iter_mut().zip(&row).for_each(|(o, v)| *o = *v as f32);
        }
        Ok(out)
    }

    /// First dimension of a tensor, never 0.
    fn rows_of(&self, module: &Module, tensor: usize) -> Result<usize, DeltaError> {
        let rows = self.shape_of(tensor).first().copied().filter(|r| *r > 0);
        rows.ok_or_else(|| shape_error(module, "one of its tensors is empty"))
    }
}

/// B·A out of flat factors; their lengths must be multiples of the rank.
fn product(module: &Module, b: Vec<f32>, a: Vec<f32>, rank: usize) -> Result<Product, DeltaError> {
    if rank == 0 || !b.len().is_multiple_of(rank) || !a.len().is_multiple_of(rank) {
        return Err(shape_error(module, "its factors do not fit each other"));
    }
    Ok(Product { m: b.len() / rank, n: a.len() / rank, rank, b, a })
}
