//! `Key: value, Key: "a, b", …`

use super::write::is_key;

/// The pairs of a line in their order. A value in quotes is JSON text; a piece that is no pair is passed over.
pub(super) fn pairs(line: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let trimmed = rest.trim_start();
        // Whichever comes first: a look beyond the next comma would make long prompts slow.
        let key = trimmed.find([':', ',']).map_or(trimmed, |at| &trimmed[..at]);
        if !trimmed[key.len()..].starts_with(':') || !is_key(key.trim_end()) {
            rest = after_comma(trimmed);
            continue;
        }
        let value = trimmed[key.len() + 1..].trim_start();
        let (value, left) = match quoted(value) {
            Some(found) => found,
            None => {
                let end = value.find(',').unwrap_or(value.len());
                (value[..end].trim_end().to_owned(), after_comma(value))
            }
        };
        found.push((key.trim_end().to_owned(), value));
        rest = left;
    }
    found
}

fn after_comma(text: &str) -> &str {
    text.find(',').map_or("", |at| &text[at + 1..])
}

/// A value in quotes that ends at a comma or at the end, and what follows. JSON first; bare quotes (Python's way) as they stand.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inner.char_indices().find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })?;
    let rest = inner[end + 1..].trim_start();
    let left = if rest.is_empty() { rest } else { rest.strip_prefix(',')? };
    let whole = &text[..end + 2];
    let value = serde_json::from_str::<String>(whole).unwrap_or_else(|_| inner[..end].to_owned());
    Some((value, left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_commas_and_colons_stay_inside_their_value() {
        let line = r#"Steps: 20, Sampler: DPM++ 2M, Lora hashes: "ink: 1a2b, paper: 3c4d", Empty: , ADetailer prompt: "a \"b\", c", Odd: "x" y, Time taken: 3 sec., Version: v1.10.1"#;
        let want = [
            ("Steps", "20"),
            ("Sampler", "DPM++ 2M"),
            ("Lora hashes", "ink: 1a2b, paper: 3c4d"),
            ("Empty", ""),
            ("ADetailer prompt", "a \"b\", c"),
            ("Odd", "\"x\" y"),
            ("Time taken", "3 sec."),
            ("Version", "v1.10.1"),
        ];
        let found = pairs(line);
        assert_eq!(found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>(), want);
    }

    #[test]
    fn words_are_no_pairs() {
        for text in ["", ",,,:", "a fox, at night", "(fox:1.2), b", "\"", "Steps", ":", "x: \"unclosed, y"] {
            assert!(pairs(text).len() < 2, "{text}");
        }
    }
}
