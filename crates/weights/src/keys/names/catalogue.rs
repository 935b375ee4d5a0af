//! All weights of a family's models, as the tables have them: for tests, checks against other libraries, and lists.

use super::{Twins, in_diffusers, named};
use crate::family::Family;
use crate::family::model::{self, Leaf, Section, Size};

/// One weight of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weight {
    /// Canonical path, as in `Target::path`.
    pub path: String,
    /// Dotted original path.
    pub native: String,
    /// (rows, columns without the kernel), where they are known.
    pub shape: Option<(usize, usize)>,
    /// The same in diffusers, with the rows and columns of each part where they are known.
    pub twins: Vec<(Twins, Option<(usize, usize)>)>,
}

/// One of the models of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    pub family: Family,
    /// `14B`, `Klein 4B`; empty where the family has one model.
    pub size: &'static str,
    /// Id of its block layout.
    pub layout: &'static str,
    /// In the order of the tables.
    pub weights: Vec<Weight>,
}

/// The models of a family. Empty for the UNets, whose names follow rules, and for the unknown family.
#[must_use]
pub fn catalogue(family: Family) -> Vec<Catalogue> {
    let Some(model) = model::of(family) else { return Vec::new() };
    let one = |size: &'static Size| {
        let outside = model.outside.iter().filter_map(|o| weight(None, &o.leaf, size));
        let blocks = model.sections.iter().zip(size.counts).flat_map(|(section, count)| {
            (0..usize::from(*count)).flat_map(move |i| section.leaves.iter().filter_map(move |l| weight(Some((section, i)), l, size)))
        });
        Catalogue { family, size: size.label, layout: size.layout, weights: outside.chain(blocks).collect() }
    };
    model.sizes.iter().map(one).collect()
}

/// None for a weight that this size lacks.
fn weight(block: Option<(&'static Section, usize)>, leaf: &Leaf, size: &Size) -> Option<Weight> {
    let (out, inp) = (leaf.out.value(&size.widths), leaf.inp.value(&size.widths));
    if out == Some(0) || inp == Some(0) {
        return None;
    }
    let native = named(block.map(|(s, i)| (s.native, i)), leaf.native);
    let last = size.layout().map(|l| l.slots.len() - 1);
    let heights: Vec<Option<usize>> = match leaf.twin {
        model::Twin::Split(parts) => parts.iter().map(|p| p.out.value(&size.widths)).collect(),
        _ => vec![out],
    };
    let twins = in_diffusers(block, leaf, last).into_iter().zip(heights).map(|(t, h)| (t, h.zip(inp))).collect();
    Some(Weight { path: native.replace('.', "_"), native, shape: out.zip(inp), twins })
}
