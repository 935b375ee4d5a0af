//! Pictures that authors put inside the metadata of a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

/// Keys that may hold a picture, best first.
const KEYS: [&str; 3] = ["modelspec.thumbnail", "ssmd_cover_images", "modelspec.preview_image"];
/// Longest value that is looked at, in bytes of text.
const VALUE_MAX: usize = 24 << 20;
/// Shorter texts hold no picture ("[]", "None").
const VALUE_MIN: usize = 64;

/// Does the metadata seem to hold a picture? Cheap: nothing is decoded.
pub(crate) fn present<'a>(metadata: impl Fn(&str) -> Option<&'a str>) -> bool {
    KEYS.iter().any(|key| metadata(key).is_some_and(|v| (VALUE_MIN..=VALUE_MAX).contains(&v.len())))
}

/// The bytes of the first picture in the metadata; not yet known to be one.
pub(crate) fn extract(metadata: &BTreeMap<String, String>) -> Option<Vec<u8>> {
    KEYS.iter().filter_map(|key| metadata.get(*key)).filter(|v| (VALUE_MIN..=VALUE_MAX).contains(&v.len())).find_map(|value| decode(value))
}

fn decode(value: &str) -> Option<Vec<u8>> {
    let value = value.trim();
    if !value.starts_with('[') {
        return bytes(value);
    }
    let list: Vec<serde_json::Value> = serde_json::from_str(value).ok()?;
    list.iter().filter_map(serde_json::Value::as_str).find_map(bytes)
}

/// Base64, bare or as a `data:image/…;base64,` address.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let text = match text.strip_prefix("data:") {
        Some(data) => data.split_once(";base64,").filter(|(kind, _)| kind.starts_with("image/"))?.1,
        None => text,
    };
    STANDARD.decode(text.trim()).ok().filter(|b| !b.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_are_found_and_rubbish_is_passed_over() {
        let picture = STANDARD.encode([7u8; 90]);
        let with = |key: &str, value: String| BTreeMap::from([(key.to_owned(), value)]);
        assert_eq!(extract(&with("modelspec.thumbnail", format!("data:image/png;base64,{picture}"))), Some(vec![7; 90]));
        assert_eq!(extract(&with("ssmd_cover_images", format!("[3, \"%%\", \"{picture}\"]"))), Some(vec![7; 90]));
        for bad in ["[]", "None", &"[".repeat(5000), &format!("data:text/html;base64,{picture}"), &"é".repeat(200)] {
            assert_eq!(extract(&with("ssmd_cover_images", bad.to_owned())), None);
        }
        assert!(!present(|_| Some("[]")));
    }
}
