//! Putting an [`Inspection`] together.

use std::collections::BTreeMap;

use super::metadata::Words;
use super::{Block, Inspection, LayoutId, Outside, Span};
use crate::adapter::{Adapter, Component, Factors, Kind, Module};
use crate::hashes::Hashes;
use crate::layout::{Extra, SlotRef};
use crate::strength::Strengths;

impl Inspection {
    /// Says all that is known: from the header alone, or with the strengths and hashes that were computed.
    #[must_use]
    pub fn of(adapter: &Adapter, file: &str, strengths: Option<&Strengths>, hashes: Option<Hashes>) -> Self {
        let words = Words::gather(&adapter.header.metadata);
        let detection = &adapter.detection;
        let blocks = blocks(adapter, strengths);
        let has_block_weights = blocks.iter().any(|b| b.present);
        let (mean, variance) = moments(&blocks);
        let (alpha, alpha_range) = alphas(adapter, strengths, &words);
        let measured = strengths.filter(|s| s.modules.iter().any(|m| m.frobenius.is_some()));
        let mut warnings = adapter.warnings.clone();
        warnings.extend(strengths.iter().flat_map(|s| s.warnings.iter().cloned()));
        if detection.layout.is_none() {
            let what = detection
                .looks_like
                .map_or("The model family is not known".to_owned(), |l| format!("This looks like {l}, which is not supported yet"));
            warnings.push(format!("{what}, so the blocks cannot be shown."));
        }
        let has_text = adapter.modules.iter().any(|m| m.target.component != Component::Denoiser);
        Self {
            file: file.to_owned(),
            name: words.name(file),
            size: adapter.header.file_len,
            kind: adapter.kind,
            family: detection.family,
            family_confidence: detection.confidence,
            evidence: detection.evidence.clone(),
            variant: detection.variant.clone(),
            looks_like: detection.looks_like.map(str::to_owned),
            layout: detection.layout.map(|l| LayoutId { id: l.id.to_owned(), version: l.version }),
            naming: most(adapter.modules.iter().map(|m| m.naming)),
            rank: ranks(&adapter.modules),
            alpha,
            alpha_range,
            dtypes: adapter.dtypes.clone(),
            modules: adapter.modules.len(),
            tensors: adapter.header.tensors.len(),
            has_block_weights,
            fallback: !has_block_weights,
            frobenius: measured.map(|s| s.frobenius),
            te_frobenius: measured.map(|s| s.te_frobenius).filter(|te| has_text || *te > 0.0),
            blocks,
            outside: outside(adapter, strengths),
            mean,
            variance,
            trigger_words: words.trigger_words,
            tags: words.tags,
            tag_frequency: words.tag_frequency,
            hashes,
            title: words.title,
            description: words.description,
            author: words.author,
            license: words.license,
            date: words.date,
            usage_hint: words.usage_hint,
            base_hints: words.base_hints,
            training: words.training,
            covers: words.covers,
            synthetic: words.synthetic,
            warnings,
        }
    }
}

/// True for modules whose strength the file alone tells.
fn measurable(module: &Module) -> bool {
    !matches!(module.factors, Factors::Other(_)) || module.kind == Kind::Full
}

fn blocks(adapter: &Adapter, strengths: Option<&Strengths>) -> Vec<Block> {
    let Some(layout) = adapter.detection.layout else { return Vec::new() };
    let mut touched = vec![false; layout.slots.len()];
    for module in adapter.modules.iter().filter(|m| measurable(m)) {
        if let Some(SlotRef::Block(i)) = module.slot
            && let Some(t) = touched.get_mut(usize::from(i))
        {
            *t = true;
        }
    }
    let block = |slot: &crate::layout::Slot| {
        let strength = strengths.and_then(|s| s.slot(SlotRef::Block(slot.id)));
        let present = if strengths.is_some() { strength.is_some() } else { touched[usize::from(slot.id)] };
        Block {
            slot: slot.label.to_owned(),
            label: slot.label.to_owned(),
            group: slot.group,
            present,
            frobenius: strength.map(|s| s.frobenius),
            rms: strength.map(|s| s.rms),
        }
    };
    layout.slots.iter().map(block).collect()
}

fn outside(adapter: &Adapter, strengths: Option<&Strengths>) -> Vec<Outside> {
    let mut modules: BTreeMap<Extra, usize> = BTreeMap::new();
    for module in &adapter.modules {
        match module.slot {
            Some(SlotRef::Block(_)) => {}
            Some(SlotRef::Extra(extra)) => *modules.entry(extra).or_default() += 1,
            None => *modules.entry(Extra::Other).or_default() += 1,
        }
    }
    let one = |(group, modules)| {
        let strength = strengths.and_then(|s| s.slot(SlotRef::Extra(group)));
        Outside { group, modules, frobenius: strength.map(|s| s.frobenius), rms: strength.map(|s| s.rms) }
    };
    modules.into_iter().map(one).collect()
}

/// Mean and population variance of the measured blocks.
fn moments(blocks: &[Block]) -> (Option<f64>, Option<f64>) {
    let values: Vec<f64> = blocks.iter().filter_map(|b| b.frobenius).collect();
    if values.is_empty() {
        return (None, None);
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (Some(mean), Some(values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n))
}

fn ranks(modules: &[Module]) -> Span<usize> {
    let ranks = || modules.iter().map(|m| m.rank).filter(|r| *r > 0);
    Span { min: ranks().min().unwrap_or(0), max: ranks().max().unwrap_or(0) }
}

/// The most common alpha and the range. The stored alpha is the measured scale times the rank.
fn alphas(adapter: &Adapter, strengths: Option<&Strengths>, words: &Words) -> (Option<f64>, Option<Span<f64>>) {
    let stored = |i: usize, m: &Module| {
        let scale = strengths?.modules.get(i)?.scale;
        let alpha = scale * m.rank as f64;
        // A division and a multiplication later, whole numbers must be whole again.
        let rounded = alpha.round();
        let alpha = if (alpha - rounded).abs() < 1e-9 * rounded.abs() { rounded } else { alpha };
        (m.rank > 0 && (m.alpha.is_some() || m.scale_from_metadata.is_some()) && alpha.is_finite()).then_some(alpha)
    };
    let all: Vec<f64> = adapter.modules.iter().enumerate().filter_map(|(i, m)| stored(i, m)).collect();
    if all.is_empty() {
        return (words.alpha, None);
    }
    let fold = |pick: fn(f64, f64) -> f64| all.iter().copied().reduce(pick).unwrap_or_default();
    let common = most(all.iter().map(|a| a.to_bits())).map(f64::from_bits);
    (common, Some(Span { min: fold(f64::min), max: fold(f64::max) }))
}

/// The value that occurs most often; the smaller one of two.
fn most<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(value, n)| (*n, std::cmp::Reverse(*value))).map(|(value, _)| value)
}
