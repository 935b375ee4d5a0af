//! NovelAI: `Software`, `Source`, `Description`, and JSON in `Comment`; the same as one JSON where it hides in the pixels.

use super::json::{self, member, number, small, text, whole};
use crate::container::Texts;
use serde_json::Value;
use weft_domain::generation::{Recipe, Sampler, Schedule};

pub(super) fn read(texts: &Texts) -> Option<Recipe> {
    let ours = texts.get("Software").is_some_and(|software| software.trim() == "NovelAI");
    let comment = texts.get("Comment").filter(|_| ours).and_then(json::read)?;
    Some(of_comment(&comment, texts.get("Description").unwrap_or_default(), texts.get("Source").unwrap_or_default()))
}

/// `{Software, Source, Description, Comment}` with the comment as text.
pub(super) fn of_json(json: &Value) -> Option<Recipe> {
    let words = |key: &str| member(json, &[key]).and_then(text).unwrap_or_default();
    let comment = json::read(&words("Comment"))?;
    Some(of_comment(&comment, &words("Description"), &words("Source")))
}

fn of_comment(json: &Value, description: &str, source: &str) -> Recipe {
    let words = |keys: &[&str]| member(json, keys).and_then(text).unwrap_or_default();
    // Since V4 the words stand in captions, one for the whole and one for each character.
    let caption = |key: &str| {
        let caption = member(json, &[key]).and_then(|prompt| member(prompt, &["caption"]))?;
        let characters = member(caption, &["char_captions"]).and_then(Value::as_array).into_iter().flatten();
        let characters = characters.filter_map(|one| member(one, &["char_caption"]).and_then(text));
        let base = member(caption, &["base_caption"]).and_then(text);
        Some(base.into_iter().chain(characters).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n"))
    };
    let given = Some(words(&["prompt"])).filter(|prompt| !prompt.is_empty());
    let prompt = caption("v4_prompt").filter(|prompt| !prompt.is_empty()).or(given).unwrap_or_else(|| description.to_owned());
    let negative = caption("v4_negative_prompt").filter(|prompt| !prompt.is_empty()).unwrap_or_else(|| words(&["uc"]));
    let mut recipe = Recipe { prompt, negative, ..Recipe::default() };
    // `NovelAI Diffusion V4 4BDE2A90`: model and the first digits of its hash.
    let hash = source.rsplit(' ').next().filter(|word| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit()));
    recipe.checkpoint.hash = hash.map(str::to_owned);
    recipe.checkpoint.name = hash.and_then(|hash| source.strip_suffix(hash)).unwrap_or(source).trim().to_owned();
    let side = |key: &str| member(json, &[key]).and_then(small).unwrap_or(0);
    (recipe.width, recipe.height) = (side("width"), side("height"));
    recipe.seed = member(json, &["seed"]).and_then(whole);
    recipe.numbers.steps = member(json, &["steps"]).and_then(small);
    recipe.numbers.cfg = member(json, &["scale"]).and_then(number);
    recipe.numbers.cfg_rescale = member(json, &["cfg_rescale"]).and_then(number).filter(|share| *share > 0.0);
    if let Some((sampler, schedule)) = Sampler::parse(&words(&["sampler"])) {
        (recipe.sampler, recipe.schedule) = (Some(sampler), schedule);
    }
    recipe.schedule = Schedule::parse(&words(&["noise_schedule"])).or(recipe.schedule);
    recipe.denoise = member(json, &["strength"])
        .and_then(number)
        .filter(|_| words(&["request_type"]).contains("Img2Img") || json.get("image").is_some());
    recipe.inpainted = words(&["request_type"]).contains("Inpaint") || words(&["request_type"]).contains("Infill");
    recipe.engine = "NovelAI".to_owned();
    for key in ["request_type", "sm", "sm_dyn", "dynamic_thresholding", "uncond_scale", "skip_cfg_above_sigma", "noise_schedule", "sampler"]
    {
        let placed = key == "sampler" && recipe.sampler.is_some() || key == "noise_schedule" && recipe.schedule.is_some();
        let value = member(json, &[key]).and_then(text).filter(|_| !placed);
        recipe.other.extend(value.map(|value| (key.to_owned(), value)));
    }
    recipe
}
