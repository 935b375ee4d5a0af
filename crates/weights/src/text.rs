//! Names from hostile files, made safe to stand in a message.

/// At most this many characters of a name are shown.
const SHOWN: usize = 96;

/// `name` in quotes, shortened, with control characters, line breaks and direction marks written as escapes.
#[must_use]
pub fn shown(name: &str) -> String {
    let mut out = String::with_capacity(name.len().min(SHOWN) + 2);
    out.push('"');
    for (i, c) in name.chars().enumerate() {
        if i == SHOWN {
            out.push('…');
            break;
        }
        if is_harmless(c) { out.push(c) } else { out.extend(c.escape_unicode()) }
    }
    out.push('"');
    out
}

/// Free text from metadata: control characters (but line breaks and tabs) and direction marks are dropped, the rest is kept,
/// at most `limit` characters.
#[must_use]
pub fn clean(text: &str, limit: usize) -> String {
    text.trim().chars().filter(|&c| c == '\n' || c == '\t' || is_harmless(c)).take(limit).collect()
}

/// [`shown`] for a path.
pub(crate) fn shown_path(path: &std::path::Path) -> String {
    shown(&path.to_string_lossy())
}

fn is_harmless(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{061C}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_breaks_are_escaped() {
        assert_eq!(shown("a\nb\u{202e}c"), r#""a\u{a}b\u{202e}c""#);
        assert_eq!(clean(" x\u{202e}\0y\nz ", 10), "xy\nz");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shown(&"x".repeat(500)).chars().count(), SHOWN + 3);
    }
}
