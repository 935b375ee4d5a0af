//! The account of every key: what belongs to no module is carried through or left out, and what is left out is told.

use crate::header::Header;
use crate::text::shown;

/// Most single warnings of one file; the rest is counted.
const MAX_WARNINGS: usize = 40;

/// Warnings, with an end.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) list: Vec<String>,
    more: usize,
}

impl Notes {
    pub(super) fn add(&mut self, text: String) {
        if self.list.len() < MAX_WARNINGS { self.list.push(text) } else { self.more += 1 }
    }

    pub(super) fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.list.push(format!("{} more warnings of this sort.", self.more));
        }
        self.list
    }
}

/// Where the keys of a file go that belong to no module.
#[derive(Debug)]
pub(super) struct Account<'a> {
    pub(super) header: &'a Header,
    pub(super) notes: Notes,
    pub(super) carried: Vec<usize>,
    pub(super) left_out: Vec<usize>,
}

impl<'a> Account<'a> {
    pub(super) fn new(header: &'a Header) -> Self {
        let notes = Notes { list: header.warnings.clone(), more: 0 };
        Self { header, notes, carried: Vec::new(), left_out: Vec::new() }
    }

    /// Leaves `keys` out with one sentence for all: how many, and the first few by name.
    pub(super) fn leave_out(&mut self, keys: &[usize], one: &str, many: &str) {
        let example = |n: usize| keys.iter().take(n).map(|i| shown(&self.header.tensors[*i].name)).collect::<Vec<_>>().join(", ");
        match keys.len() {
            0 => {}
            1 => self.notes.add(format!("{} {one}", example(1))),
            n => self.notes.add(format!("{n} keys {many}, among them {}", example(3))),
        }
        self.left_out.extend_from_slice(keys);
    }

    /// Leaves out all tensors of the module named `stem`.
    pub(super) fn leave_out_module(&mut self, stem: &str, keys: impl IntoIterator<Item = usize>, why: &str) {
        self.notes.add(format!("{} was left out: {why}.", shown(stem)));
        self.left_out.extend(keys);
    }
}
