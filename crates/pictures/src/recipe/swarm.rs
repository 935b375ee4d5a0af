//! SwarmUI: `{sui_image_params, sui_models, sui_extra_data}`.

use super::json::{member, number, small, text, whole};
use serde_json::Value;
use weft_domain::generation::{NoiseSource, Recipe, Sampler, Schedule, UsedAdapter, Variation};

/// Parameters that have a place of their own.
const PLACED: [&str; 22] = [
    "prompt",
    "negativeprompt",
    "model",
    "seed",
    "steps",
    "cfgscale",
    "width",
    "height",
    "sampler",
    "scheduler",
    "loras",
    "loraweights",
    "loratencweights",
    "fluxguidancescale",
    "clipstopatlayer",
    "variationseed",
    "variationseedstrength",
    "initimagecreativity",
    "sigmashift",
    "swarm_version",
    "images",
    "original_prompt",
];

pub(super) fn of_json(json: &Value) -> Option<Recipe> {
    let params = json.get("sui_image_params")?;
    let get = |keys: &[&str]| member(params, keys);
    let words = |keys: &[&str]| get(keys).and_then(text).unwrap_or_default();
    let mut recipe = Recipe { prompt: words(&["prompt"]), negative: words(&["negativeprompt"]), ..Recipe::default() };
    recipe.typed = get(&["original_prompt"]).and_then(text).filter(|typed| *typed != recipe.prompt);
    recipe.checkpoint.name = stem(&words(&["model"])).to_owned();
    recipe.checkpoint.hash = hash(json, "model", &words(&["model"]));
    recipe.adapters = adapters(json, params);
    (recipe.width, recipe.height) = (get(&["width"]).and_then(small).unwrap_or(0), get(&["height"]).and_then(small).unwrap_or(0));
    recipe.seed = get(&["seed"]).and_then(whole);
    let numbers = &mut recipe.numbers;
    numbers.steps = get(&["steps"]).and_then(small);
    numbers.cfg = get(&["cfgscale"]).and_then(number);
    numbers.guidance = get(&["fluxguidancescale"]).and_then(number);
    numbers.shift = get(&["sigmashift"]).and_then(number);
    numbers.clip_skip =
        get(&["clipstopatlayer"]).and_then(number).filter(|layer| (-48.0..=-1.0).contains(layer)).map(|layer| (-layer) as u32);
    if let Some((sampler, schedule)) = Sampler::parse(&words(&["sampler"])) {
        (recipe.sampler, recipe.schedule) = (Some(sampler), schedule);
    }
    recipe.schedule = Schedule::parse(&words(&["scheduler"])).or(recipe.schedule);
    recipe.denoise = get(&["initimagecreativity"]).and_then(number);
    let strength = get(&["variationseedstrength"]).and_then(number);
    recipe.variation = get(&["variationseed"]).and_then(whole).zip(strength).map(|(seed, strength)| Variation { seed, strength });
    recipe.noise = Some(NoiseSource::Cpu);
    recipe.engine = format!("SwarmUI {}", words(&["swarm_version"])).trim_end().to_owned();
    let rest = params.as_object()?.iter().filter(|(key, _)| !PLACED.contains(&key.as_str()));
    recipe.other = rest.filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect();
    Some(recipe)
}

/// Lists stand as JSON lists, or as one text with commas.
fn list(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
        Some(Value::String(items)) => items.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect(),
        _ => Vec::new(),
    }
}

fn adapters(json: &Value, params: &Value) -> Vec<UsedAdapter> {
    let weights = list(member(params, &["loraweights"]));
    let text_weights = list(member(params, &["loratencweights"]));
    let at = |list: &[String], at: usize| list.get(at).and_then(|weight| weight.parse::<f64>().ok());
    let names = list(member(params, &["loras"])).into_iter().enumerate();
    names
        .map(|(n, name)| {
            let weight = at(&weights, n).unwrap_or(1.0);
            UsedAdapter {
                hash: hash(json, "loras", &name),
                name: stem(&name).to_owned(),
                weight,
                text_weight: at(&text_weights, n).filter(|text| *text != weight),
                ..UsedAdapter::default()
            }
        })
        .collect()
}

/// Tensor hash of a model by its name.
fn hash(json: &Value, param: &str, name: &str) -> Option<String> {
    let same = |one: &&Value| {
        let is = |key: &str, want: &str| member(one, &[key]).and_then(Value::as_str).is_some_and(|have| stem(have) == stem(want));
        is("param", param) && is("name", name)
    };
    member(json, &["sui_models"])?.as_array()?.iter().find(same).and_then(|one| member(one, &["hash"])).and_then(text)
}

fn stem(name: &str) -> &str {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    name.strip_suffix(".safetensors").unwrap_or(name)
}
