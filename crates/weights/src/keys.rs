//! From a key to what it means: which module, which of its tensors, in which naming; and from the module's name to the
//! weight it changes, equal under every naming.

mod foreign;
mod locate;
pub mod names;
mod roles;
mod slots;
mod unet;

pub use foreign::{Foreign, foreign};
pub use locate::{Located, locate};
pub use roles::{ParsedKey, Role, parse};
pub use slots::slot_of;

use crate::adapter::Component;
use crate::family::Family;
use crate::family::model::{self, Swapped};

/// Which rows of the (possibly fused) target a module covers, before its dimensions are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// All of them.
    All,
    /// As many as the module has, after `n` times as many (to_k of qkv: 1).
    Nth(usize),
    /// As many as the module has, after `columns` times its columns and `own` times its rows (proj_mlp of linear1: 3, 0).
    After { columns: usize, own: usize },
}

impl Rows {
    /// Behind q, k and v, each as high as the module is wide.
    pub const AFTER_QKV: Self = Self::After { columns: 3, own: 0 };

    /// (first row, rows) for a module of out_dim × in_dim; None for all rows. A rotation tells only one of the two, the other is 0: projections
    /// are taken as square, an MLP as four times as wide.
    #[must_use]
    pub fn window(self, out_dim: usize, in_dim: usize) -> Option<(usize, usize)> {
        let wide = if matches!(self, Self::After { .. }) { 4 } else { 1 };
        let (out_dim, in_dim) = match (out_dim, in_dim) {
            (0, n) => (n.saturating_mul(wide), n),
            (m, 0) => (m, m / wide),
            known => known,
        };
        match self {
            Self::All => None,
            Self::Nth(n) => Some((n.saturating_mul(out_dim), out_dim)),
            Self::After { columns, own } => Some((in_dim.saturating_mul(columns).saturating_add(out_dim.saturating_mul(own)), out_dim)),
        }
    }
}

/// The canonical name of the weight behind a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    pub path: String,
    pub rows: Rows,
    /// See `Module::swapped_halves`.
    pub swapped_halves: bool,
}

impl Canonical {
    fn plain(path: impl Into<String>) -> Self {
        Self { path: path.into(), rows: Rows::All, swapped_halves: false }
    }
}

/// The canonical target of a module of a file of `family`. `last_block` is the index of the model's last joint block, where known: its context
/// half has another modulation order in diffusers.
#[must_use]
pub fn canonical(family: Family, located: &Located, last_block: Option<usize>) -> Canonical {
    let path = located.path.as_str();
    if located.component != Component::Denoiser {
        return Canonical::plain(path);
    }
    if family.is_unet() {
        return Canonical::plain(unet::to_diffusers(path).unwrap_or_else(|| path.to_owned()));
    }
    let Some((model, found)) = model::of(family).and_then(|m| m.find(path).map(|found| (m, found))) else {
        return Canonical::plain(path);
    };
    let swapped_halves = match found.swapped {
        Swapped::No => false,
        Swapped::Yes => true,
        Swapped::InLastBlock => found.block.is_some_and(|(_, i)| Some(i) == last_block),
    };
    let name = match found.block {
        Some((section, i)) => format!("{}{i}_{}", model.sections[section].native, found.native),
        None => found.native.to_owned(),
    };
    Canonical { path: name.replace('.', "_"), rows: found.rows, swapped_halves }
}

/// `prefix`, an integer, then nothing or `_rest`: (integer, rest).
pub(crate) fn indexed<'a>(path: &'a str, prefix: &str) -> Option<(usize, &'a str)> {
    let tail = path.strip_prefix(prefix)?;
    let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
    let index = tail.get(..digits)?.parse().ok()?;
    match &tail[digits..] {
        "" => Some((index, "")),
        rest => rest.strip_prefix('_').map(|rest| (index, rest)),
    }
}

#[cfg(test)]
mod tests;
