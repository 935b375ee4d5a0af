//! What the weights alone do not tell: head counts, norm groups, scales. From the configuration beside the weights, else the rule of the family.

use super::error::{ModelError, Result};
use serde_json::Value;
use std::path::Path;
use weft_weights::checkpoint::{Checkpoint, Form};

/// Longest configuration that is read, in bytes.
const MAX: u64 = 1 << 20;
/// Name of the line in a safetensors header that holds a configuration.
pub const METADATA: &str = "weft.config";

/// Configurations as diffusers writes them, one per part.
///
/// A folder has them as `PART/config.json`; one file has them in its header under [`METADATA`], or beside it as `NAME.config.json`: one JSON
/// object with the parts' names (`unet`, `vae`, `text_encoder`, `scheduler`, …) as keys.
#[derive(Debug, Clone, Default)]
pub struct Configs(serde_json::Map<String, Value>);

/// The configuration of one part; every question may be unanswered.
#[derive(Debug, Clone, Copy)]
pub struct Config<'a>(Option<&'a Value>);

impl Configs {
    /// Finds the configurations of an opened checkpoint.
    ///
    /// # Errors
    /// [`ModelError::Config`] when there is one that cannot be read: guessing in its place would draw wrong pictures.
    pub fn of(checkpoint: &Checkpoint) -> Result<Self> {
        let Some(root) = checkpoint.root() else { return Ok(Self::in_header(checkpoint)?.unwrap_or_default()) };
        match checkpoint.form() {
            Form::Folder => Self::in_folder(root),
            _ if root.is_dir() => {
                let mut map = serde_json::Map::new();
                let name = root.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
                map.extend(read(&root.join("config.json"))?.map(|v| (name, v)));
                Ok(Self(map))
            }
            _ => {
                if let Some(found) = Self::in_header(checkpoint)? {
                    return Ok(found);
                }
                let beside = root.with_extension("config.json");
                match read(&beside)? {
                    None => Ok(Self::default()),
                    Some(Value::Object(map)) => Ok(Self(map)),
                    Some(_) => Err(bad(&beside, "it is no JSON object")),
                }
            }
        }
    }

    /// Configurations of a folder as diffusers has them, or of one JSON file with the parts' names as keys.
    ///
    /// # Errors
    /// [`ModelError::Config`].
    pub fn read(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Self::in_folder(path);
        }
        match read(path)? {
            Some(Value::Object(map)) => Ok(Self(map)),
            Some(_) => Err(bad(path, "it is no JSON object")),
            None => Err(bad(path, "there is no such file")),
        }
    }

    fn in_header(checkpoint: &Checkpoint) -> Result<Option<Self>> {
        let Some((file, text)) = checkpoint.files().iter().find_map(|f| Some((f, f.header.metadata.get(METADATA)?))) else {
            return Ok(None);
        };
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(Some(Self(map))),
            _ => Err(ModelError::Config { file: file.label.clone(), why: format!("its metadata {METADATA} is no JSON object") }),
        }
    }

    fn in_folder(root: &Path) -> Result<Self> {
        const PARTS: [&str; 6] = ["unet", "transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3"];
        let mut map = serde_json::Map::new();
        for part in PARTS {
            map.extend(read(&root.join(part).join("config.json"))?.map(|v| (part.to_owned(), v)));
        }
        map.extend(read(&root.join("scheduler").join("scheduler_config.json"))?.map(|v| ("scheduler".to_owned(), v)));
        Ok(Self(map))
    }

    /// Adds the parts of another file that are not there yet.
    pub(crate) fn fill_from(&mut self, other: Self) {
        for (name, value) in other.0 {
            self.0.entry(name).or_insert(value);
        }
    }

    /// The configuration of `part`.
    #[must_use]
    pub fn part(&self, part: &str) -> Config<'_> {
        Config(self.0.get(part))
    }
}

impl<'a> Config<'a> {
    /// True where there is one.
    #[must_use]
    pub fn is_there(self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn get(self, key: &str) -> Option<&'a Value> {
        self.0?.get(key).filter(|v| !v.is_null())
    }

    /// A count above 0 and below 65,536.
    pub(crate) fn count(self, key: &str) -> Option<usize> {
        self.get(key)?.as_u64().and_then(small)
    }

    /// One count for each of `levels`: a list, or one number for all.
    pub(crate) fn counts(self, key: &str, levels: usize) -> Option<Vec<usize>> {
        match self.get(key)? {
            Value::Array(list) => {
                let counts: Vec<usize> = list.iter().filter_map(|v| v.as_u64().and_then(small)).collect();
                (counts.len() == levels && list.len() == levels).then_some(counts)
            }
            one => one.as_u64().and_then(small).map(|n| vec![n; levels]),
        }
    }

    /// A finite number.
    pub(crate) fn number(self, key: &str) -> Option<f64> {
        self.get(key)?.as_f64().filter(|v| v.is_finite())
    }

    pub(crate) fn text(self, key: &str) -> Option<&'a str> {
        self.get(key)?.as_str()
    }
}

fn small(n: u64) -> Option<usize> {
    usize::try_from(n).ok().filter(|n| (1..65_536).contains(n))
}

fn bad(path: &Path, why: impl Into<String>) -> ModelError {
    ModelError::Config { file: weft_weights::text::clean(&path.display().to_string(), 300), why: why.into() }
}

/// A small JSON file; None where there is none.
fn read(path: &Path) -> Result<Option<Value>> {
    use std::io::Read;
    if !path.exists() {
        return Ok(None);
    }
    let (file, len) = weft_weights::source::open_regular(path)?;
    if len > MAX {
        return Err(bad(path, "it is longer than the 1 MiB that are read"));
    }
    let mut text = Vec::new();
    file.take(MAX).read_to_end(&mut text).map_err(|e| bad(path, e.to_string()))?;
    serde_json::from_slice(&text).map(Some).map_err(|e| bad(path, format!("it is no sound JSON: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_single_numbers_are_counts_for_every_level() {
        let value = serde_json::json!({"a": [1, 2, 3], "b": 8, "c": [1, "x"], "d": 0, "e": null});
        let config = Config(Some(&value));
        assert_eq!(config.counts("a", 3), Some(vec![1, 2, 3]));
        assert_eq!(config.counts("a", 2), None);
        assert_eq!(config.counts("b", 2), Some(vec![8, 8]));
        assert_eq!((config.counts("c", 2), config.count("d"), config.count("e")), (None, None, None));
    }
}
