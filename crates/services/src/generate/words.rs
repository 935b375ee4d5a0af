//! What stands behind the words of a prompt: styles, wildcards, chance, adapters that are named in the text.

use super::styles;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weft_diffusion::prompt::{AdapterTag, Style, Wildcards, apply_styles, expand, parse};
use weft_domain::Problem;
use weft_domain::generation::{GenerationRequest, MAX_PROMPT};

/// Largest file of wildcards or styles, in bytes; how many files, and how deep in folders, are read.
pub(super) const LARGEST: u64 = 4 << 20;
pub(super) const FILES: usize = 2000;
const DEEPEST: usize = 4;
/// Bytes that all wildcards have together.
const ALL: u64 = 64 << 20;

/// Styles and wildcards of the data folder.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    pub(super) styles: BTreeMap<String, Style>,
    pub(super) wildcards: Wildcards,
}

/// A prompt as it is painted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spoken {
    pub(super) prompt: String,
    pub(super) negative: String,
    /// What was typed, where that differs.
    pub(super) typed: Option<String>,
    pub(super) typed_negative: Option<String>,
    /// Adapters that the text names, in order.
    pub(super) tags: Vec<AdapterTag>,
}

impl Vocabulary {
    /// Reads `styles.csv` and the `.txt` files below `wildcards`, where they are; what cannot be read is left out. Blocks.
    pub(super) fn read(data: &Path) -> Self {
        let (mut files, folder) = (Vec::new(), data.join("wildcards"));
        list(&folder, 0, &mut files);
        let (mut wildcards, mut left) = (Wildcards::new(), ALL);
        for path in files {
            let Some(text) = text(&path).filter(|text| text.len() as u64 <= left) else { continue };
            left -= text.len() as u64;
            let name = path.strip_prefix(&folder).unwrap_or(&path).with_extension("");
            let name = name.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            wildcards.insert(name, lines.map(str::to_owned).collect());
        }
        Self { styles: styles_of(data), wildcards }
    }

    /// Puts styles around the prompt, makes its choices by the seed, and takes the names of adapters out.
    pub(super) fn speak(&self, request: &GenerationRequest) -> Result<Spoken, Problem> {
        let (prompt, negative) = apply_styles(&chosen_styles(&self.styles, &request.styles)?, &request.prompt, &request.negative);
        let seed = request.seed.unwrap_or(0);
        let chosen = |field: &str, text: &str| -> Result<String, Problem> {
            let expansion = expand(text, &self.wildcards, seed).map_err(|refused| {
                Problem::invalid(field, "The choices in the prompt have no end.").detail(crate::weave::plan::sentence(&refused.to_string()))
            })?;
            if let Some(name) = expansion.unknown.first() {
                let name: String = name.chars().take(80).collect();
                return Err(Problem::invalid(field, format!("There is no wildcard called {name}.")).hint(format!(
                    "Put a file wildcards/{name}.txt with one choice a line into Weft's data folder, or take __{name}__ out of the prompt."
                )));
            }
            if expansion.text.len() > 4 * MAX_PROMPT {
                return Err(Problem::invalid(field, "With its styles and wildcards the prompt is too long."));
            }
            Ok(expansion.text)
        };
        let (prompt, negative) = (chosen("prompt", &prompt)?, chosen("negative", &negative)?);
        let (prompt, tags) = without_tags(&prompt, request);
        let (negative, _) = without_tags(&negative, request);
        let typed = (prompt != request.prompt).then(|| request.prompt.clone());
        let typed_negative = (negative != request.negative).then(|| request.negative.clone());
        Ok(Spoken { prompt, negative, typed, typed_negative, tags })
    }
}

/// The styles of a data folder by name; none where their file cannot be read. Blocks.
pub(super) fn styles_of(data: &Path) -> BTreeMap<String, Style> {
    text(&data.join(styles::FILE)).map(|text| styles::named(&text)).unwrap_or_default()
}

/// The named ones, in this order.
pub(super) fn chosen_styles(all: &BTreeMap<String, Style>, names: &[String]) -> Result<Vec<Style>, Problem> {
    let style = |name: &String| {
        all.get(name).cloned().ok_or_else(|| {
            let name: String = name.chars().take(80).collect();
            Problem::invalid("styles", format!("There is no style called {name}."))
                .hint("Styles are the lines of styles.csv in Weft's data folder.")
        })
    };
    names.iter().map(style).collect()
}

fn without_tags(text: &str, request: &GenerationRequest) -> (String, Vec<AdapterTag>) {
    let tags = parse(text, request.dialect).adapters;
    let (mut out, mut at) = (String::new(), 0);
    for tag in &tags {
        out.push_str(text.get(at..tag.span.start).unwrap_or_default());
        at = tag.span.end.max(at);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    if tags.is_empty() { (out, tags) } else { (out.trim().trim_end_matches(',').trim_end().to_owned(), tags) }
}

fn text(path: &Path) -> Option<String> {
    use std::io::Read as _;
    let (file, len) = weft_weights::source::open_regular(path).ok()?;
    let mut bytes = Vec::new();
    (len <= LARGEST).then_some(())?;
    file.take(LARGEST).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    Some(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

fn list(folder: &Path, depth: usize, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut inside: Vec<PathBuf> = entries.take(FILES).filter_map(|e| Some(e.ok()?.path())).collect();
    inside.sort();
    for path in inside {
        if path.is_dir() && depth < DEEPEST {
            list(&path, depth + 1, out);
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("txt")) && out.len() < FILES {
            out.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_wildcards_and_tags_come_together_and_the_seed_decides() -> std::io::Result<()> {
        let dir = tempfile::tempdir()?;
        std::fs::create_dir_all(dir.path().join("wildcards/animal"))?;
        std::fs::write(dir.path().join("wildcards/animal/wild.txt"), "# mine\nfox\nwolf\n\nbear\n")?;
        std::fs::write(dir.path().join("styles.csv"), "name,prompt,negative_prompt\nInk,\"ink of {prompt}\",photo\n")?;
        let vocabulary = Vocabulary::read(dir.path());
        let mut request = GenerationRequest {
            prompt: "a __animal/wild__, {day|night}, <lora:Nordic Ink:0.4:0.8>".to_owned(),
            styles: vec!["Ink".to_owned()],
            ..GenerationRequest::default()
        };
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..60 {
            request.seed = Some(seed);
            let spoken = vocabulary.speak(&request).expect("words");
            assert_eq!(spoken, vocabulary.speak(&request).expect("words"));
            assert_eq!((spoken.negative.as_str(), spoken.typed_negative.as_deref(), spoken.tags.len()), ("photo", Some(""), 1));
            assert_eq!((spoken.tags[0].name.as_str(), spoken.tags[0].model, spoken.tags[0].text), ("Nordic Ink", 0.8, 0.4));
            assert!(spoken.prompt.starts_with("ink of a ") && !spoken.prompt.contains(['<', '{', '_']), "{}", spoken.prompt);
            seen.insert(spoken.prompt);
        }
        assert_eq!(seen.len(), 6, "every choice comes up: {seen:?}");
        for (prompt, styles, word) in [("__nothing__", vec![], "nothing"), ("x", vec!["None".to_owned()], "None")] {
            let problem =
                vocabulary.speak(&GenerationRequest { prompt: prompt.to_owned(), styles, ..GenerationRequest::default() }).expect_err(word);
            assert!(problem.to_string().contains(word), "{problem}");
        }
        Ok(())
    }
}
