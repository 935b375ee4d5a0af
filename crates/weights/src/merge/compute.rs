//! The factors of one module of the result, encoded.

use super::dense::{self, Body, Operand, Voice};
use super::factor;
use super::load::{Loaded, Reader};
use super::plan::{MergeError, MergePlan, OutDtype};
use super::targets::{Group, Part};
use crate::adapter::Component;
use crate::delta::Base;
use crate::dtype::{Dtype, encode_f32};
use crate::linalg::{Spectrum, Stack, Truncation, keep_for};
use crate::merge::Stored as _;
use crate::progress::Progress;

/// Below this part of its components' size a sum counts as cancelling.
const CANCELLING: f64 = 0.1;

/// A module ready to be written.
#[derive(Debug)]
pub(crate) struct Built {
    /// 0: nothing is left of the module.
    pub(crate) rank: usize,
    /// Row-major rank×n; the whole difference, m×n, where there is no up factor.
    pub(crate) down: Vec<u8>,
    /// Row-major m×rank; None where the difference is stored whole.
    pub(crate) up: Option<Vec<u8>>,
    /// (Σσ² kept, Σσ²); None where nobody looked.
    pub(crate) energy: Option<(f64, f64)>,
}

/// How one module of the result is made and stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    /// By tiles of the dense difference, not by factors.
    pub(crate) dense: bool,
    /// Stored whole, not as a pair.
    pub(crate) diff: bool,
    /// Rank of this module where ranks are shared out.
    pub(crate) rank: Option<usize>,
}

/// What every module's computation needs.
pub(crate) struct Context<'a> {
    pub(crate) plan: &'a MergePlan,
    pub(crate) readers: Vec<Reader<'a>>,
    pub(crate) base: Option<&'a dyn Base>,
    pub(crate) truncation: Option<Truncation>,
    pub(crate) dtype: OutDtype,
    /// What the average divides by, (denoiser, text encoders); 1 for the other methods.
    pub(crate) divisor: (f64, f64),
    /// One alpha for every module of the file: the up factors are multiplied by rank / alpha, so that alpha / rank · B·A is ΔW. None: each
    /// module's alpha is its own rank, or it has none.
    pub(crate) alpha: Option<usize>,
}

