//! From a graph to a recipe: the sampler that began the picture, and what flows into it.

use super::graph::{Graph, Node, WAY};
use super::loras::{self, stem};
use crate::limits;
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};
use weft_domain::generation::{Dialect, NoiseSource, Recipe, Sampler, Schedule};

/// Most pieces that one prompt is put together from.
const PIECES: usize = 64;
const MODEL: [&str; 7] = ["model", "MODEL", "model1", "optional_model", "basic_pipe", "pipe", "lora_stack"];
const LATENT: [&str; 6] = ["latent_image", "latent", "samples", "LATENT", "pixels", "image"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Positive,
    Negative,
}

impl Graph {
    /// None where nothing in it samples.
    pub(super) fn recipe(&self) -> Option<Recipe> {
        let sampler = self.first_pass(self.last_sampler()?);
        let mut recipe =
            Recipe { engine: "ComfyUI".to_owned(), dialect: Some(Dialect::ComfyUi), noise: Some(NoiseSource::Cpu), ..Recipe::default() };
        // A custom sampler takes its parts from other nodes.
        let part = |key: &str| sampler.inputs.get(key).and_then(|value| self.behind(value)).map(|(_, node)| node);
        let (guider, noise, sigmas) = (part("guider"), part("noise"), self.sigmas(sampler));
        let find = |keys: &[&str]| {
            let parts = [Some(sampler), guider, noise, sigmas];
            parts.into_iter().flatten().find_map(|node| node.input(keys).map(|value| (node, value)))
        };
        let number = |keys: &[&str]| find(keys).and_then(|(_, value)| self.number(value));
        recipe.seed = find(&["seed", "noise_seed"]).and_then(|(_, value)| self.whole(value));
        recipe.numbers.steps = number(&["steps"]).map(|steps| steps as u32);
        recipe.numbers.cfg = number(&["cfg"]);
        recipe.numbers.eta = number(&["eta"]);
        self.sampler_and_schedule(sampler, sigmas, &mut recipe);
        self.latent(sampler, number(&["denoise"]), &mut recipe);
        if let Some((_, value)) = find(&["positive", "conditioning"]) {
            recipe.prompt = self.text(value, Role::Positive, 0, &mut 0).unwrap_or_default();
            self.beside_the_text(value, &mut recipe);
        }
        if let Some((_, value)) = find(&["negative"]) {
            recipe.negative = self.text(value, Role::Negative, 0, &mut 0).unwrap_or_default();
        }
        if let Some((_, value)) = find(&MODEL) {
            self.model(value, &mut recipe);
        }
        Some(recipe)
    }

    /// The sampler nearest to what was saved; without such a node the last one.
    fn last_sampler(&self) -> Option<&Node> {
        let outputs = self.nodes.iter().filter(|(_, node)| node.is(&["SaveImage", "Save", "Image Save", "SaveAnimated"]));
        let previews = self.nodes.iter().filter(|(_, node)| node.is(&["PreviewImage"]));
        // What was seen on the way from one output needs no second look from the next.
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for (_, output) in outputs.chain(previews) {
            let mut queue: VecDeque<&Node> = VecDeque::from([output]);
            while let Some(node) = queue.pop_front() {
                if is_sampler(node) {
                    return Some(node);
                }
                for (id, before) in node.inputs.values().filter_map(|value| self.behind(value)) {
                    if seen.insert(id) {
                        queue.push_back(before);
                    }
                }
            }
        }
        self.nodes.values().rfind(|node| is_sampler(node))
    }

    /// A picture that was enlarged and sampled again began at the first of its samplers.
    fn first_pass<'a>(&'a self, last: &'a Node) -> &'a Node {
        let mut first = last;
        for _ in 0..WAY {
            let Some(latent) = first.input(&["latent_image", "latent"]) else { return first };
            let before = self.along(latent, &LATENT).into_iter().map(|(_, node)| node).find(|node| is_sampler(node));
            match before {
                Some(node) if !std::ptr::eq(node, first) && !std::ptr::eq(node, last) => first = node,
                _ => return first,
            }
        }
        first
    }

