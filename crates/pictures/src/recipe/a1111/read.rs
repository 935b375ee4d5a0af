//! Reading A1111's text, and that of all who write like it.

use super::super::json;
use super::pairs::pairs;
use super::tags;
use serde_json::Value;
use std::collections::BTreeMap;
use weft_domain::generation::{Dialect, NoiseSource, Recipe, Sampler, Schedule, UsedAdapter, Variation};

/// Fewer pairs make no line of parameters.
const PAIRS: usize = 3;

/// Reads a text as A1111's: what `Read generation parameters` does. None when it has neither parameters nor a negative prompt.
#[must_use]
pub fn parse_infotext(text: &str) -> Option<Recipe> {
    parsed(text, false).map(|mut recipe| {
        super::super::tidy::tidy(&mut recipe);
        recipe
    })
}

/// As [`parse_infotext`]; with `any` a prompt alone is enough.
pub(crate) fn parsed(text: &str, any: bool) -> Option<Recipe> {
    let text = text.trim().trim_matches('\0');
    let lines: Vec<&str> = text.lines().collect();
    let (words, fields, after) = split(&lines);
    let (prompt, negative) = prompts(words);
    if text.is_empty() || (!any && fields.is_empty() && negative.is_none()) {
        return None;
    }
    let (prompt, adapters) = tags::taken(&prompt);
    let mut recipe = Recipe { prompt, negative: negative.unwrap_or_default(), adapters, ..Recipe::default() };
    recipe.dialect = Some(Dialect::A1111);
    let mut fields: BTreeMap<String, String> = fields.into_iter().collect();
    fields.extend(after);
    fill(&mut recipe, fields);
    Some(recipe)
}

type Fields = Vec<(String, String)>;

