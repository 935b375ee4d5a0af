//! Which modules of which files change the same weight, and in what form the result holds it.
//!
//! The same projection comes fused (`qkv`) or split (`to_q`, `to_k`, `to_v`). Split modules stay split while every file splits alike. As soon as
//! one file has the fused form, or the windows differ, the result has the fused form: a split module fills its own rows of B.

use super::plan::MergeError;
use crate::adapter::{Adapter, Component, Factors, Kind, Module, Side, Target};
use crate::delta::{Base, needs_base};
use crate::family::Family;
use std::collections::BTreeMap;

/// (first row, rows) of a fused weight; None: all of it.
type Window = Option<(usize, usize)>;

/// One module that takes part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    /// Index of the file.
    pub(crate) member: usize,
    /// Index into the file's modules.
    pub(crate) module: usize,
    /// First row of the result that it covers.
    pub(crate) row0: usize,
    /// Weight × block factor, without the module's own scale.
    pub(crate) weight: f64,
    /// Its rows' halves stand the other way round than in the result.
    pub(crate) swap: bool,
    /// (rows, columns) of its ΔW.
    pub(crate) size: (usize, usize),
    /// Rank of its exact factors; None where it has none, or none that are smaller than the matrix.
    pub(crate) rank: Option<usize>,
}

/// One module of the result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    /// The weight that it changes.
    pub(crate) target: Target,
    /// Rows of ΔW.
    pub(crate) m: usize,
    /// Columns of ΔW.
    pub(crate) n: usize,
    /// What is added up.
    pub(crate) parts: Vec<Part>,
    /// A bias, or the weight of a norm: one column. Such are only ever added.
    pub(crate) vector: bool,
}

impl Group {
    /// Sum of the ranks of all parts; None where one of them has no factors.
    pub(crate) fn stacked(&self) -> Option<usize> {
        self.parts.iter().map(|p| p.rank).sum()
    }

    /// Some rank that stands for the size of the group's parts: where one has no factors, the smaller side.
    pub(crate) fn bulk(&self) -> usize {
        self.parts.iter().map(|p| p.rank.unwrap_or(self.m.min(self.n))).sum()
    }
}

/// A file and the name it is called by in messages.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) adapter: &'a Adapter,
    pub(crate) label: &'a str,
}

impl Named<'_> {
    pub(crate) fn module(&self, part: &Part) -> &Module {
        &self.adapter.modules[part.module]
    }
}

/// True for the kinds whose ΔW is a product of two factors that this crate adds up.
pub(crate) fn is_pair(module: &Module) -> bool {
    matches!(module.kind, Kind::Lora | Kind::Locon) && matches!(module.factors, Factors::Pair(_)) && module.rank > 0
}

/// Most components that a product with more than two factors is multiplied out to.
const LIMIT: usize = 1024;

/// Rank of a module's exact factors, from the header alone. None for stored and base-relative differences, and where the factors would
/// be no smaller than the matrix: a LoHa of rank r has r² components, a LoKr the product of its sides' ranks.
pub(crate) fn factor_rank(adapter: &Adapter, module: &Module) -> Option<usize> {
    let shape = |i: usize| adapter.header.tensors[i].shape.as_slice();
    let first = |i: usize| shape(i).first().copied().unwrap_or(0);
    let rank = match &module.factors {
        // With a Tucker core the rank beside the up factor is the core's.
        Factors::Pair(pair) if is_pair(module) => return Some(pair.mid.map_or(module.rank, first)),
        Factors::Loha { w1b, w2b, t1, t2, .. } if module.kind == Kind::Loha => {
            first(t1.unwrap_or(*w1b)).checked_mul(first(t2.unwrap_or(*w2b)))?
        }
        Factors::Lokr { w1, w2, t2 } if module.kind == Kind::Lokr => {
            let side = |side: Side, core: Option<usize>| match (side, core) {
                (Side::Whole(i), _) => first(i).min(shape(i).iter().skip(1).product()),
                (Side::Product(a, b), None) => first(b).min(first(a)),
                (Side::Product(..), Some(t)) => first(t),
            };
            side(*w1, None).checked_mul(side(*w2, *t2))?
        }
        _ => return None,
    };
    let limit = (module.out_dim.min(module.in_dim) / 3).clamp(64, LIMIT);
    (rank > 0 && rank <= limit).then_some(rank)
}

/// How modules are taken in.
#[derive(Clone, Copy)]
pub(crate) struct Taking<'a> {
    /// Joins windows of one weight even where all files split alike: the result's naming has no split form.
    pub(crate) fuse: bool,
    /// The base model, for the kinds that need it.
    pub(crate) base: Option<&'a dyn Base>,
}