    fn sigmas<'a>(&'a self, sampler: &'a Node) -> Option<&'a Node> {
        let way = self.along(sampler.inputs.get("sigmas")?, &["sigmas"]);
        way.into_iter().map(|(_, node)| node).find(|node| node.inputs.contains_key("steps"))
    }

    fn sampler_and_schedule(&self, node: &Node, sigmas: Option<&Node>, recipe: &mut Recipe) {
        let behind = node.inputs.get("sampler").and_then(|value| self.behind(value)).map(|(_, node)| node);
        let named = [Some(node), behind].into_iter().flatten().find_map(|node| self.word(node.inputs.get("sampler_name")?));
        // `SamplerDPMPP_2M_SDE` and `KarrasScheduler` say it by their class.
        let name = named.or_else(|| Some(behind?.class.trim_start_matches("Sampler").to_owned())).unwrap_or_default();
        match Sampler::parse(&name) {
            Some((sampler, inside)) => (recipe.sampler, recipe.schedule) = (Some(sampler), inside),
            None if !name.is_empty() => drop(recipe.other.insert("Sampler".to_owned(), name)),
            None => {}
        }
        let places = [Some(node), sigmas].into_iter().flatten();
        let word = places.clone().find_map(|node| self.word(node.inputs.get("scheduler")?));
        let word = word.or_else(|| sigmas.map(|node| node.class.trim_end_matches("Scheduler").to_owned()));
        match word.as_deref().map(|word| (word, Schedule::parse(word))) {
            Some((_, Some(schedule))) => recipe.schedule = Some(schedule),
            Some((word, None)) => drop(recipe.other.insert("Schedule type".to_owned(), word.to_owned())),
            None => {}
        }
        recipe.numbers.eta = recipe.numbers.eta.or_else(|| self.number(behind?.inputs.get("eta")?));
        recipe.numbers.s_noise = behind.and_then(|node| self.number(node.inputs.get("s_noise")?));
    }

    /// Size of what was sampled, or how far a picture was dissolved.
    fn latent(&self, sampler: &Node, denoise: Option<f64>, recipe: &mut Recipe) {
        let Some(latent) = sampler.input(&["latent_image", "latent"]) else { return };
        let way = self.along(latent, &LATENT);
        let side = |node: &Node, keys: &[&str]| node.input(keys).and_then(|value| self.whole(value)).and_then(|n| u32::try_from(n).ok());
        let sized = way
            .iter()
            .find_map(|(_, node)| Some((side(node, &["width", "empty_latent_width"])?, side(node, &["height", "empty_latent_height"])?)));
        (recipe.width, recipe.height) = sized.unwrap_or_default();
        let from_picture = way.iter().any(|(_, node)| node.is(&["VAEEncode", "LoadImage", "InpaintModelConditioning"]));
        recipe.inpainted = way.iter().any(|(_, node)| node.is(&["VAEEncodeForInpaint", "SetLatentNoiseMask", "InpaintModelConditioning"]));
        if from_picture {
            let number = |key: &str| sampler.inputs.get(key).and_then(|value| self.number(value));
            let late = number("start_at_step").zip(number("steps")).map(|(start, steps)| 1.0 - start / steps.max(1.0));
            recipe.denoise = denoise.or(late);
        }
    }

    /// Checkpoint and adapters, from the sampler towards the loader; adapters then in the order in which they were put on.
    fn model(&self, from: &Value, recipe: &mut Recipe) {
        let way = self.along(from, &MODEL);
        for (_, node) in &way {
            if let Some(stack) = node.inputs.get("lora_stack").filter(|_| node.inputs.contains_key("model")) {
                for (_, node) in self.along(stack, &["lora_stack"]) {
                    recipe.adapters.extend(loras::of(self, node).into_iter().rev());
                }
            }
            recipe.adapters.extend(loras::of(self, node).into_iter().rev());
            let number = |keys: &[&str]| node.input(keys).and_then(|value| self.number(value));
            if node.is(&["ModelSampling"]) {
                recipe.numbers.shift = recipe.numbers.shift.or(number(&["shift", "max_shift"]));
            }
            if node.is(&["RescaleCFG"]) {
                recipe.numbers.cfg_rescale = number(&["multiplier"]);
            }
            let name =
                node.input(&["ckpt_name", "unet_name", "base_ckpt_name", "model_name", "gguf_name"]).and_then(|value| self.word(value));
            if let Some(name) = name.filter(|_| recipe.checkpoint.name.is_empty()) {
                recipe.checkpoint.name = stem(&name).to_owned();
            }
        }
        recipe.adapters.reverse();
    }

