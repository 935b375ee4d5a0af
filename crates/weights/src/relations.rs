//! How adapters relate: do they fit together, and their inner products ⟨ΔW_i, ΔW_j⟩ by slot.

use crate::adapter::{Adapter, Component, Kind, Module, Target};
use crate::compare::{Detail, Failure, Products, Weight, products, weights};
use crate::delta::{DeltaError, needs_base};
use crate::family::Family;
use crate::gram::{GramSet, GramSlot};
use crate::layout::{Layout, SlotRef};
use crate::merge::{Member, MergeError};
use crate::progress::Progress;
use crate::source::ReadError;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Whether adapters can be combined, in plain sentences.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// True without a reason against it.
    pub fits: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// What to know although it works.
    pub warnings: Vec<String>,
}

/// Judges from the headers alone whether these adapters, each with the name to call it by, can be combined without the base model.
#[must_use]
pub fn compatible(adapters: &[(&str, &Adapter)]) -> Verdict {
    compatible_with(adapters, false)
}

/// [`compatible`], where the base model is at hand (`base`) or not: DoRA, (IA)³, OFT, BOFT and GLoRA need it.
#[must_use]
pub fn compatible_with(adapters: &[(&str, &Adapter)], base: bool) -> Verdict {
    let mut verdict = Verdict::default();
    families(adapters, &mut verdict);
    kinds(adapters, base, &mut verdict);
    variants(adapters, &mut verdict);
    shapes(adapters, &mut verdict);
    verdict.fits = verdict.reasons.is_empty();
    verdict
}

fn families(adapters: &[(&str, &Adapter)], verdict: &mut Verdict) {
    let known: Vec<_> = adapters.iter().filter(|(_, a)| a.detection.family != Family::Unknown).collect();
    let Some((first, base)) = known.first() else {
        if adapters.len() > 1 {
            verdict.warnings.push("The base model of none of these files could be told; only their shapes were compared.".into());
        }
        return;
    };
    for (name, a) in &known[1..] {
        let (f, g) = (base.detection.family, a.detection.family);
        if f != g {
            verdict.reasons.push(format!("{first} is for {}, {name} is for {}", f.label(), g.label()));
        } else if let (Some(x), Some(y)) = (base.detection.layout, a.detection.layout)
            && x.id != y.id
        {
            verdict
                .reasons
                .push(format!("{first} has the block layout {}, {name} has {}: they are for models of different size", x.id, y.id));
        }
    }
    for (name, a) in adapters.iter().filter(|(_, a)| a.detection.family == Family::Unknown) {
        match a.detection.looks_like {
            Some(model) => {
                verdict.reasons.push(format!("{name} looks like an adapter for {model}, {first} is for {}", base.detection.family.label()))
            }
            None => verdict.warnings.push(format!("The base model of {name} could not be told; only its shapes were compared.")),
        }
    }
}

fn kinds(adapters: &[(&str, &Adapter)], base: bool, verdict: &mut Verdict) {
    for (name, a) in adapters {
        if a.modules.is_empty() {
            verdict.reasons.push(format!("{name} holds no module that could be combined"));
            continue;
        }
        let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
        a.modules.iter().filter(|m| needs_base(m)).for_each(|m| *counts.entry(m.kind).or_default() += 1);
        if let Some(count) = counts.remove(&Kind::Set) {
            verdict.reasons.push(format!(
                "{name} replaces {count} whole weights; a replacement cannot be added to anything, so leave the file out or apply it to the checkpoint first"
            ));
        }
        if counts.is_empty() || base {
            continue;
        }
        let count: usize = counts.values().sum();
        let list = counts.keys().map(|k| k.label()).collect::<Vec<_>>().join(", ");
        let modules = if count == 1 { "module" } else { "modules" };
        verdict.reasons.push(format!(
            "{name} holds {count} {modules} of the kind {list}, whose effect depends on the base model: give the checkpoint it is for, or leave the file out"
        ));
    }
}

