//! Which modules of which files change the same rows of the same weight.

use crate::adapter::{Component, Module};
use crate::delta::Base;
use crate::layout::SlotRef;
use crate::merge::Member;
use crate::source::ReadError;
use std::collections::BTreeMap;

/// One module that takes part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    /// Index of the file.
    pub(crate) member: usize,
    /// Index into the file's modules.
    pub(crate) module: usize,
    /// Its first row inside of the weight.
    pub(crate) row0: usize,
    /// Its rows.
    pub(crate) rows: usize,
    /// Its rows' halves stand the other way round.
    pub(crate) swap: bool,
}

/// A weight of the network, or a run of its rows, that at least one file changes. Windows that share no row are weights of their own: they
/// have nothing to do with each other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weight {
    pub(crate) component: Component,
    pub(crate) path: String,
    /// First row of the network's weight.
    pub(crate) first: usize,
    /// True when no module covers all of it.
    pub(crate) window: bool,
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) slot: Option<SlotRef>,
    /// By file.
    pub(crate) parts: Vec<Part>,
}

/// True for a window of rows, with the part.
type Placed = (bool, Part);

/// All weights that any of the files changes, by component and path. The same path with another number of columns is another weight.
///
/// # Errors
/// The index of the file and its error, where a shape had to be looked up in the base and could not.
pub(crate) fn weights(members: &[Member<'_>], base: Option<&dyn Base>) -> Result<Vec<Weight>, (usize, ReadError)> {
    let mut by_path: BTreeMap<(Component, &str, usize), Vec<Placed>> = BTreeMap::new();
    for (member, file) in members.iter().enumerate() {
        for (index, module) in file.adapter.modules.iter().enumerate() {
            let Some((m, n)) = shape(module, base).map_err(|e| (member, e))? else { continue };
            let (row0, rows) = module.target.rows.unwrap_or((0, m));
            let part = Part { member, module: index, row0, rows: rows.min(m), swap: module.swapped_halves };
            by_path.entry((module.target.component, &module.target.path, n)).or_default().push((module.target.rows.is_some(), part));
        }
    }
    let mut out = Vec::new();
    for ((component, path, n), mut parts) in by_path {
        parts.sort_by_key(|(_, p)| (p.row0, p.member, p.module));
        for (window, parts) in clusters(parts) {
            let first = parts.iter().map(|p| p.row0).min().unwrap_or(0);
            let m = parts.iter().map(|p| p.row0 + p.rows).max().unwrap_or(0) - first;
            let mut parts: Vec<Part> = parts.into_iter().map(|p| Part { row0: p.row0 - first, ..p }).collect();
            parts.sort_by_key(|p| (p.member, p.row0, p.module));
            let slot = parts.first().and_then(|p| members[p.member].adapter.modules[p.module].slot);
            out.push(Weight { component, path: path.to_owned(), first, window, m, n, slot, parts });
        }
    }
    Ok(out)
}

/// (m, n) of a module; from the base where the adapter does not tell. None where nothing tells.
fn shape(module: &Module, base: Option<&dyn Base>) -> Result<Option<(usize, usize)>, ReadError> {
    let (m, n) = (module.out_dim, module.in_dim);
    if m > 0 && n > 0 {
        return Ok(Some((m, n)));
    }
    let Some(base) = base else { return Ok(None) };
    Ok(base.weight(&module.target, m, n)?.map(|w| (w.m, w.n)))
}

/// Runs of parts (sorted by first row) that share rows; true where all of them are windows.
fn clusters(parts: Vec<Placed>) -> Vec<(bool, Vec<Part>)> {
    let mut out: Vec<(bool, Vec<Part>)> = Vec::new();
    let mut end = 0;
    for (window, part) in parts {
        match out.last_mut() {
            Some((windows, run)) if part.row0 < end => {
                *windows &= window;
                run.push(part);
            }
            _ => out.push((window, vec![part])),
        }
        end = end.max(part.row0 + part.rows);
    }
    out
}
