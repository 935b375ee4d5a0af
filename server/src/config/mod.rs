//! Settings: typed, each with where it came from.
//!
//! Order of precedence, strongest first: command line, environment (`WEFT_…`), settings file (`weft.toml` in the data folder, or the
//! file that `--config` names), built-in default. `weft config` shows the outcome and the source of every value.

mod bytes;
mod layers;

pub use bytes::Bytes;
pub use layers::{Layers, Source};

use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use weft_services::generate::EngineSettings;

/// One setting with its source.
#[derive(Debug, Clone)]
pub struct Setting<T> {
    pub value: T,
    pub source: Source,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl std::str::FromStr for LogFormat {
    type Err = String;
    fn from_str(word: &str) -> Result<Self, String> {
        <Self as clap::ValueEnum>::from_str(word, true)
    }
}

impl std::fmt::Display for LogFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Self::Json { "json" } else { "text" })
    }
}

/// Options that every command understands. Each overrides environment and file.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct GlobalOptions {
    /// Folder for the database, previews and samples
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Settings file (default: weft.toml in the data folder)
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// PostgreSQL address; without one, SQLite in the data folder
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// What to log: error, warn, info, debug, or a filter such as weft_services=debug
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// How log lines look
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    pub data_dir: Setting<PathBuf>,
    pub database_url: Setting<Option<String>>,
    pub listen: Setting<SocketAddr>,
    pub cpu_workers: Setting<usize>,
    pub io_workers: Setting<usize>,
    /// Memory for image models and their work; without one a share of the machine's.
    pub model_memory: Setting<Option<Bytes>>,
    /// Whether an empty library gets the demonstration model and its adapters at the first start.
    pub samples: Setting<bool>,
    pub log: Setting<String>,
    pub log_format: Setting<LogFormat>,
    /// The settings file that was read, if there was one.
    pub file: Option<PathBuf>,
}

impl Settings {
    /// Address when nothing is said.
    pub const LISTEN: &'static str = "127.0.0.1:3210";

    /// Reads file and environment below the options of the command line.
    pub fn load(options: &GlobalOptions, listen: Option<SocketAddr>) -> Result<Self> {
        Self::resolve(options, listen, |name| std::env::var(name).ok())
    }

    /// The same with the environment passed in.
    pub fn resolve(options: &GlobalOptions, listen: Option<SocketAddr>, env: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let first = Layers::new(None, &env);
        let default_dir = default_data_dir()?;
        let guess = first.pick("data_dir", options.data_dir.clone(), default_dir.clone())?;
        let file = settings_file(options, &guess.value)?;
        let table = file.as_deref().map(read_table).transpose()?;
        let layers = Layers::new(file.as_deref().zip(table.as_ref()), &env);
        layers.refuse_unknown_keys()?;
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            data_dir: layers.pick("data_dir", options.data_dir.clone(), default_dir)?,
            database_url: layers.pick_optional("database_url", options.database_url.clone(), "DATABASE_URL"),
            listen: layers.pick("listen", listen, Self::LISTEN.parse().context("built-in address")?)?,
            cpu_workers: layers.pick("cpu_workers", None, (cores / 2).max(1))?,
            io_workers: layers.pick("io_workers", None, 2)?,
            model_memory: layers.pick_parsed("model_memory")?,
            samples: layers.pick("samples", None, true)?,
            log: layers.pick("log", options.log.clone(), "info,sqlx=warn,sea_orm_migration=warn".to_owned())?,
            log_format: layers.pick("log_format", options.log_format, LogFormat::Text)?,
            file,
        })
    }

    /// Name, value (secrets hidden) and source of every setting, in the order of the docs.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, String, String)> {
        let url = self.database_url.value.as_deref().map_or_else(|| "SQLite in the data folder".to_owned(), hide_password);
        let usual = || format!("{} (a share of this machine's memory)", Bytes(EngineSettings::usual_memory()));
        let memory = self.model_memory.value.map_or_else(usual, |bytes| bytes.to_string());
        vec![
            ("data_dir", self.data_dir.value.display().to_string(), self.data_dir.source.to_string()),
            ("database_url", url, self.database_url.source.to_string()),
            ("listen", self.listen.value.to_string(), self.listen.source.to_string()),
            ("cpu_workers", self.cpu_workers.value.to_string(), self.cpu_workers.source.to_string()),
            ("io_workers", self.io_workers.value.to_string(), self.io_workers.source.to_string()),
            ("model_memory", memory, self.model_memory.source.to_string()),
            ("samples", self.samples.value.to_string(), self.samples.source.to_string()),
            ("log", self.log.value.clone(), self.log.source.to_string()),
            ("log_format", self.log_format.value.to_string(), self.log_format.source.to_string()),
        ]
    }

    /// Refuses to be reached from other machines: there are no accounts yet that could keep strangers out.
    pub fn check_listen(&self) -> Result<SocketAddr> {
        let address = self.listen.value;
        if !address.ip().is_loopback() {
            bail!(
                "Weft does not listen on {address} ({}). Everyone who reaches that address could read and change your library, because this \
                 version has no accounts yet. Listen on this machine alone (127.0.0.1:{}), and reach it from elsewhere through an SSH tunnel.",
                self.listen.source,
                address.port()
            );
        }
        Ok(address)
    }
}

