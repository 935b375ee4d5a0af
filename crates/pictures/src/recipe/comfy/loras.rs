//! Adapters of a node, in all the ways that nodes name them.

use super::super::json;
use super::graph::{Graph, Node};
use serde_json::Value;
use weft_domain::generation::UsedAdapter;

/// Places of one stack node.
const STACK: usize = 50;

/// The adapters that a node puts on, in its order.
pub(super) fn of(graph: &Graph, node: &Node) -> Vec<UsedAdapter> {
    let mut found = Vec::new();
    found.extend(single(graph, node));
    for at in 1..=STACK {
        found.extend(stacked(graph, node, at));
    }
    if let Some(list) = node.inputs.get("loras").and_then(|loras| json::member(loras, &["__value__"]).unwrap_or(loras).as_array()) {
        found.extend(list.iter().filter_map(listed));
    }
    found
}

/// `LoraLoader`, `LoraLoaderModelOnly` and their kin.
fn single(graph: &Graph, node: &Node) -> Option<UsedAdapter> {
    let name = graph.word(node.input(&["lora_name"])?)?;
    let number = |keys: &[&str]| node.input(keys).and_then(|value| graph.number(value));
    let weight = number(&["strength_model", "lora_model_strength", "strength", "lora_strength"]);
    made(&name, weight, number(&["strength_clip", "lora_clip_strength"]))
}

/// Stacks: `lora_name_1`, `model_weight_1`, …, or an object `lora_1: {on, lora, strength, strengthTwo}`.
fn stacked(graph: &Graph, node: &Node, at: usize) -> Option<UsedAdapter> {
    if let Some(one) = node.inputs.get(&format!("lora_{at}")).filter(|value| value.is_object()) {
        if one.get("on").and_then(Value::as_bool) == Some(false) {
            return None;
        }
        let number = |key: &str| one.get(key).and_then(json::number);
        return made(one.get("lora")?.as_str()?, number("strength"), number("strengthTwo"));
    }
    let on = node.inputs.get(&format!("switch_{at}")).and_then(Value::as_str);
    let count = node.inputs.get("lora_count").and_then(json::whole);
    if on == Some("Off") || count.is_some_and(|count| at as u64 > count) {
        return None;
    }
    let number = |words: &[&str]| words.iter().find_map(|word| graph.number(node.inputs.get(&format!("{word}_{at}"))?));
    let name = node.inputs.get(&format!("lora_name_{at}")).and_then(|value| graph.word(value))?;
    let weight = number(&["model_weight", "model_str", "lora_wt", "strength_model", "strength"]);
    made(&name, weight, number(&["clip_weight", "clip_str", "strength_clip"]))
}

/// `{name, strength, clipStrength, active}` of a list.
fn listed(one: &Value) -> Option<UsedAdapter> {
    if one.get("active").and_then(Value::as_bool) == Some(false) {
        return None;
    }
    let number = |key: &str| one.get(key).and_then(json::number);
    made(one.get("name")?.as_str()?, number("strength"), number("clipStrength"))
}

fn made(name: &str, weight: Option<f64>, text: Option<f64>) -> Option<UsedAdapter> {
    if matches!(name, "" | "None" | "none" | "[None]") {
        return None;
    }
    let weight = weight.unwrap_or(1.0);
    let text_weight = text.filter(|text| *text != weight);
    Some(UsedAdapter { name: stem(name).to_owned(), weight, text_weight, ..UsedAdapter::default() })
}

/// A file's name without folder and ending.
pub(super) fn stem(name: &str) -> &str {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    [".safetensors", ".ckpt", ".pt", ".gguf", ".sft", ".bin"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}
