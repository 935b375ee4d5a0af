//! Picking one value from command line, environment, file and default, and remembering which it was.

use super::Setting;
use anyhow::{Result, anyhow, bail};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Flag,
    Environment(String),
    File(PathBuf),
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("command line"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Names that a settings file may hold.
const KEYS: [&str; 9] = ["data_dir", "database_url", "listen", "cpu_workers", "io_workers", "model_memory", "samples", "log", "log_format"];

/// The layers below the command line.
pub struct Layers<'a> {
    file: Option<(&'a Path, &'a toml::Table)>,
    env: &'a dyn Fn(&str) -> Option<String>,
}

impl fmt::Debug for Layers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layers").field("file", &self.file.map(|(path, _)| path)).finish_non_exhaustive()
    }
}

impl<'a> Layers<'a> {
    /// Layers over an optional settings file and an environment.
    pub fn new(file: Option<(&'a Path, &'a toml::Table)>, env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { file, env }
    }

    /// The strongest value of `key`; the environment's name is `WEFT_` and the key in capitals.
    pub fn pick<T>(&self, key: &str, flag: Option<T>, default: T) -> Result<Setting<T>>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        if let Some(value) = flag {
            return Ok(Setting { value, source: Source::Flag });
        }
        match self.raw(key, None) {
            Some((text, source)) => {
                let value = text.parse().map_err(|error| anyhow!("{key} = {text:?} ({source}) cannot be used: {error}"))?;
                Ok(Setting { value, source })
            }
            None => Ok(Setting { value: default, source: Source::Default }),
        }
    }

    /// The strongest value of `key` where none is an answer too; `plain` is a second environment name that other programs use.
    pub fn pick_optional(&self, key: &str, flag: Option<String>, plain: &str) -> Setting<Option<String>> {
        if flag.is_some() {
            return Setting { value: flag, source: Source::Flag };
        }
        match self.raw(key, Some(plain)) {
            Some((text, source)) => Setting { value: Some(text).filter(|t| !t.is_empty()), source },
            None => Setting { value: None, source: Source::Default },
        }
    }

    /// The strongest value of `key` from environment or file; none is an answer too.
    pub fn pick_parsed<T>(&self, key: &str) -> Result<Setting<Option<T>>>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        match self.raw(key, None).filter(|(text, _)| !text.trim().is_empty()) {
            Some((text, source)) => {
                let value = text.parse().map_err(|error| anyhow!("{key} = {text:?} ({source}) cannot be used: {error}"))?;
                Ok(Setting { value: Some(value), source })
            }
            None => Ok(Setting { value: None, source: Source::Default }),
        }
    }

    fn raw(&self, key: &str, plain: Option<&str>) -> Option<(String, Source)> {
        let name = format!("WEFT_{}", key.to_uppercase());
        for name in [Some(name.as_str()), plain].into_iter().flatten() {
            if let Some(value) = (self.env)(name) {
                return Some((value, Source::Environment(name.to_owned())));
            }
        }
        let (path, table) = self.file?;
        let text = match table.get(key)? {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some((text, Source::File(path.to_path_buf())))
    }

    /// A misspelt key would be passed over in silence; it is named instead.
    pub fn refuse_unknown_keys(&self) -> Result<()> {
        let Some((path, table)) = self.file else { return Ok(()) };
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            bail!("{} has an unknown setting {key:?}. Known are: {}.", path.display(), KEYS.join(", "));
        }
        Ok(())
    }
}
