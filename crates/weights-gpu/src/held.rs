//! Low-rank modules of an adapter file, as they are stored.

use weft_weights::adapter::{Adapter, Factors, Module};
use weft_weights::dtype::{Dtype, decode_f32};
use weft_weights::source::{ReadError, TensorSource};

use crate::factors::{LowRank, Stored};

/// The factors of one module in memory, in their stored type.
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
    /// Reads a plain low-rank pair. None for other kinds, for a Tucker core and for factors that do not fit each other: those go
    /// through the engine's own loader and [`Held::of_values`].
    ///
    /// # Errors
    /// [`ReadError`] of the source.
    pub fn read(adapter: &Adapter, source: &dyn TensorSource, module: &Module) -> Result<Option<Self>, ReadError> {
        let Factors::Pair(pair) = &module.factors else { return Ok(None) };
        let (m, n, rank) = (module.out_dim, module.in_dim, module.rank);
        let fits = |index: usize, rows: usize, columns: usize| {
            let info = &adapter.header.tensors[index];
            info.dtype.is_float() && rows > 0 && rows.checked_mul(columns) == Some(info.elements())
        };
        if pair.mid.is_some() || !fits(pair.up, m, rank) || !fits(pair.down, rank, n) {
            return Ok(None);
        }
        let scale = match module.alpha {
            Some(index) => first(adapter, source, index)?.map_or(1.0, |alpha| alpha / rank.max(1) as f64),
            None => module.scale_from_metadata.unwrap_or(1.0),
        };
        let mut b = bytes(adapter, source, pair.up)?;
        if module.swapped_halves {
            let half = b.1.len() / m * (m / 2);
            b.1.rotate_left(half);
        }
        let row0 = module.target.rows.map_or(0, |(first, _)| first);
        Ok(Some(Self { m, n, rank, row0, scale, b, a: bytes(adapter, source, pair.down)? }))
    }

    /// Factors that were computed: `b` m×rank, `a` rank×n, row-major. None unless the sizes fit.
    #[must_use]
    pub fn of_values(m: usize, n: usize, b: &[f32], a: &[f32], row0: usize, scale: f64) -> Option<Self> {
        let rank = a.len().checked_div(n)?;
        let fits = rank > 0 && rank.checked_mul(n) == Some(a.len()) && rank.checked_mul(m) == Some(b.len());
        let stored = |values: &[f32]| (Dtype::F32, bytemuck::cast_slice(values).to_vec());
        fits.then(|| Self { m, n, rank, row0, scale, b: stored(b), a: stored(a) })
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

fn bytes(adapter: &Adapter, source: &dyn TensorSource, index: usize) -> Result<(Dtype, Vec<u8>), ReadError> {
    let info = &adapter.header.tensors[index];
    // The header was checked against the file's length: no tensor is larger than the file.
    let mut bytes = vec![0; info.byte_len() as usize];
    source.read_at(info.range.start, &mut bytes)?;
    Ok((info.dtype, bytes))
}

fn first(adapter: &Adapter, source: &dyn TensorSource, index: usize) -> Result<Option<f64>, ReadError> {
    let (dtype, bytes) = bytes(adapter, source, index)?;
    let mut value = [0f32];
    let decoded = bytes.get(..dtype.size()).and_then(|bytes| decode_f32(dtype, bytes, &mut value).ok());
    Ok(decoded.map(|()| f64::from(value[0])))
}
