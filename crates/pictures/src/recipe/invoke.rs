//! InvokeAI: `invokeai_metadata` (since 3), `sd-metadata` (1.15 to 2), `Dream` (the first).

use super::json::{self, member, number, small, text, whole};
use crate::container::Texts;
use serde_json::Value;
use weft_domain::generation::{NoiseSource, Recipe, Sampler, UsedAdapter};

pub(super) fn read(texts: &Texts) -> Option<Recipe> {
    let json = |key: &str| texts.get(key).and_then(json::read);
    json("invokeai_metadata")
        .as_ref()
        .and_then(modern)
        .or_else(|| json("sd-metadata").as_ref().and_then(middle))
        .or_else(|| texts.get("Dream").or_else(|| texts.get("dream")).and_then(first))
}

fn modern(json: &Value) -> Option<Recipe> {
    let object = json.as_object()?;
    let words = |keys: &[&str]| member(json, keys).and_then(text).unwrap_or_default();
    let mut recipe = Recipe { prompt: words(&["positive_prompt"]), negative: words(&["negative_prompt"]), ..Recipe::default() };
    if let Some(model) = member(json, &["model"]) {
        recipe.checkpoint.name = member(model, &["name", "model_name"]).and_then(text).unwrap_or_default();
        recipe.checkpoint.hash = member(model, &["hash"]).and_then(text).filter(|hash| hash.starts_with("sha256:"));
    }
    for one in member(json, &["loras"]).and_then(Value::as_array).into_iter().flatten() {
        let Some(model) = member(one, &["model", "lora"]) else { continue };
        let name = member(model, &["name", "model_name"]).and_then(text).unwrap_or_default();
        let weight = member(one, &["weight"]).and_then(number).unwrap_or(0.75);
        recipe.adapters.push(UsedAdapter { name, weight, ..UsedAdapter::default() });
    }
    let side = |key: &str| member(json, &[key]).and_then(small).unwrap_or(0);
    (recipe.width, recipe.height) = (side("width"), side("height"));
    recipe.seed = member(json, &["seed"]).and_then(whole);
    recipe.numbers.steps = member(json, &["steps"]).and_then(small);
    recipe.numbers.cfg = member(json, &["cfg_scale"]).and_then(number);
    recipe.numbers.cfg_rescale = member(json, &["cfg_rescale_multiplier"]).and_then(number).filter(|share| *share > 0.0);
    recipe.numbers.guidance = member(json, &["guidance"]).and_then(number);
    // InvokeAI counts layers that are left out, A1111 the one that is taken.
    recipe.numbers.clip_skip = member(json, &["clip_skip"]).and_then(small).and_then(|left_out| left_out.checked_add(1));
    scheduler(&words(&["scheduler"]), &mut recipe);
    recipe.noise = Some(noise(&words(&["rand_device"])));
    let mode = words(&["generation_mode"]);
    if mode.contains("img2img") || mode.contains("inpaint") || mode.contains("outpaint") {
        recipe.denoise = member(json, &["strength", "denoising_strength"]).and_then(number);
    }
    recipe.inpainted = mode.contains("inpaint") || mode.contains("outpaint");
    recipe.engine = format!("InvokeAI {}", words(&["app_version"])).trim_end().to_owned();
    const PLACED: [&str; 18] = [
        "positive_prompt",
        "negative_prompt",
        "model",
        "loras",
        "width",
        "height",
        "seed",
        "steps",
        "cfg_scale",
        "cfg_rescale_multiplier",
        "guidance",
        "clip_skip",
        "scheduler",
        "rand_device",
        "app_version",
        "strength",
        "denoising_strength",
        "canvas_v2_metadata",
    ];
    let placed = |key: &str| PLACED.contains(&key) && !(key == "scheduler" && recipe.sampler.is_none());
    recipe.other = object.iter().filter(|(key, _)| !placed(key)).filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect();
    Some(recipe)
}

fn middle(json: &Value) -> Option<Recipe> {
    let image = member(json, &["image"])?;
    let words = |value: &Value, key: &str| member(value, &[key]).and_then(text).unwrap_or_default();
    let prompt = match member(image, &["prompt"])? {
        // Several prompts with a weight each.
        Value::Array(parts) => parts.iter().map(|part| words(part, "prompt")).collect::<Vec<_>>().join(" "),
        other => text(other)?,
    };
    let mut recipe = Recipe::default();
    (recipe.prompt, recipe.negative) = without_brackets(&prompt);
    recipe.checkpoint.name = words(json, "model_weights");
    recipe.checkpoint.hash = member(json, &["model_hash"]).and_then(text);
    let side = |key: &str| member(image, &[key]).and_then(small).unwrap_or(0);
    (recipe.width, recipe.height) = (side("width"), side("height"));
    recipe.seed = member(image, &["seed"]).and_then(whole);
    recipe.numbers.steps = member(image, &["steps"]).and_then(small);
    recipe.numbers.cfg = member(image, &["cfg_scale"]).and_then(number);
    scheduler(&words(image, "sampler"), &mut recipe);
    if words(image, "type") == "img2img" {
        recipe.denoise = member(image, &["strength"]).and_then(number);
    }
    recipe.noise = Some(NoiseSource::Cpu);
    recipe.engine = format!("InvokeAI {}", words(json, "app_version")).trim_end().to_owned();
    Some(recipe)
}

/// `"a fox [blurry]" -s 50 -S 42 -W 512 -H 512 -C 7.5 -A k_lms`.
fn first(text: &str) -> Option<Recipe> {
    let inner = text.trim().strip_prefix('"')?;
    let end = inner.rfind("\" -").or_else(|| inner.rfind('"'))?;
    let mut recipe = Recipe { engine: "InvokeAI".to_owned(), noise: Some(NoiseSource::Cpu), ..Recipe::default() };
    (recipe.prompt, recipe.negative) = without_brackets(&inner[..end]);
    let mut words = inner[end + 1..].split_whitespace().peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix('-').and_then(|flag| flag.chars().next()) else { continue };
        // `-s 50` and `-s50`.
        let joined = word.get(2..).filter(|rest| !rest.is_empty()).map(str::to_owned);
        let Some(value) = joined.or_else(|| words.next_if(|next| !next.starts_with('-')).map(str::to_owned)) else { continue };
        match flag {
            's' => recipe.numbers.steps = value.parse().ok(),
            'S' => recipe.seed = value.parse().ok(),
            'W' => recipe.width = value.parse().unwrap_or(0),
            'H' => recipe.height = value.parse().unwrap_or(0),
            'C' => recipe.numbers.cfg = value.parse().ok(),
            'f' => recipe.denoise = value.parse().ok(),
            'A' => scheduler(&value, &mut recipe),
            _ => {}
        }
    }
    Some(recipe)
}

fn scheduler(name: &str, recipe: &mut Recipe) {
    if let Some((sampler, schedule)) = Sampler::parse(name) {
        (recipe.sampler, recipe.schedule) = (Some(sampler), schedule);
    }
}

fn noise(device: &str) -> NoiseSource {
    NoiseSource::parse(device).unwrap_or_default()
}

/// Before 3, what stood in square brackets was the negative prompt.
fn without_brackets(prompt: &str) -> (String, String) {
    let (mut positive, mut negative) = (String::new(), Vec::new());
    let mut rest = prompt;
    while let Some(open) = rest.find('[') {
        let Some(close) = rest[open..].find(']') else { break };
        positive.push_str(&rest[..open]);
        negative.push(rest[open + 1..open + close].trim());
        rest = &rest[open + close + 1..];
    }
    positive.push_str(rest);
    (positive.trim().to_owned(), negative.join(", "))
}
