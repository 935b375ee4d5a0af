//! Inner products of all files on one weight, and for every pair what else relates them.

use super::CompareError;
use super::signs::{self, Conflict};
use super::subspace::{Basis, Spaces, principal};
use super::weights::{Part, Weight};
use crate::delta::{Base, Delta, DeltaError, Loader, Product};
use crate::gram::packed;
use crate::linalg::wide::{Panels, Slab};
use crate::linalg::{Spectrum, Stack, inner, par_map_init};
use crate::merge::Member;
use crate::progress::{Cancelled, Progress};
use crate::source::ReadError;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Below this part of ‖A‖² + ‖B‖² the squared distance is computed from the difference itself: what is left of the inner products would have
/// lost four of sixteen digits.
const CANCELS: f64 = 1e-4;

/// Values of a tile of rows, of all files together.
const TILE: usize = 1 << 20;

/// What to compute beside the inner products.
#[derive(Clone, Copy)]
pub(crate) struct Detail<'a> {
    pub(crate) base: Option<&'a dyn Base>,
    pub(crate) seed: u64,
    pub(crate) sample_rows: usize,
    /// Distances, overlaps and signs of every pair.
    pub(crate) pairs: bool,
}

/// What was found on one weight.
#[derive(Debug, Default)]
pub(crate) struct Products {
    /// Packed upper triangle of ⟨ΔW_i, ΔW_j⟩.
    pub(crate) gram: Vec<f64>,
    /// Which files have a measured module here.
    pub(crate) present: Vec<bool>,
    /// Pairs that are both present.
    pub(crate) pairs: Vec<PairProducts>,
    /// (file, module, why) of what could not be loaded.
    pub(crate) left_out: Vec<(usize, usize, DeltaError)>,
}

/// Two files on one weight.
#[derive(Debug, Clone)]
pub(crate) struct PairProducts {
    pub(crate) a: usize,
    pub(crate) b: usize,
    /// ‖A − B‖².
    pub(crate) distance: f64,
    /// Principal cosines of inputs and outputs with the dimensions of both spaces.
    pub(crate) spaces: Option<Spaces>,
    pub(crate) conflict: Option<Conflict>,
}

/// A failure that ends the whole comparison, with the index of the file.
#[derive(Debug)]
pub(crate) enum Failure {
    Read(usize, ReadError),
    Cancelled(Cancelled),
}

impl Failure {
    pub(crate) fn named(self, names: &[String]) -> CompareError {
        match self {
            Self::Read(file, source) => CompareError::Read { file: names.get(file).cloned().unwrap_or_default(), source },
            Self::Cancelled(c) => c.into(),
        }
    }
}

