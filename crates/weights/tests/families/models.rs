//! The models of `models.json`.

use serde_json::Value;
use weft_weights::family::Family;

pub(crate) struct Model {
    pub(crate) family: Family,
    pub(crate) size: String,
    pub(crate) weights: Vec<Weight>,
}

#[derive(Clone)]
pub(crate) struct Weight {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// Number of its block.
    pub(crate) block: Option<usize>,
}

impl Weight {
    pub(crate) fn new(name: String, shape: Vec<usize>) -> Self {
        const BLOCKS: [&str; 4] = ["blocks.", "layers.", "attentions.", "refiner."];
        let number = |stem: &&str| {
            name.find(*stem).and_then(|at| name[at + stem.len()..].trim_start_matches("block").split('.').next()?.parse().ok())
        };
        let block = BLOCKS.iter().find_map(|s| number(&s)).filter(|_| !name.contains("caption_projection"));
        Self { name, shape, block }
    }
}

/// `0-11,13`.
fn numbers(span: &str) -> Vec<usize> {
    let run = |run: &str| {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        first.parse::<usize>().unwrap()..=last.parse().unwrap()
    };
    span.split(',').filter(|r| !r.is_empty()).flat_map(run).collect()
}

pub(crate) fn models() -> Vec<Model> {
    let all: Vec<Value> = serde_json::from_str(include_str!("models.json")).unwrap();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let model = |v: &Value| {
        let mut weights = Vec::new();
        for entry in v["weights"].as_array().unwrap() {
            let shape: Vec<usize> = entry[1].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
            let template = text(&entry[0]);
            let numbers = numbers(entry[2].as_str().unwrap());
            if numbers.is_empty() {
                weights.push(Weight::new(template.clone(), shape.clone()));
            }
            weights.extend(numbers.iter().map(|n| Weight::new(template.replacen('#', &n.to_string(), 1), shape.clone())));
        }
        Model { family: Family::by_id(&text(&v["family"])).unwrap(), size: text(&v["size"]), weights }
    };
    all.iter().map(model).collect()
}