/// What the shapes cannot tell: expert of a pair, fine-tuned branch of a base model.
fn variants(adapters: &[(&str, &Adapter)], verdict: &mut Verdict) {
    let variant = |a: &Adapter| a.detection.variant.as_deref().unwrap_or_default().to_lowercase();
    let noise = |a: &Adapter| ["high noise", "low noise"].into_iter().find(|n| variant(a).contains(n));
    let expert: BTreeMap<&str, &str> = adapters.iter().filter_map(|(name, a)| noise(a).map(|n| (n, *name))).collect();
    if let (Some(high), Some(low)) = (expert.get("high noise"), expert.get("low noise")) {
        verdict.reasons.push(format!(
            "{high} is for the high-noise model, {low} for the low-noise model: the two belong side by side, never in one file"
        ));
        return;
    }
    let named: BTreeMap<String, &str> = adapters.iter().map(|(name, a)| (variant(a), *name)).filter(|(v, _)| !v.is_empty()).collect();
    if named.len() > 1 && verdict.reasons.is_empty() {
        let list: Vec<String> = named.iter().map(|(v, name)| format!("{name} ({v})")).collect();
        verdict.warnings.push(format!(
            "The files come from different branches of the base model: {}. The result may lean to one of them.",
            list.join(", ")
        ));
    }
}

/// The same weight must have the same shape everywhere, and there should be some weight in common.
fn shapes(adapters: &[(&str, &Adapter)], verdict: &mut Verdict) {
    let mut seen: BTreeMap<&Target, (usize, usize, &str)> = BTreeMap::new();
    let mut shared = 0;
    for (name, a) in adapters {
        for m in &a.modules {
            let (rows, columns, owner) = *seen.entry(&m.target).or_insert((m.out_dim, m.in_dim, name));
            // A kind that needs the base may know one dimension only: 0 stands for the other.
            let differ = |x: usize, y: usize| x != y && x != 0 && y != 0;
            if differ(rows, m.out_dim) || differ(columns, m.in_dim) {
                let (r, c) = (m.out_dim, m.in_dim);
                verdict
                    .reasons
                    .push(format!("{} is {rows}×{columns} in {owner} and {r}×{c} in {name}: different base models", m.target.path));
                return;
            }
            shared += usize::from(owner != *name);
        }
    }
    if adapters.len() > 1 && shared == 0 && !windows_meet(adapters) {
        verdict.warnings.push("The files change no weight in common.".into());
    }
}

/// Fused and split modules of one weight have different targets but the same path.
fn windows_meet(adapters: &[(&str, &Adapter)]) -> bool {
    let mut owner: BTreeMap<(Component, &str), usize> = BTreeMap::new();
    adapters
        .iter()
        .enumerate()
        .any(|(i, (_, a))| a.modules.iter().any(|m| *owner.entry((m.target.component, &m.target.path)).or_insert(i) != i))
}

