//! How adapters relate: do they fit together, and their inner products ⟨ΔW_i, ΔW_j⟩ by slot.

use crate::adapter::{Adapter, Component, Kind, Module, Target};
use crate::delta::needs_base;
use crate::family::Family;
use crate::gram::{GramSet, GramSlot, packed};
use crate::layout::{Layout, SlotRef};
use crate::linalg::{Stack, inner, par_map};
use crate::merge::{Group, Member, MergeError, Named, Reader, group, is_pair};
use crate::progress::{Cancelled, Progress};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// Judges from the headers alone whether these adapters, each with the name to call it by, can be combined.
#[must_use]
pub fn compatible(adapters: &[(&str, &Adapter)]) -> Verdict {
    judged(adapters, false)
}

/// As [`compatible`]; `base`: the base model is at hand for the kinds that need it.
pub(crate) fn judged(adapters: &[(&str, &Adapter)], base: bool) -> Verdict {
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
    let refused = |m: &Module| m.kind == Kind::Unknown || (needs_base(m) && !base);
    for (name, a) in adapters {
        if a.modules.is_empty() {
            verdict.reasons.push(format!("{name} holds no module that could be combined"));
            continue;
        }
        let other: BTreeSet<Kind> = a.modules.iter().filter(|m| refused(m)).map(|m| m.kind).collect();
        let count = a.modules.iter().filter(|m| refused(m)).count();
        if other.contains(&Kind::Unknown) {
            verdict.reasons.push(format!("{name} replaces whole weights, or holds modules of no known kind: they cannot be combined"));
        } else if !other.is_empty() {
            let list: Vec<&str> = other.iter().map(|k| k.label()).collect();
            let kinds = list.join(", ");
            verdict.reasons.push(format!(
                "{name} holds {count} modules of the kind {kinds}: what they do depends on the base model, so the checkpoint must be given"
            ));
        }
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
            if (rows, columns) != (m.out_dim, m.in_dim) {
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

/// Inner products of all pairs, by slot. Reads every file once; memory stays near one weight of the network per core.
pub fn gram_set(members: &[Member<'_>], labels: &[&str], progress: &dyn Progress) -> Result<GramSet, MergeError> {
    let files: Vec<Named<'_>> = members
        .iter()
        .enumerate()
        .map(|(i, m)| Named { adapter: m.adapter, label: labels.get(i).copied().unwrap_or("the file") })
        .collect();
    let readers: Vec<Reader<'_>> = files.iter().zip(members).map(|(file, m)| Reader { file: *file, source: m.source }).collect();
    let groups = group(&files, |_, _| 1.0, false)?;
    let done = AtomicU64::new(0);
    let products = par_map(&groups, |g| {
        Cancelled::check(progress)?;
        let product = products(g, &readers)?;
        progress.step(done.fetch_add(1, Ordering::Relaxed) + 1, groups.len() as u64, "comparing");
        Ok(product)
    });
    let products = products.into_iter().collect::<Result<Vec<_>, MergeError>>()?;
    let layout = members.iter().find_map(|m| m.adapter.detection.layout);
    Ok(assemble(layout, &files, &groups, &products))
}

/// Packed upper triangle of ⟨ΔW_i, ΔW_j⟩ for one weight.
fn products(group: &Group, readers: &[Reader<'_>]) -> Result<Vec<f64>, MergeError> {
    let n = readers.len();
    let mut stack = Stack::new(group.m, group.n);
    let mut spans: Vec<(usize, Range<usize>)> = Vec::with_capacity(group.parts.len());
    for part in &group.parts {
        let loaded = readers[part.member].load(part)?;
        let start = stack.rank();
        stack.push(&loaded.b, &loaded.a, part.row0, loaded.scale);
        spans.push((part.member, start..start + loaded.rank));
    }
    let (gb, ga) = stack.grams();
    let mut out = vec![0.0; n * (n + 1) / 2];
    for (i, rows) in &spans {
        for (j, columns) in &spans {
            if i <= j {
                out[packed(n, *i, *j)] += inner(&gb, &ga, rows.clone(), columns.clone());
            }
        }
    }
    Ok(out)
}

fn assemble(layout: Option<&'static Layout>, files: &[Named<'_>], groups: &[Group], products: &[Vec<f64>]) -> GramSet {
    let n = files.len();
    let blocks = layout.map_or(0, |l| l.slots.len());
    let slot_of = |g: &Group| g.parts.first().and_then(|p| files[p.member].module(p).slot);
    let extras: BTreeSet<Place> = groups.iter().map(|g| Place::of(slot_of(g), blocks)).filter(|p| matches!(p, Place::Outside(_))).collect();
    let mut slots: Vec<GramSlot> = layout.into_iter().flat_map(|l| l.slots).map(block_slot).collect();
    slots.extend(extras.iter().map(Place::slot));
    let mut gram = vec![vec![0.0; n * (n + 1) / 2]; slots.len()];
    let mut present = vec![vec![false; n]; slots.len()];
    for (g, product) in groups.iter().zip(products) {
        let place = Place::of(slot_of(g), blocks);
        let index = match &place {
            Place::Block(i) => *i,
            outside => blocks + extras.iter().position(|e| e == outside).unwrap_or(0),
        };
        gram[index].iter_mut().zip(product).for_each(|(sum, p)| *sum += p);
        g.parts.iter().for_each(|p| present[index][p.member] = true);
    }
    GramSet {
        layout_id: layout.map(|l| l.id.to_owned()),
        layout_version: layout.map_or(0, |l| l.version),
        slots,
        members: n,
        gram,
        present,
    }
}

/// Index among the blocks, or an extra group in display order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Block(usize),
    Outside(crate::layout::Extra),
}

impl Place {
    fn of(slot: Option<SlotRef>, blocks: usize) -> Self {
        match slot {
            Some(SlotRef::Block(i)) if usize::from(i) < blocks => Self::Block(usize::from(i)),
            Some(SlotRef::Extra(e)) => Self::Outside(e),
            _ => Self::Outside(crate::layout::Extra::Other),
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

/// Whether a module takes part in merges and inner products.
#[must_use]
pub fn can_combine(module: &Module) -> bool {
    is_pair(module) || matches!(module.kind, Kind::Loha | Kind::Lokr | Kind::Full)
}
