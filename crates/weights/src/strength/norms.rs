//! ‖ΔW‖ of one module, by kind.

use super::gram::{Gram, PANEL, rows_at_once};
use super::read::{bytes, pieces, read_scalar, values};
use super::{ModuleStrength, Problem, StrengthError};
use crate::adapter::{Adapter, Factors, Kind, Module, Pair, Side};
use crate::dtype::{Dtype, decode_f32};
use crate::header::TensorInfo;
use crate::source::{ReadError, TensorSource};

/// Buffers of one thread.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    block: Vec<f32>,
    left: Gram,
    right: Gram,
}

/// What can happen inside one module.
enum Trouble {
    NotFinite(usize),
    Stop(StrengthError),
}

impl<E: Into<StrengthError>> From<E> for Trouble {
    fn from(e: E) -> Self {
        Self::Stop(e.into())
    }
}

/// Sum of squares of ΔW before the scale.
type Energy = Result<f64, Trouble>;

pub(super) fn module(
    adapter: &Adapter,
    module: &Module,
    source: &dyn TensorSource,
    scratch: &mut Scratch,
) -> Result<ModuleStrength, StrengthError> {
    let tensors = &adapter.header.tensors;
    let alpha = module.alpha.map(|i| read_scalar(source, &tensors[i])).transpose()?.flatten();
    let scale = module.scale(alpha);
    let none = |problem| Ok(ModuleStrength { scale, frobenius: None, problem: Some(problem) });
    if !scale.is_finite() {
        return none(Problem::NotFinite(module.alpha.unwrap_or_default()));
    }
    let work = Work { tensors, source };
    let energy = match (&module.factors, module.kind) {
        (Factors::Pair(pair), _) => work.pair(*pair, scratch),
        (Factors::Loha { w1a, w1b, w2a, w2b, t1, t2 }, _) => work.loha([(*w1a, *w1b, *t1), (*w2a, *w2b, *t2)], scratch),
        (Factors::Lokr { w1, w2, t2 }, _) => work.lokr(*w1, *w2, *t2, scratch),
        (Factors::Other(list), Kind::Full) => list.iter().try_fold(0.0, |sum, t| Ok(sum + work.whole(*t, scratch)?)),
        (Factors::Other(_), _) => return none(Problem::NeedsBase),
    };
    match energy {
        Ok(energy) => {
            let problem = (alpha == Some(0.0) && scale == 0.0).then_some(Problem::AlphaZero);
            Ok(ModuleStrength { scale, frobenius: Some(scale.abs() * energy.max(0.0).sqrt()), problem })
        }
        Err(Trouble::NotFinite(tensor)) => none(Problem::NotFinite(tensor)),
        Err(Trouble::Stop(e)) => Err(e),
    }
}

#[derive(Clone, Copy)]
struct Work<'a> {
    tensors: &'a [TensorInfo],
    source: &'a dyn TensorSource,
}

