//! What PEFT says about scales outside of the tensors: `lora_adapter_metadata` in the header (diffusers), or the
//! `adapter_config.json` beside the file.

use serde_json::{Map, Value};

/// Longest configuration that is parsed, in bytes.
const MAX_CONFIG: usize = 4 << 20;

/// How the generators of PEFT's OFT become rotations: what its configuration says, else its defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rotation {
    /// Terms of the Neumann series that stands for the inverse of the Cayley transform; None: the exact inverse.
    pub neumann: Option<u32>,
    /// Bound ε of constrained OFT: the norm of each generator is cut at ε/√blocks.
    pub bound: Option<f64>,
}

impl Default for Rotation {
    /// `use_cayley_neumann` with 5 terms, unconstrained.
    fn default() -> Self {
        Self { neumann: Some(5), bound: None }
    }
}

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
    rank: Option<f64>,
    rank_pattern: Vec<(String, f64)>,
    rslora: bool,
    rotation: Rotation,
    /// Ends of the names of the layers whose (IA)³ vector stands on the inputs.
    feedforward: Option<Vec<String>>,
}

impl PeftConfig {
    /// Reads both sources; what cannot be read becomes a warning.
    pub(super) fn gather(metadata: Option<&str>, adapter_config: Option<&str>, warnings: &mut Vec<String>) -> Self {
        let mut parts = Vec::new();
        for (text, what) in [(metadata, "lora_adapter_metadata"), (adapter_config, "adapter_config.json")] {
            let Some(text) = text else { continue };
            let parsed = if text.len() > MAX_CONFIG { None } else { serde_json::from_str::<Map<String, Value>>(text).ok() };
            match parsed {
                Some(map) => {
                    warnings.extend(started_elsewhere(&map));
                    parts.extend(split(&map));
                }
                None => warnings.push(format!("{what} is no readable JSON; scales are taken as 1 where no alpha is stored.")),
            }
        }
        Self { parts }
    }

    /// alpha/r (or alpha/√r with rank stabilisation) of the module named `stem`; None when nothing is said about it. A `rank` of 0 is one that
    /// the tensors do not tell (LoKr with both sides whole): then the configuration's counts.
    pub(super) fn scale(&self, stem: &str, rank: usize) -> Option<f64> {
        let (settings, path) = self.settings(stem)?;
        let of = |patterns: &[(String, f64)]| patterns.iter().find(|(p, _)| pattern_fits(p, path)).map(|(_, v)| *v);
        let alpha = of(&settings.alpha_pattern).or(settings.alpha)?;
        let rank = if rank > 0 { rank as f64 } else { of(&settings.rank_pattern).or(settings.rank).filter(|r| *r > 0.0)? };
        Some(alpha / if settings.rslora { rank.sqrt() } else { rank })
    }

    /// How generators of the module named `stem` become rotations.
    pub(super) fn rotation(&self, stem: &str) -> Rotation {
        self.settings(stem).map_or_else(Rotation::default, |(settings, _)| settings.rotation)
    }

    /// True when the (IA)³ vector of the module named `stem` stands on the inputs; None when nothing is said.
    pub(super) fn feedforward(&self, stem: &str) -> Option<bool> {
        let (settings, path) = self.settings(stem)?;
        Some(settings.feedforward.as_ref()?.iter().any(|end| path.ends_with(end.as_str()) || pattern_fits(&format!("^{end}"), path)))
    }

    fn settings<'a>(&self, stem: &'a str) -> Option<(&Settings, &'a str)> {
        let (settings, path) = self.parts.iter().find_map(|(prefix, settings)| {
            let path = if prefix.is_empty() { Some(stem) } else { stem.strip_prefix(prefix.as_str()).and_then(|p| p.strip_prefix('.')) };
            path.map(|p| (settings, p))
        })?;
        Some((settings, path.strip_prefix("base_model.model.").unwrap_or(path)))
    }
}

/// Ways of PEFT to begin a training by taking something out of the base model: the factors then hold that too, and on the plain base they do
/// something else than what was trained. A file that PEFT converted on saving says `true` here.
fn started_elsewhere(map: &Map<String, Value>) -> Option<String> {
    const STARTS: [&str; 7] = ["pissa", "olora", "corda", "lora_ga", "loftq", "kasa", "milora"];
    let said = map.iter().find(|(k, _)| k.ends_with("init_lora_weights")).and_then(|(_, v)| v.as_str())?;
    let folded = said.to_lowercase();
    STARTS.iter().any(|s| folded.starts_with(s)).then(|| {
        let said = crate::text::shown(said);
        format!("The configuration says init_lora_weights = {said}: such a training changes the base model before it begins, and what this file adds is right on that changed base only. Convert it with PEFT (path_initial_model_for_weight_conversion) for the plain one.")
    })
}

/// Settings stand at the top (PEFT) or behind a component's name and a dot (diffusers).
fn split(map: &Map<String, Value>) -> Vec<(String, Settings)> {
    const TELLING: [&str; 5] = ["lora_alpha", "alpha_pattern", ".alpha", "peft_type", "use_cayley_neumann"];
    let prefixes: std::collections::BTreeSet<&str> =
        map.keys().filter_map(|k| TELLING.iter().find_map(|end| k.strip_suffix(end))).collect();
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
    let numbers = |name| pattern(name).filter_map(|(k, v)| v.as_f64().map(|v| (k.clone(), v))).collect();
    let yes = |name, default| get(name).and_then(Value::as_bool).unwrap_or(default);
    let terms = get("num_cayley_neumann_terms").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(5);
    let names = |value: &Value| match value {
        Value::String(one) => vec![one.clone()],
        list => list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
    };
    Settings {
        alpha: get("lora_alpha").or(get("alpha")).and_then(Value::as_f64),
        alpha_pattern: numbers("alpha_pattern"),
        rank: get("r").and_then(Value::as_f64),
        rank_pattern: numbers("rank_pattern"),
        rslora: yes("use_rslora", false),
        feedforward: get("feedforward_modules").filter(|v| !v.is_null()).map(names),
        rotation: Rotation {
            neumann: yes("use_cayley_neumann", true).then_some(terms),
            bound: yes("coft", false).then(|| get("eps").and_then(Value::as_f64).unwrap_or(6e-5)),
        },
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
