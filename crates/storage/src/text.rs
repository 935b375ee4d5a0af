//! Words as search sees them: lower case, without accents, split where people see a border.
//!
//! Indexing and asking go through the same splitter, so whatever text is asked for is safe: only letters and digits are left of it.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::canonical_combining_class;

/// Words of one query that are looked at.
const QUERY_WORDS: usize = 16;
/// Characters of one word that count.
const WORD_CHARS: usize = 64;
/// Bytes of indexed text per adapter: a hostile file must not fill the index.
const INDEX_BYTES: usize = 16 * 1024;

/// Lower case without accents; "Ægir Café" becomes "ægir cafe".
#[must_use]
pub fn fold(text: &str) -> String {
    text.nfkd().filter(|c| canonical_combining_class(*c) == 0).flat_map(char::to_lowercase).filter(|c| *c != '\0').collect()
}

/// One run of letters and digits: the whole, and its parts when there is more than one ("NordicInk2" → nordic, ink, 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub whole: String,
    pub parts: Vec<String>,
}

/// Splits at everything that is no letter or digit, then each run at its inner borders.
#[must_use]
pub fn words(text: &str) -> Vec<Word> {
    // Compatibility forms first (full-width letters, ligatures), accents off, but case kept: it marks borders.
    let plain: String = text.nfkd().filter(|c| canonical_combining_class(*c) == 0).collect();
    plain.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()).map(word).collect()
}

fn word(run: &str) -> Word {
    let run: Vec<char> = run.chars().take(WORD_CHARS).collect();
    let mut parts = vec![String::new()];
    for (at, &c) in run.iter().enumerate() {
        let after = run.get(at + 1).copied();
        if at > 0
            && border(run[at - 1], c, after)
            && let Some(last) = parts.last()
            && !last.is_empty()
        {
            parts.push(String::new());
        }
        if let Some(last) = parts.last_mut() {
            last.extend(c.to_lowercase());
        }
    }
    let whole = parts.concat();
    Word { whole, parts: if parts.len() > 1 { parts } else { Vec::new() } }
}

/// Whether a new part begins at `c`: aB, HTMLPage (before the P), a1, 1a, and around every ideograph.
fn border(before: char, c: char, after: Option<char>) -> bool {
    let camel = c.is_uppercase() && (before.is_lowercase() || before.is_uppercase() && after.is_some_and(char::is_lowercase));
    camel || before.is_numeric() != c.is_numeric() || ideograph(before) || ideograph(c)
}

/// Scripts that are written without spaces: each sign counts as a part of its own.
fn ideograph(c: char) -> bool {
    matches!(u32::from(c), 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

/// What is indexed for the given texts: every word, followed by its parts.
#[must_use]
pub fn search_text<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for text in texts {
        // Nothing beyond the index's own limit can matter.
        let text = &text[..text.floor_char_boundary(INDEX_BYTES)];
        for word in words(text) {
            for token in std::iter::once(&word.whole).chain(&word.parts) {
                if out.len() + token.len() + 1 > INDEX_BYTES {
                    return out;
                }
                if !out.is_empty() {
                    out.push(' ');
                }
                out.push_str(token);
            }
        }
    }
    out
}

/// The words that a person asks for.
#[must_use]
pub fn query_words(text: &str) -> Vec<Word> {
    let text: String = text.chars().take(weft_domain::LibraryQuery::TEXT_MAX).collect();
    let mut words = words(&text);
    words.dedup();
    words.truncate(QUERY_WORDS);
    words
}

/// The FTS5 expression for "all words, each a prefix"; None when the text holds no word.
#[must_use]
pub fn fts5_match(text: &str) -> Option<String> {
    join(
        text,
        |word| match word.parts.is_empty() {
            true => format!("\"{}\"*", word.whole),
            false => format!("(\"{}\"* OR \"{}\"*)", word.whole, word.parts.join(" ")),
        },
        " AND ",
    )
}

/// The `to_tsquery('simple', …)` expression for the same.
#[must_use]
pub fn tsquery_match(text: &str) -> Option<String> {
    join(
        text,
        |word| {
            let quoted: Vec<String> = word.parts.iter().map(|part| format!("'{part}'")).collect();
            match quoted.is_empty() {
                true => format!("'{}':*", word.whole),
                false => format!("('{}':* | {}:*)", word.whole, quoted.join(" <-> ")),
            }
        },
        " & ",
    )
}

fn join(text: &str, one: impl Fn(&Word) -> String, and: &str) -> Option<String> {
    let words = query_words(text);
    (!words.is_empty()).then(|| words.iter().map(one).collect::<Vec<_>>().join(and))
}

/// Orders names as people do: case and accents aside, numbers by value ("v2" before "v10").
#[must_use]
pub fn name_key(name: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for c in fold(name).chars().take(200).chain(std::iter::once('\0')) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            let value = digits.trim_start_matches('0');
            out.push_str(&format!("{:0>12}", if value.is_empty() { "0" } else { value }));
            digits.clear();
        }
        if c != '\0' {
            out.push(c);
        }
    }
    out.trim().to_owned()
}

/// Text that both engines can hold: PostgreSQL refuses the NUL character.
#[must_use]
pub(crate) fn storable(text: &str) -> String {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indexed(text: &str) -> String {
        search_text([text])
    }

    #[test]
    fn names_are_split_where_people_see_a_border() {
        assert_eq!(indexed("NordicInk_v2.1"), "nordicink nordic ink v2 v 2 1");
        assert_eq!(indexed("HTMLPage"), "htmlpage html page");
        assert_eq!(indexed("SDXL"), "sdxl");
        assert_eq!(indexed("Café Ünïcode ＡＢＣ ﬁne"), "cafe unicode abc fine");
        assert_eq!(indexed("美少女x"), "美少女x 美 少 女 x");
        assert_eq!(indexed("🔥 \" ' % _ \0"), "");
    }

    #[test]
    fn a_query_is_only_letters_and_digits_between_our_own_marks() {
        assert_eq!(
            fts5_match("NordicInk \"OR\" NEAR(a*)").as_deref(),
            Some("(\"nordicink\"* OR \"nordic ink\"*) AND \"or\"* AND \"near\"* AND \"a\"*")
        );
        assert_eq!(tsquery_match("ink2 & | ! : 'x'").as_deref(), Some("('ink2':* | 'ink' <-> '2':*) & 'x':*"));
        assert_eq!(fts5_match(" %%% 🔥 "), None);
    }

    #[test]
    fn a_million_characters_are_cut() {
        let long = "Aa1 ".repeat(262_144);
        assert!(search_text([long.as_str()]).len() <= INDEX_BYTES);
        assert!(query_words(&long).len() <= QUERY_WORDS);
        assert_eq!(words(&"x".repeat(1 << 20))[0].whole.len(), WORD_CHARS);
    }

    #[test]
    fn numbers_sort_by_value() {
        let mut names = vec!["ink v10", "Ink v2", "Émile", "ink v002b", "zebra"];
        names.sort_by_key(|name| name_key(name));
        assert_eq!(names, ["Émile", "Ink v2", "ink v002b", "ink v10", "zebra"]);
    }
}
