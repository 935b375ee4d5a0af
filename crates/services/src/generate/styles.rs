//! The styles of the data folder: a `styles.csv` as A1111 writes it. It is the user's: a style is added at its end or cut out, and every
//! other byte of it stays.

use super::Generating;
use super::words::{FILES, LARGEST};
use crate::access::{Editor, Reader};
use crate::problem::blocking;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use weft_diffusion::prompt;
use weft_domain::Problem;
use weft_domain::generation::{MAX_PROMPT, Style, Styles};
use weft_weights::write::AtomicFile;

/// The file's name.
pub(super) const FILE: &str = "styles.csv";
/// First line of a new file.
const HEAD: &str = "name,prompt,negative_prompt\n";
/// Longest name in characters.
const NAME: usize = 100;

impl Generating {
    /// All styles by name, and where they lie.
    pub async fn styles(&self, _: &Reader) -> Result<Styles, Problem> {
        let path = self.styles_file();
        blocking(move || list(&path)).await?
    }

    /// Keeps a style. One that has its name already stays as it is, and this one is refused.
    pub async fn keep_style(&self, _: &Editor, mut style: Style) -> Result<Styles, Problem> {
        style.name = style.name.trim().to_owned();
        check(&style)?;
        self.change_styles(move |text| {
            if named(text).contains_key(&style.name) {
                return Err(Problem::conflict(format!("There is a style called {} already.", style.name)).hint("Give it another name."));
            }
            Ok(appended(text, &style))
        })
        .await
    }

    /// Takes a style out, as long as it is what `style` says.
    pub async fn remove_style(&self, _: &Editor, style: Style) -> Result<Styles, Problem> {
        self.change_styles(move |text| {
            without(text, &style).ok_or_else(|| {
                Problem::conflict(format!("There is no style called {} with these words.", style.name))
                    .hint(format!("It was changed meanwhile. Take its line out of {FILE} yourself."))
            })
        })
        .await
    }

    fn styles_file(&self) -> PathBuf {
        self.inner.data.join(FILE)
    }

    async fn change_styles(&self, change: impl FnOnce(&str) -> Result<String, Problem> + Send + 'static) -> Result<Styles, Problem> {
        let _alone = self.inner.writing_styles.lock().await;
        let path = self.styles_file();
        blocking(move || {
            // A link into another program's folder stays a link.
            let real = path.canonicalize().unwrap_or_else(|_| path.clone());
            let text = String::from_utf8(read(&real)?).map_err(|_| unusable(&real, "changed", "It is no text in UTF-8."))?;
            let text = change(&text)?;
            if text.len() as u64 > LARGEST {
                return Err(Problem::conflict(format!("{FILE} would be larger than {} MiB.", LARGEST >> 20)));
            }
            let wrong = |error: &dyn std::fmt::Display| unusable(&real, "written", &error.to_string());
            let file = AtomicFile::create(&real, true).map_err(|e| wrong(&e))?;
            file.file().map_err(|e| wrong(&e))?.write_all(text.as_bytes()).map_err(|e| wrong(&e))?;
            file.commit(true).map_err(|e| wrong(&e))?;
            list(&path)
        })
        .await?
    }
}

fn list(path: &Path) -> Result<Styles, Problem> {
    let style = |(name, style): (String, prompt::Style)| Style { name, prompt: style.prompt, negative: style.negative };
    // Read as the engine reads it; only what is written must be text to its last byte.
    let items = named(&String::from_utf8_lossy(&read(path)?)).into_iter().map(style).collect();
    Ok(Styles { items, file: path.display().to_string() })
}

/// The whole file; of one that is not there, nothing.
fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    use std::io::Read as _;
    let (file, len) = match weft_weights::source::open_regular(path) {
        Ok(opened) => opened,
        Err(_) if !path.exists() => return Ok(Vec::new()),
        Err(error) => return Err(unusable(path, "read", &error.to_string())),
    };
    if len > LARGEST {
        return Err(unusable(path, "read", "It is larger than 4 MiB."));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|e| unusable(path, "read", &e.to_string()))?;
    Ok(bytes)
}

fn unusable(path: &Path, what: &str, why: &str) -> Problem {
    Problem::conflict(format!("{FILE} cannot be {what}.")).detail(why).hint(format!("It lies at {}.", path.display()))
}

fn check(style: &Style) -> Result<(), Problem> {
    let Style { name, prompt, negative } = style;
    if name.is_empty() || name.chars().count() > NAME || name.chars().any(char::is_control) {
        return Err(Problem::invalid("name", format!("A style's name has 1 to {NAME} characters on one line.")));
    }
    if prompt.trim().is_empty() && negative.trim().is_empty() {
        return Err(Problem::invalid("prompt", "A style needs words: write a prompt or a negative prompt first."));
    }
    if prompt.len() > MAX_PROMPT
        || negative.len() > MAX_PROMPT
        || is_head(name, prompt)
        || [prompt, negative].iter().any(|t| t.contains('\0'))
    {
        return Err(Problem::invalid("prompt", "These words cannot be kept as a style.")
            .detail(format!("They are longer than {} KiB, hold a NUL, or read like the first line of the file.", MAX_PROMPT / 1024)));
    }
    Ok(())
}

