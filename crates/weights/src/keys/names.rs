//! From a canonical target back to the names that programs give it: kohya's, diffusers', the original code's.
//!
//! The tables are those of `family::model`: what is read there can be written here, and a name that is written is read back to the
//! same target.

use super::Rows;
use crate::adapter::{Component, Target};
use crate::family::Family;
use crate::family::model::{self, Dim, Leaf, Section, Twin};

mod catalogue;
mod text;
mod unet;

pub use catalogue::{Catalogue, Weight, catalogue};

/// One weight of diffusers behind a canonical weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twins {
    /// Dotted path in the diffusers model, without `transformer.`, `unet.`, `text_encoder.`.
    pub name: String,
    /// Which rows of the canonical weight it is.
    pub rows: Rows,
    /// Its halves stand in the other order.
    pub swapped_halves: bool,
}

/// Dotted path in the original model (BFL, SAI, Wan, …; for SDXL the LDM names, for SD 1 and 2 too). None for a part of a fused weight,
/// for a path that is not in the table, and for text encoders, which have no other names.
#[must_use]
pub fn native(family: Family, target: &Target) -> Option<String> {
    if target.rows.is_some() || target.component != Component::Denoiser {
        return None;
    }
    if family.is_unet() {
        return unet::ldm(family, &target.path);
    }
    let (block, leaf) = model::of(family)?.canonical(&target.path)?;
    Some(named(block.map(|(s, i)| (s.native, i)), leaf.native))
}

/// The weights of diffusers that a whole canonical weight corresponds to: one, or several where diffusers splits what the original
/// has fused. Empty where it is not known. `last_block` as in [`super::canonical`].
#[must_use]
pub fn twins(family: Family, component: Component, path: &str, last_block: Option<usize>) -> Vec<Twins> {
    let one = |name: String| vec![Twins { name, rows: Rows::All, swapped_halves: false }];
    if component != Component::Denoiser {
        return text::dotted(path).map(one).unwrap_or_default();
    }
    if family.is_unet() {
        return unet::dotted(path).map(one).unwrap_or_default();
    }
    let Some((block, leaf)) = model::of(family).and_then(|m| m.canonical(path)) else { return Vec::new() };
    in_diffusers(block, leaf, last_block)
}

fn in_diffusers(block: Option<(&Section, usize)>, leaf: &Leaf, last_block: Option<usize>) -> Vec<Twins> {
    let name = |name: &str| named(block.map(|(s, i)| (s.diffusers, i)), name);
    let one = |text: &str, swapped_halves| vec![Twins { name: name(text), rows: Rows::All, swapped_halves }];
    match leaf.twin {
        Twin::Same => one(leaf.native, false),
        Twin::As(text) => one(text, false),
        Twin::Swapped(text) => one(text, true),
        Twin::SwappedLast(text) => one(text, block.is_some_and(|(_, i)| Some(i) == last_block)),
        Twin::Split(parts) => parts.iter().map(|p| Twins { name: name(p.name), rows: p.rows, swapped_halves: false }).collect(),
        Twin::Nothing => Vec::new(),
    }
}

/// Dotted path in the diffusers model of exactly this target, whole or a part of a fused weight. `in_dim` is the number of its columns, which
/// tells the parts apart. None for a fused weight that diffusers splits (see [`twins`]) and for what is not known.
#[must_use]
pub fn diffusers(family: Family, target: &Target, in_dim: usize) -> Option<String> {
    let twins = twins(family, target.component, &target.path, None);
    let fits = |t: &&Twins| t.rows.window(target.rows.map_or(0, |r| r.1), in_dim) == target.rows;
    twins.iter().find(fits).map(|t| t.name.clone())
}

/// kohya's flattened key stem (`lora_unet_…`, `lora_te1_…`). For SDXL it has the LDM names, for the other UNets diffusers', for transformers
/// the original ones. A part of a fused weight has none, except where files in circulation have diffusers' flattened name for it.
#[must_use]
pub fn kohya(family: Family, target: &Target, in_dim: usize) -> Option<String> {
    if let Component::TextEncoder(n) = target.component {
        return Some(text::kohya(family, n, &target.path));
    }
    if target.rows.is_some() {
        // musubi-tuner trains Z-Image split and flattens those names.
        let split = matches!(family, Family::ZImage);
        return split.then(|| diffusers(family, target, in_dim)).flatten().map(|name| format!("lora_unet_{}", name.replace('.', "_")));
    }
    let path = match family {
        Family::Sdxl => unet::ldm(family, &target.path)?.replace('.', "_"),
        _ if family.is_unet() => unet::dotted(&target.path)?.replace('.', "_"),
        // Canonical paths are the flattened original ones.
        _ => model::of(family)?.canonical(&target.path).map(|_| target.path.clone())?,
    };
    Some(format!("{}{path}", denoiser_prefix(family)))
}

/// [`kohya`], and for a path that no table knows the path itself, which is a flattened name already.
#[must_use]
pub fn kohya_stem(family: Family, target: &Target) -> String {
    let known = kohya(family, &Target { rows: None, ..target.clone() }, 0);
    known.unwrap_or_else(|| format!("{}{}", denoiser_prefix(family), target.path))
}

fn denoiser_prefix(family: Family) -> &'static str {
    if family == Family::Cascade { "lora_prior_unet_" } else { "lora_unet_" }
}

/// Rows of a whole canonical weight with so many columns. None where the tables do not tell, or the weight is not in them.
///
/// For putting parts together that cover only some of its rows: a qkv has not always three times as many rows as columns (Lumina 2, Mochi's
/// text half), and a `linear1` not always seven times (Ovis-Image).
#[must_use]
pub fn rows(family: Family, path: &str, columns: usize) -> Option<usize> {
    let model = model::of(family)?;
    let (_, leaf) = model.canonical(path)?;
    if let (Dim::Var(out, a), Dim::Var(inp, b)) = (leaf.out, leaf.inp)
        && a == b
    {
        let inp = usize::from(inp);
        return columns.is_multiple_of(inp).then(|| columns / inp * usize::from(out));
    }
    // Different widths: the size whose columns these are says how high it is.
    let size = model.sizes.iter().find(|s| leaf.inp.value(&s.widths) == Some(columns))?;
    leaf.out.value(&size.widths).or_else(|| match leaf.twin {
        Twin::Split(parts) => parts.iter().map(|p| p.out.value(&size.widths)).sum(),
        _ => None,
    })
}

fn named(block: Option<(&str, usize)>, leaf: &str) -> String {
    match block {
        Some((stem, i)) => format!("{stem}{i}.{leaf}"),
        None => leaf.to_owned(),
    }
}

#[cfg(test)]
mod tests;