impl Work<'_> {
    /// s²Σ(BᵀB)∘(AAᵀ) without s; with a Tucker core the Gram of A goes through it.
    fn pair(self, pair: Pair, scratch: &mut Scratch) -> Energy {
        let Scratch { bytes, block, left, right } = scratch;
        self.rows_gram(pair.down, bytes, block, right)?;
        self.columns_gram(pair.up, bytes, block, left)?;
        let Some(mid) = pair.mid else { return Ok(left.dot(right)) };
        let core = self.finite(mid, bytes)?;
        let shape = &self.tensors[mid].shape;
        let taps = shape[2..].iter().product();
        Ok(left.dot(&right.through_core(&core, shape[0], taps)))
    }

    /// AAᵀ of a tensor seen as rows × the rest.
    fn rows_gram(self, tensor: usize, buffer: &mut Vec<u8>, block: &mut Vec<f32>, gram: &mut Gram) -> Result<(), Trouble> {
        let info = &self.tensors[tensor];
        let raw = bytes(self.source, info, buffer)?;
        let feed = |each: &mut dyn FnMut(&[u8])| {
            each(raw);
            Ok(())
        };
        self.guarded(tensor, info.shape[0], (block, gram), feed, |raw, gain, _, gram| gram.add_rows(info.dtype, raw, gain))
    }

    /// BᵀB of a tensor seen as the leading dimension × rank.
    fn columns_gram(self, tensor: usize, buffer: &mut Vec<u8>, block: &mut Vec<f32>, gram: &mut Gram) -> Result<(), Trouble> {
        let info = &self.tensors[tensor];
        let rank = info.elements() / info.shape[0];
        let rows = rows_at_once(rank * info.dtype.size());
        let feed = |each: &mut dyn FnMut(&[u8])| pieces(self.source, info, rows, buffer, each);
        self.guarded(tensor, rank, (block, gram), feed, |raw, gain, block, gram| gram.add_columns(info.dtype, raw, gain, block))
    }

    /// Adds all that `feed` hands out to the Gram matrix; when the squares left the range of f32, once more with values brought to around 1 by a power
    /// of two.
    fn guarded(
        self,
        tensor: usize,
        rank: usize,
        (block, gram): (&mut Vec<f32>, &mut Gram),
        mut feed: impl FnMut(&mut dyn FnMut(&[u8])) -> Result<(), ReadError>,
        add: impl Fn(&[u8], f32, &mut Vec<f32>, &mut Gram),
    ) -> Result<(), Trouble> {
        let info = &self.tensors[tensor];
        gram.start(rank);
        feed(&mut |raw| add(raw, 1.0, block, gram))?;
        let trace = gram.trace();
        if trace.is_finite() && trace > 1e-26 * info.elements() as f64 {
            return Ok(());
        }
        let mut most = 0f32;
        feed(&mut |raw| most = larger(most, largest(info.dtype, raw, block)))?;
        if !most.is_finite() {
            return Err(Trouble::NotFinite(tensor));
        }
        if most == 0.0 {
            return Ok(());
        }
        let gain = 2f32.powi((-most.log2().floor() as i32).clamp(-126, 126));
        gram.start(rank);
        feed(&mut |raw| add(raw, gain, block, gram))?;
        gram.scale(f64::from(gain).powi(-2));
        Ok(())
    }

    /// Sum of squares of a stored tensor.
    fn whole(self, tensor: usize, scratch: &mut Scratch) -> Energy {
        let info = &self.tensors[tensor];
        let size = info.dtype.size();
        let step = 1 << 18;
        let mut sum = 0.0;
        let mut at = 0;
        while at < info.elements() {
            let count = step.min(info.elements() - at);
            let start = info.range.start + (at * size) as u64;
            let part =
                TensorInfo { name: String::new(), dtype: info.dtype, shape: vec![count], range: start..start + (count * size) as u64 };
            let raw = bytes(self.source, &part, &mut scratch.bytes)?;
            scratch.block.resize(count.max(scratch.block.len()), 0.0);
            let block = &mut scratch.block[..count];
            let _ = decode_f32(info.dtype, raw, block);
            sum += squares(block);
            at += count;
        }
        if sum.is_finite() { Ok(sum) } else { Err(Trouble::NotFinite(tensor)) }
    }

    /// ‖w1 ⊗ w2‖ = ‖w1‖·‖w2‖.
    fn lokr(self, w1: Side, w2: Side, t2: Option<usize>, scratch: &mut Scratch) -> Energy {
        let side = |side, core: Option<usize>, scratch: &mut Scratch| match (side, core) {
            (Side::Whole(t), _) => self.whole(t, scratch),
            (Side::Product(a, b), None) => self.pair(Pair { down: b, up: a, mid: None }, scratch),
            (Side::Product(a, b), core) => {
                let (left, right) = self.folded(a, b, core, scratch)?;
                Ok(energy_of_rows(&left, &right, scratch))
            }
        };
        Ok(side(w1, None, scratch)? * side(w2, t2, scratch)?)
    }

    /// Σ ((w1a·w1b)∘(w2a·w2b))², by the Gram matrices of the row-wise Khatri-Rao products while these are small, else tile by tile.
    fn loha(self, sides: [(usize, usize, Option<usize>); 2], scratch: &mut Scratch) -> Energy {
        let (b1, a1) = self.folded(sides[0].0, sides[0].1, sides[0].2, scratch)?;
        let (b2, a2) = self.folded(sides[1].0, sides[1].1, sides[1].2, scratch)?;
        if a1.rank * a2.rank <= KHATRI_RAO {
            khatri_rao(&a1, &a2, &mut scratch.right);
            khatri_rao(&b1, &b2, &mut scratch.left);
            return Ok(scratch.left.dot(&scratch.right));
        }
        Ok(dense(&b1, &a1, &b2, &a2))
    }

    /// (Bᵀ as rank × m, A as rank × n) of one side. With a core t [r, r', k…], a [r, m] and b [r', n]: A[i, j·k] = Σ t[i, q, k]·b[q, j].
    fn folded(self, a: usize, b: usize, core: Option<usize>, scratch: &mut Scratch) -> Result<(Rows, Rows), Trouble> {
        let (left, right) = (self.finite(a, &mut scratch.bytes)?, self.finite(b, &mut scratch.bytes)?);
        let right_rank = self.tensors[b].shape[0];
        let right = Rows { len: right.len() / right_rank, rank: right_rank, values: right };
        let Some(t) = core else {
            let m = self.tensors[a].shape[0];
            let rank = left.len() / m;
            let values = (0..rank).flat_map(|p| left.iter().skip(p).step_by(rank).copied()).collect();
            return Ok((Rows { rank, len: m, values }, right));
        };
        let core = self.finite(t, &mut scratch.bytes)?;
        let rank = self.tensors[t].shape[0];
        let taps = core.len() / rank / right.rank;
        let mut values = vec![0f32; rank * right.len * taps];
        for (i, row) in values.chunks_mut(right.len * taps).enumerate() {
            for q in 0..right.rank {
                for k in 0..taps {
                    let weight = core[(i * right.rank + q) * taps + k];
                    for j in 0..right.len {
                        row[j * taps + k] += weight * right.row(q)[j];
                    }
                }
            }
        }
        Ok((Rows { rank, len: left.len() / rank, values: left }, Rows { rank, len: right.len * taps, values }))
    }

    fn finite(self, tensor: usize, buffer: &mut Vec<u8>) -> Result<Vec<f32>, Trouble> {
        let out = values(self.source, &self.tensors[tensor], buffer)?;
        if out.iter().all(|v| v.is_finite()) { Ok(out) } else { Err(Trouble::NotFinite(tensor)) }
    }
}

