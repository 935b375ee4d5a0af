//! Modules computed on all cores and written in order: while one batch is written the next is computed.

use super::compute::{Built, alpha};
use super::plan::{MergeError, MergeReport, SlotStrength};
use super::{Prepared, shapes, whole};
use crate::linalg::par_map;
use crate::merge::Stored as _;
use crate::progress::{Cancelled, Progress};
use crate::write::{TensorWriter, WriteError};
use std::collections::BTreeMap;
use std::io::{Seek, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Factors of one batch in f64, bytes: bounds the memory, and is large enough to keep all cores busy.
const BATCH: usize = 48 << 20;

/// What became of a module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) rank: usize,
    pub(crate) energy: Option<(f64, f64)>,
    /// Stored whole, not as a pair.
    pub(crate) whole: bool,
}

impl Prepared<'_> {
    pub(super) fn stream<W: Write + Seek + Send>(
        &self,
        out: &mut TensorWriter<W>,
        progress: &dyn Progress,
    ) -> Result<Vec<Outcome>, MergeError> {
        let done = AtomicU64::new(0);
        let mut outcomes = Vec::with_capacity(self.groups.len());
        let mut ready: Vec<(usize, Built)> = Vec::new();
        for batch in self.batches().into_iter().chain(std::iter::once(0..0)) {
            let indices: Vec<usize> = batch.collect();
            let (written, built) = join(
                || ready.iter().try_for_each(|(i, built)| self.put(out, *i, built)),
                || par_map(&indices, |&i| self.one(i, &done, progress)).into_iter().collect::<Result<Vec<_>, _>>(),
            );
            written.map_err(|source| WriteError::Io { path: "the output".into(), source })?;
            outcomes.extend(ready.iter().map(|(_, b)| Outcome { rank: b.rank, energy: b.energy, whole: b.up.is_none() }));
            ready = indices.into_iter().zip(built?).collect();
        }
        Ok(outcomes)
    }

    fn one(&self, index: usize, done: &AtomicU64, progress: &dyn Progress) -> Result<Built, MergeError> {
        Cancelled::check(progress)?;
        let built = self.context.build(&self.groups[index], self.ways[index], &self.keys[index].stem, progress)?;
        progress.step(done.fetch_add(1, Ordering::Relaxed) + 1, self.groups.len() as u64, "weaving");
        Ok(built)
    }

    fn put<W: Write + Seek>(&self, out: &mut TensorWriter<W>, index: usize, built: &Built) -> std::io::Result<()> {
        if built.rank == 0 {
            return Ok(());
        }
        let keys = &self.keys[index];
        let dtype = self.plan.dtype.dtype();
        let Some(values) = &built.up else {
            return out.tensor(&whole::key(keys), dtype, &whole::shape(&self.groups[index], keys), &built.down);
        };
        let (down, up) = shapes(&self.groups[index], keys, built.rank);
        if let Some(key) = &keys.alpha {
            let (dtype, bytes) = alpha(self.context.alpha.unwrap_or(built.rank), self.plan.dtype);
            out.tensor(key, dtype, &[], &bytes)?;
        }
        out.tensor(&keys.down, dtype, &down, &built.down)?;
        out.tensor(&keys.up, dtype, &up, values)
    }

    /// Runs of groups whose stacks together stay near [`BATCH`].
    fn batches(&self) -> Vec<Range<usize>> {
        let mut out = Vec::new();
        let (mut start, mut size) = (0, 0);
        for (i, group) in self.groups.iter().enumerate() {
            size += (group.m + group.n) * group.stacked().unwrap_or(0) * size_of::<f64>();
            if self.ways[i].dense || self.ways[i].diff {
                size += group.m * group.n * size_of::<f32>();
            }
            if size >= BATCH {
                out.push(start..i + 1);
                (start, size) = (i + 1, 0);
            }
        }
        if start < self.groups.len() {
            out.push(start..self.groups.len());
        }
        out
    }

    pub(super) fn report(&mut self, outcomes: &[Outcome], bytes: u64) -> MergeReport {
        let kept: Vec<(usize, &Outcome)> = outcomes.iter().enumerate().filter(|(_, o)| o.rank > 0).collect();
        let part = |o: &Outcome| o.energy.map_or(1.0, |(kept, all)| if all > 0.0 { kept / all } else { 1.0 });
        let (sum, all) = outcomes.iter().filter_map(|o| o.energy).fold((0.0, 0.0), |s, e| (s.0 + e.0, s.1 + e.1));
        let pairs = || kept.iter().filter(|(_, o)| !o.whole);
        let known = outcomes.iter().all(|o| o.energy.is_some());
        MergeReport {
            modules: kept.len(),
            rank_min: pairs().map(|(_, o)| o.rank).min().unwrap_or(0),
            rank_max: pairs().map(|(_, o)| o.rank).max().unwrap_or(0),
            energy_kept: if all > 0.0 { sum / all } else { 1.0 },
            frobenius: known.then(|| sum.sqrt()),
            blocks: if known { self.blocks(outcomes) } else { Vec::new() },
            whole: kept.iter().filter(|(_, o)| o.whole).count(),
            per_module: kept.iter().map(|(i, o)| (self.keys[*i].stem.clone(), o.rank, part(o))).collect(),
            bytes,
            warnings: std::mem::take(&mut self.warnings),
        }
    }

    fn blocks(&self, outcomes: &[Outcome]) -> Vec<SlotStrength> {
        let layout = self.files.iter().find_map(|f| super::layout_of(f.adapter));
        let mut sums: BTreeMap<String, (usize, f64)> = BTreeMap::new();
        for (group, outcome) in self.groups.iter().zip(outcomes) {
            let slot = group.parts.first().and_then(|p| self.files[p.member].module(p).slot);
            let (order, label) = match (slot, layout) {
                (Some(slot), Some(layout)) => (position(slot), slot.label(layout)),
                (Some(crate::layout::SlotRef::Extra(e)), None) => (position(crate::layout::SlotRef::Extra(e)), e.label()),
                _ => (usize::MAX, "OTHER"),
            };
            let entry = sums.entry(label.to_owned()).or_insert((order, 0.0));
            entry.1 += outcome.energy.map_or(0.0, |e| e.0);
        }
        let mut rows: Vec<(usize, SlotStrength)> =
            sums.into_iter().map(|(slot, (order, e))| (order, SlotStrength { slot, frobenius: e.sqrt() })).collect();
        rows.sort_by(|a, b| (a.0, &a.1.slot).cmp(&(b.0, &b.1.slot)));
        rows.into_iter().map(|(_, row)| row).collect()
    }
}

/// Blocks in layout order, then the other parts.
fn position(slot: crate::layout::SlotRef) -> usize {
    match slot {
        crate::layout::SlotRef::Block(i) => usize::from(i),
        crate::layout::SlotRef::Extra(e) => 1 << 16 | e as usize,
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    rayon::join(a, b)
}

#[cfg(target_arch = "wasm32")]
fn join<A, B>(a: impl FnOnce() -> A, b: impl FnOnce() -> B) -> (A, B) {
    (a(), b())
}
