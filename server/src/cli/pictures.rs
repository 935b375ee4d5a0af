//! `weft pictures`: take pictures in, and show what is written in one.

use super::output;
use crate::config::{GlobalOptions, Settings};
use crate::start;
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weft_domain::generation::{PictureCard, PictureSource, Recipe};
use weft_pictures::{Format, infotext, inspect, limits};
use weft_services::Services;
use weft_services::access::Editor;

/// Deepest folder that is looked into.
const DEPTH: usize = 12;

/// Take pictures in, or show what is written in one
#[derive(Debug, clap::Args)]
pub(super) struct Pictures {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Take pictures of other programs into the gallery, with the parameters that are written in them
    Import(Import),
    /// Show how a picture was made, as its program wrote it into the file
    Show(Show),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "The files themselves stay where they are and as they are: Weft keeps a copy of their bytes.")]
struct Import {
    /// PNG, JPEG or WebP files, or folders with such files
    #[arg(value_name = "FILE|DIR", required = true)]
    paths: Vec<PathBuf>,
    /// Machine-readable output: one object for each file
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// PNG, JPEG or WebP
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Machine-readable output: one object for each file
    #[arg(long)]
    json: bool,
}

impl Pictures {
    pub(super) fn run(self, global: &GlobalOptions) -> Result<ExitCode> {
        match self.command {
            Command::Import(import) => import.run(global),
            Command::Show(show) => show.run(),
        }
    }
}

/// One line of `import --json`.
#[derive(Debug, Serialize)]
struct Line {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<PictureCard>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Import {
    fn run(self, global: &GlobalOptions) -> Result<ExitCode> {
        let mut settings = Settings::load(global, None)?;
        if settings.log.source == crate::config::Source::Default {
            settings.log.value = "warn".to_owned();
        }
        super::with_runtime(&settings, || async {
            let services = start::open_services(&settings).await?;
            let (mut new, mut known, mut failed) = (0, 0, 0);
            for path in self.files()? {
                let line = taken_in(&services, &path).await;
                match (&line.error, line.new) {
                    (Some(_), _) => failed += 1,
                    (None, Some(true)) => new += 1,
                    _ => known += 1,
                }
                self.show(&line)?;
            }
            services.close().await?;
            if !self.json {
                println!("{new} taken in, {known} were here already, {failed} could not be read");
            }
            Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        })
    }

    /// Files as named; of folders those that end like pictures, by name.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for path in &self.paths {
            let data = std::fs::metadata(path).with_context(|| path.display().to_string())?;
            if data.is_dir() { walk(path, DEPTH, &mut found)? } else { found.push(path.clone()) }
        }
        Ok(found)
    }

    fn show(&self, line: &Line) -> Result<()> {
        if self.json {
            println!("{}", serde_json::to_string(line)?);
            return Ok(());
        }
        let name = output::plain(&line.file);
        match (&line.picture, &line.error) {
            (Some(card), _) => {
                let how = if line.new == Some(true) { "" } else { ", here already" };
                println!("{:>6}  {name} ({}{how})", card.id, card.source.label());
            }
            (None, error) => eprintln!("{name}: {}", output::plain(error.as_deref().unwrap_or_default())),
        }
        Ok(())
    }
}

async fn taken_in(services: &Services, path: &Path) -> Line {
    let editor: Editor = services.access.owner().into();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = path.display().to_string();
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Line { file, picture: None, new: None, error: Some(output::why(&error)) },
    };
    match services.pictures.import(&editor, bytes.into(), &name).await {
        Ok(imported) => Line { file, picture: Some(imported.card), new: Some(imported.is_new), error: None },
        Err(problem) => Line { file, picture: None, new: None, error: Some(problem.to_string()) },
    }
}

/// The whole file, when it is not longer than a picture may be.
fn read(path: &Path) -> Result<Vec<u8>> {
    let length = std::fs::metadata(path)?.len();
    anyhow::ensure!(length <= limits::FILE as u64, "{} are too many for a picture; at most 64 MB are read", output::bytes(length));
    Ok(std::fs::read(path)?)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        let is_picture = || path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| Format::parse(ending).is_some());
        if kind.is_dir() && depth > 0 {
            walk(&path, depth - 1, found)?;
        } else if kind.is_file() && is_picture() {
            found.push(path);
        }
    }
    Ok(())
}

/// One object of `show --json`.
#[derive(Debug, Serialize)]
struct Shown {
    file: String,
    format: &'static str,
    width: u32,
    height: u32,
    source: PictureSource,
    recipe: Recipe,
}

impl Show {
    fn run(self) -> Result<ExitCode> {
        let mut code = ExitCode::SUCCESS;
        for path in &self.files {
            let file = path.display().to_string();
            match read(path).and_then(|bytes| Ok(inspect(&bytes)?)) {
                Ok(found) => {
                    let (format, width, height) = (found.format.as_str(), found.width, found.height);
                    let shown = Shown { file, format, width, height, source: found.source, recipe: found.recipe };
                    if self.json { println!("{}", serde_json::to_string(&shown)?) } else { print(&shown, self.files.len() > 1) }
                }
                Err(error) => {
                    eprintln!("{}: {}", output::plain(&file), output::why(&error));
                    code = ExitCode::FAILURE;
                }
            }
        }
        Ok(code)
    }
}

fn print(shown: &Shown, several: bool) {
    if several {
        println!("{}", output::plain(&shown.file));
    }
    println!("{} {} × {}, {}", shown.format.to_uppercase(), shown.width, shown.height, shown.source.label());
    if shown.source == PictureSource::Unknown {
        println!("It does not say how it was made.");
        return;
    }
    // As A1111 writes it: the form that most programs take back.
    for line in infotext(&shown.recipe).lines() {
        println!("{}", output::plain(line));
    }
}
