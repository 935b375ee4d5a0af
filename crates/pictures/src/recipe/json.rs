//! JSON as strangers write it: numbers as text, `NaN`, one name or the other.

use serde_json::Value;

/// Reads JSON; Python's `NaN` and `Infinity` become null. Depth is bounded by the parser.
pub(super) fn read(text: &str) -> Option<Value> {
    let text = text.trim().trim_end_matches('\0');
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&without_nan(text)).ok())
}

fn without_nan(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut inside) = (text, false);
    while let Some(c) = rest.chars().next() {
        let word = ["-Infinity", "Infinity", "NaN"].into_iter().find(|word| !inside && rest.starts_with(word));
        if let Some(word) = word {
            out.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        let length = if c == '\\' && inside { 1 + rest[1..].chars().next().map_or(0, char::len_utf8) } else { c.len_utf8() };
        inside ^= c == '"';
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// The first of these members that is there and not null.
pub(super) fn member<'a>(value: &'a Value, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().filter_map(|key| value.get(key)).find(|value| !value.is_null())
}

/// A text, or a number as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// A finite number, also one written as text.
pub(super) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

/// A whole number without sign, also one written as text or with a fraction of zero.
pub(super) fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) if number.is_u64() => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        value => number(value).filter(|n| n.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(n)).map(|n| n as u64),
    }
}

/// As [`whole`], small enough for a side or a count of steps.
pub(super) fn small(value: &Value) -> Option<u32> {
    u32::try_from(whole(value)?).ok()
}
