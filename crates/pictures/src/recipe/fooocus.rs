//! Fooocus in its own scheme; in A1111's it is read as that.

use super::json::{member, number, small, text, whole};
use serde_json::Value;
use weft_domain::generation::{NoiseSource, Recipe, Sampler, Schedule, UsedAdapter};

pub(super) fn of_json(json: &Value) -> Option<Recipe> {
    let words = |key: &str| member(json, &[key]).and_then(text).unwrap_or_default();
    // Nobody else names a base model and a version of itself.
    if !json.get("base_model").is_some_and(Value::is_string) || !words("version").contains("Fooocus") {
        return None;
    }
    let mut recipe = Recipe { prompt: words("prompt"), negative: words("negative_prompt"), engine: words("version"), ..Recipe::default() };
    recipe.checkpoint.name = words("base_model").trim_end_matches(".safetensors").to_owned();
    recipe.checkpoint.hash = member(json, &["base_model_hash"]).and_then(text);
    recipe.adapters = member(json, &["loras"]).and_then(Value::as_array).into_iter().flatten().filter_map(adapter).collect();
    recipe.numbers.steps = member(json, &["steps"]).and_then(small);
    recipe.numbers.cfg = member(json, &["guidance_scale"]).and_then(number);
    recipe.numbers.clip_skip = member(json, &["clip_skip"]).and_then(small);
    recipe.seed = member(json, &["seed"]).and_then(whole);
    if let Some((sampler, schedule)) = Sampler::parse(&words("sampler")) {
        (recipe.sampler, recipe.schedule) = (Some(sampler), schedule);
    }
    recipe.schedule = Schedule::parse(&words("scheduler")).or(recipe.schedule);
    // `(1152, 896)`.
    let size = words("resolution");
    let mut sides = size.trim_matches(['(', ')']).split(',').filter_map(|side| side.trim().parse().ok());
    (recipe.width, recipe.height) = (sides.next().unwrap_or(0), sides.next().unwrap_or(0));
    recipe.noise = Some(NoiseSource::Cpu);
    for key in ["styles", "performance", "sharpness", "adm_guidance", "refiner_model", "refiner_switch", "vae"] {
        let value = member(json, &[key]).map(|value| text(value).unwrap_or_else(|| value.to_string()));
        recipe.other.extend(value.map(|value| (key.to_owned(), value)));
    }
    Some(recipe)
}

/// `["name", weight, "hash"]`.
fn adapter(one: &Value) -> Option<UsedAdapter> {
    let name = one.get(0)?.as_str()?.trim_end_matches(".safetensors").to_owned();
    let (weight, hash) = (one.get(1).and_then(number).unwrap_or(1.0), one.get(2).and_then(text));
    (name != "None").then(|| UsedAdapter { name, weight, hash, ..UsedAdapter::default() })
}