    /// Guidance and clip skip, which stand on the way to the text.
    fn beside_the_text(&self, from: &Value, recipe: &mut Recipe) {
        let way = self.along(from, &["conditioning", "positive", "conditioning_1", "conditioning_to"]);
        recipe.numbers.guidance = way.iter().find_map(|(_, node)| self.number(node.inputs.get("guidance")?));
        let Some(clip) = way.iter().find_map(|(_, node)| node.inputs.get("clip")) else { return };
        let layers =
            self.along(clip, &["clip", "CLIP"]).into_iter().find_map(|(_, node)| self.number(node.inputs.get("stop_at_clip_layer")?));
        recipe.numbers.clip_skip = layers.filter(|layer| (-48.0..=-1.0).contains(layer)).map(|layer| (-layer) as u32);
    }

    /// The words of a conditioning, or of a text that nodes put together.
    fn text(&self, value: &Value, role: Role, depth: usize, pieces: &mut usize) -> Option<String> {
        if let Some(text) = value.as_str() {
            return Some(bounded(text.trim()));
        }
        *pieces += 1;
        if depth > WAY || *pieces > PIECES * 4 {
            return None;
        }
        let (_, node) = self.behind(value)?;
        if node.is(&["ConditioningZeroOut"]) {
            return Some(String::new());
        }
        let mut each = |keys: &[&str]| -> Vec<String> {
            let found = keys.iter().filter_map(|key| self.text(node.inputs.get(*key)?, role, depth + 1, pieces));
            let mut texts: Vec<String> = found.filter(|text| !text.is_empty()).collect();
            texts.dedup();
            texts
        };
        let own = match role {
            Role::Positive => "positive",
            Role::Negative => "negative",
        };
        let joined = match node.class.as_str() {
            "StringConcatenate" => Some((vec!["string_a", "string_b"], "delimiter")),
            "Text Concatenate" | "TextConcat" => {
                Some((vec!["text_a", "text_b", "text_c", "text_d", "text1", "text2", "text3"], "delimiter"))
            }
            class if class.starts_with("ConditioningCombine") || class.starts_with("ConditioningConcat") => {
                Some((vec!["conditioning_1", "conditioning_2", "conditioning_to", "conditioning_from"], ""))
            }
            _ => None,
        };
        if let Some((keys, delimiter)) = joined {
            let between = node.inputs.get(delimiter).and_then(Value::as_str).unwrap_or("\n");
            return Some(bounded(&each(&keys).join(between)));
        }
        let both = each(&["text_g", "text_l"]);
        if !both.is_empty() {
            return Some(bounded(&both.join("\n")));
        }
        const WORDS: [&str; 12] =
            ["populated_text", "text", "t5xxl", "clip_l", "prompt", "string", "value", "wildcard_text", "Text", "String", "text_0", "any"];
        let mut found = None;
        for key in WORDS.into_iter().chain([own, "conditioning", "cond", "conditioning_1", "conditioning_to"]) {
            let text = node.inputs.get(key).and_then(|value| self.text(value, role, depth + 1, pieces));
            match text {
                Some(text) if !text.is_empty() => return Some(text),
                Some(text) => found = Some(text),
                None => {}
            }
        }
        found
    }
}

/// As much of a text as is kept: what is put together of the same long text many times stays small.
fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(limits::PROMPT)].to_owned()
}

/// Takes a latent and gives one that was sampled.
fn is_sampler(node: &Node) -> bool {
    let has = |key: &str| node.inputs.contains_key(key);
    let latent = has("latent_image") || has("latent") || has("samples");
    let custom = has("guider") && has("sigmas");
    let plain = has("positive") && (has("seed") || has("noise_seed")) && (has("steps") || has("sigmas"));
    (custom || plain) && (latent || node.class.contains("Sampler"))
}
