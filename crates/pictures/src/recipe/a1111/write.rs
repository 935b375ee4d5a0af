//! Writing A1111's text. Keys, their order and the quoting are those of A1111 1.10.

use std::fmt::Write as _;
use weft_domain::generation::{NoiseSource, Recipe, Schedule, UsedAdapter};

/// The text that A1111 and its kin show and take back: adapters as `<lora:name:weight>` behind the prompt, one line of parameters.
#[must_use]
pub fn infotext(recipe: &Recipe) -> String {
    let mut out = recipe.prompt.clone();
    for adapter in &recipe.adapters {
        let tag = tag(adapter);
        if !recipe.prompt.contains(&format!("<lora:{}:", plain_name(&adapter.name))) {
            let _infallible = write!(out, "{}{tag}", if out.is_empty() || out.ends_with([' ', '\n', '>']) { "" } else { " " });
        }
    }
    if !recipe.negative.is_empty() {
        let _infallible = write!(out, "\nNegative prompt: {}", recipe.negative);
    }
    let pairs: Vec<String> = pairs(recipe).into_iter().map(|(key, value)| format!("{key}: {}", quoted(&value))).collect();
    let _infallible = write!(out, "\n{}", pairs.join(", "));
    out.trim().to_owned()
}

fn pairs(recipe: &Recipe) -> Vec<(&str, String)> {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    let numbers = &recipe.numbers;
    let mut put = |key, value: Option<String>| pairs.extend(value.filter(|value| !value.is_empty()).map(|value| (key, value)));
    put("Steps", numbers.steps.map(|n| n.to_string()));
    put("Sampler", recipe.sampler.map(|sampler| sampler.label().to_owned()));
    put("Schedule type", recipe.schedule.map(|schedule| schedule_name(schedule).to_owned()));
    put("CFG scale", numbers.cfg.map(number));
    put("Distilled CFG Scale", numbers.guidance.map(number));
    put("Seed", recipe.seed.map(|seed| seed.to_string()));
    put("Size", (recipe.width > 0).then(|| format!("{}x{}", recipe.width, recipe.height)));
    put("Model hash", recipe.checkpoint.hash.as_deref().map(|hash| short(hash).to_owned()));
    put("Model", Some(file_stem(&recipe.checkpoint.name).to_owned()));
    put("Variation seed", recipe.variation.map(|variation| variation.seed.to_string()));
    put("Variation seed strength", recipe.variation.map(|variation| number(variation.strength)));
    put("Denoising strength", recipe.denoise.map(number));
    put("Clip skip", numbers.clip_skip.filter(|skip| *skip > 1).map(|skip| skip.to_string()));
    put("RNG", (recipe.noise == Some(NoiseSource::Cpu)).then(|| "CPU".to_owned()));
    put("Eta", numbers.eta.map(number));
    put("Sigma churn", numbers.s_churn.map(number));
    put("Sigma noise", numbers.s_noise.map(number));
    put("Shift", numbers.shift.map(number));
    put("Lora hashes", Some(hashes(&recipe.adapters)));
    // A value cannot stand behind its key twice.
    let written: Vec<&str> = pairs.iter().map(|(key, _)| *key).collect();
    let other = recipe.other.iter().filter(|(key, _)| is_key(key) && !written.contains(&key.as_str()) && key.as_str() != "Version");
    let other: Vec<(&str, String)> = other.map(|(key, value)| (key.as_str(), value.clone())).collect();
    pairs.extend(other);
    let engine = if recipe.engine.is_empty() { recipe.other.get("Version").cloned() } else { Some(recipe.engine.clone()) };
    pairs.extend(engine.map(|engine| ("Version", engine)));
    pairs
}

/// As A1111's menu has it.
const fn schedule_name(schedule: Schedule) -> &'static str {
    match schedule {
        Schedule::SgmUniform => "SGM Uniform",
        Schedule::DdimUniform => "DDIM",
        other => other.label(),
    }
}

/// `<lora:name:weight>`, or with both weights, text encoder first.
fn tag(adapter: &UsedAdapter) -> String {
    let (name, weight) = (plain_name(&adapter.name), number(adapter.weight));
    match adapter.text_weight.filter(|text| *text != adapter.weight) {
        Some(text) => format!("<lora:{name}:{}:{weight}>", number(text)),
        None => format!("<lora:{name}:{weight}>"),
    }
}

fn hashes(adapters: &[UsedAdapter]) -> String {
    let known = adapters.iter().filter_map(|adapter| Some((plain_name(&adapter.name), adapter.hash.as_deref()?)));
    known.map(|(name, hash)| format!("{}: {}", name.replace(',', ""), short(hash))).collect::<Vec<_>>().join(", ")
}

/// AutoV2 of a whole SHA-256; what is shorter is kept.
fn short(hash: &str) -> &str {
    if hash.len() == 64 { hash.get(..10).unwrap_or(hash) } else { hash }
}

/// A name that cannot end its tag early.
fn plain_name(name: &str) -> String {
    file_stem(name).replace([':', '<', '>', '\n'], "")
}

/// Without the ending of a file of weights.
fn file_stem(name: &str) -> &str {
    [".safetensors", ".ckpt", ".pt"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// The shortest text that is read back as the same number.
fn number(value: f64) -> String {
    value.to_string()
}

/// Whether A1111 would read it as a key: letters, digits, blanks, `_`, `-`, `/`, two at least.
pub(super) fn is_key(key: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    key.chars().count() > 1 && key.starts_with(word) && key.chars().all(|c| word(c) || matches!(c, ' ' | '-' | '/'))
}

/// A JSON text where the value would break the line apart.
fn quoted(value: &str) -> String {
    if value.contains([',', ':', '\n', '"']) { serde_json::Value::from(value).to_string() } else { value.to_owned() }
}