/// Lines of prompts, pairs of the parameters' line, and what extensions wrote below it (`Template: …`).
fn split<'a>(lines: &'a [&'a str]) -> (&'a [&'a str], Fields, Fields) {
    let at = lines.iter().rposition(|line| {
        let line = line.trim_start();
        line.contains(':')
            && (line.starts_with("Steps:") || line.len() < 65_536)
            && pairs(line).len() >= PAIRS
            && !line.starts_with("Negative")
    });
    let Some(at) = at else { return (lines, Vec::new(), Vec::new()) };
    // Commas and colons are common in prompts: only the last line, or one that begins as A1111's does, holds parameters.
    let begins = lines[at].trim_start().starts_with("Steps:");
    if !begins && at + 1 != lines.len() {
        return (lines, Vec::new(), Vec::new());
    }
    let mut after: Fields = Vec::new();
    for line in &lines[at + 1..] {
        match line.split_once(": ").filter(|(key, _)| super::write::is_key(key)) {
            Some((key, value)) => after.push((key.to_owned(), value.to_owned())),
            None => {
                if let Some((_, value)) = after.last_mut() {
                    value.push('\n');
                    value.push_str(line);
                }
            }
        }
    }
    (&lines[..at], pairs(lines[at]), after)
}

fn prompts(lines: &[&str]) -> (String, Option<String>) {
    const MARK: &str = "Negative prompt:";
    let at = lines.iter().position(|line| line.trim_start().starts_with(MARK));
    let whole = |lines: &[&str]| lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n").trim().to_owned();
    match at {
        None => (whole(lines), None),
        Some(at) => {
            let first = lines[at].trim_start().strip_prefix(MARK).unwrap_or_default();
            let rest: Vec<&str> = std::iter::once(first).chain(lines[at + 1..].iter().copied()).collect();
            (whole(&lines[..at]), Some(whole(&rest)))
        }
    }
}

/// Moves the fields into their places; the others stay as they are.
fn fill(recipe: &mut Recipe, mut fields: BTreeMap<String, String>) {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    numbers(recipe, &mut fields);
    if let Some((width, height)) = taken(&mut fields, "Size", size) {
        (recipe.width, recipe.height) = (width, height);
    }
    recipe.seed = taken(&mut fields, "Seed", |text| text.trim().parse().ok());
    sampler(recipe, &mut fields);
    let strength = taken(&mut fields, "Variation seed strength", number);
    let seed = taken(&mut fields, "Variation seed", |text| text.trim().parse().ok());
    recipe.variation = seed.zip(strength).map(|(seed, strength)| Variation { seed, strength });
    // With a hires pass it says how far that pass went, not that a picture was the beginning.
    if !fields.keys().any(|key| key.starts_with("Hires")) {
        recipe.denoise = taken(&mut fields, "Denoising strength", number);
    }
    recipe.inpainted = ["Mask blur", "Masked content", "Inpaint area"].iter().any(|key| fields.contains_key(*key));
    recipe.checkpoint.name = fields.remove("Model").unwrap_or_default();
    recipe.checkpoint.hash = fields.remove("Model hash");
    adapters(recipe, &mut fields);
    let version = fields.remove("Version").unwrap_or_default();
    let ours = version.starts_with("Weft");
    let noise = taken(&mut fields, "RNG", NoiseSource::parse);
    // Without the word it is what that program draws where nobody chose.
    recipe.noise = noise.or_else(|| (recipe.seed.is_some() && !fields.contains_key("RNG")).then_some(NoiseSource::Gpu));
    let bare = version.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    recipe.engine = if bare && !ours { format!("A1111 {version}") } else { version };
    fields.retain(|_, value| !value.is_empty());
    recipe.other = fields;
}

fn numbers(recipe: &mut Recipe, fields: &mut BTreeMap<String, String>) {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    let numbers = &mut recipe.numbers;
    numbers.steps = taken(fields, "Steps", |text| text.trim().parse().ok());
    numbers.cfg = taken(fields, "CFG scale", number);
    numbers.guidance = taken(fields, "Distilled CFG Scale", number);
    numbers.clip_skip = taken(fields, "Clip skip", |text| text.trim().parse().ok());
    numbers.eta = taken(fields, "Eta", number);
    numbers.s_churn = taken(fields, "Sigma churn", number);
    numbers.s_noise = taken(fields, "Sigma noise", number);
    numbers.shift = taken(fields, "Shift", number);
}

/// The sampler, and the schedule that goes with it: named by itself, inside the sampler's name, or chosen by A1111.
fn sampler(recipe: &mut Recipe, fields: &mut BTreeMap<String, String>) {
    let Some((sampler, inside)) = fields.get("Sampler").and_then(|name| Sampler::parse(name)) else { return };
    fields.remove("Sampler");
    recipe.sampler = Some(sampler);
    let word = fields.get("Schedule type").map(|word| word.to_ascii_lowercase());
    recipe.schedule = match word.as_deref() {
        Some("automatic") => inside.or_else(|| Some(automatic(sampler))),
        Some(word) => Schedule::parse(word),
        // Before there was such a word, the schedule was part of the sampler's name or the plain one.
        None => inside.or(Some(Schedule::Normal)),
    };
    if recipe.schedule.is_some() {
        fields.remove("Schedule type");
    }
}

/// What A1111 1.9 and later take where nobody chose.
fn automatic(sampler: Sampler) -> Schedule {
    use Sampler::{Dpm2, Dpm2A, Dpmpp2m, Dpmpp2mSde, Dpmpp2sA, Dpmpp3mSde, DpmppSde};
    match sampler {
        Dpmpp2m | DpmppSde | Dpmpp2sA | Dpm2 | Dpm2A => Schedule::Karras,
        Dpmpp2mSde | Dpmpp3mSde => Schedule::Exponential,
        _ => Schedule::Normal,
    }
}

/// Hashes of adapters and checkpoint, from all the places that know them; adapters that only such a place names.
fn adapters(recipe: &mut Recipe, fields: &mut BTreeMap<String, String>) {
    for (name, hash) in fields.remove("Lora hashes").as_deref().map(hashes).unwrap_or_default() {
        give_hash(&mut recipe.adapters, &name, &hash);
    }
    if let Some(Value::Object(all)) = fields.get("Hashes").and_then(|text| json::read(text)) {
        for (key, hash) in &all {
            let Some(hash) = json::text(hash) else { continue };
            match key.split_once(':').unwrap_or((key.as_str(), "")) {
                ("model", _) if recipe.checkpoint.hash.is_none() => recipe.checkpoint.hash = Some(hash),
                ("lora" | "LORA", name) => give_hash(&mut recipe.adapters, name, &hash),
                _ => {}
            }
        }
        fields.remove("Hashes");
    }
    let resources = fields.get("Civitai resources").and_then(|text| json::read(text));
    if let Some(list) = resources.as_ref().and_then(Value::as_array) {
        let kind = |one: &Value| json::member(one, &["type"]).and_then(json::text).unwrap_or_default().to_ascii_lowercase();
        let name = |one: &Value| json::member(one, &["modelName", "name"]).and_then(json::text).unwrap_or_default();
        for one in list {
            let weight = json::member(one, &["weight", "strength"]).and_then(json::number);
            match kind(one).as_str() {
                "checkpoint" | "model" if recipe.checkpoint.name.is_empty() => recipe.checkpoint.name = name(one),
                "lora" | "lycoris" | "locon" | "dora" if recipe.adapters.iter().all(|known| known.name != name(one)) => {
                    recipe.adapters.push(UsedAdapter { name: name(one), weight: weight.unwrap_or(1.0), ..UsedAdapter::default() });
                }
                _ => {}
            }
        }
    }
}

/// `ink: 1a2b3c, paper: 4d5e6f`; SD.Next writes hashes without names.
fn hashes(text: &str) -> Vec<(String, String)> {
    let one = |part: &str| part.rsplit_once(':').map(|(name, hash)| (name.trim().to_owned(), hash.trim().to_owned()));
    text.split(',').filter_map(one).collect()
}

/// To the adapter of that name; A1111 leaves `:` and `,` out of names there. A name that no tag has is no adapter of the picture.
fn give_hash(adapters: &mut [UsedAdapter], name: &str, hash: &str) {
    let plain = |name: &str| name.replace([':', ','], "").trim().to_ascii_lowercase();
    let wanted = plain(name);
    for adapter in adapters.iter_mut().filter(|adapter| adapter.hash.is_none() && plain(&adapter.name) == wanted) {
        adapter.hash = Some(hash.to_owned());
    }
}

fn size(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.trim().split_once('x')?;
    Some((width.trim().parse().ok()?, height.trim().parse().ok()?))
}

/// Takes a field out when it can be read; else it stays among the others.
fn taken<T>(fields: &mut BTreeMap<String, String>, key: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    let value = read(fields.get(key)?)?;
    fields.remove(key);
    Some(value)
}
