//! How well the modules of a file fit one family: are they weights of its models, and do their shapes agree with one size?

use super::Keys;
use crate::family::model::{Dim, Found, Model, Size, VARS};
use std::collections::HashMap;

/// Modules that differ only in the number of their block: one module of the file for every block.
#[derive(Debug)]
pub(super) struct Class<'a> {
    /// The path with the highest number.
    path: &'a str,
    out: usize,
    width: usize,
    count: usize,
    /// The highest number.
    last: Option<usize>,
    /// The numbers, as bits; those above 127 are left out.
    seen: u128,
}

/// The first number of a path: (where it begins, where it ends, value). It stands alone or behind letters (`block3`).
fn number(path: &str) -> Option<(usize, usize, usize)> {
    let bytes = path.as_bytes();
    let mut start = 0;
    for (i, b) in bytes.iter().enumerate() {
        if *b == b'_' {
            start = i + 1;
        } else if b.is_ascii_digit() && (i == start || path[start..i].ends_with("block")) {
            let end = i + bytes[i..].iter().take_while(|b| b.is_ascii_digit()).count();
            if end == bytes.len() || bytes[end] == b'_' {
                return path[i..end].parse().ok().map(|n| (i, end, n));
            }
        }
    }
    None
}

/// Groups the modules by all but the number of their block.
pub(super) fn classes<'a>(keys: &Keys<'a>) -> Vec<Class<'a>> {
    let mut classes: Vec<Class<'a>> = Vec::new();
    let mut index: HashMap<(&str, &str, usize, usize), usize> = HashMap::new();
    for e in &keys.0 {
        let found = number(e.path);
        let (head, tail) = found.map_or((e.path, ""), |(start, end, _)| (&e.path[..start], &e.path[end..]));
        let at = *index.entry((head, tail, e.out_dim, e.width)).or_insert_with(|| {
            classes.push(Class { path: e.path, out: e.out_dim, width: e.width, count: 0, last: None, seen: 0 });
            classes.len() - 1
        });
        let class = &mut classes[at];
        class.count += 1;
        if let Some((.., n)) = found {
            if class.last.is_none_or(|last| n > last) {
                (class.last, class.path) = (Some(n), e.path);
            }
            class.seen |= u32::try_from(n).ok().and_then(|n| 1u128.checked_shl(n)).unwrap_or(0);
        }
    }
    classes
}

/// The classes that a model knows, found once for all of its sizes.
pub(super) struct Named<'a> {
    pub(super) model: &'static Model,
    found: Vec<(&'a Class<'a>, Found)>,
    /// Modules with a known name.
    pub(super) modules: usize,
}

impl<'a> Named<'a> {
    pub(super) fn new(model: &'static Model, classes: &'a [Class<'a>]) -> Self {
        let found: Vec<_> = classes.iter().filter_map(|c| model.find(c.path).map(|f| (c, f))).collect();
        let modules = found.iter().map(|(c, _)| c.count).sum();
        Self { model, found, modules }
    }

    /// Modules whose shape or number contradicts the size, and modules whose width was compared.
    pub(super) fn against(&self, size: &Size) -> Against {
        let mut out = Against::default();
        for (class, found) in &self.found {
            let agrees = |side: Dim, value: usize| match side.value(&size.widths) {
                // A width of the size that is 0 says that it lacks the weight.
                Some(0) => false,
                Some(expected) => value == 0 || value == expected,
                None => true,
            };
            let inside = found.block.is_none_or(|(section, i)| i < usize::from(size.counts[section]));
            if !inside || !agrees(found.out, class.out) || !agrees(found.inp, class.width) {
                out.wrong += class.count;
            } else if [(found.inp, class.width), (found.out, class.out)].iter().any(|(d, n)| *n > 0 && matches!(d, Dim::Var(..))) {
                out.measured += class.count;
            }
        }
        out.complete = self.complete(size);
        out
    }

    /// True when every run of blocks that the file touches is there from first to last.
    fn complete(&self, size: &Size) -> bool {
        let mut seen = [0u128; 8];
        for (class, found) in &self.found {
            if let Some((section, _)) = found.block {
                seen[section] |= class.seen;
            }
        }
        let full = |count: u16| if count >= 128 { u128::MAX } else { (1u128 << count) - 1 };
        let touched = || seen.iter().zip(size.counts).filter(|(s, count)| **s != 0 && **count > 0);
        touched().next().is_some() && touched().all(|(s, count)| *s == full(*count))
    }

    /// The model's widths as these shapes have them, where no size has them; modules that do not agree with the most.
    pub(super) fn solve(&self) -> ([Option<usize>; VARS], usize) {
        let mut votes: [HashMap<usize, usize>; VARS] = Default::default();
        let mut pairs = Vec::new();
        let mut odd = 0;
        for (class, found) in &self.found {
            for (side, value) in [(found.out, class.out), (found.inp, class.width)] {
                let Dim::Var(times, var) = side else { continue };
                if value == 0 {
                    continue;
                }
                if value.is_multiple_of(usize::from(times)) {
                    let width = value / usize::from(times);
                    *votes[usize::from(var)].entry(width).or_default() += class.count;
                    pairs.push((usize::from(var), width, class.count));
                } else {
                    odd += class.count;
                }
            }
        }
        let widths = votes.map(|v| v.into_iter().max_by_key(|(width, n)| (*n, *width)).map(|(width, _)| width));
        let wrong = pairs.iter().filter(|(var, width, _)| widths[*var] != Some(*width)).map(|(.., n)| n).sum::<usize>() + odd;
        (widths, wrong)
    }

    /// True when the names say no more than that there are blocks: many models begin them so.
    pub(super) fn stems_are_common(&self) -> bool {
        let common = |path: &str| ["transformer_blocks_", "blocks_", "layers_"].iter().any(|stem| path.starts_with(stem));
        self.found.iter().all(|(class, _)| common(class.path))
    }

    /// True when the numbers of all blocks are below the size's.
    pub(super) fn within(&self, size: &Size) -> bool {
        self.found.iter().all(|(_, f)| f.block.is_none_or(|(section, i)| i < usize::from(size.counts[section])))
    }
}

/// A file against one size.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Against {
    pub(super) wrong: usize,
    pub(super) measured: usize,
    pub(super) complete: bool,
}
