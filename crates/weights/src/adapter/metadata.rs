//! What PEFT says about scales outside of the tensors: `lora_adapter_metadata` in the header (diffusers), or the
//! `adapter_config.json` beside the file.

use serde_json::{Map, Value};

/// Longest configuration that is parsed, in bytes.
const MAX_CONFIG: usize = 4 << 20;

/// Scales by module, as a PEFT configuration gives them.
#[derive(Debug, Default)]
pub(super) struct PeftConfig {
    /// (component prefix such as `transformer`, its settings); the empty prefix fits all.
    parts: Vec<(String, Settings)>,
}

#[derive(Debug, Default)]
struct Settings {
    alpha: Option<f64>,
    alpha_pattern: Vec<(String, f64)>,
    rslora: bool,
}

impl PeftConfig {
    /// Reads both sources; what cannot be read becomes a warning.
    pub(super) fn gather(metadata: Option<&str>, adapter_config: Option<&str>, warnings: &mut Vec<String>) -> Self {
        let mut parts = Vec::new();
        for (text, what) in [(metadata, "lora_adapter_metadata"), (adapter_config, "adapter_config.json")] {
            let Some(text) = text else { continue };
            let parsed = if text.len() > MAX_CONFIG { None } else { serde_json::from_str::<Map<String, Value>>(text).ok() };
            match parsed {
                Some(map) => parts.extend(split(&map)),
                None => warnings.push(format!("{what} is no readable JSON; scales are taken as 1 where no alpha is stored.")),
            }
        }
        Self { parts }
    }

    /// alpha/r (or alpha/√r with rank stabilisation) of the module named `stem`; None when nothing is said about it.
    pub(super) fn scale(&self, stem: &str, rank: usize) -> Option<f64> {
        let (settings, path) = self.parts.iter().find_map(|(prefix, settings)| {
            let path = if prefix.is_empty() { Some(stem) } else { stem.strip_prefix(prefix.as_str()).and_then(|p| p.strip_prefix('.')) };
            path.map(|p| (settings, p))
        })?;
        let path = path.strip_prefix("base_model.model.").unwrap_or(path);
        let pattern = settings.alpha_pattern.iter().find(|(p, _)| pattern_fits(p, path)).map(|(_, a)| *a);
        let alpha = pattern.or(settings.alpha)?;
        let rank = rank as f64;
        Some(alpha / if settings.rslora { rank.sqrt() } else { rank })
    }
}

/// Settings stand at the top (PEFT) or behind a component's name and a dot (diffusers).
fn split(map: &Map<String, Value>) -> Vec<(String, Settings)> {
    let prefixes: std::collections::BTreeSet<&str> =
        map.keys().filter_map(|k| k.strip_suffix("lora_alpha").or(k.strip_suffix("alpha_pattern")).or(k.strip_suffix(".alpha"))).collect();
    let mut parts: Vec<_> = prefixes.into_iter().map(|p| p.trim_end_matches('.').to_owned()).collect();
    // The longest first: `text_encoder_2` before the empty prefix.
    parts.sort_by_key(|p| std::cmp::Reverse(p.len()));
    parts
        .into_iter()
        .map(|p| {
            let s = settings(map, &p);
            (p, s)
        })
        .collect()
}

