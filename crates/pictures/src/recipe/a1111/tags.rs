//! `<lora:name:weight>` in a prompt.

use crate::limits;
use weft_domain::generation::UsedAdapter;

/// Longest tag, in bytes.
const TAG: usize = 1000;

/// Takes the tags of adapters out of a prompt. A1111's order of two weights: text encoder, then image model; also `te=` and `unet=`.
pub(crate) fn taken(prompt: &str) -> (String, Vec<UsedAdapter>) {
    let (mut out, mut adapters) = (String::with_capacity(prompt.len()), Vec::new());
    let mut rest = prompt;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(TAG).position(|byte| byte == b'>');
        match end.and_then(|end| Some((end, adapter(&rest[1..end])?))) {
            Some((end, adapter)) if adapters.len() < limits::ADAPTERS => {
                adapters.push(adapter);
                rest = &rest[end + 1..];
            }
            _ => {
                out.push('<');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    if adapters.is_empty() { (prompt.to_owned(), adapters) } else { (out.trim().to_owned(), adapters) }
}

/// `lora:name:0.8`, `lyco:name:0.5:0.8`, `lora:name:te=0.5:unet=0.8`; other tags are none.
fn adapter(inside: &str) -> Option<UsedAdapter> {
    let mut parts = inside.split(':');
    if !matches!(parts.next()?.trim(), "lora" | "lyco" | "locon" | "loha") {
        return None;
    }
    let name = parts.next()?.trim();
    let (mut text, mut unet, mut plain) = (None, None, Vec::new());
    for part in parts {
        match part.split_once('=') {
            Some(("te", value)) => text = value.trim().parse::<f64>().ok(),
            Some(("unet", value)) => unet = value.trim().parse::<f64>().ok(),
            Some(_) => {}
            None => plain.extend(part.trim().parse::<f64>().ok()),
        }
    }
    let text = text.or(plain.first().copied()).unwrap_or(1.0);
    let weight = unet.or(plain.get(1).copied()).unwrap_or(text);
    (!name.is_empty()).then(|| UsedAdapter {
        name: name.to_owned(),
        weight,
        text_weight: (text != weight).then_some(text),
        ..UsedAdapter::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_leave_and_say_their_weights() {
        let (prompt, found) =
            taken("a <b> fox <lora:ink:0.8>, night <lora:paper:0.5:1><lyco:moss:te=0.2:unet=0.4> <hypernet:x:1> <lora:solo>");
        assert_eq!(prompt, "a <b> fox , night  <hypernet:x:1>");
        let weights: Vec<_> = found.iter().map(|adapter| (adapter.name.as_str(), adapter.weight, adapter.text_weight)).collect();
        assert_eq!(weights, [("ink", 0.8, None), ("paper", 1.0, Some(0.5)), ("moss", 0.4, Some(0.2)), ("solo", 1.0, None)]);
        assert_eq!(taken(" a < b ").0, " a < b ");
    }
}