/// Inner products of all pairs, by slot, of every kind that does not depend on the base model. Reads every file once; memory stays near one
/// weight of the network per core.
///
/// # Errors
/// [`MergeError`] when a file cannot be read, holds NaN or a kind that needs the base, or the caller cancels.
pub fn gram_set(members: &[Member<'_>], labels: &[&str], progress: &dyn Progress) -> Result<GramSet, MergeError> {
    let label = |i: usize| labels.get(i).copied().unwrap_or("the file").to_owned();
    let unreadable = |file: usize, e: ReadError| MergeError::Read { file: label(file), reason: e.to_string() };
    for (i, member) in members.iter().enumerate() {
        if let Some(m) = member.adapter.modules.iter().find(|m| !can_combine(m)) {
            return Err(MergeError::Kind { file: label(i), kind: m.kind, module: m.name.clone() });
        }
    }
    let weights = weights(members, None).map_err(|(file, e)| unreadable(file, e))?;
    let detail = Detail { base: None, seed: 0, sample_rows: 0, pairs: false };
    let found = products(&weights, members, &detail, progress).map_err(|e| match e {
        Failure::Read(file, e) => unreadable(file, e),
        Failure::Cancelled(c) => c.into(),
    })?;
    if let Some((file, module, why)) = found.iter().flat_map(|p| &p.left_out).next() {
        let module = &members[*file].adapter.modules[*module];
        return Err(match why {
            DeltaError::NotFinite { key } => MergeError::NotFinite { file: label(*file), key: key.clone() },
            DeltaError::NeedsBase { kind, .. } => MergeError::Kind { file: label(*file), kind: *kind, module: module.name.clone() },
            other => MergeError::Read { file: label(*file), reason: other.to_string() },
        });
    }
    let layout = members.iter().find_map(|m| m.adapter.detection.layout);
    Ok(assemble(layout, members.len(), &weights, &found))
}

/// Sums the inner products of all weights by block.
pub(crate) fn assemble(layout: Option<&'static Layout>, members: usize, weights: &[Weight], products: &[Products]) -> GramSet {
    let blocks = layout.map_or(0, |l| l.slots.len());
    let places: Vec<Place> = weights.iter().map(|w| Place::of(w.slot, blocks)).collect();
    let extras: BTreeSet<&Place> = places.iter().filter(|p| matches!(p, Place::Outside(_))).collect();
    let mut slots: Vec<GramSlot> = layout.into_iter().flat_map(|l| l.slots).map(block_slot).collect();
    slots.extend(extras.iter().map(|p| p.slot()));
    let mut gram = vec![vec![0.0; members * (members + 1) / 2]; slots.len()];
    let mut present = vec![vec![false; members]; slots.len()];
    for (place, found) in places.iter().zip(products) {
        let index = match place {
            Place::Block(i) => *i,
            outside => blocks + extras.iter().position(|e| *e == outside).unwrap_or(0),
        };
        gram[index].iter_mut().zip(&found.gram).for_each(|(sum, p)| *sum += p);
        present[index].iter_mut().zip(&found.present).for_each(|(here, p)| *here |= p);
    }
    GramSet { layout_id: layout.map(|l| l.id.to_owned()), layout_version: layout.map_or(0, |l| l.version), slots, members, gram, present }
}

/// Label of a slot; without a layout its blocks have none.
pub(crate) fn label(slot: SlotRef, layout: Option<&'static Layout>) -> &'static str {
    match (slot, layout) {
        (slot, Some(layout)) => slot.label(layout),
        (SlotRef::Extra(extra), None) => extra.label(),
        (SlotRef::Block(_), None) => "OTHER",
    }
}

/// Index among the blocks, or an extra group in display order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Block(usize),
    Outside(crate::layout::Extra),
}

impl Place {
    pub(crate) fn of(slot: Option<SlotRef>, blocks: usize) -> Self {
        match slot {
            Some(SlotRef::Block(i)) if usize::from(i) < blocks => Self::Block(usize::from(i)),
            Some(SlotRef::Extra(e)) => Self::Outside(e),
            _ => Self::Outside(crate::layout::Extra::Other),
        }
    }

    pub(crate) fn label(&self, layout: Option<&'static Layout>) -> &'static str {
        match self {
            Self::Block(i) => layout.and_then(|l| l.slots.get(*i)).map_or("OTHER", |s| s.label),
            Self::Outside(e) => e.label(),
        }
    }

    fn slot(&self) -> GramSlot {
        let label = match self {
            Self::Outside(e) => e.label(),
            Self::Block(_) => "",
        };
        let te = matches!(self, Self::Outside(e) if e.is_text_encoder());
        GramSlot { slot: label.into(), label: label.into(), group: if te { "te" } else { "outside" }.into(), block: false }
    }
}

fn block_slot(slot: &crate::layout::Slot) -> GramSlot {
    GramSlot { slot: slot.label.into(), label: slot.label.into(), group: slot.group.id().into(), block: true }
}

/// Whether the file alone tells what a module changes, so that it takes part in merges and inner products without the base model.
#[must_use]
pub fn can_combine(module: &Module) -> bool {
    !needs_base(module)
}
