//! A family as data: its weights, their names in the original and in diffusers' code, their shapes, and its sizes.
//!
//! One [`Model`] per transformer family (the UNets of SD have rules of their own in `keys::unet`). From it are read: the canonical
//! name of a key (`keys::canonical`), its slot (`keys::slot_of`), the names of a weight elsewhere (`keys::names`), the family of a
//! file (`family::detect`) and the shape of a sample (`samples`).

use super::Family;
use crate::keys::Rows;
use crate::layout::{Extra, Group, Layout};

/// One side of a weight: a multiple of one of the widths of a [`Size`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dim {
    /// (times, which width).
    Var(u16, u8),
    Fixed(u32),
    /// Not told, not checked.
    Any,
}

/// Hidden width.
pub(crate) const H: Dim = Dim::Var(1, 0);
/// Width of the feed-forward layer, where it is no multiple of [`H`].
pub(crate) const F: Dim = Dim::Var(1, 1);
/// Width of the text that is read.
pub(crate) const T: Dim = Dim::Var(1, 2);
/// Width of the modulation or of keys and values, where it is no multiple of [`H`].
pub(crate) const M: Dim = Dim::Var(1, 3);
/// Width of a second branch (sound, image, context).
pub(crate) const X: Dim = Dim::Var(1, 4);
/// Not told.
pub(crate) const ANY: Dim = Dim::Any;
/// Number of widths.
pub(crate) const VARS: usize = 5;

impl Dim {
    /// `n` times this width.
    pub(crate) const fn x(self, n: u16) -> Self {
        match self {
            Self::Var(times, var) => Self::Var(times * n, var),
            Self::Fixed(v) => Self::Fixed(v * n as u32),
            Self::Any => Self::Any,
        }
    }

    /// The number, for these widths; None where it is not told. 0 where the size lacks the width, and with it the weight.
    pub(crate) fn value(self, widths: &[u32; VARS]) -> Option<usize> {
        match self {
            Self::Var(times, var) => Some(usize::from(times) * widths[usize::from(var)] as usize),
            Self::Fixed(v) => Some(v as usize),
            Self::Any => None,
        }
    }
}

/// A weight of a block or outside of the blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf {
    /// Dotted original name, behind the stem of its section.
    pub(crate) native: &'static str,
    pub(crate) out: Dim,
    pub(crate) inp: Dim,
    pub(crate) twin: Twin,
}

/// The same weight in diffusers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Twin {
    /// Its name is the same.
    Same,
    As(&'static str),
    /// Its two halves stand in the other order.
    Swapped(&'static str),
    /// The same in the model's last block only.
    SwappedLast(&'static str),
    /// It is cut into several.
    Split(&'static [Part]),
    /// It has none, or none that is known.
    Nothing,
}

/// One of the weights that a fused one is cut into.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) out: Dim,
    pub(crate) rows: Rows,
}

/// A name that some files use besides the two of the leaf.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alias {
    pub(crate) name: &'static str,
    /// The leaf's original name.
    pub(crate) native: &'static str,
    /// Which rows of the leaf it covers.
    pub(crate) rows: Rows,
}

/// Where the blocks of a section stand in the layout.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// Block i is slot `i / stride` of the group, behind the sections before it that have the same group.
    Slots {
        group: Group,
        stride: u16,
    },
    Outside(Extra),
}

/// A run of numbered blocks of one sort.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section {
    /// What stands before the number, dotted: `double_blocks.`.
    pub(crate) native: &'static str,
    pub(crate) diffusers: &'static str,
    pub(crate) place: Place,
    pub(crate) leaves: &'static [Leaf],
    pub(crate) aliases: &'static [Alias],
    /// Where modules of several sorts take turns: which turn each leaf belongs to. Empty: every module has every leaf.
    pub(crate) turns: &'static [u8],
}

/// A weight outside of the blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outside {
    pub(crate) leaf: Leaf,
    pub(crate) extra: Extra,
}

/// One of the models of a family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Variant: `14B`, `Klein 4B`; empty where there is only one.
    pub(crate) label: &'static str,
    /// Id of its layout.
    pub(crate) layout: &'static str,
    /// Number of blocks of each section; 0 where it has none.
    pub(crate) counts: &'static [u16],
    /// Its widths, in the order H, F, T, M, X; 0 where it lacks one.
    pub(crate) widths: [u32; VARS],
}

