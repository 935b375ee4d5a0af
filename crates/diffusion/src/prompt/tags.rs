//! `<lora:name:weight>` in the text.

use std::ops::Range;
use weft_domain::generation::Dialect;

/// A longer tag is no tag: keeps a text full of `<lora:` from being searched to its end again and again.
const LONGEST: usize = 1024;

/// An adapter that a prompt asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterTag {
    /// As it was typed: a file name without its ending, mostly.
    pub name: String,
    /// Weight in the image model.
    pub model: f64,
    /// Weight in the text encoders.
    pub text: f64,
    /// Where the tag was typed.
    pub span: Range<usize>,
}

/// Something about a text that a user may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub span: Range<usize>,
    pub message: String,
}

/// What stands at a `<`.
pub(super) enum Tag {
    /// A tag that ends before this place, with what is odd about it.
    Adapter(AdapterTag, Option<Notice>),
    None,
}

/// Reads the tag that begins at `at`, where `text` has a `<`.
///
/// A1111: `<lora:name:te:unet>`, also `te=`, `unet=`. ComfyUI's loaders (and SwarmUI, Lora Manager): `<lora:name:model:clip>`. One
/// number is for both. `<lyco:…>` is an old word for the same.
pub(super) fn read(text: &str, at: usize, dialect: Dialect) -> Tag {
    let window = &text.as_bytes()[at..text.len().min(at + LONGEST)];
    let Some(len) = window.iter().position(|b| *b == b'>') else { return Tag::None };
    let inside = &text[at + 1..at + len];
    let Some((kind, rest)) = inside.split_once(':') else { return Tag::None };
    let mut fields = rest.split(':');
    let name = fields.next().unwrap_or_default().trim();
    if !(kind.eq_ignore_ascii_case("lora") || kind.eq_ignore_ascii_case("lyco")) || name.is_empty() || inside.contains('<') {
        return Tag::None;
    }
    let span = at..at + len + 1;
    let mut odd = None;
    let (model, text) = weights(fields, dialect, |field| {
        odd = Some(Notice { span: span.clone(), message: format!("“{field}” in the tag of {name} is no weight and is left out") });
    });
    Tag::Adapter(AdapterTag { name: name.to_owned(), model, text, span }, odd)
}

/// (model, text) of the fields after the name.
fn weights<'a>(fields: impl Iterator<Item = &'a str>, dialect: Dialect, mut odd: impl FnMut(&str)) -> (f64, f64) {
    let (mut model, mut encoder, mut plain) = (None, None, Vec::new());
    for field in fields.map(str::trim) {
        let (key, value) = field.split_once('=').map_or(("", field), |(key, value)| (key.trim(), value.trim()));
        match (key, number(value)) {
            ("", Some(value)) => plain.push(value),
            ("unet" | "model", Some(value)) => model = Some(value),
            ("te" | "clip", Some(value)) => encoder = Some(value),
            _ if field.is_empty() => {}
            _ => odd(field),
        }
    }
    let (first, second) = (plain.first().copied(), plain.get(1).copied());
    let (first_model, first_encoder) = match dialect {
        Dialect::A1111 => (second.or(first), first),
        Dialect::ComfyUi => (first, second.or(first)),
    };
    (model.or(first_model).unwrap_or(1.0), encoder.or(first_encoder).unwrap_or(1.0))
}

/// A finite number as a person writes it.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    text.parse().ok().filter(|value: &f64| plain && value.is_finite())
}
