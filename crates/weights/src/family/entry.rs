//! What the page needs of a family: id, label, block layouts. Small, because it is part of the page's WebAssembly.

use super::Family;
use crate::layout::{Layout, Slot};

/// A family's names and layouts.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) family: Family,
    /// Stable id, as in JSON: the variant's name in lower case.
    pub(crate) id: &'static str,
    /// Name for people.
    pub(crate) label: &'static str,
    /// Its own layouts, the more common one first.
    pub(crate) layouts: &'static [Layout],
    /// The family whose layouts it has, where it has none of its own.
    pub(crate) shares: Option<Family>,
}

impl Entry {
    pub(crate) const fn new(family: Family, id: &'static str, label: &'static str, layouts: &'static [Layout]) -> Self {
        Self { family, id, label, layouts, shares: None }
    }

    /// A family with the blocks of another one.
    pub(crate) const fn sharing(family: Family, id: &'static str, label: &'static str, with: Family) -> Self {
        Self { family, id, label, layouts: &[], shares: Some(with) }
    }
}

impl Layout {
    pub(crate) const fn first(id: &'static str, family: Family, slots: &'static [Slot]) -> Self {
        Self { id, version: 1, family, slots }
    }
}

/// One entry per family, in the order of the enum.
static ENTRIES: [&Entry; 31] = [
    &super::sd::SD1,
    &super::sd::SD2,
    &super::sd::SDXL,
    &super::sd3::ENTRY,
    &super::flux1::ENTRY,
    &super::chroma::ENTRY,
    &super::flux2::ENTRY,
    &super::wan::ENTRY,
    &super::hunyuanvideo::ENTRY,
    &super::hunyuanvideo15::ENTRY,
    &super::hunyuanimage::ENTRY,
    &super::hunyuandit::ENTRY,
    &super::ltx::ENTRY,
    &super::qwenimage::ENTRY,
    &super::zimage::ENTRY,
    &super::lumina2::ENTRY,
    &super::cosmos::ENTRY,
    &super::cosmospredict2::ENTRY,
    &super::anima::ENTRY,
    &super::cascade::ENTRY,
    &super::pixart::ENTRY,
    &super::auraflow::ENTRY,
    &super::hidream::ENTRY,
    &super::mochi::ENTRY,
    &super::cogvideox::ENTRY,
    &super::omnigen2::ENTRY,
    &super::ovis::ENTRY,
    &super::krea2::ENTRY,
    &super::ernie::ENTRY,
    &super::ideogram4::ENTRY,
    &super::acestep::ENTRY,
];

static UNKNOWN: Entry = Entry::new(Family::Unknown, "unknown", "Unknown", &[]);

pub(crate) fn of(family: Family) -> &'static Entry {
    ENTRIES.get(family as usize).copied().unwrap_or(&UNKNOWN)
}

/// Every family that has an entry.
pub(crate) const fn families<const N: usize>() -> [Family; N] {
    let mut out = [Family::Unknown; N];
    let mut i = 0;
    while i < N {
        out[i] = ENTRIES[i].family;
        i += 1;
    }
    out
}

/// The layouts of all entries; N must be their number.
pub(crate) const fn layouts<const N: usize>() -> [Layout; N] {
    let mut out = [Layout { id: "", version: 0, family: Family::Unknown, slots: &[] }; N];
    let (mut entry, mut at) = (0, 0);
    while entry < ENTRIES.len() {
        let own = ENTRIES[entry].layouts;
        let mut i = 0;
        while i < own.len() {
            out[at] = own[i];
            (i, at) = (i + 1, at + 1);
        }
        entry += 1;
    }
    assert!(at == N, "the number of layouts");
    out
}
