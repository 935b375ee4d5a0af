//! Metadata of the result: what other programs read, and the whole recipe.

use super::plan::{MergeInput, MergePlan, Method};
use super::targets::Named;
use crate::family::Family;
use crate::inspect::Inspection;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use weft_domain::merge::Options;

/// Everything needed to make the file again.
#[derive(Debug, Serialize)]
struct Recipe<'a> {
    weft: &'static str,
    method: &'static str,
    rank: Option<usize>,
    energy: Option<f64>,
    dtype: super::OutDtype,
    layout: Option<LayoutRef>,
    inputs: &'a [MergeInput],
    /// Parameters of the method, where it has some or they were changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<&'a Options>,
}

#[derive(Debug, Serialize)]
struct LayoutRef {
    id: &'static str,
    version: u16,
}

/// Keys that are kept when every input says the same.
const SHARED: [&str; 8] = [
    "modelspec.architecture",
    "modelspec.license",
    "modelspec.prediction_type",
    "modelspec.resolution",
    "modelspec.implementation",
    "ss_base_model_version",
    "ss_sd_model_name",
    "ss_v2",
];

/// The metadata of a result whose largest rank is `rank` and whose alpha, where all modules share one, is `alpha`.
pub(crate) fn metadata(
    plan: &MergePlan,
    files: &[Named<'_>],
    family: Family,
    rank: usize,
    alpha: Option<usize>,
) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut put = |key: &str, value: String| {
        if !value.is_empty() {
            out.entry(key.to_owned()).or_insert(value);
        }
    };
    for key in SHARED {
        put(key, shared(files, key).unwrap_or_default());
    }
    let (base, architecture) = known(family);
    put("ss_base_model_version", base.into());
    put("modelspec.architecture", architecture.into());
    put("modelspec.sai_model_spec", "1.0.1".into());
    put("modelspec.title", plan.title.clone().unwrap_or_else(|| joined(plan.inputs.iter().map(|i| stem(&i.label)), " + ")));
    put("modelspec.merged_from", joined(plan.inputs.iter().map(|i| i.label.as_str()), ", "));
    put("modelspec.trigger_phrase", triggers(files));
    put("ss_network_module", "networks.lora".into());
    put("ss_network_dim", rank.to_string());
    put("ss_network_alpha", alpha.unwrap_or(rank).to_string());
    put("format", "pt".into());
    put("weft.recipe", recipe(plan, files));
    out
}

fn recipe(plan: &MergePlan, files: &[Named<'_>]) -> String {
    let layout = files.first().and_then(|f| super::layout_of(f.adapter)).map(|l| LayoutRef { id: l.id, version: l.version });
    let classic = matches!(plan.method, Method::Sum | Method::Average | Method::Concat | Method::Svd);
    let recipe = Recipe {
        weft: env!("CARGO_PKG_VERSION"),
        method: plan.method.as_str(),
        rank: plan.rank,
        energy: plan.energy,
        dtype: plan.dtype,
        layout,
        inputs: &plan.inputs,
        options: (plan.options != Options::default() || !classic).then_some(&plan.options),
    };
    // Plain data without maps of other keys than text: it always serialises.
    serde_json::to_string(&recipe).unwrap_or_default()
}

/// (`ss_base_model_version`, `modelspec.architecture`) of a family, for files that say nothing.
fn known(family: Family) -> (&'static str, &'static str) {
    match family {
        Family::Sd1 => ("sd_v1", "stable-diffusion-v1/lora"),
        Family::Sd2 => ("sd_v2", "stable-diffusion-v2-512/lora"),
        Family::Sdxl => ("sdxl_base_v1-0", "stable-diffusion-xl-v1-base/lora"),
        Family::Sd3 => ("", "stable-diffusion-3-medium/lora"),
        Family::Flux1 => ("flux1", "flux-1-dev/lora"),
        Family::Wan => ("wan", ""),
        _ => ("", ""),
    }
}

fn shared(files: &[Named<'_>], key: &str) -> Option<String> {
    let mut values = files.iter().map(|f| f.adapter.header.metadata.get(key));
    let first = values.next()??;
    (first.len() < 4096 && values.all(|v| v == Some(first))).then(|| first.clone())
}

/// Trigger words of all files, each once, in the order of the files.
fn triggers(files: &[Named<'_>]) -> String {
    let mut seen = BTreeSet::new();
    let words = files.iter().flat_map(|f| Inspection::of(f.adapter, f.label, None, None).trigger_words);
    // A comma inside of a trigger would make two of it in the list.
    let words: Vec<String> = words.filter(|w| !w.contains(',') && seen.insert(w.to_lowercase())).take(64).collect();
    words.join(", ")
}

fn stem(label: &str) -> &str {
    label.strip_suffix(".safetensors").unwrap_or(label)
}

fn joined<'a>(items: impl Iterator<Item = &'a str>, separator: &str) -> String {
    items.collect::<Vec<_>>().join(separator)
}
