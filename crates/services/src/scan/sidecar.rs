//! What other tools left beside an adapter: preview pictures and small JSON files. Read, never written; every one is treated as hostile.

use super::path;
use super::walk::{Found, modified_ms};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Largest JSON file that is opened, in bytes.
const JSON_MAX: u64 = 8 << 20;
/// Longest description kept, in characters.
const TEXT_MAX: usize = 20_000;
/// Most words or tags kept, and the longest of them, in characters.
const WORDS_MAX: usize = 200;
const WORD_MAX: usize = 200;

/// Picture endings behind the stem, best first: LoRA Manager, A1111 and Forge, Stability Matrix, SwarmUI, SD.Next.
const PICTURES: [&str; 18] = [
    ".webp",
    ".preview.webp",
    ".preview.png",
    ".preview.jpeg",
    ".preview.jpg",
    ".png",
    ".jpeg",
    ".jpg",
    ".gif",
    ".preview.gif",
    ".thumb.jpg",
    ".thumb.png",
    ".thumb.jpeg",
    ".thumb.webp",
    ".example.0.jpeg",
    ".example.0.jpg",
    ".example.0.png",
    ".example.0.webp",
];

/// JSON files behind the stem, the one that knows most first.
const SHEETS: [&str; 5] = [".metadata.json", ".civitai.info", ".cm-info.json", ".swarm.json", ".json"];

/// A picture beside the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Name of the picture file in the adapter's own folder, in the text form of [`path`].
    pub(crate) name: String,
    /// Size and time: changes when the picture does.
    pub(crate) stamp: String,
}

/// What the JSON files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) trigger_words: Vec<String>,
    pub(crate) tags: Vec<String>,
}

/// The neighbours of one adapter file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    pub(crate) picture: Option<Picture>,
    pub(crate) sheets: Vec<PathBuf>,
    /// Names, sizes and times of the sheets; None without any.
    pub(crate) stamp: Option<String>,
}

/// Finds the neighbours of `file` in its folder's listing: the disk is asked only about files that are there.
pub(crate) fn beside(file: &Found, neighbours: &BTreeMap<String, PathBuf>) -> Beside {
    let name = file.relative.rsplit('/').next().unwrap_or(&file.relative).to_lowercase();
    let stem = name.strip_suffix(".safetensors").unwrap_or(&name);
    let at = |ending: &str| neighbours.get(&format!("{stem}{ending}"));
    let picture = PICTURES.iter().find_map(|ending| {
        let path = at(ending)?;
        Some(Picture { name: path::encode(path.file_name()?), stamp: stamp(path)? })
    });
    let sheets: Vec<PathBuf> = SHEETS.iter().filter_map(|ending| at(ending).cloned()).collect();
    let stamps: Vec<String> = sheets.iter().filter_map(|p| Some(format!("{}={}", p.extension()?.to_string_lossy(), stamp(p)?))).collect();
    Beside { picture, sheets, stamp: (!stamps.is_empty()).then(|| stamps.join(" ")) }
}

/// Size and time of a plain file; None for anything else.
fn stamp(path: &Path) -> Option<String> {
    let data = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(format!("{}-{}", data.len(), modified_ms(&data)))
}

/// Reads the sheets; the first that says a thing wins. What cannot be read is passed over.
pub(crate) fn read_sheets(sheets: &[PathBuf]) -> Sheet {
    let mut out = Sheet::default();
    for path in sheets {
        let small = fs::symlink_metadata(path).is_ok_and(|data| data.is_file() && data.len() <= JSON_MAX);
        let parsed = small.then(|| fs::read(path).ok()).flatten().and_then(|bytes| serde_json::from_slice::<Value>(trim_mark(&bytes)).ok());
        if let Some(Value::Object(object)) = parsed {
            out.add(&object);
        }
    }
    out
}

/// Without the byte order mark that some editors write.
fn trim_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

impl Sheet {
    /// Takes what this sheet knows and the ones before did not.
    fn add(&mut self, sheet: &Map<String, Value>) {
        // LoRA Manager and Civitai nest the version record and the model.
        let version = sheet.get("civitai").and_then(Value::as_object).unwrap_or(sheet);
        let model = version.get("model").and_then(Value::as_object);
        let first = |keys: &[(&Map<String, Value>, &str)]| keys.iter().find_map(|(map, key)| map.get(*key).and_then(line));
        if self.title.is_none() {
            let in_model = model.and_then(|m| m.get("name")).and_then(line);
            self.title =
                first(&[(sheet, "model_name"), (sheet, "UserTitle"), (sheet, "ModelName")]).or(in_model).map(|t| cut(&t, WORD_MAX));
        }
        if self.description.is_none() {
            let text = first(&[(sheet, "modelDescription"), (sheet, "ModelDescription"), (sheet, "description"), (version, "description")]);
            let text = text.or_else(|| model.and_then(|m| m.get("description")).and_then(line));
            self.description = text.map(|t| cut(&plain(&t), TEXT_MAX)).filter(|t| !t.is_empty());
        }
        if self.trigger_words.is_empty() {
            let lists = [(sheet, "trainedWords"), (version, "trainedWords"), (sheet, "TrainedWords")];
            self.trigger_words = lists.iter().find_map(|(map, key)| words(map.get(*key)?)).unwrap_or_default();
        }
        if self.trigger_words.is_empty() {
            self.trigger_words = sheet.get("activation text").and_then(line).map(|t| split(&t)).unwrap_or_default();
        }
        if self.tags.is_empty() {
            let lists = [Some((sheet, "tags")), Some((sheet, "Tags")), model.map(|m| (m, "tags"))];
            self.tags = lists.into_iter().flatten().find_map(|(map, key)| words(map.get(key)?)).unwrap_or_default();
        }
    }
}