impl Context<'_> {
    /// Computes one module. A result of rank 0 means that nothing is left of it.
    pub(crate) fn build(&self, group: &Group, way: Way, name: &str, progress: &dyn Progress) -> Result<Built, MergeError> {
        let truncation = self.truncation.map(|t| Truncation { rank: way.rank.or(t.rank), ..t });
        let built = if way.dense || group.vector {
            dense::build(self, group, way, name, progress)?
        } else if !self.plan.method.is_linear() {
            let stack = factor::merge(self, group, name)?;
            if way.diff { dense::whole(self, &stack, progress)? } else { self.cut(&stack, truncation.unwrap_or_default(), name)? }
        } else if way.diff {
            dense::build(self, group, way, name, progress)?
        } else {
            let loaded = self.load(group)?;
            match truncation {
                None => self.concat(group, loaded, None),
                Some(truncation) => self.compress(group, loaded, truncation, name)?,
            }
        };
        built.ok_or_else(|| MergeError::Range { module: name.into(), dtype: self.dtype })
    }

    /// Singular values of a group's weighted sum.
    pub(crate) fn spectrum(&self, group: &Group, name: &str) -> Result<Spectrum, MergeError> {
        let stack = self.stack(group, &self.load(group)?);
        Spectrum::of(&stack).ok_or_else(|| MergeError::Numeric(name.into()))
    }

    /// Decomposes and cuts a stack. None: beyond the type's range.
    fn cut(&self, stack: &Stack, truncation: Truncation, name: &str) -> Result<Option<Built>, MergeError> {
        let spectrum = Spectrum::of(stack).ok_or_else(|| MergeError::Numeric(name.into()))?;
        let keep = keep_for(&spectrum.sigma, truncation);
        Ok(self.stored(&spectrum.truncate(stack, keep), spectrum.energy(keep)))
    }

    /// A stack whose components have factors of equal length, encoded. None: beyond the type's range.
    pub(crate) fn stored(&self, best: &Stack, energy: (f64, f64)) -> Option<Built> {
        let keep = best.rank();
        // Both factors hold √σ; the quotient of rank and alpha goes into both too, so that neither leaves the precise range of f16.
        let even = self.quotient(keep).sqrt();
        let down: Vec<f32> = best.a.iter().map(|v| (*v * even) as f32).collect();
        let (down, up) = self.encode(&down).zip(self.encode(&row_major(&best.b, best.m, keep, even)))?;
        Some(Built { rank: keep, down, up: Some(up), energy: Some(energy) })
    }

    pub(crate) fn load(&self, group: &Group) -> Result<Vec<Loaded>, MergeError> {
        group.parts.iter().map(|part| self.readers[part.member].load(part)).collect()
    }

    /// Every input's ΔW, able to give rows of itself.
    pub(crate) fn voices(&self, group: &Group) -> Result<Vec<Voice>, MergeError> {
        let mut voices: Vec<Voice> = Vec::new();
        for part in &group.parts {
            let reader = &self.readers[part.member];
            let rows = part.size.0;
            let body = match part.rank {
                Some(_) => Body::Factors(reader.load(part)?),
                None => Body::Any { delta: reader.delta(part, self.base)?, swap: part.swap },
            };
            let weight = self.weight(part);
            let at = voices.iter().position(|v| v.member == part.member);
            let operand = |whole: f64| Operand { row0: part.row0, rows, factor: weight / whole, body };
            match at {
                Some(i) => {
                    let whole = voices[i].weight;
                    voices[i].operands.push(operand(whole));
                }
                None => {
                    voices.push(Voice { m: group.m, n: group.n, member: part.member, weight, operands: vec![operand(weight)] });
                }
            }
        }
        Ok(voices)
    }

    /// All parts of a group, stacked in f64.
    fn stack(&self, group: &Group, loaded: &[Loaded]) -> Stack {
        let mut stack = Stack::new(group.m, group.n);
        for (part, loaded) in group.parts.iter().zip(loaded) {
            stack.push(&loaded.b, &loaded.a, part.row0, self.factor(part, loaded));
        }
        stack
    }

    /// None: beyond the type's range.
    fn compress(&self, group: &Group, loaded: Vec<Loaded>, truncation: Truncation, name: &str) -> Result<Option<Built>, MergeError> {
        let stack = self.stack(group, &loaded);
        let spectrum = Spectrum::of(&stack).ok_or_else(|| MergeError::Numeric(name.into()))?;
        let keep = keep_for(&spectrum.sigma, truncation);
        let energy = spectrum.energy(keep);
        if keep == stack.rank() && energy.1.sqrt() > CANCELLING * spectrum.size {
            // Nothing to cut: the factors stay as they are. Where they nearly cancel, rounding each of them would drown the small rest instead.
            return Ok(self.concat(group, loaded, Some(energy)));
        }
        Ok(self.stored(&spectrum.truncate(&stack, keep), energy))
    }

    /// Stacks the factors as they are: weight and scale go into B, A keeps its bits (but for a power of two, see [`shift`]). None: beyond the
    /// type's range.
    fn concat(&self, group: &Group, loaded: Vec<Loaded>, energy: Option<(f64, f64)>) -> Option<Built> {
        let rank = loaded.iter().map(|l| l.rank).sum();
        let quotient = self.quotient(rank);
        let size = self.dtype.size();
        let mut down = Vec::with_capacity(rank * group.n * size);
        let mut up = vec![0u8; group.m * rank * size];
        let mut column = 0;
        for (part, loaded) in group.parts.iter().zip(loaded) {
            let r = loaded.rank;
            let (a, b) = self.scaled(part, loaded, quotient)?;
            down.extend_from_slice(&a);
            let rows = up.chunks_exact_mut(rank * size).skip(part.row0);
            for (row, from) in rows.zip(b.chunks_exact(r * size)) {
                row[column * size..][..r * size].copy_from_slice(from);
            }
            column += r;
        }
        Some(Built { rank, down, up: Some(up), energy })
    }

    /// One part's factors, encoded, with everything that stands before them multiplied into B.
    fn scaled(&self, part: &Part, mut loaded: Loaded, quotient: f64) -> Option<(Vec<u8>, Vec<u8>)> {
        let factor = self.factor(part, &loaded) * quotient;
        let power = if self.dtype == OutDtype::F16 { shift(&loaded, factor) } else { 1.0 };
        if power != 1.0 {
            loaded.a.iter_mut().for_each(|v| *v = (f64::from(*v) / power) as f32);
        }
        if factor * power != 1.0 {
            loaded.b.iter_mut().for_each(|v| *v = (f64::from(*v) * factor * power) as f32);
        }
        self.encode(&loaded.a).zip(self.encode(&loaded.b))
    }

    /// rank / alpha: what undoes the scale that a reader of the result applies to a module of this rank.
    fn quotient(&self, rank: usize) -> f64 {
        self.alpha.map_or(1.0, |alpha| rank as f64 / alpha.max(1) as f64)
    }

    /// Everything that stands before B·A in the input.
    fn factor(&self, part: &Part, loaded: &Loaded) -> f64 {
        self.weight(part) * loaded.scale
    }

    /// Weight of a part in the sum, divided as the method asks.
    pub(crate) fn weight(&self, part: &Part) -> f64 {
        let component = self.readers[part.member].file.module(part).target.component;
        part.weight / if component == Component::Denoiser { self.divisor.0 } else { self.divisor.1 }
    }

    /// None when a value is beyond the range of the type.
    pub(crate) fn encode(&self, values: &[f32]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(values.len() * self.dtype.size());
        encode_f32(self.dtype.dtype(), values, &mut out).ok()?;
        in_range(self.dtype, values).then_some(out)
    }
}

