//! Factors of one module as f32, checked to be numbers.

use super::plan::MergeError;
use super::targets::{Named, Part, is_pair};
use crate::adapter::{Factors, Module, Pair};
use crate::delta::{Base, Delta, DeltaError, Loader};
use crate::dtype::{decode_f32, finite};
use crate::source::TensorSource;

/// ΔW = scale·B·A of one module.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// Row-major r×n; the Tucker core, if any, multiplied in.
    pub(crate) a: Vec<f32>,
    /// Row-major m×r.
    pub(crate) b: Vec<f32>,
    pub(crate) rank: usize,
    pub(crate) scale: f64,
}

/// A file with its bytes.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) file: Named<'a>,
    pub(crate) source: &'a dyn TensorSource,
}

impl Reader<'_> {
    /// Reads the exact factors of a part that has such, in the form that the result has.
    pub(crate) fn load(&self, part: &Part) -> Result<Loaded, MergeError> {
        let module = self.file.module(part);
        if !is_pair(module) {
            return self.multiplied_out(part);
        }
        let pair = self.pair(module)?;
        let mut b = self.floats(pair.up)?;
        let mut a = self.floats(pair.down)?;
        let rank = module.rank;
        if let Some(mid) = pair.mid {
            a = tucker(&self.floats(mid)?, &a, rank, module);
        }
        if a.len() != rank * module.in_dim || b.len() != rank * module.out_dim {
            return Err(self.unreadable(format!("the factors of {} do not fit each other", module.name)));
        }
        if part.swap {
            b.rotate_left(module.out_dim / 2 * rank);
        }
        Ok(Loaded { a, b, rank, scale: self.scale(module)? })
    }

    /// Factors of a LoHa or LoKr.
    fn multiplied_out(&self, part: &Part) -> Result<Loaded, MergeError> {
        let module = self.file.module(part);
        let delta = self.delta(part, None)?;
        let kind = || MergeError::Kind { file: self.file.label.into(), kind: module.kind, module: module.name.clone() };
        let mut product = part.rank.and_then(|rank| delta.factors(rank)).ok_or_else(kind)?.into_owned();
        if part.swap {
            product.b.rotate_left(product.m / 2 * product.rank);
        }
        Ok(Loaded { a: product.a, b: product.b, rank: product.rank, scale: delta.scale })
    }

    /// ΔW of a part of any kind, its rows in the order of the file.
    pub(crate) fn delta(&self, part: &Part, base: Option<&dyn Base>) -> Result<Delta, MergeError> {
        let module = self.file.module(part);
        let delta = Loader { adapter: self.file.adapter, source: self.source, base }.load(module).map_err(|e| self.failed(e))?;
        if delta.shape() != part.size {
            return Err(self.unreadable(format!("the tensors of {} do not fit each other", module.name)));
        }
        Ok(delta)
    }

    fn failed(&self, error: DeltaError) -> MergeError {
        let file = self.file.label.to_owned();
        match error {
            DeltaError::NotFinite { key } => MergeError::NotFinite { file, key },
            DeltaError::NeedsBase { module, kind } => MergeError::NeedsBase { file, kind, module },
            other => self.unreadable(other.to_string()),
        }
    }

    pub(crate) fn pair(&self, module: &Module) -> Result<Pair, MergeError> {
        match &module.factors {
            Factors::Pair(pair) => Ok(*pair),
            _ => Err(MergeError::Kind { file: self.file.label.into(), kind: module.kind, module: module.name.clone() }),
        }
    }

    /// alpha / rank, from the body, else from the metadata, else 1.
    pub(crate) fn scale(&self, module: &Module) -> Result<f64, MergeError> {
        let Some(index) = module.alpha else {
            return Ok(module.scale_from_metadata.unwrap_or(1.0));
        };
        let alpha = self.floats(index)?.first().copied().unwrap_or(1.0);
        Ok(f64::from(alpha) / module.rank.max(1) as f64)
    }

    /// All elements of a tensor as f32; NaN and infinity are errors that name the key.
    pub(crate) fn floats(&self, index: usize) -> Result<Vec<f32>, MergeError> {
        let info = &self.file.adapter.header.tensors[index];
        let mut values = vec![0f32; info.elements()];
        self.with_bytes(index, |bytes| decode_f32(info.dtype, bytes, &mut values))?.map_err(|e| self.unreadable(e.to_string()))?;
        if finite(&values) { Ok(values) } else { Err(MergeError::NotFinite { file: self.file.label.into(), key: info.name.clone() }) }
    }

    /// Hands the stored bytes of a tensor to `f`, without a copy where the source has them in memory.
    pub(crate) fn with_bytes<R>(&self, index: usize, f: impl FnOnce(&[u8]) -> R) -> Result<R, MergeError> {
        let info = &self.file.adapter.header.tensors[index];
        if let Some(bytes) = self.source.slice(info.range.start, info.byte_len()) {
            return Ok(f(bytes));
        }
        // The header was checked against the file's length, so the size is no larger than the file.
        let mut buffer = vec![0; info.byte_len() as usize];
        self.source.read_at(info.range.start, &mut buffer).map_err(|e| self.unreadable(e.to_string()))?;
        Ok(f(&buffer))
    }

    fn unreadable(&self, reason: String) -> MergeError {
        MergeError::Read { file: self.file.label.into(), reason }
    }
}

/// down'[p, i, k] = Σ_q mid[p, q, k]·down[q, i]: a Tucker core multiplied into the down factor. `mid` is r×r×k, `down` r×in.
fn tucker(mid: &[f32], down: &[f32], rank: usize, module: &Module) -> Vec<f32> {
    let taps = module.kernel.map_or(1, |(h, w)| h * w);
    let inputs = module.in_dim / taps.max(1);
    if mid.len() != rank * rank * taps || down.len() != rank * inputs {
        return Vec::new();
    }
    let mut out = vec![0f64; rank * inputs * taps];
    for p in 0..rank {
        for q in 0..rank {
            let core = &mid[(p * rank + q) * taps..][..taps];
            for (i, d) in down[q * inputs..][..inputs].iter().enumerate() {
                let slot = &mut out[(p * inputs + i) * taps..][..taps];
                slot.iter_mut().zip(core).for_each(|(o, c)| *o += f64::from(*c) * f64::from(*d));
            }
        }
    }
    out.into_iter().map(|v| v as f32).collect()
}