/// Largest product of two ranks for which the Khatri-Rao way is cheaper than tiles.
const KHATRI_RAO: usize = 64;

/// rank rows of equal length.
struct Rows {
    rank: usize,
    len: usize,
    values: Vec<f32>,
}

impl Rows {
    fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.len..(i + 1) * self.len]
    }
}

/// The larger of two magnitudes; NaN where one is NaN, which `max` would drop.
fn larger(one: f32, two: f32) -> f32 {
    if one.is_nan() || two.is_nan() { f32::NAN } else { one.max(two) }
}

/// Largest magnitude; NaN or infinity when there is one.
fn largest(dtype: Dtype, raw: &[u8], block: &mut Vec<f32>) -> f32 {
    let step = 4096;
    block.resize(block.len().max(step), 0.0);
    let mut largest = 0f32;
    for raw in raw.chunks(step * dtype.size()) {
        let block = &mut block[..raw.len() / dtype.size()];
        let _ = decode_f32(dtype, raw, block);
        for v in block.iter() {
            if !v.is_finite() {
                return f32::NAN;
            }
            largest = largest.max(v.abs());
        }
    }
    largest
}

/// Σ v² in f64, eight sums side by side.
fn squares(values: &[f32]) -> f64 {
    let (blocks, rest) = values.as_chunks::<8>();
    let mut sums = [0f64; 8];
    for block in blocks {
        for (s, v) in sums.iter_mut().zip(block) {
            *s += f64::from(*v) * f64::from(*v);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>()
}

/// Gram of the rows (p, q) ↦ one.row(p)∘two.row(q).
fn khatri_rao(one: &Rows, two: &Rows, gram: &mut Gram) {
    gram.start(one.rank * two.rank);
    for start in (0..one.len).step_by(PANEL) {
        let len = PANEL.min(one.len - start);
        for p in 0..one.rank {
            for q in 0..two.rank {
                let (a, b) = (&one.row(p)[start..start + len], &two.row(q)[start..start + len]);
                gram.row(p * two.rank + q).iter_mut().zip(a.iter().zip(b)).for_each(|(to, (a, b))| *to = a * b);
            }
        }
        gram.add(len);
    }
    gram.finish();
}

/// Σ of the squares of BᵀᵀA from rows, through two Gram matrices.
fn energy_of_rows(left: &Rows, right: &Rows, scratch: &mut Scratch) -> f64 {
    for (rows, gram) in [(left, &mut scratch.left), (right, &mut scratch.right)] {
        gram.start(rows.rank);
        for start in (0..rows.len).step_by(PANEL) {
            let len = PANEL.min(rows.len - start);
            for i in 0..rows.rank {
                gram.row(i)[..len].copy_from_slice(&rows.row(i)[start..start + len]);
            }
            gram.add(len);
        }
        gram.finish();
    }
    debug_assert_eq!(scratch.left.rank(), scratch.right.rank());
    scratch.left.dot(&scratch.right)
}

/// Σ ((B1·A1)∘(B2·A2))², one row of 512 columns at a time.
fn dense(b1: &Rows, a1: &Rows, b2: &Rows, a2: &Rows) -> f64 {
    let (mut x, mut y) = ([0f32; PANEL], [0f32; PANEL]);
    let mut sum = 0.0;
    for start in (0..a1.len).step_by(PANEL) {
        let len = PANEL.min(a1.len - start);
        let product = |b: &Rows, a: &Rows, i: usize, out: &mut [f32; PANEL]| {
            out[..len].fill(0.0);
            for p in 0..a.rank {
                let weight = b.row(p)[i];
                out[..len].iter_mut().zip(&a.row(p)[start..start + len]).for_each(|(o, v)| *o += weight * v);
            }
        };
        for i in 0..b1.len {
            product(b1, a1, i, &mut x);
            product(b2, a2, i, &mut y);
            x[..len].iter_mut().zip(&y[..len]).for_each(|(x, y)| *x *= y);
            sum += squares(&x[..len]);
        }
    }
    sum
}