impl Size {
    pub(crate) fn layout(&self) -> Option<&'static Layout> {
        Layout::by_id(self.layout)
    }
}

/// Everything that is known of a family's denoiser.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model {
    pub(crate) family: Family,
    pub(crate) sections: &'static [Section],
    pub(crate) outside: &'static [Outside],
    /// The more common one first.
    pub(crate) sizes: &'static [Size],
    /// Beginnings of what metadata calls the family, lower case, letters and digits only.
    pub(crate) claims: &'static [&'static str],
}

/// A path found in a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// (section, block); None outside of the blocks.
    pub(crate) block: Option<(usize, usize)>,
    /// Original name behind the stem.
    pub(crate) native: &'static str,
    pub(crate) rows: Rows,
    pub(crate) swapped: Swapped,
    pub(crate) out: Dim,
    pub(crate) inp: Dim,
}

/// Whether the halves of a weight's rows stand in the other order than in the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swapped {
    No,
    Yes,
    InLastBlock,
}

/// A leaf that is called the same in both.
pub(crate) const fn same(native: &'static str, out: Dim, inp: Dim) -> Leaf {
    Leaf { native, out, inp, twin: Twin::Same }
}

/// A leaf that diffusers renames.
pub(crate) const fn leaf(native: &'static str, diffusers: &'static str, out: Dim, inp: Dim) -> Leaf {
    Leaf { native, out, inp, twin: Twin::As(diffusers) }
}

/// A leaf whose halves diffusers swaps.
pub(crate) const fn swapped(native: &'static str, diffusers: &'static str, out: Dim, inp: Dim) -> Leaf {
    Leaf { native, out, inp, twin: Twin::Swapped(diffusers) }
}

/// A leaf that diffusers splits.
pub(crate) const fn fused(native: &'static str, out: Dim, inp: Dim, parts: &'static [Part]) -> Leaf {
    Leaf { native, out, inp, twin: Twin::Split(parts) }
}

/// A leaf without a twin in diffusers.
pub(crate) const fn own(native: &'static str, out: Dim, inp: Dim) -> Leaf {
    Leaf { native, out, inp, twin: Twin::Nothing }
}

/// A norm: a vector, which only full differences change.
pub(crate) const fn norm(native: &'static str, diffusers: &'static str) -> Leaf {
    Leaf { native, out: ANY, inp: ANY, twin: Twin::As(diffusers) }
}

/// The n-th of several parts of equal height `out`.
pub(crate) const fn nth(name: &'static str, n: usize, out: Dim) -> Part {
    Part { name, out, rows: Rows::Nth(n) }
}

/// The three parts of a qkv that is three times H high.
pub(crate) const fn qkv(q: &'static str, k: &'static str, v: &'static str) -> [Part; 3] {
    [nth(q, 0, H), nth(k, 1, H), nth(v, 2, H)]
}

pub(crate) const fn alias(name: &'static str, native: &'static str, rows: Rows) -> Alias {
    Alias { name, native, rows }
}

/// Blocks that fill the slots of `group` in order.
pub(crate) const fn section(native: &'static str, diffusers: &'static str, group: Group, leaves: &'static [Leaf]) -> Section {
    Section { native, diffusers, place: Place::Slots { group, stride: 1 }, leaves, aliases: &[], turns: &[] }
}

/// Numbered blocks that have no slots of their own.
pub(crate) const fn aside(native: &'static str, diffusers: &'static str, extra: Extra, leaves: &'static [Leaf]) -> Section {
    Section { native, diffusers, place: Place::Outside(extra), leaves, aliases: &[], turns: &[] }
}

pub(crate) const fn at(extra: Extra, leaf: Leaf) -> Outside {
    Outside { leaf, extra }
}

impl Section {
    pub(crate) const fn with(self, aliases: &'static [Alias]) -> Self {
        Self { aliases, ..self }
    }