/// Groups all modules by the weight they change. `weight(member, module)` is 0 for a module that is left out.
pub(crate) fn grouped(files: &[Named<'_>], weight: impl Fn(usize, &Module) -> f64, taking: Taking<'_>) -> Result<Vec<Group>, MergeError> {
    let mut by_path: BTreeMap<(Component, &str), Vec<(Window, Part)>> = BTreeMap::new();
    for (member, file) in files.iter().enumerate() {
        for (index, module) in file.adapter.modules.iter().enumerate() {
            let weight = weight(member, module);
            if weight == 0.0 {
                continue;
            }
            admit(file, module, taking.base)?;
            let size = size(file, module, taking.base)?;
            let rank = factor_rank(file.adapter, module);
            let row0 = module.target.rows.map_or(0, |r| r.0);
            let part = Part { member, module: index, row0, weight, swap: module.swapped_halves, size, rank };
            by_path.entry((module.target.component, &module.target.path)).or_default().push((module.target.rows, part));
        }
    }
    let mut groups = Vec::new();
    for ((component, path), parts) in by_path {
        let target = Target { component, path: path.to_owned(), rows: None };
        split(files, target, parts, taking.fuse, &mut groups)?;
    }
    Ok(groups)
}

/// Refuses what cannot be added to anything.
fn admit(file: &Named<'_>, module: &Module, base: Option<&dyn Base>) -> Result<(), MergeError> {
    let (label, name) = (file.label.to_owned(), module.name.clone());
    if matches!(module.kind, Kind::Set | Kind::Unknown) {
        return Err(MergeError::Replaces { file: label, module: name });
    }
    if needs_base(module) && base.is_none() {
        return Err(MergeError::NeedsBase { file: label, kind: module.kind, module: name });
    }
    Ok(())
}

/// Rows and columns of ΔW. (IA)³ and OFT know one of the two; the base model knows the other.
fn size(file: &Named<'_>, module: &Module, base: Option<&dyn Base>) -> Result<(usize, usize), MergeError> {
    let (m, n) = (module.out_dim, module.in_dim);
    if m > 0 && n > 0 {
        return Ok((m, n));
    }
    let failed = |reason: String| MergeError::Read { file: file.label.into(), reason };
    let Some(base) = base else {
        return Err(MergeError::NeedsBase { file: file.label.into(), kind: module.kind, module: module.name.clone() });
    };
    let weight = base.weight(&module.target, m, n).map_err(|e| failed(e.to_string()))?;
    let weight = weight.ok_or_else(|| failed(format!("the base model has no weight for {}", module.name)))?;
    Ok((weight.m, weight.n))
}

/// A stored difference of one column: a bias, or the weight of a norm.
fn is_vector(files: &[Named<'_>], part: &Part) -> bool {
    let file = &files[part.member];
    let module = file.module(part);
    let Factors::Other(tensors) = &module.factors else { return false };
    module.kind == Kind::Full && tensors.iter().all(|t| file.adapter.header.tensors[*t].shape.len() <= 1)
}

/// Turns all parts of one weight into one group, or into one per window.
fn split(files: &[Named<'_>], target: Target, parts: Vec<(Window, Part)>, fuse: bool, out: &mut Vec<Group>) -> Result<(), MergeError> {
    let mut windows: BTreeMap<Window, Vec<Part>> = BTreeMap::new();
    for (rows, part) in parts {
        windows.entry(rows).or_default().push(part);
    }
    let whole = windows.contains_key(&None);
    if (whole && windows.len() == 1) || (!whole && !fuse && !overlap(windows.keys())) {
        for (rows, mut parts) in windows {
            // Kept names keep their own order of halves; new names have the native one.
            let stored = !fuse && parts.first().is_some_and(|p| p.swap);
            parts.iter_mut().for_each(|p| (p.row0, p.swap) = (0, p.swap != stored));
            out.push(sized(files, Target { rows, ..target.clone() }, parts)?);
        }
        return Ok(());
    }
    let mut parts: Vec<Part> = windows.into_values().flatten().collect();
    // Whole modules first: their shape is the one to fit. Then by file, so that the order of the result does not depend on the windows' order.
    parts.sort_by_key(|p| (files[p.member].module(p).target.rows.is_some(), p.member, p.row0, p.module));
    out.push(sized(files, target, parts)?);
    Ok(())
}

/// True when two different windows share a row.
fn overlap<'a>(windows: impl Iterator<Item = &'a Window>) -> bool {
    let mut end = 0;
    for (first, rows) in windows.flatten() {
        if *first < end {
            return true;
        }
        end = first + rows;
    }
    false
}

/// Finds the group's shape and checks every part against it.
fn sized(files: &[Named<'_>], target: Target, parts: Vec<Part>) -> Result<Group, MergeError> {
    let module = |p: &Part| files[p.member].module(p);
    let n = parts.first().map_or(0, |p| p.size.1);
    let whole = parts.iter().find(|p| module(p).target.rows == target.rows).map(|p| p.size.0);
    let vector = parts.iter().all(|p| is_vector(files, p));
    let heads = parts.iter().map(|p| p.size.0).max().unwrap_or(0);
    let family = files.iter().map(|f| f.adapter.detection.family).find(|f| *f != Family::Unknown).unwrap_or_default();
    let told = || if vector { None } else { crate::keys::names::rows(family, &target.path, n) };
    let m = whole.or_else(told).unwrap_or_else(|| fused_rows(&target.path, if vector { heads } else { n }));
    for part in &parts {
        let (rows, columns) = part.size;
        let fits = if module(part).target.rows == target.rows { rows == m } else { part.row0 + rows <= m };
        if columns != n || !fits {
            return Err(MergeError::Shape {
                file: files[part.member].label.into(),
                target: target.path,
                found: format!("{rows}×{columns}"),
                expected: format!("{m}×{n}"),
            });
        }
    }
    Ok(Group { target, m, n, parts, vector })
}

/// Rows of a fused weight from its columns: qkv is 3 heads' widths, the Flux single stream's linear1 is qkv and a four times wider MLP.
fn fused_rows(path: &str, n: usize) -> usize {
    if path.trim_end_matches("_bias").ends_with("linear1") { 7 * n } else { 3 * n }
}
