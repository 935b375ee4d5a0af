//! What headers, sidecars and tensors say, in the words of a row.

use super::open::Opened;
use super::path;
use super::sidecar::Sheet;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use weft_domain::AdapterEdit;
use weft_domain::adapter::{BlockStrength, OutsideStrength};
use weft_storage::{AdapterFacts, Strengths};
use weft_weights::inspect::{Inspection, Span};
use weft_weights::progress::Progress;
use weft_weights::strength::{self, read_scalar};

/// Most training tags, own tags, warnings and metadata entries that a row keeps.
const TRAINING_TAGS: usize = 300;
const TAGS: usize = 40;
pub(super) const WARNINGS: usize = 30;
const ENTRIES: usize = 400;
/// Longest metadata value that is kept, in characters; what is cut is marked.
const VALUE: usize = 4_000;
/// Longest error or warning, in characters.
pub(super) const SENTENCE: usize = 1_000;

/// What the header and the sidecars say.
pub(crate) fn facts(opened: &Opened, relative: &str, sheet: Sheet) -> AdapterFacts {
    let shown = path::shown(relative);
    let found = Inspection::of(&opened.adapter, &shown, None, None);
    let metadata = &opened.adapter.header.metadata;
    let (rank_min, rank_max) = ranks(found.rank);
    AdapterFacts {
        title: found.title.or(sheet.title),
        family: found.family.id().to_owned(),
        family_label: found.family.label().to_owned(),
        family_confidence: f64::from(found.family_confidence),
        evidence: found.evidence,
        variant: found.variant,
        kind: word(&found.kind),
        naming: found.naming.map(|n| word(&n)),
        layout_id: found.layout.as_ref().map(|l| l.id.clone()),
        layout_version: found.layout.map(|l| u32::from(l.version)),
        modules: small(found.modules),
        rank_min,
        rank_max,
        alpha: alpha(opened).or(found.alpha),
        dtypes: found.dtypes.iter().map(word).collect(),
        trigger_words: union(sheet.trigger_words, found.trigger_words),
        training_tags: found.tag_frequency.into_iter().take(TRAINING_TAGS).map(|t| (t.tag, t.count)).collect(),
        tags: tags(sheet.tags, metadata.get("modelspec.tags")),
        description: found.description.or(sheet.description),
        warnings: found.warnings.into_iter().take(WARNINGS).map(|w| w.chars().take(SENTENCE).collect()).collect(),
        metadata: entries(metadata),
        synthetic: found.synthetic,
    }
}

/// Alpha of the first module that has one: a few bytes of the body. Files with several alphas are rare; the details are in the tensors.
fn alpha(opened: &Opened) -> Option<f64> {
    let tensor = opened.adapter.modules.iter().find_map(|m| m.alpha)?;
    let info = opened.adapter.header.tensors.get(tensor)?;
    read_scalar(&opened.source, info).ok().flatten().filter(|a| a.is_finite())
}

fn ranks(span: Span<usize>) -> (Option<u32>, Option<u32>) {
    if span.max == 0 { (None, None) } else { (Some(small(span.min)), Some(small(span.max))) }
}

pub(super) fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The word that a value has in JSON.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The first list, then what the second adds; case does not count.
fn union(first: Vec<String>, second: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    first.into_iter().chain(second).filter(|w| seen.insert(w.to_lowercase())).take(100).collect()
}

fn tags(sheet: Vec<String>, own: Option<&String>) -> Vec<String> {
    let own = own.map(|t| t.split(',').map(|t| t.split_whitespace().collect::<Vec<_>>().join(" ")).collect()).unwrap_or_default();
    let fits = |t: &String| !t.is_empty() && t.chars().count() <= AdapterEdit::TAG_MAX && !t.chars().any(char::is_control);
    union(sheet, own).into_iter().filter(fits).take(TAGS).collect()
}

/// The metadata as it stands in the header; long values are cut with a mark.
pub(super) fn entries(metadata: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let cut = |text: &str| {
        let length = text.chars().count();
        if length <= VALUE {
            return text.to_owned();
        }
        let kept: String = text.chars().take(VALUE).collect();
        format!("{kept}… ({length} characters in all)")
    };
    metadata.iter().take(ENTRIES).map(|(key, value)| (key.chars().take(200).collect(), cut(value))).collect()
}

/// Measured strengths of an open file; the error is a sentence for people.
pub(crate) fn strengths(opened: &Opened, progress: &dyn Progress) -> Result<Strengths, String> {
    let measured = strength::strengths(&opened.adapter, &opened.source, progress).map_err(|e| e.to_string())?;
    let found = Inspection::of(&opened.adapter, "", Some(&measured), None);
    let real = found.blocks.iter().any(|b| b.present && b.frobenius.is_some());
    let block = |b: &weft_weights::inspect::Block| BlockStrength {
        slot: b.label.clone(),
        label: b.label.clone(),
        group: b.group.id().to_owned(),
        present: b.present,
        frobenius: b.frobenius.unwrap_or(0.0),
        rms: b.rms.unwrap_or(0.0),
    };
    let part = |o: &weft_weights::inspect::Outside| OutsideStrength {
        group: o.group.label().to_owned(),
        frobenius: o.frobenius.unwrap_or(0.0),
        modules: small(o.modules),
    };
    Ok(Strengths {
        blocks: found.blocks.iter().map(block).collect(),
        outside: found.outside.iter().map(part).collect(),
        frobenius: found.frobenius,
        te_frobenius: found.te_frobenius,
        mean: found.mean,
        variance: found.variance,
        has_block_weights: real,
        fallback: !real,
        warning: (!measured.warnings.is_empty()).then(|| measured.warnings.join(" ").chars().take(SENTENCE * 4).collect()),
    })
}
