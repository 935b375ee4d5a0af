//! The graph as it stands on the screen. Values of its widgets have no names there: the nodes below are known by the order of theirs.

use super::graph::{Graph, Node};
use super::sheets::{Graphs, Place, Sheet, Source};
use serde_json::Value;
use std::collections::BTreeMap;

/// Widgets in their order; `_` is one that says nothing about a picture.
const WIDGETS: [(&str, &[&str]); 37] = [
    ("KSampler", &["seed", "_", "steps", "cfg", "sampler_name", "scheduler", "denoise"]),
    ("KSamplerAdvanced", &["_", "noise_seed", "_", "steps", "cfg", "sampler_name", "scheduler", "start_at_step", "end_at_step", "_"]),
    ("SamplerCustom", &["_", "noise_seed", "_", "cfg"]),
    ("RandomNoise", &["noise_seed", "_"]),
    ("KSamplerSelect", &["sampler_name"]),
    ("BasicScheduler", &["scheduler", "steps", "denoise"]),
    ("Flux2Scheduler", &["steps"]),
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
    ("ComfySwitchNode", &["switch"]),
    ("PrimitiveNode", &["value"]),
    ("PrimitiveBoolean", &["value"]),
    ("PrimitiveInt", &["value"]),
    ("PrimitiveFloat", &["value"]),
    ("PrimitiveString", &["value"]),
    ("PrimitiveStringMultiline", &["value"]),
];

pub(super) fn graph(value: &Value) -> Option<Graph> {
    let (sheet, all) = (Sheet::of(value)?, Graphs::of(value));
    let mut nodes = BTreeMap::new();
    Place::outermost(&sheet, &all).each(&mut |place, name, node, bypassed| {
        nodes.extend(read(place, node, bypassed).map(|node| (name, node)));
    });
    (!nodes.is_empty()).then_some(Graph { nodes })
}

fn read(place: &Place<'_>, node: &Value, bypassed: bool) -> Option<Node> {
    let class = node.get("type")?.as_str()?;
    let mut inputs = BTreeMap::new();
    if !bypassed {
        widgets(class, node.get("widgets_values"), &mut inputs);
    }
    for input in node.get("inputs").and_then(Value::as_array).into_iter().flatten().take(1000) {
        let source = input.get("link").and_then(Value::as_u64).and_then(|link| place.source(link));
        let value = match source {
            Some(Source::Output(name, output)) => serde_json::json!([name, output]),
            Some(Source::Value(value)) if !bypassed => value,
            _ => continue,
        };
        inputs.extend(input.get("name").and_then(Value::as_str).map(|name| (name.to_owned(), value)));
    }
    let class = if bypassed { "Bypassed" } else { class };
    Some(Node { class: class.to_owned(), inputs })
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