    /// The leaves that module `index` has.
    pub(crate) fn leaves_of(&self, index: usize) -> impl Iterator<Item = &'static Leaf> + use<> {
        let Self { leaves, turns, place, .. } = *self;
        let turn = match place {
            Place::Slots { stride, .. } => index % usize::from(stride),
            Place::Outside(_) => 0,
        };
        leaves.iter().enumerate().filter(move |(l, _)| turns.get(*l).is_none_or(|t| usize::from(*t) == turn)).map(|(_, leaf)| leaf)
    }

    /// The block's number and what stands behind it, when `path` (flattened) is in this section under either name.
    fn enter<'a>(&self, path: &'a str) -> Option<(usize, &'a str)> {
        behind(path, self.native).or_else(|| if self.native == self.diffusers { None } else { behind(path, self.diffusers) })
    }
}

/// `stem` (dotted), an integer, then nothing or `_rest`.
fn behind<'a>(path: &'a str, stem: &str) -> Option<(usize, &'a str)> {
    crate::keys::indexed(strip(path, stem)?, "")
}

/// What stands behind `dotted` at the beginning of the flattened `path`.
fn strip<'a>(path: &'a str, dotted: &str) -> Option<&'a str> {
    let head = path.as_bytes().get(..dotted.len())?;
    same_flat(head, dotted).then(|| path.get(dotted.len()..)).flatten()
}

/// True when `flat` is `dotted` with underscores for dots.
fn same_flat(flat: &[u8], dotted: &str) -> bool {
    flat.len() == dotted.len() && flat.iter().zip(dotted.as_bytes()).all(|(f, d)| f == d || (*d == b'.' && *f == b'_'))
}

impl Leaf {
    /// How much of this leaf `rest` names, and whether swapped.
    fn named(&self, rest: &[u8]) -> Option<(Rows, Swapped, Dim)> {
        if same_flat(rest, self.native) {
            return Some((Rows::All, Swapped::No, self.out));
        }
        match self.twin {
            Twin::As(name) if same_flat(rest, name) => Some((Rows::All, Swapped::No, self.out)),
            Twin::Swapped(name) if same_flat(rest, name) => Some((Rows::All, Swapped::Yes, self.out)),
            Twin::SwappedLast(name) if same_flat(rest, name) => Some((Rows::All, Swapped::InLastBlock, self.out)),
            Twin::Split(parts) => parts.iter().find(|p| same_flat(rest, p.name)).map(|p| (p.rows, Swapped::No, p.out)),
            _ => None,
        }
    }
}

impl Model {
    /// The section and the block that `path` (flattened) names, and what stands behind the number.
    pub(crate) fn block<'a>(&self, path: &'a str) -> Option<(usize, usize, &'a str)> {
        self.sections.iter().enumerate().find_map(|(s, section)| section.enter(path).map(|(i, rest)| (s, i, rest)))
    }

    /// The weight that `path` (flattened) names, in any naming.
    pub(crate) fn find(&self, path: &str) -> Option<Found> {
        let Some((s, i, rest)) = self.block(path) else {
            return self.outside.iter().find_map(|o| {
                let (rows, swapped, out) = o.leaf.named(path.as_bytes())?;
                Some(Found { block: None, native: o.leaf.native, rows, swapped, out, inp: o.leaf.inp })
            });
        };
        let section = &self.sections[s];
        let block = Some((s, i));
        let direct = section.leaves_of(i).find_map(|l| {
            let (rows, swapped, out) = l.named(rest.as_bytes())?;
            Some(Found { block, native: l.native, rows, swapped, out, inp: l.inp })
        });
        direct.or_else(|| {
            let alias = section.aliases.iter().find(|a| same_flat(rest.as_bytes(), a.name))?;
            let leaf = section.leaves_of(i).find(|l| l.native == alias.native)?;
            let out = if alias.rows == Rows::All { leaf.out } else { ANY };
            Some(Found { block, native: leaf.native, rows: alias.rows, swapped: Swapped::No, out, inp: leaf.inp })
        })
    }

    /// The leaf behind a canonical (flattened original) path: its section and block, and the leaf.
    pub(crate) fn canonical(&self, path: &str) -> Option<(Option<(&'static Section, usize)>, &'static Leaf)> {
        for section in self.sections {
            if let Some((i, rest)) = behind(path, section.native)
                && let Some(leaf) = section.leaves_of(i).find(|l| same_flat(rest.as_bytes(), l.native))
            {
                return Some((Some((section, i)), leaf));
            }
        }
        self.outside.iter().find(|o| same_flat(path.as_bytes(), o.leaf.native)).map(|o| (None, &o.leaf))
    }

    /// Position of a block in its group, for the size that has this layout.
    pub(crate) fn position(&self, section: usize, index: usize, layout: &Layout) -> Option<(Group, usize)> {
        let Place::Slots { group, stride } = self.sections[section].place else { return None };
        let size = self.sizes.iter().find(|s| s.layout == layout.id)?;
        let before = self.sections[..section].iter().zip(size.counts).filter_map(|(s, count)| match s.place {
            Place::Slots { group: g, stride } if g == group => Some(usize::from(count / stride)),
            _ => None,
        });
        (index < usize::from(size.counts[section])).then(|| (group, before.sum::<usize>() + index / usize::from(stride)))
    }

    /// The group outside of the blocks that `path` belongs to.
    pub(crate) fn extra(&self, path: &str) -> Option<Extra> {
        self.outside.iter().find(|o| o.leaf.named(path.as_bytes()).is_some()).map(|o| o.extra)
    }
}