fn default_data_dir() -> Result<PathBuf> {
    let dirs =
        directories::ProjectDirs::from("", "", "weft").context("This account has no home folder: name a data folder with --data-dir.")?;
    Ok(dirs.data_dir().to_path_buf())
}

/// The named file must exist; the default one may be absent.
fn settings_file(options: &GlobalOptions, data_dir: &Path) -> Result<Option<PathBuf>> {
    match &options.config {
        Some(path) if path.is_file() => Ok(Some(path.clone())),
        Some(path) => bail!("There is no settings file at {}.", path.display()),
        None => Ok(Some(data_dir.join("weft.toml")).filter(|path| path.is_file())),
    }
}

fn read_table(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().with_context(|| format!("{} is not valid TOML", path.display()))
}

fn hide_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "(set)".to_owned() };
    match rest.rsplit_once('@') {
        Some((user, host)) => format!("{scheme}://{}:…@{host}", user.split(':').next().unwrap_or_default()),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_env(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn flags_beat_environment_beats_file_beats_default() -> Result<()> {
        let dir = tempfile::tempdir()?;
        std::fs::write(dir.path().join("weft.toml"), "cpu_workers = 7\nio_workers = 5\nlog = \"debug\"\n")?;
        let options = GlobalOptions { data_dir: Some(dir.path().into()), log: Some("warn".into()), ..Default::default() };
        let settings = Settings::resolve(&options, None, with_env(&[("WEFT_IO_WORKERS", "3"), ("WEFT_LOG", "error")]))?;
        assert_eq!((settings.cpu_workers.value, settings.io_workers.value, settings.log.value.as_str()), (7, 3, "warn"));
        assert!(matches!(settings.cpu_workers.source, Source::File(_)));
        assert_eq!(settings.io_workers.source.to_string(), "environment WEFT_IO_WORKERS");
        assert_eq!(settings.listen.source, Source::Default);
        Ok(())
    }

    #[test]
    fn a_misspelt_key_is_named() -> Result<()> {
        let dir = tempfile::tempdir()?;
        std::fs::write(dir.path().join("weft.toml"), "listn = \"127.0.0.1:1\"\n")?;
        let options = GlobalOptions { data_dir: Some(dir.path().into()), ..Default::default() };
        let error = Settings::resolve(&options, None, with_env(&[])).expect_err("unknown key");
        assert!(error.to_string().contains("listn"), "{error}");
        Ok(())
    }

    #[test]
    fn other_machines_are_refused_with_the_reason() -> Result<()> {
        let options = GlobalOptions { data_dir: Some("/nowhere".into()), ..Default::default() };
        let settings = Settings::resolve(&options, Some("0.0.0.0:3210".parse()?), with_env(&[]))?;
        let error = settings.check_listen().expect_err("not loopback").to_string();
        assert!(error.contains("accounts") && error.contains("SSH"), "{error}");
        Ok(())
    }

    #[test]
    fn passwords_do_not_show() {
        assert_eq!(hide_password("postgres://ann:secret@db/weft"), "postgres://ann:…@db/weft");
    }
}
