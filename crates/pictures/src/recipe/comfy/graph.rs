//! Nodes and the links between them.

use super::super::json;
use serde_json::Value;
use std::collections::BTreeMap;

/// Most nodes of a graph.
const NODES: usize = 20_000;
/// Longest way along links.
pub(super) const WAY: usize = 200;

/// Most nodes that hand one value on.
const HOPS: usize = 16;
/// Names under which nodes keep the value they give.
const VALUES: [&str; 10] = ["value", "seed", "noise_seed", "int", "float", "number", "Number", "Value", "string", "text"];
/// A node with two inputs, of which it lets one through.
const SWITCH: &str = "ComfySwitchNode";

/// One node: its class, and its inputs by name: values, or links `[node, output]`.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) class: String,
    pub(super) inputs: BTreeMap<String, Value>,
}

impl Node {
    /// An input that is there.
    pub(super) fn input(&self, keys: &[&str]) -> Option<&Value> {
        keys.iter().find_map(|key| self.inputs.get(*key))
    }

    /// The class begins with one of these words.
    pub(super) fn is(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.class.starts_with(word))
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    pub(super) nodes: BTreeMap<String, Node>,
}

impl Graph {
    /// The API form: an object of `id: {class_type, inputs}`.
    pub(super) fn of_api(value: &Value) -> Option<Self> {
        let mut nodes = BTreeMap::new();
        for (id, node) in value.as_object()?.iter().take(NODES) {
            let (Some(class), Some(inputs)) = (node.get("class_type").and_then(Value::as_str), node.get("inputs")?.as_object()) else {
                continue;
            };
            let inputs = inputs.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            nodes.insert(id.clone(), Node { class: class.to_owned(), inputs });
        }
        (!nodes.is_empty()).then_some(Self { nodes })
    }

    /// The node that a link comes from; behind a switch, the one it lets through.
    pub(super) fn behind(&self, value: &Value) -> Option<(&str, &Node)> {
        let mut value = value;
        for _ in 0..WAY {
            let (id, node) = self.linked(value)?;
            if !node.is(&[SWITCH]) {
                return Some((id, node));
            }
            value = self.let_through(node)?;
        }
        None
    }

    /// The input that a switch lets through. Its own setting comes from no other switch, so that none can turn in circles.
    fn let_through<'a>(&'a self, switch: &'a Node) -> Option<&'a Value> {
        let mut on = switch.inputs.get("switch")?;
        for _ in 0..HOPS {
            match self.linked(on) {
                None => return switch.inputs.get(if on.as_bool()? { "on_true" } else { "on_false" }),
                Some((_, node)) => on = node.input(&VALUES)?,
            }
        }
        None
    }

    fn linked(&self, value: &Value) -> Option<(&str, &Node)> {
        let [id, output] = value.as_array()?.as_slice() else { return None };
        output.as_u64()?;
        let id = json::text(id)?;
        self.nodes.get_key_value(&id).map(|(id, node)| (id.as_str(), node))
    }

    /// The node behind the first of these inputs that is a link.
    pub(super) fn before(&self, node: &Node, keys: &[&str]) -> Option<(&str, &Node)> {
        keys.iter().filter_map(|key| node.inputs.get(*key)).find_map(|value| self.behind(value))
    }

    /// The nodes along one kind of link, nearest first, from an input on. A node that comes again ends the way.
    pub(super) fn along<'a>(&'a self, from: &Value, keys: &'a [&'a str]) -> Vec<(&'a str, &'a Node)> {
        let mut way: Vec<(&str, &Node)> = Vec::new();
        let mut next = self.behind(from);
        while let Some((id, node)) = next {
            if way.len() >= WAY || way.iter().any(|(seen, _)| *seen == id) {
                break;
            }
            way.push((id, node));
            next = self.before(node, keys);
        }
        way
    }

    /// A number, also one that another node gives.
    pub(super) fn number(&self, value: &Value) -> Option<f64> {
        json::number(self.value(value)?)
    }

    /// A whole number, also one that another node gives.
    pub(super) fn whole(&self, value: &Value) -> Option<u64> {
        json::whole(self.value(value)?)
    }

    /// A word, also one that another node gives.
    pub(super) fn word(&self, value: &Value) -> Option<String> {
        json::text(self.value(value)?)
    }

    /// The value itself, or that of the node it comes from.
    fn value<'a>(&'a self, value: &'a Value) -> Option<&'a Value> {
        let mut value = value;
        for _ in 0..HOPS {
            value = match self.linked(value) {
                None => return (!value.is_array() && !value.is_object()).then_some(value),
                Some((_, node)) if node.is(&[SWITCH]) => self.let_through(node)?,
                Some((_, node)) => node.input(&VALUES)?,
            }
        }
        None
    }
}