fn settings(map: &Map<String, Value>, prefix: &str) -> Settings {
    let get = |name: &str| map.get(&if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") });
    let pattern = |name| get(name).and_then(Value::as_object).into_iter().flatten();
    Settings {
        alpha: get("lora_alpha").or(get("alpha")).and_then(Value::as_f64),
        alpha_pattern: pattern("alpha_pattern").filter_map(|(k, v)| v.as_f64().map(|v| (k.clone(), v))).collect(),
        rslora: get("use_rslora").and_then(Value::as_bool).unwrap_or(false),
    }
}

/// PEFT's rule: the pattern, a regular expression, fits the end of the path from a dot on. Understood are plain text, `.`, `\d`, an escaped
/// character, each with `*` or `+`, and the anchors.
fn pattern_fits(pattern: &str, path: &str) -> bool {
    let pattern = pattern.strip_suffix('$').unwrap_or(pattern);
    let (pattern, anchored) = match pattern.strip_prefix('^') {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    if pattern == path {
        return true;
    }
    let atoms = atoms(pattern);
    let starts = std::iter::once(0).chain(path.match_indices('.').map(|(i, _)| i + 1)).take(if anchored { 1 } else { usize::MAX });
    let mut budget = 20_000;
    starts.into_iter().any(|start| fits(&atoms, &path.as_bytes()[start..], &mut budget))
}

#[derive(Clone, Copy)]
enum Atom {
    Byte(u8),
    Digit,
    Any,
}

fn atoms(pattern: &str) -> Vec<(Atom, bool, bool)> {
    let mut out: Vec<(Atom, bool, bool)> = Vec::new();
    let mut bytes = pattern.bytes();
    while let Some(b) = bytes.next() {
        match (b, out.last_mut()) {
            (b'*', Some(last)) => (last.1, last.2) = (true, true),
            (b'+', Some(last)) => last.2 = true,
            (b'\\', _) => match bytes.next() {
                Some(b'd') => out.push((Atom::Digit, false, false)),
                Some(other) => out.push((Atom::Byte(other), false, false)),
                None => {}
            },
            (b'.', _) => out.push((Atom::Any, false, false)),
            (other, _) => out.push((Atom::Byte(other), false, false)),
        }
    }
    out
}

/// Whole-text match with backtracking; `budget` bounds the work a hostile pattern can ask for.
fn fits(atoms: &[(Atom, bool, bool)], text: &[u8], budget: &mut u32) -> bool {
    let Some((&(atom, optional, repeats), rest)) = atoms.split_first() else { return text.is_empty() };
    if *budget == 0 {
        return false;
    }
    *budget -= 1;
    let one = text.first().is_some_and(|&b| match atom {
        Atom::Byte(x) => b == x,
        Atom::Digit => b.is_ascii_digit(),
        Atom::Any => true,
    });
    (one && (fits(rest, &text[1..], budget) || (repeats && fits(&with_optional(atoms), &text[1..], budget))))
        || (optional && fits(rest, text, budget))
}

fn with_optional(atoms: &[(Atom, bool, bool)]) -> Vec<(Atom, bool, bool)> {
    let mut atoms = atoms.to_vec();
    atoms[0].1 = true;
    atoms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peft_config_gives_alpha_over_r() {
        let json = r#"{"r":8,"lora_alpha":16,"alpha_pattern":{"ffn.net.2":4,"^blocks\\.\\d+\\.attn.*q$":2},"use_rslora":false}"#;
        let config = PeftConfig::gather(None, Some(json), &mut Vec::new());
        assert_eq!(config.scale("base_model.model.blocks.0.attn1.to_k", 8), Some(2.0));
        assert_eq!(config.scale("base_model.model.blocks.0.ffn.net.2", 8), Some(0.5));
        assert_eq!(config.scale("base_model.model.blocks.12.attn1.to_q", 4), Some(0.5));
    }

    #[test]
    fn diffusers_metadata_is_split_by_component_and_rslora_counts() {
        let json = r#"{"transformer.r":4,"transformer.lora_alpha":8,"transformer.use_rslora":true,"text_encoder.lora_alpha":2,"text_encoder.r":4}"#;
        let config = PeftConfig::gather(Some(json), None, &mut Vec::new());
        assert_eq!(config.scale("transformer.x", 4), Some(4.0));
        assert_eq!(config.scale("text_encoder.x", 4), Some(0.5));
        assert_eq!(config.scale("text_encoder_2.x", 4), None);
    }

    #[test]
    fn broken_or_hostile_text_only_warns() {
        let mut warnings = Vec::new();
        let config = PeftConfig::gather(Some(&"[".repeat(100_000)), Some("{}"), &mut warnings);
        assert_eq!((config.scale("transformer.x", 4), warnings.len()), (None, 1));
    }

    #[test]
    fn a_hostile_pattern_ends_within_its_budget() {
        assert!(!pattern_fits(&format!("{}z", ".*".repeat(40)), &"a.".repeat(2000)));
    }

    #[test]
    fn literal_patterns_fit_from_a_dot_on() {
        assert!(pattern_fits("to_q", "a.b.to_q"));
        assert!(!pattern_fits("to_q", "a.b.xto_q"));
    }
}