fn is_head(name: &str, prompt: &str) -> bool {
    name == "name" && prompt == "prompt"
}

/// Styles of a file's text by name; of several of one name the last.
pub(super) fn named(text: &str) -> BTreeMap<String, prompt::Style> {
    let mut out = BTreeMap::new();
    for (_, style) in lines(text) {
        if out.len() < FILES || out.contains_key(&style.name) {
            out.insert(style.name, prompt::Style { prompt: style.prompt, negative: style.negative });
        }
    }
    out
}

/// Each style with where it stands in the text.
fn lines(text: &str) -> impl Iterator<Item = (Range<usize>, Style)> {
    records(text).into_iter().filter_map(|(place, mut fields)| {
        fields.resize(3, String::new());
        let (negative, prompt, name) = (fields.swap_remove(2), fields.swap_remove(1), fields.swap_remove(0));
        let style = !name.trim().is_empty() && !is_head(&name, &prompt);
        style.then_some((place, Style { name, prompt, negative }))
    })
}

/// The text with a style at its end, in the file's own line ends.
fn appended(text: &str, style: &Style) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut out = if text.trim_start_matches('\u{feff}').is_empty() { format!("{text}{HEAD}") } else { text.to_owned() };
    if !out.ends_with('\n') {
        out.push_str(end);
    }
    let fields = [&style.name, &style.prompt, &style.negative].map(|field| quoted(field));
    out.push_str(&fields.join(","));
    out.push_str(end);
    out
}

/// The text without the last style that is this one.
fn without(text: &str, style: &Style) -> Option<String> {
    let (place, _) = lines(text).filter(|(_, other)| other == style).last()?;
    Some([text.get(..place.start)?, text.get(place.end..)?].concat())
}

/// A field of RFC 4180.
fn quoted(field: &str) -> String {
    let plain = !field.contains([',', '"', '\n', '\r']) && field.trim() == field;
    if plain { field.to_owned() } else { format!("\"{}\"", field.replace('"', "\"\"")) }
}

/// Comma-separated values (RFC 4180), each record with where it stands, its line end included.
fn records(text: &str) -> Vec<(Range<usize>, Vec<String>)> {
    let from = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let (mut all, mut record, mut field, mut start) = (Vec::new(), Vec::new(), String::new(), from);
    let (mut letters, mut quoted) = (text[from..].char_indices().peekable(), false);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' if quoted && letters.peek().is_some_and(|(_, next)| *next == '"') => {
                letters.next();
                field.push('"');
            }
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                let end = from + at + 1;
                all.push((start..end, std::mem::take(&mut record)));
                start = end;
            }
            other => field.push(other),
        }
    }
    record.push(field);
    all.push((start..text.len(), record));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(name: &str, prompt: &str, negative: &str) -> Style {
        Style { name: name.to_owned(), prompt: prompt.to_owned(), negative: negative.to_owned() }
    }

    const FOREIGN: &str =
        "\u{feff}name,prompt,negative_prompt,note\r\nInk,\"{prompt}, ink, \"\"wash\"\"\",colour,mine\r\n\"Two\nlines\",a\r\n,,\r\n# odd";

    #[test]
    fn styles_are_read_as_a1111_writes_them() {
        let read = named(FOREIGN);
        let ink = &read["Ink"];
        assert_eq!((ink.prompt.as_str(), ink.negative.as_str()), ("{prompt}, ink, \"wash\"", "colour"));
        assert_eq!(read["Two\nlines"].prompt, "a");
        assert_eq!(read.keys().collect::<Vec<_>>(), ["# odd", "Ink", "Two\nlines"], "neither the first line nor an empty one");
    }

    #[test]
    fn a_style_is_added_and_taken_out_and_nothing_else_changes() {
        let odd = style("Grün, \"x\"", "a\nb, \"c\"", " lead");
        for before in [FOREIGN, "", "\u{feff}", "a,b,c\n", "a,b,c"] {
            let after = appended(before, &odd);
            assert!(after.starts_with(before), "{before:?}");
            let kept = &named(&after)[&odd.name];
            assert_eq!((kept.prompt.as_str(), kept.negative.as_str()), (odd.prompt.as_str(), odd.negative.as_str()));
            assert_eq!(named(&after).len(), named(before).len() + 1, "{before:?}");
            let back = without(&after, &odd).expect("it is there");
            assert_eq!(named(&back), named(before), "{before:?}");
            assert!(back.starts_with(before), "{before:?}");
        }
        assert_eq!(without(FOREIGN, &style("Ink", "other words", "colour")), None, "somebody changed it");
        let first = without("a,b,c\nd,e,f\n", &style("a", "b", "c"));
        assert_eq!(first.as_deref(), Some("d,e,f\n"));
    }

    #[test]
    fn names_and_words_are_checked() {
        for bad in
            [style("", "x", ""), style("a\nb", "x", ""), style(&"n".repeat(101), "x", ""), style("a", " ", ""), style("name", "prompt", "")]
        {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
        assert!(check(&style("a", "", "blurred")).is_ok());
    }
}
