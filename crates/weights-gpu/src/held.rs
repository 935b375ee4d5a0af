//! Low-rank modules of an adapter file, as the backends take them.

use weft_weights::adapter::{Adapter, Factors, Kind, Module};
use weft_weights::delta::Delta;
use weft_weights::dtype::Dtype;
use weft_weights::source::{ReadError, TensorSource};
use weft_weights::strength::read_scalar;

use crate::factors::{LowRank, Stored};

/// The factors of one module in memory, with their scale.
#[derive(Debug, Clone)]
pub struct Held {
    m: usize,
    n: usize,
    rank: usize,
    row0: usize,
    scale: f64,
    b: (Dtype, Vec<u8>),
    a: (Dtype, Vec<u8>),
}

impl Held {
    /// Reads a plain pair (LoRA, LoCon without a core) in its stored type: half the bytes of f32 to upload, and nothing to convert. None
    /// for every other kind: [`Held::of_delta`].
    ///
    /// # Errors
    /// [`ReadError`] of the source.
    pub fn read(adapter: &Adapter, source: &dyn TensorSource, module: &Module) -> Result<Option<Self>, ReadError> {
        let (Factors::Pair(pair), Kind::Lora | Kind::Locon) = (&module.factors, module.kind) else { return Ok(None) };
        let (m, n, rank) = (module.out_dim, module.in_dim, module.rank);
        let fits = |index: usize, rows: usize, columns: usize| {
            let info = &adapter.header.tensors[index];
            info.dtype.is_float() && info.elements() > 0 && rows.checked_mul(columns) == Some(info.elements())
        };
        if pair.mid.is_some() || !fits(pair.up, m, rank) || !fits(pair.down, rank, n) {
            return Ok(None);
        }
        let alpha = module.alpha.map(|index| read_scalar(source, &adapter.header.tensors[index])).transpose()?.flatten();
        let mut b = bytes(adapter, source, pair.up)?;
        swap_halves(&mut b.1, m, module);
        let a = bytes(adapter, source, pair.down)?;
        Ok(Some(Self { m, n, rank, row0: row0(module), scale: module.scale(alpha), b, a }))
    }

    /// The exact factors of `delta`, which was loaded from `module`, when their rank is `limit` or less: a Tucker core multiplied in, the
    /// Khatri-Rao products of a LoHa, the Kronecker products of a LoKr. None above, and for dense differences.
    #[must_use]
    pub fn of_delta(delta: &Delta, module: &Module, limit: usize) -> Option<Self> {
        let factors = delta.factors(limit)?;
        let stored = |values: &[f32]| (Dtype::F32, bytemuck::cast_slice(values).to_vec());
        let mut b = stored(&factors.b);
        swap_halves(&mut b.1, factors.m, module);
        let (m, n, rank) = (factors.m, factors.n, factors.rank);
        Some(Self { m, n, rank, row0: row0(module), scale: delta.scale, b, a: stored(&factors.a) })
    }

    /// As the backends take it, at the strength `weight`.
    #[must_use]
    pub fn at(&self, weight: f64) -> LowRank<'_> {
        LowRank {
            m: self.m,
            n: self.n,
            rank: self.rank,
            row0: self.row0,
            b: Stored { dtype: self.b.0, bytes: &self.b.1 },
            a: Stored { dtype: self.a.0, bytes: &self.a.1 },
            scale: self.scale * weight,
        }
    }
}

/// First row of the weight that the module covers.
fn row0(module: &Module) -> usize {
    module.target.rows.map_or(0, |(first, _)| first)
}

/// Puts the rows of B (`m` of them) into the order of the target.
fn swap_halves(b: &mut [u8], m: usize, module: &Module) {
    if module.swapped_halves {
        b.rotate_left(b.len() / m * (m / 2));
    }
}

fn bytes(adapter: &Adapter, source: &dyn TensorSource, index: usize) -> Result<(Dtype, Vec<u8>), ReadError> {
    let info = &adapter.header.tensors[index];
    // The header was checked against the file's length: no tensor is larger than the file.
    let mut bytes = vec![0; info.byte_len() as usize];
    source.read_at(info.range.start, &mut bytes)?;
    Ok((info.dtype, bytes))
}