/// A text that says something.
fn line(value: &Value) -> Option<String> {
    value.as_str().map(str::trim).filter(|t| !t.is_empty()).map(clean)
}

/// A list of words; lists of objects with a `word` too.
fn words(value: &Value) -> Option<Vec<String>> {
    let list = value.as_array()?;
    let mut out: Vec<String> = Vec::new();
    for item in list {
        let word = item.as_str().or_else(|| item.get("word").and_then(Value::as_str)).unwrap_or("");
        let word = cut(clean(word).trim().trim_matches(',').trim(), WORD_MAX);
        if !word.is_empty() && !out.contains(&word) && out.len() < WORDS_MAX {
            out.push(word);
        }
    }
    (!out.is_empty()).then_some(out)
}

/// "a, b || c" as words.
fn split(text: &str) -> Vec<String> {
    let parts = if text.contains("||") { text.split("||").collect::<Vec<_>>() } else { text.split(',').collect() };
    parts.into_iter().map(|p| cut(p.trim(), WORD_MAX)).filter(|p| !p.is_empty()).take(WORDS_MAX).collect()
}

fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

/// Without characters that no database or page wants.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// Text out of HTML: sites store descriptions as such. Tags go, the common entities are resolved; what is left is shown as text only.
fn plain(html: &str) -> String {
    let mut out = String::with_capacity(html.len().min(TEXT_MAX * 2));
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        let is_tag = tail.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
        match tail.find('>').filter(|_| is_tag) {
            Some(end) => {
                let tag = tail[..end].trim_start_matches('/').to_ascii_lowercase();
                if ["p", "br", "li", "h1", "h2", "h3", "div", "ul"].iter().any(|t| tag.split([' ', '/']).next() == Some(t)) {
                    out.push('\n');
                }
                rest = &tail[end + 1..];
            }
            None => {
                out.push('<');
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    let text = out
        .replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut kept = String::new();
    for line in lines {
        if line.is_empty() && (kept.is_empty() || kept.ends_with("\n\n")) {
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::walk::Walk;

    #[test]
    fn the_best_picture_and_all_sheets_are_found_ignoring_case() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["Ink.safetensors", "ink.PNG", "Ink.preview.png", "Ink.json", "ink.civitai.info", "other.webp"] {
            fs::write(dir.path().join(name), b"{}").unwrap();
        }
        let folder = Walk::new(dir.path()).next().unwrap();
        let beside = beside(&folder.files[0], &folder.neighbours);
        assert_eq!(beside.picture.unwrap().name, "Ink.preview.png");
        assert_eq!(beside.sheets.len(), 2);
        assert!(beside.stamp.unwrap().contains("info="));
    }

    #[test]
    fn every_dialect_gives_its_words() {
        let dir = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = dir.path().join("x.json");
            fs::write(&path, text).unwrap();
            read_sheets(&[path])
        };
        let a1111 = read(r#"{"description":"soft ink","activation text":"ink wash, paper","preferred weight":0.8}"#);
        assert_eq!(
            (a1111.description.as_deref(), a1111.trigger_words),
            (Some("soft ink"), vec!["ink wash".to_owned(), "paper".to_owned()])
        );
        let civitai = read(
            r#"{"trainedWords":["nordic ink"],"model":{"name":"Nordic Ink","tags":["style"]},"description":"<p>Made <b>by</b> hand &amp; heart</p>"}"#,
        );
        assert_eq!(civitai.title.as_deref(), Some("Nordic Ink"));
        assert_eq!(civitai.description.as_deref(), Some("Made by hand & heart"));
        assert_eq!((civitai.trigger_words, civitai.tags), (vec!["nordic ink".to_owned()], vec!["style".to_owned()]));
        let manager = read("\u{feff}{\"model_name\":\"M\",\"tags\":[\"a\",1,\"a\"],\"civitai\":{\"trainedWords\":[\"w\"]}}");
        assert_eq!(
            (manager.title.as_deref(), manager.tags, manager.trigger_words),
            (Some("M"), vec!["a".to_owned()], vec!["w".to_owned()])
        );
    }

    #[test]
    fn hostile_sheets_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        for text in ["[".repeat(100_000), "{\"tags\":5,\"trainedWords\":{}}".to_owned(), "\0\0".to_owned(), String::new()] {
            fs::write(&path, text).unwrap();
            assert_eq!(read_sheets(std::slice::from_ref(&path)), Sheet::default());
        }
        fs::write(&path, format!("{{\"description\":\"{}\\u0000<script>x\",\"tags\":[\"{}\"]}}", "<".repeat(50_000), "t".repeat(9000)))
            .unwrap();
        let sheet = read_sheets(&[path]);
        assert!(sheet.description.unwrap().chars().count() <= TEXT_MAX);
        assert_eq!(sheet.tags[0].chars().count(), WORD_MAX);
    }
}
