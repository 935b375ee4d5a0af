//! The index of a sharded checkpoint: `{"weight_map": {tensor: shard}}`. It comes from outside, so every reference is checked, and no name in it
//! may lead out of the folder.

use super::CheckpointError;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Longest index that is read, in bytes.
pub(super) const MAX_INDEX: u64 = 64 << 20;
/// Most shards.
const MAX_SHARDS: usize = 4096;

/// Tensors by shard, in the order of the shards' names.
pub(super) fn parse(index: &str, text: &[u8]) -> Result<BTreeMap<String, BTreeSet<String>>, CheckpointError> {
    let bad = |why: &str| CheckpointError::Index { index: index.to_owned(), why: why.to_owned() };
    let json: Value = serde_json::from_slice(text).map_err(|e| bad(&format!("it is no readable JSON: {e}")))?;
    let map = json.get("weight_map").and_then(Value::as_object).ok_or_else(|| bad("it has no weight_map"))?;
    let mut shards: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (tensor, shard) in map {
        let shard = shard.as_str().ok_or_else(|| bad("the shard of a tensor is no text"))?;
        if !is_file_name(shard) {
            let shown: String = shard.chars().filter(|c| !c.is_control()).take(80).collect();
            return Err(bad(&format!("it names {shown:?}, which is no safetensors file beside it")));
        }
        shards.entry(shard.to_owned()).or_default().insert(tensor.clone());
    }
    match shards.len() {
        0 => Err(bad("it names no tensor")),
        n if n > MAX_SHARDS => Err(bad("it names more shards than the 4096 that are worked with")),
        _ => Ok(shards),
    }
}

/// A plain name of a safetensors file: no folder, no drive, no way up.
pub(super) fn is_file_name(name: &str) -> bool {
    name.ends_with(".safetensors") && !name.starts_with('.') && name.len() < 256 && !name.contains(['/', '\\', ':', '\0'])
}

/// (number, of how many) of `model-00002-of-00003.safetensors`.
pub(super) fn numbered(name: &str) -> Option<(&str, usize, usize)> {
    let stem = name.strip_suffix(".safetensors")?;
    let (rest, of) = stem.rsplit_once("-of-")?;
    let (base, number) = rest.rsplit_once('-')?;
    let digits = |s: &str| (s.len() == 5 && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse().ok()).flatten();
    Some((base, digits(number)?, digits(of)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_of_the_folder_are_refused() {
        for name in
            ["../a.safetensors", "/etc/a.safetensors", "a/b.safetensors", "..\\a.safetensors", "C:a.safetensors", "a.bin", ".a.safetensors"]
        {
            let json = serde_json::json!({"weight_map": {"x": name}}).to_string();
            assert!(matches!(parse("i", json.as_bytes()), Err(CheckpointError::Index { .. })), "{name}");
        }
        let fine = serde_json::json!({"weight_map": {"x": "a.safetensors", "y": "a.safetensors"}}).to_string();
        assert_eq!(parse("i", fine.as_bytes()).unwrap()["a.safetensors"].len(), 2);
    }

    #[test]
    fn broken_indices_are_refused() {
        for text in ["", "[]", "{}", r#"{"weight_map":{}}"#, r#"{"weight_map":{"x":1}}"#, &"[".repeat(100_000)] {
            assert!(matches!(parse("i", text.as_bytes()), Err(CheckpointError::Index { .. })));
        }
    }

    #[test]
    fn shards_are_known_by_their_numbers() {
        assert_eq!(numbered("a-b-00002-of-00003.safetensors"), Some(("a-b", 2, 3)));
        assert_eq!(numbered("a-2-of-3.safetensors"), None);
    }
}
