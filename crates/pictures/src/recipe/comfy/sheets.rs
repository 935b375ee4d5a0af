//! The sheets of a screen's graph: the outermost one, and the subgraphs that stand in others as one node.
//!
//! Written as ComfyUI flattens them when it runs: node 3 of the subgraph at node 12 is `12:3`. Inside a subgraph, links from node −10
//! come from its own inputs and links to node −20 go to its outputs (litegraph's subgraph schema, version 1).

use super::super::json;
use serde_json::Value;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Most nodes or links of one sheet.
pub(super) const MOST: usize = 20_000;
/// Deepest way through subgraphs.
const DEEP: usize = 24;
/// Most work on one graph, in bytes of nodes and steps along links: subgraphs in subgraphs multiply.
const WORK: usize = 48 << 20;
/// The nodes that stand for a subgraph's own inputs and outputs.
const INPUTS: &str = "-10";
const OUTPUTS: &str = "-20";
/// A node that does nothing (muted), and one that only passes on (bypassed).
const MUTED: u64 = 2;
const BYPASSED: u64 = 4;

/// One link, by nodes and slots.
struct Link {
    from: String,
    output: usize,
    to: String,
    input: usize,
}

/// Nodes and links of one graph, none of its subgraphs' in it.
pub(super) struct Sheet<'a> {
    /// With their sizes.
    nodes: BTreeMap<String, (&'a Value, usize)>,
    links: BTreeMap<u64, Link>,
    /// Names of its inputs by slot, where it is a subgraph.
    inputs: Vec<&'a str>,
    /// The inputs that go to a widget: their values may stand at the node in which the subgraph is used.
    widgets: BTreeSet<usize>,
    /// The link that ends in each of its outputs.
    outputs: BTreeMap<usize, u64>,
}

/// What all places of a graph share.
pub(super) struct Graphs<'a> {
    /// The subgraphs that it defines, by the type their nodes have.
    defined: BTreeMap<&'a str, Sheet<'a>>,
    /// Work that may still be done.
    left: Cell<usize>,
}

impl<'a> Graphs<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        let defined = value.pointer("/definitions/subgraphs").and_then(Value::as_array);
        let sheet = |value| Some((Value::as_str(Value::get(value, "id")?)?, Sheet::of(value)?));
        Self { defined: defined.into_iter().flatten().take(MOST).filter_map(sheet).collect(), left: Cell::new(WORK) }
    }

    /// None when too much was done.
    fn spend(&self, work: usize) -> Option<()> {
        self.left.set(self.left.get().checked_sub(work)?);
        Some(())
    }
}

impl<'a> Sheet<'a> {
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        let links: BTreeMap<u64, Link> = value.get("links")?.as_array()?.iter().take(MOST).filter_map(link).collect();
        let nodes = value.get("nodes")?.as_array()?.iter().take(MOST);
        let named = |node| Some((json::text(Value::get(node, "id")?)?, (node, size(node))));
        let nodes: BTreeMap<String, (&Value, usize)> = nodes.filter_map(named).collect();
        let inputs = value.get("inputs").and_then(Value::as_array);
        let inputs = inputs.into_iter().flatten().take(1000).map(|input| input.get("name").and_then(Value::as_str).unwrap_or_default());
        let to_widget =
            |link: &&Link| nodes.get(&link.to).and_then(|(node, _)| node.get("inputs")?.get(link.input)?.get("widget")).is_some();
        let widgets = links.values().filter(|link| link.from == INPUTS).filter(to_widget).map(|link| link.output).collect();
        let outputs = links.iter().filter(|(_, link)| link.to == OUTPUTS).map(|(id, link)| (link.input, *id)).collect();
        Some(Self { inputs: inputs.collect(), widgets, outputs, nodes, links })
    }
}

/// `[id, from node, from output, to node, to input, type]`, or the same by name.
fn link(link: &Value) -> Option<(u64, Link)> {
    let part = |at: usize, key: &str| link.get(at).or_else(|| link.get(key));
    let slot = |at: usize, key: &str| part(at, key).and_then(Value::as_u64).and_then(|slot| usize::try_from(slot).ok());
    let from = json::text(part(1, "origin_id")?)?;
    let to = part(3, "target_id").and_then(json::text).unwrap_or_default();
    let input = slot(4, "target_slot").unwrap_or(usize::MAX);
    Some((part(0, "id")?.as_u64()?, Link { from, output: slot(2, "origin_slot")?, to, input }))
}