/// Computes `weights` on all cores, in their order.
pub(crate) fn products(
    weights: &[Weight],
    members: &[Member<'_>],
    detail: &Detail<'_>,
    progress: &dyn Progress,
) -> Result<Vec<Products>, Failure> {
    let done = AtomicU64::new(0);
    let one = |panels: &mut Panels, weight: &Weight| {
        Cancelled::check(progress).map_err(Failure::Cancelled)?;
        let found = of_weight(weight, members, detail, panels)?;
        progress.step(done.fetch_add(1, Ordering::Relaxed) + 1, weights.len() as u64, "comparing");
        Ok(found)
    };
    par_map_init(weights, Panels::default, one).into_iter().collect()
}

/// A part with its ΔW.
pub(super) struct Loaded {
    pub(super) part: Part,
    pub(super) delta: Delta,
}

fn of_weight(weight: &Weight, members: &[Member<'_>], detail: &Detail<'_>, panels: &mut Panels) -> Result<Products, Failure> {
    let n = members.len();
    let mut found = Products { gram: vec![0.0; n * (n + 1) / 2], present: vec![false; n], ..Products::default() };
    let mut loaded = Vec::with_capacity(weight.parts.len());
    for part in &weight.parts {
        let member = &members[part.member];
        let loader = Loader { adapter: member.adapter, source: member.source, base: detail.base };
        match loader.load(&member.adapter.modules[part.module]) {
            Ok(delta) if delta.shape() == (part.rows, weight.n) => {
                found.present[part.member] = true;
                loaded.push(Loaded { part: *part, delta });
            }
            Ok(_) => {}
            Err(DeltaError::Read(e)) => return Err(Failure::Read(part.member, e)),
            Err(why) => found.left_out.push((part.member, part.module, why)),
        }
    }
    let limit = (weight.m.min(weight.n) / 3).max(64);
    if loaded.iter().all(|l| l.delta.factor_rank().is_some_and(|r| r <= limit)) {
        if detail.pairs { by_factors(weight, &loaded, limit, &mut found) } else { by_panels(weight, &loaded, limit, panels, &mut found) }
    } else {
        by_tiles(weight, &loaded, n, detail, &mut found);
    }
    for pair in &mut found.pairs {
        pair.conflict = signs::conflict(weight, &loaded, (pair.a, pair.b), detail);
    }
    Ok(found)
}

/// All pairs of files that are present.
fn pairs(present: &[bool]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let here = |i: &usize| present[*i];
    (0..present.len()).filter(here).flat_map(move |a| (a + 1..present.len()).filter(here).map(move |b| (a, b)))
}

/// Inner products alone: nothing but panels of the factors is ever widened to f64.
fn by_panels(weight: &Weight, loaded: &[Loaded], limit: usize, panels: &mut Panels, found: &mut Products) {
    let factors: Vec<(&Loaded, Cow<'_, Product>)> = loaded.iter().filter_map(|l| Some((l, l.delta.factors(limit)?))).collect();
    let slabs: Vec<Slab<'_>> =
        factors.iter().map(|(l, f)| Slab { b: &f.b, a: &f.a, rank: f.rank, row0: l.part.row0, swap: l.part.swap }).collect();
    let (gb, ga) = panels.grams(&slabs, (weight.m, weight.n));
    let mut first = 0;
    let spans: Vec<(usize, f64, Range<usize>)> = factors
        .iter()
        .map(|(l, f)| {
            first += f.rank;
            (l.part.member, l.delta.scale, first - f.rank..first)
        })
        .collect();
    let n = found.present.len();
    for (i, s, rows) in &spans {
        for (j, t, columns) in spans.iter().filter(|(j, ..)| i <= j) {
            let products = columns.clone().flat_map(|c| rows.clone().map(move |r| (r, c))).map(|(r, c)| gb.at(r, c) * ga.at(r, c));
            found.gram[packed(n, *i, *j)] += s * t * products.sum::<f64>();
        }
    }
}

fn by_factors(weight: &Weight, loaded: &[Loaded], limit: usize, found: &mut Products) {
    let n = found.present.len();
    let mut stack = Stack::new(weight.m, weight.n);
    let mut spans: Vec<(usize, Range<usize>)> = Vec::with_capacity(loaded.len());
    for l in loaded {
        let start = stack.rank();
        push(&mut stack, l, limit, 1.0);
        spans.push((l.part.member, start..stack.rank()));
    }
    let (gb, ga) = stack.grams();
    for (i, rows) in &spans {
        for (j, columns) in spans.iter().filter(|(j, _)| i <= j) {
            found.gram[packed(n, *i, *j)] += inner(&gb, &ga, rows.clone(), columns.clone());
        }
    }
    let span_of = |member: usize| -> Vec<usize> { spans.iter().filter(|(m, _)| *m == member).flat_map(|(_, s)| s.clone()).collect() };
    let bases: Vec<Option<Basis>> = (0..n).map(|i| found.present[i].then(|| Basis::of(&gb, &ga, span_of(i))).flatten()).collect();
    for (a, b) in pairs(&found.present) {
        let at = |i, j| found.gram[packed(n, i, j)];
        let (sizes, mut distance) = (at(a, a) + at(b, b), at(a, a) + at(b, b) - 2.0 * at(a, b));
        if distance < CANCELS * sizes {
            distance = difference(weight, loaded, (a, b), limit).unwrap_or(distance);
        }
        let spaces = bases[a].as_ref().zip(bases[b].as_ref()).and_then(|(x, y)| principal(&gb, &ga, x, y));
        found.pairs.push(PairProducts { a, b, distance: distance.max(0.0), spaces, conflict: None });
    }
}

/// Appends one part to a stack, its rows in the network's order.
fn push(stack: &mut Stack, loaded: &Loaded, limit: usize, sign: f64) {
    let Some(mut factors) = loaded.delta.factors(limit) else { return };
    if loaded.part.swap {
        let half = factors.m / 2 * factors.rank;
        factors.to_mut().b.rotate_left(half);
    }
    stack.push(&factors.b, &factors.a, loaded.part.row0, sign * loaded.delta.scale);
}

/// ‖A − B‖² from the singular values of the difference.
fn difference(weight: &Weight, loaded: &[Loaded], (a, b): (usize, usize), limit: usize) -> Option<f64> {
    let mut stack = Stack::new(weight.m, weight.n);
    for l in loaded {
        if l.part.member == a || l.part.member == b {
            push(&mut stack, l, limit, if l.part.member == a { 1.0 } else { -1.0 });
        }
    }
    Spectrum::of(&stack).map(|s| s.sigma.iter().map(|v| v * v).sum())
}

/// Without factors: tile by tile of rows.
fn by_tiles(weight: &Weight, loaded: &[Loaded], n: usize, detail: &Detail<'_>, found: &mut Products) {
    let members: Vec<usize> = (0..n).filter(|i| found.present[*i]).collect();
    let step = (TILE / (weight.n * members.len()).max(1)).clamp(1, weight.m.max(1));
    let mut tiles = vec![vec![0f32; step * weight.n]; n];
    let mut distances = vec![0.0; n * (n + 1) / 2];
    for start in (0..weight.m).step_by(step) {
        let rows = start..weight.m.min(start + step);
        let len = rows.len() * weight.n;
        for &i in &members {
            tiles[i][..len].fill(0.0);
            for l in loaded.iter().filter(|l| l.part.member == i) {
                add_rows(l, rows.clone(), weight.n, &mut tiles[i][..len]);
            }
        }
        for (x, &i) in members.iter().enumerate() {
            for &j in &members[x..] {
                let (a, b) = (&tiles[i][..len], &tiles[j][..len]);
                found.gram[packed(n, i, j)] += sum(a, b, |a, b| a * b);
                if detail.pairs && i != j {
                    distances[packed(n, i, j)] += sum(a, b, |a, b| (a - b) * (a - b));
                }
            }
        }
    }
    if detail.pairs {
        let found_pairs = pairs(&found.present)
            .map(|(a, b)| PairProducts { a, b, distance: distances[packed(n, a, b)], spaces: None, conflict: None })
            .collect();
        found.pairs = found_pairs;
    }
}

fn sum(a: &[f32], b: &[f32], f: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0f64; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for l in 0..8 {
            lanes[l] += f(f64::from(a[l]), f64::from(b[l]));
        }
    }
    lanes.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| f(f64::from(*a), f64::from(*b))).sum::<f64>()
}

/// Adds the part's rows that fall into `rows` of the weight to `out`.
pub(super) fn add_rows(loaded: &Loaded, rows: Range<usize>, n: usize, out: &mut [f32]) {
    let Part { row0, rows: count, swap, .. } = loaded.part;
    // Runs of rows that stand together in the file too.
    let runs = if swap { vec![(0, count / 2..count), (count - count / 2, 0..count / 2)] } else { vec![(0, 0..count)] };
    let mut buffer = Vec::new();
    for (at, stored) in runs {
        let (first, last) = ((row0 + at).max(rows.start), (row0 + at + stored.len()).min(rows.end));
        if first >= last {
            continue;
        }
        let from = stored.start + first - row0 - at;
        buffer.resize((last - first) * n, 0.0);
        loaded.delta.rows(from..from + last - first, &mut buffer);
        let to = &mut out[(first - rows.start) * n..(last - rows.start) * n];
        to.iter_mut().zip(&buffer).for_each(|(o, v)| *o += v);
    }
}
