//! What a module adds to its weight, whatever its kind: ΔW as the smallest exact form its tensors allow.
//!
//! A [`Loader`] reads a [`Delta`] from a file; the Delta hands out rows of the dense matrix by tiles, exact low-rank factors where they
//! exist, and the norm. Everything that works on adapters of mixed kinds (merging, baking, measuring) works on this one type.
//!
//! | Kind | Form | ΔW |
//! |---|---|---|
//! | LoRA, LoCon, DyLoRA, LCM | [`Form::Product`] | s·B·A, s = α/r; a Tucker core is multiplied into A |
//! | LoHa | [`Form::Hadamard`] | s·(B₁A₁)∘(B₂A₂), s = α/r |
//! | LoKr | [`Form::Kron`] | s·(W₁⊗W₂), s = α/r when a side is factored, else 1 |
//! | stored differences | [`Form::Dense`] | as stored |
//! | DoRA, (IA)³, OFT, BOFT, GLoRA, replaced weights | [`Form::Dense`] | W(adapted) − W₀, see [`Base`] |
//!
//! The kinds of the last row depend on the base. Their ΔW is that at strength 1; a strength w means w·ΔW, the straight line between the
//! base and the adapted weight. (LyCORIS and ComfyUI each bend that line in another way for some of these kinds; at 1 all agree.)

use std::borrow::Cow;
use std::ops::Range;

use crate::adapter::{Adapter, Kind, Module, Target};
use crate::source::{ReadError, TensorSource};

mod based;
mod error;
mod factors;
mod load;
mod read;
mod rows;

pub use error::DeltaError;

/// A row-major matrix of m rows and n columns. For a convolution n = in·kh·kw.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    pub m: usize,
    pub n: usize,
    pub values: Vec<f32>,
}

/// B·A: `b` is row-major m×rank, `a` row-major rank×n.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    pub m: usize,
    pub n: usize,
    pub rank: usize,
    pub b: Vec<f32>,
    pub a: Vec<f32>,
}

/// One side of a Kronecker product.
#[derive(Debug, Clone, PartialEq)]
pub enum KronSide {
    Dense(Dense),
    Product(Product),
}

/// A matrix in the form its tensors have, before the scale.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// B·A.
    Product(Product),
    /// (B₁·A₁)∘(B₂·A₂), element by element; both of one shape.
    Hadamard(Product, Product),
    /// W₁⊗W₂: entry (i₁·m₂ + i₂, j₁·n₂ + j₂) is W₁[i₁, j₁]·W₂[i₂, j₂].
    Kron(KronSide, KronSide),
    Dense(Dense),
}

/// ΔW at strength 1 = `scale` · `form`.
#[derive(Debug, Clone, PartialEq)]
pub struct Delta {
    /// α/r by the rule of the kind; 1 for the kinds without one.
    pub scale: f64,
    pub form: Form,
}

/// The base model's weights, for the kinds whose effect depends on them.
pub trait Base: Sync {
    /// W₀ of `target` (its row window applied) as row-major m×n, n = in·kh·kw, or None when the base has no such weight. Rows come in the order
    /// of the target: [`Module::swapped_halves`] is the loader's to apply. An `m` or `n` of 0 stands for a dimension that the adapter does not
    /// tell; the answer has that of the base. A path that ends in `_bias` asks for the bias as m×1.
    ///
    /// # Errors
    /// [`ReadError`] when its bytes cannot be read.
    fn weight(&self, target: &Target, m: usize, n: usize) -> Result<Option<Dense>, ReadError>;
}

/// True for modules whose ΔW depends on the weight they change: DoRA, (IA)³, OFT, BOFT, GLoRA, and weights that are replaced.
#[must_use]
pub fn needs_base(module: &Module) -> bool {
    matches!(module.kind, Kind::Dora | Kind::Ia3 | Kind::Oft | Kind::Boft | Kind::Glora | Kind::Set)
}

/// Reads ΔW of the modules of one file.
#[derive(Clone, Copy)]
pub struct Loader<'a> {
    pub adapter: &'a Adapter,
    pub source: &'a dyn TensorSource,
    /// The model to which the adapter is applied, where it is at hand.
    pub base: Option<&'a dyn Base>,
}

impl std::fmt::Debug for Loader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("modules", &self.adapter.modules.len()).field("base", &self.base.is_some()).finish()
    }
}

impl Loader<'_> {
    /// ΔW of `module`, in the order of rows that the file has ([`Module::swapped_halves`] is not undone).
    ///
    /// # Errors
    /// [`DeltaError`]; one module's error says nothing about the others.
    pub fn load(&self, module: &Module) -> Result<Delta, DeltaError> {
        load::delta(self, module)
    }
}

impl KronSide {
    /// (rows, columns).
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Self::Dense(d) => (d.m, d.n),
            Self::Product(p) => (p.m, p.n),
        }
    }
}

impl Delta {
    /// (m, n) of ΔW.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        match &self.form {
            Form::Product(p) | Form::Hadamard(p, _) => (p.m, p.n),
            Form::Dense(d) => (d.m, d.n),
            Form::Kron(one, two) => {
                let ((m1, n1), (m2, n2)) = (one.shape(), two.shape());
                (m1 * m2, n1 * n2)
            }
        }
    }

    /// Writes rows `rows` of ΔW, scale included, row-major into `out`, which holds `rows.len()`·n values. Runs on the calling thread: callers
    /// spread tiles. Needs at most as much memory again as `out`.
    ///
    /// # Panics
    /// When `rows` reaches beyond the shape or `out` has another length.
    pub fn rows(&self, rows: Range<usize>, out: &mut [f32]) {
        let (m, n) = self.shape();
        assert!(rows.start <= rows.end && rows.end <= m, "rows {rows:?} of a matrix of {m}");
        assert_eq!(out.len(), rows.len() * n, "{} rows of {n} values", rows.len());
        rows::write(&self.form, self.scale as f32, rows, out);
    }

    /// Exact factors B·A of the form, WITHOUT the scale, when their rank is `limit` or less: a pair as it is, the row-wise Khatri-Rao products
    /// of a LoHa (rank r₁·r₂), the Kronecker products of a LoKr's factors (a whole side counts with its smaller dimension). None above the
    /// limit and for stored differences.
    #[must_use]
    pub fn factors(&self, limit: usize) -> Option<Cow<'_, Product>> {
        factors::exact(&self.form, limit)
    }

    /// As [`Self::factors`], without a copy of a pair.
    pub(crate) fn into_factors(self, limit: usize) -> Option<Product> {
        match self.form {
            Form::Product(pair) if pair.rank <= limit => Some(pair),
            form => factors::exact(&form, limit).map(Cow::into_owned),
        }
    }

    /// Rank of what [`Self::factors`] gives; None for stored differences.
    #[must_use]
    pub fn factor_rank(&self) -> Option<usize> {
        factors::rank(&self.form)
    }

    /// ‖ΔW‖ (Frobenius), scale included, by the cheapest exact way: Gram matrices of the factors, ‖W₁‖·‖W₂‖ of a Kronecker product, the
    /// Khatri-Rao Gram matrices of a Hadamard product while these are small, tiles otherwise. Sums run in f64.
    #[must_use]
    pub fn frobenius(&self) -> f64 {
        self.scale.abs() * factors::energy(&self.form).max(0.0).sqrt()
    }
}

/// The transpose of a row-major rows × columns matrix.
pub(crate) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    for (i, row) in values.chunks_exact(columns.max(1)).enumerate().take(rows) {
        row.iter().enumerate().for_each(|(j, v)| out[j * rows + i] = *v);
    }
    out
}
