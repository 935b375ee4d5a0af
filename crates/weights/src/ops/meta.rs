//! Metadata of a result: that of the input, without what has become wrong, and one more entry of its history.

use crate::merge::Member;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Key of the list of operations.
pub(super) const HISTORY: &str = "weft.history";

/// Most entries, and most bytes, of a history that is carried on; a longer one begins anew.
const LONGEST: (usize, usize) = (100, 256 << 10);

/// Statements about the tensors' bytes.
const STALE: [&str; 2] = ["sshs_model_hash", "sshs_legacy_hash"];

/// What the history calls the input.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the file.
    pub label: String,
    /// SHA-256 of the file in hex, where the caller knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl Origin {
    /// A file of which only the name is known.
    #[must_use]
    pub fn named(label: impl Into<String>) -> Self {
        Self { label: label.into(), sha256: None }
    }
}

/// The input's metadata with one more entry: `operation` with its `options`.
pub(super) fn continued(input: Member<'_>, origin: &Origin, operation: &str, options: &impl Serialize) -> BTreeMap<String, String> {
    extended(input.adapter.header.metadata.clone(), origin, operation, options)
}

/// `metadata` with one more entry: `operation` with its `options`.
pub(super) fn extended(
    mut metadata: BTreeMap<String, String>,
    origin: &Origin,
    operation: &str,
    options: &impl Serialize,
) -> BTreeMap<String, String> {
    STALE.iter().for_each(|key| drop(metadata.remove(*key)));
    let mut history = metadata.get(HISTORY).filter(|t| t.len() <= LONGEST.1).and_then(|t| serde_json::from_str::<Vec<Value>>(t).ok());
    let list = history.get_or_insert_default();
    if list.len() >= LONGEST.0 {
        list.clear();
    }
    list.push(json!({ "weft": env!("CARGO_PKG_VERSION"), "operation": operation, "source": origin, "options": options }));
    metadata.insert(HISTORY.into(), Value::Array(std::mem::take(list)).to_string());
    metadata
}