/// Columns of m values, one after another, times `factor`, as a row-major m×k matrix; tile by tile, so that both sides stay in the cache.
fn row_major(columns: &[f64], m: usize, k: usize, factor: f64) -> Vec<f32> {
    const TILE: usize = 64;
    let mut out = vec![0f32; m * k];
    for start in (0..m).step_by(TILE) {
        let rows = start..(start + TILE).min(m);
        for (j, column) in columns.chunks_exact(m).enumerate() {
            for i in rows.clone() {
                out[i * k + j] = (column[i] * factor) as f32;
            }
        }
    }
    out
}

/// False when rounding to the type makes a value infinite.
fn in_range(dtype: OutDtype, values: &[f32]) -> bool {
    let limit = match dtype {
        OutDtype::F16 => 65519.996,
        OutDtype::Bf16 => 3.394e38,
        OutDtype::F32 => f32::MAX,
    };
    let mut lanes = [0f32; 16];
    let (whole, rest) = values.as_chunks::<16>();
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(l, v)| *l = l.max(v.abs()));
    }
    // `max` passes over NaN, but the inputs were checked and a product of finite numbers can only become infinite.
    lanes.iter().chain(rest).all(|v| v.abs() <= limit)
}

/// The power of two that moves B·`factor` into the comfortable range of f16 at A's cost, where it would lose digits: 1 nearly always.
/// Multiplying one factor by it and dividing the other changes no digit of either.
fn shift(loaded: &Loaded, factor: f64) -> f64 {
    let rms = |x: &[f32]| (x.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>() / x.len().max(1) as f64).sqrt();
    let b = rms(&loaded.b) * factor.abs();
    if b == 0.0 || (b > 2f64.powi(-10) && b < 2f64.powi(8)) {
        return 1.0;
    }
    let a = rms(&loaded.a);
    if a == 0.0 { 1.0 } else { ((a / b).log2() / 2.0).round().clamp(-30.0, 30.0).exp2() }
}

/// Encodes an alpha, a rank. The type holds it exactly.
pub(crate) fn alpha(rank: usize, dtype: OutDtype) -> (Dtype, Vec<u8>) {
    let dtype = if dtype == OutDtype::F32 || rank > 2048 { Dtype::F32 } else { Dtype::F16 };
    let mut bytes = Vec::new();
    // F16 holds every integer to 2048 and F32 every rank there is; both are types that can be written.
    let _ = encode_f32(dtype, &[rank as f32], &mut bytes);
    (dtype, bytes)
}
