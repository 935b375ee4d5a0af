//! Hashes that stand in files beside the adapter.

use super::hashed::{Expected, HashKind, is_hex};
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// Longest sidecar that is read, in bytes.
const LONGEST: u64 = 4 << 20;

/// All hashes that the neighbours of `path` state. What cannot be read states nothing.
pub(super) fn expected(path: &Path) -> Vec<Expected> {
    let mut out = Vec::new();
    let name = |ending: &str| {
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        path.with_file_name(format!("{stem}{ending}"))
    };
    let whole = path.file_name().map(|n| path.with_file_name(format!("{}.sha256", n.to_string_lossy())));
    for sums in [Some(name(".sha256")), whole].into_iter().flatten() {
        let Some(text) = text(&sums) else { continue };
        // `sha256sum` writes the digits first, then the name.
        if let Some(value) = text.split_whitespace().next().filter(|w| w.len() == 64 && is_hex(w)) {
            out.push(Expected { source: shown(&sums), kind: HashKind::Sha256, value: value.to_owned() });
        }
    }
    for ending in [".civitai.info", ".metadata.json", ".json"] {
        let sidecar = name(ending);
        let Some(value) = text(&sidecar).and_then(|t| serde_json::from_str::<Value>(&t).ok()) else { continue };
        out.extend(in_json(&value, path).into_iter().map(|(kind, value)| Expected { source: shown(&sidecar), kind, value }));
    }
    out
}

/// `sha256` at the top (managers), or `files[].hashes` of the file of this name (Civitai).
fn in_json(value: &Value, path: &Path) -> Vec<(HashKind, String)> {
    let own = path.file_name().map(|n| n.to_string_lossy().into_owned());
    let files = value.get("files").and_then(Value::as_array);
    let fitting = files.into_iter().flatten().filter(|f| {
        let only = files.is_some_and(|all| all.len() == 1);
        only || f.get("name").and_then(Value::as_str) == own.as_deref()
    });
    let places = std::iter::once(Some(value)).chain(fitting.map(|f| f.get("hashes"))).flatten();
    let mut out = Vec::new();
    for place in places {
        for (key, kind) in
            [("sha256", HashKind::Sha256), ("SHA256", HashKind::Sha256), ("AutoV2", HashKind::AutoV2), ("AutoV3", HashKind::AutoV3)]
        {
            let stated = place.get(key).and_then(Value::as_str).filter(|v| v.len() >= 8 && is_hex(v));
            out.extend(stated.map(|v| (kind, v.to_lowercase())));
        }
    }
    out
}

fn text(path: &Path) -> Option<String> {
    let (file, len) = crate::source::open_regular(path).ok()?;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    (len <= LONGEST).then_some(text)
}

fn shown(path: &Path) -> String {
    path.file_name().map(|n| crate::text::clean(&n.to_string_lossy(), 96)).unwrap_or_default()
}
