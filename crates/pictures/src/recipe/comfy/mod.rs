//! ComfyUI: the graph that was run (`prompt`) or, where that is missing, the one on the screen (`workflow`).

mod graph;
mod loras;
mod sheets;
mod walk;
mod workflow;

use super::json;
use crate::container::Texts;
use graph::Graph;
use serde_json::Value;
use weft_domain::generation::Recipe;

pub(super) fn read(texts: &Texts) -> Option<Recipe> {
    let of = |key: &str, graph: fn(&Value) -> Option<Graph>| texts.get(key).and_then(json::read).and_then(|value| graph(&value)?.recipe());
    of("prompt", Graph::of_api).or_else(|| of("workflow", workflow::graph))
}

/// A JSON that holds either graph under its name, or is one.
pub(super) fn of_json(value: &Value) -> Option<Recipe> {
    // Some programs put a graph into JSON as text.
    let inner = |key: &str| {
        let value = value.get(key)?;
        value.as_str().and_then(json::read).or_else(|| value.is_object().then(|| value.clone()))
    };
    let api = inner("prompt").and_then(|value| Graph::of_api(&value)?.recipe());
    let screen = || inner("workflow").and_then(|value| workflow::graph(&value)?.recipe());
    api.or_else(screen).or_else(|| Graph::of_api(value)?.recipe()).or_else(|| workflow::graph(value)?.recipe())
}
