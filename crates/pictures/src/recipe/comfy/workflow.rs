//! The graph as it stands on the screen. Values of its widgets have no names there: the nodes below are known by the order of theirs.

use super::graph::{Graph, Node};
use serde_json::Value;
use std::collections::BTreeMap;

/// Most nodes or links.
const MOST: usize = 20_000;
/// A node that does nothing (muted), and one that only passes on (bypassed).
const MUTED: u64 = 2;
const BYPASSED: u64 = 4;

/// Widgets in their order; `_` is one that says nothing about a picture.
const WIDGETS: [(&str, &[&str]); 34] = [
    ("KSampler", &["seed", "_", "steps", "cfg", "sampler_name", "scheduler", "denoise"]),
    ("KSamplerAdvanced", &["_", "noise_seed", "_", "steps", "cfg", "sampler_name", "scheduler", "start_at_step", "end_at_step", "_"]),
    ("SamplerCustom", &["_", "noise_seed", "_", "cfg"]),
    ("RandomNoise", &["noise_seed", "_"]),
    ("KSamplerSelect", &["sampler_name"]),
    ("BasicScheduler", &["scheduler", "steps", "denoise"]),
    ("KarrasScheduler", &["steps"]),
    ("ExponentialScheduler", &["steps"]),
    ("BetaSamplingScheduler", &["steps"]),
    ("SDTurboScheduler", &["steps", "denoise"]),
    ("CFGGuider", &["cfg"]),
    ("FluxGuidance", &["guidance"]),
    ("CheckpointLoaderSimple", &["ckpt_name"]),
    ("CheckpointLoader", &["_", "ckpt_name"]),
    ("UNETLoader", &["unet_name"]),
    ("UnetLoaderGGUF", &["unet_name"]),
    ("LoraLoader", &["lora_name", "strength_model", "strength_clip"]),
    ("LoraLoaderModelOnly", &["lora_name", "strength_model"]),
    ("CLIPTextEncode", &["text"]),
    ("CLIPTextEncodeFlux", &["clip_l", "t5xxl", "guidance"]),
    ("CLIPTextEncodeSDXL", &["_", "_", "_", "_", "_", "_", "text_g", "text_l"]),
    ("CLIPSetLastLayer", &["stop_at_clip_layer"]),
    ("EmptyLatentImage", &["width", "height"]),
    ("EmptySD3LatentImage", &["width", "height"]),
    ("EmptyFlux2LatentImage", &["width", "height"]),
    ("ModelSamplingFlux", &["max_shift", "_", "_", "_"]),
    ("ModelSamplingSD3", &["shift"]),
    ("ModelSamplingAuraFlow", &["shift"]),
    ("RescaleCFG", &["multiplier"]),
    ("PrimitiveNode", &["value"]),
    ("PrimitiveInt", &["value"]),
    ("PrimitiveFloat", &["value"]),
    ("PrimitiveString", &["value"]),
    ("PrimitiveStringMultiline", &["value"]),
];

pub(super) fn graph(value: &Value) -> Option<Graph> {
    let mut sources: BTreeMap<u64, Value> = BTreeMap::new();
    for link in value.get("links")?.as_array()?.iter().take(MOST) {
        // `[id, from node, from output, to node, to input, type]`, or the same by name.
        let part = |at: usize, key: &str| link.get(at).or_else(|| link.get(key)).and_then(Value::as_u64);
        if let (Some(id), Some(from), Some(output)) = (part(0, "id"), part(1, "origin_id"), part(2, "origin_slot")) {
            sources.insert(id, serde_json::json!([from.to_string(), output]));
        }
    }
    let mut nodes = BTreeMap::new();
    for node in value.get("nodes")?.as_array()?.iter().take(MOST) {
        let mode = node.get("mode").and_then(Value::as_u64).unwrap_or(0);
        let (Some(id), Some(class)) = (node.get("id").and_then(super::json::text), node.get("type").and_then(Value::as_str)) else {
            continue;
        };
        if mode == MUTED {
            continue;
        }
        let mut inputs = BTreeMap::new();
        if mode != BYPASSED {
            widgets(class, node.get("widgets_values"), &mut inputs);
        }
        for input in node.get("inputs").and_then(Value::as_array).into_iter().flatten().take(1000) {
            let source = input.get("link").and_then(Value::as_u64).and_then(|link| sources.get(&link));
            if let (Some(name), Some(source)) = (input.get("name").and_then(Value::as_str), source) {
                inputs.insert(name.to_owned(), source.clone());
            }
        }
        let class = if mode == BYPASSED { "Bypassed" } else { class };
        nodes.insert(id, Node { class: class.to_owned(), inputs });
    }
    (!nodes.is_empty()).then_some(Graph { nodes })
}

fn widgets(class: &str, values: Option<&Value>, inputs: &mut BTreeMap<String, Value>) {
    match values {
        Some(Value::Object(named)) => inputs.extend(named.iter().take(1000).map(|(key, value)| (key.clone(), value.clone()))),
        Some(Value::Array(values)) => {
            if let Some((_, names)) = WIDGETS.iter().find(|(known, _)| *known == class) {
                let pairs = names.iter().zip(values).filter(|(name, _)| **name != "_");
                inputs.extend(pairs.map(|(name, value)| ((*name).to_owned(), value.clone())));
            } else if class.starts_with("Power Lora Loader") {
                let loras = values.iter().filter(|value| value.get("lora").is_some());
                inputs.extend(loras.enumerate().take(50).map(|(at, value)| (format!("lora_{}", at + 1), value.clone())));
            }
        }
        _ => {}
    }
}
