//! The `adapter_config.json` of PEFT.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The text of a configuration for pairs of these ranks by path, whose scale is 1 (alpha = rank). `dora` and `bias` hold for all modules of a file.
pub(super) fn adapter_config(ranks: &BTreeMap<String, usize>, dora: bool, bias: bool) -> String {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    ranks.values().for_each(|r| *counts.entry(*r).or_default() += 1);
    // The most common rank; of equally common ones the larger.
    let common = counts.iter().max_by_key(|(rank, n)| (**n, **rank)).map_or(1, |(rank, _)| *rank);
    // PEFT reads a pattern as a regular expression for the end of a path: `^` makes it the whole path.
    let pattern: Map<String, Value> =
        ranks.iter().filter(|(_, r)| **r != common).map(|(path, r)| (format!("^{}$", path.replace('.', r"\.")), json!(r))).collect();
    let config = json!({
        "peft_type": "LORA",
        "task_type": null,
        "base_model_name_or_path": null,
        "r": common,
        "lora_alpha": common,
        "rank_pattern": pattern,
        "alpha_pattern": pattern,
        "target_modules": ranks.keys().collect::<Vec<_>>(),
        "bias": "none",
        "lora_bias": bias,
        "lora_dropout": 0.0,
        "fan_in_fan_out": false,
        "use_rslora": false,
        "use_dora": dora,
        "init_lora_weights": true,
        "inference_mode": true,
        "modules_to_save": null,
    });
    // Plain data: it always serialises.
    serde_json::to_string_pretty(&config).unwrap_or_default()
}