/// Every family with a model, the likelier one first where files fit several.
static MODELS: [&Model; 28] = [
    &super::flux1::MODEL,
    &super::sd3::MODEL,
    &super::qwenimage::MODEL,
    &super::wan::MODEL,
    &super::zimage::MODEL,
    &super::flux2::MODEL,
    &super::hunyuanvideo::MODEL,
    &super::ltx::MODEL,
    &super::chroma::MODEL,
    &super::anima::MODEL,
    &super::lumina2::MODEL,
    &super::cogvideox::MODEL,
    &super::hunyuanimage::MODEL,
    &super::hunyuanvideo15::MODEL,
    &super::hidream::MODEL,
    &super::cosmospredict2::MODEL,
    &super::cosmos::MODEL,
    &super::mochi::MODEL,
    &super::auraflow::MODEL,
    &super::pixart::MODEL,
    &super::hunyuandit::MODEL,
    &super::cascade::MODEL,
    &super::krea2::MODEL,
    &super::omnigen2::MODEL,
    &super::ovis::MODEL,
    &super::ernie::MODEL,
    &super::ideogram4::MODEL,
    &super::acestep::MODEL,
];

/// All models.
pub(crate) fn all() -> impl Iterator<Item = &'static Model> {
    MODELS.iter().copied()
}

/// The model of a family; None for the UNets and the unknown.
pub(crate) fn of(family: Family) -> Option<&'static Model> {
    MODELS.iter().copied().find(|m| m.family == family)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_agree_with_their_layouts() {
        for model in all() {
            for size in model.sizes {
                let what = format!("{:?} {}", model.family, size.label);
                assert_eq!(size.counts.len(), model.sections.len(), "{what}");
                let layout = size.layout().unwrap_or_else(|| panic!("{what}: no layout {}", size.layout));
                let slots = model.sections.iter().zip(size.counts).filter_map(|(s, count)| match s.place {
                    Place::Slots { stride, .. } => Some(usize::from(count / stride)),
                    Place::Outside(_) => None,
                });
                assert_eq!(slots.sum::<usize>(), layout.slots.len(), "{what}");
                assert!(model.sections.len() <= 8, "{what}: the matcher has room for eight runs of blocks");
                assert!(layout.family == model.family || model.family.entry().shares == Some(layout.family), "{what}");
            }
            for section in model.sections {
                assert!(section.turns.is_empty() || section.turns.len() == section.leaves.len(), "{:?}", model.family);
                for alias in section.aliases {
                    assert!(section.leaves.iter().any(|l| l.native == alias.native), "{:?} {}", model.family, alias.name);
                }
            }
        }
    }

    #[test]
    fn every_family_but_the_unets_has_a_model_and_no_two_claim_the_same_word() {
        let mut claims = std::collections::BTreeMap::new();
        for family in Family::ALL {
            assert_eq!(of(family).is_some(), !family.is_unet(), "{family:?}");
            for claim in of(family).map_or(&[][..], |m| m.claims) {
                assert_eq!(claims.insert(*claim, family), None, "{claim}");
            }
        }
    }
}