/// What an input is given.
pub(super) enum Source {
    /// An output of a node, by its whole name.
    Output(String, usize),
    /// A value that stands where the subgraph is used.
    Value(Value),
}

/// One use of a sheet.
pub(super) struct Place<'a> {
    sheet: &'a Sheet<'a>,
    all: &'a Graphs<'a>,
    /// What the names of its nodes begin with: `12:` in the subgraph at node 12.
    prefix: String,
    /// The place in which this subgraph is one node, and that node.
    around: Option<(&'a Place<'a>, &'a Value)>,
    depth: usize,
}

impl<'a> Place<'a> {
    pub(super) const fn outermost(sheet: &'a Sheet<'a>, all: &'a Graphs<'a>) -> Self {
        Self { sheet, all, prefix: String::new(), around: None, depth: 0 }
    }

    /// The place that a node opens, if it is a subgraph that is used as it stands.
    fn inside<'b>(&'b self, id: &str, node: &'b Value) -> Option<Place<'b>>
    where
        'a: 'b,
    {
        let sheet = self.all.defined.get(node.get("type")?.as_str()?).filter(|_| mode(node) == 0 && self.depth < DEEP)?;
        Some(Place { sheet, all: self.all, prefix: format!("{}{id}:", self.prefix), around: Some((self, node)), depth: self.depth + 1 })
    }

    /// Every node that takes part, those of subgraphs in place of the node they are: name, node, bypassed, the place it stands in.
    pub(super) fn each(&self, visit: &mut dyn FnMut(&Place<'_>, String, &Value, bool)) {
        for (id, (node, size)) in &self.sheet.nodes {
            // So that no more nodes come out than one sheet may have.
            if self.all.spend((*size).max(WORK / MOST)).is_none() {
                return;
            }
            match (mode(node), self.inside(id, node)) {
                (MUTED, _) => {}
                (_, Some(place)) => place.each(visit),
                (mode, None) => visit(self, format!("{}{id}", self.prefix), node, mode == BYPASSED),
            }
        }
    }

    /// Where a link begins, through any number of subgraphs' borders.
    pub(super) fn source(&self, link: u64) -> Option<Source> {
        self.trace(link, 4 * DEEP)
    }

    fn trace(&self, link: u64, left: usize) -> Option<Source> {
        let left = left.checked_sub(1)?;
        self.all.spend(1)?;
        let link = self.sheet.links.get(&link)?;
        if link.from == INPUTS {
            return self.given(link.output, left);
        }
        let node = self.sheet.nodes.get(&link.from);
        match node.and_then(|(node, _)| self.inside(&link.from, node)) {
            Some(place) => place.trace(*place.sheet.outputs.get(&link.output)?, left),
            None => Some(Source::Output(format!("{}{}", self.prefix, link.from), link.output)),
        }
    }

    /// What the node around gives to this input of the subgraph: the output it is linked to, else the value of its widget.
    fn given(&self, slot: usize, left: usize) -> Option<Source> {
        let (outer, node) = self.around?;
        let name = *self.sheet.inputs.get(slot)?;
        let inputs = node.get("inputs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        self.all.spend(inputs.len() + self.sheet.widgets.len())?;
        let input = inputs.iter().find(|input| input.get("name").and_then(Value::as_str) == Some(name));
        match input.and_then(|input| input.get("link")?.as_u64()) {
            Some(link) => outer.trace(link, left),
            None => self.typed(node, slot).map(Source::Value),
        }
    }

    /// The value typed into the node around. They stand in the order of the inputs that are widgets; where their number differs,
    /// the node is of the time when values stood inside only.
    fn typed(&self, node: &Value, slot: usize) -> Option<Value> {
        let values = node.get("widgets_values")?.as_array()?;
        let at = self.sheet.widgets.iter().position(|widget| *widget == slot)?;
        (values.len() == self.sheet.widgets.len()).then(|| values[at].clone())
    }
}

fn mode(node: &Value) -> u64 {
    node.get("mode").and_then(Value::as_u64).unwrap_or(0)
}

/// About the bytes that a value takes.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => 16 + text.len(),
        Value::Array(list) => 16 + list.iter().map(size).sum::<usize>(),
        Value::Object(members) => 16 + members.iter().map(|(key, value)| key.len() + size(value)).sum::<usize>(),
        _ => 16,
    }
}
