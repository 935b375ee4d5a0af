//! `weft generate`: pictures from the command line, with names of the library or with plain files, without a row anywhere.

mod axis;
mod options;

use super::output::{self, Bar};
use crate::config::{GlobalOptions, Settings};
use crate::start;
use anyhow::{Context as _, Result, bail};
use axis::AxisArg;
use options::Options;
use serde_json::json;
use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use weft_domain::generation::{AdapterUse, Axis, GenerationRequest, Recipe, StartPicture};
use weft_domain::merge::ProfileValues;
use weft_domain::{AdapterId, CheckpointId, PictureId};
use weft_pictures::sheet::{Sheet, SheetWords};
use weft_pictures::{Format, Pixels, encode};
use weft_services::Services;
use weft_services::access::Reader;
use weft_services::generate::{Engine, EngineSettings, FileRequest, Generator as _, Shot, StartPixels, Unpainted, Watch, named_in};
use weft_weights::progress::Progress as _;
use weft_weights::write::AtomicFile;

/// Largest picture file that is read to begin with, in bytes.
const LARGEST: u64 = 64 << 20;

/// Paint pictures
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: weft generate \"a lighthouse at dusk\" --checkpoint weft-demo --adapter ink:0.8 --seed 7 -o lighthouse.png\n\
        Axes make a sheet of files: --axis cfg=4,7,10 --axis sampler=euler,dpmpp_2m; also seed=1,2,3, schedule=…, checkpoint=one,two, adapter:0=ink,neon \
        (in the place of the first --adapter), weight:0=0,0.5,1, block:0:IN04=0,1, words:red=red,blue, and every number by its name."
)]
pub(super) struct Generate {
    #[command(flatten)]
    options: Options,
    /// What to write; the ending says how: .png, .jpg or .webp. Several pictures get numbers
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Also write all pictures as one sheet with the labels of its axes, a PNG
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Replace what exists
    #[arg(long)]
    force: bool,
    /// Machine-readable output: an array of the pictures with all that made them
    #[arg(long)]
    json: bool,
}

/// A picture that was written.
struct Written {
    path: PathBuf,
    recipe: Recipe,
    seconds: f64,
    notes: Vec<String>,
}

impl Generate {
    pub(super) fn run(self, global: &GlobalOptions) -> Result<ExitCode> {
        let mut settings = Settings::load(global, None)?;
        if settings.log.source == crate::config::Source::Default {
            settings.log.value = "warn".to_owned();
        }
        let format = format(&self.output)?;
        super::with_runtime(&settings, || async {
            let asked = self.files(&settings).await?;
            let memory = settings.model_memory.value.map(|bytes| bytes.0);
            let engine = Engine::new(EngineSettings { data_dir: settings.data_dir.value.clone(), memory });
            let shots = engine.shots(asked.clone()).await?;
            let columns = self.options.axes.first().map(AxisArg::len);
            let names: Vec<PathBuf> = (0..shots.len()).map(|at| numbered(&self.output, at, shots.len(), columns)).collect();
            if let Some(there) = names.iter().chain(&self.sheet).find(|name| !self.force && name.exists()) {
                bail!("{} exists. Choose another name, or --force to replace it.", there.display());
            }
            let words = shots.first().filter(|_| self.sheet.is_some()).map(|shot| asked.sheet_words(&shot.recipe));
            let (written, sheet) = self.paint(&engine, shots, names, format, words).await?;
            if let (Some(path), Some(sheet)) = (&self.sheet, sheet) {
                write_whole(path, &sheet.png()?, self.force)?;
            }
            self.show(&written)?;
            Ok(ExitCode::SUCCESS)
        })
    }

    /// Names become files: what is a file stands for itself, everything else is looked up in the library.
    async fn files(&self, settings: &Settings) -> Result<FileRequest> {
        let options = &self.options;
        let mut request = options.request();
        let tags = named_in(&request);
        let named = |path: &Path| !path.exists();
        let mut asked =
            options.adapters.iter().map(|a| a.path.as_path()).chain(options.axes.iter().flat_map(AxisArg::names).map(PathBuf::as_path));
        let library = options.checkpoint.as_deref().is_none_or(named) || asked.any(named) || !tags.is_empty();
        let library = if library { Some(start::open_services(settings).await?) } else { None };
        let mut files = FileRequest {
            checkpoint: checkpoint(options.checkpoint.as_deref(), library.as_ref()).await?,
            data_dir: settings.data_dir.value.clone(),
            start: options.start()?.map(Arc::new),
            ..FileRequest::default()
        };
        for (at, strand) in (0..).zip(&options.adapters) {
            let path = adapter(&strand.path, library.as_ref()).await?;
            let profile = strand.profile.as_deref().map(|text| profile(text, &path)).transpose()?;
            request.adapters.push(AdapterUse {
                adapter: AdapterId(at),
                weight: strand.weight,
                text_weight: options.text_weight_of(at),
                profile,
                start: options.range_of(at).0,
                stop: options.range_of(at).1,
            });
            files.adapters.push(path);
        }
        options.check_places()?;
        for axis in &options.axes {
            let axis = axis_of(axis, &mut files, library.as_ref()).await?;
            request.axes.push(axis);
        }
        let mut found = HashMap::new();
        for name in tags {
            let path = adapter(Path::new(&name), library.as_ref()).await?;
            found.insert(name, path);
        }
        if let Some(library) = library {
            library.close().await?;
        }
        if files.start.is_some() {
            request.start = Some(StartPicture { picture: PictureId(0), denoise: options.denoise, mask: None });
        }
        Ok(FileRequest { request, named: found, ..files })
    }

    async fn paint(
        &self,
        engine: &Engine,
        shots: Vec<Shot>,
        names: Vec<PathBuf>,
        format: Format,
        words: Option<SheetWords>,
    ) -> Result<(Vec<Written>, Option<Sheet>)> {
        let watch = Arc::new(Terminal { bar: Bar::new(), of: shots.len() });
        let (mut written, mut sheet, of) = (Vec::new(), None, shots.len());
        for (at, (shot, path)) in shots.into_iter().zip(names).enumerate() {
            let (began, mut recipe) = (Instant::now(), shot.recipe.clone());
            let one = Arc::new(OneShot { terminal: Arc::clone(&watch), at });
            let painted = match engine.paint(shot, one).await {
                Ok(painted) => painted,
                Err(Unpainted::Cancelled) => {
                    watch.bar.clear();
                    bail!("stopped; {} of {} pictures are written", written.len(), watch.of);
                }
                Err(Unpainted::Refused(problem)) => {
                    watch.bar.clear();
                    return Err(problem.into());
                }
            };
            recipe.engine = painted.engine;
            write_whole(&path, &encode(&painted.image, &recipe, format)?, self.force)?;
            if let Some(words) = &words {
                let image = &painted.image;
                sheet.get_or_insert_with(|| Sheet::new(words, of, image.width, image.height)).put(at, image)?;
            }
            written.push(Written { path, recipe, seconds: began.elapsed().as_secs_f64(), notes: painted.notes });
        }
        watch.bar.clear();
        Ok((written, sheet))
    }

    fn show(&self, written: &[Written]) -> Result<()> {
        if self.json {
            let all = written.iter().map(|w| json!({ "path": w.path, "seconds": w.seconds, "notes": w.notes, "recipe": w.recipe }));
            println!("{}", serde_json::to_string_pretty(&all.collect::<Vec<_>>())?);
            return Ok(());
        }
        self.sheet.iter().for_each(|path| println!("{}", path.display()));
        for one in written {
            println!("{}", one.path.display());
            let Recipe { width, height, seed, numbers, .. } = &one.recipe;
            let steps = numbers.steps.unwrap_or(0);
            println!("  {width}×{height}, {steps} steps, seed {}, {:.1} s, {}", seed.unwrap_or(0), one.seconds, one.recipe.engine);
            one.notes.iter().for_each(|note| println!("  note: {}", output::plain(note)));
        }
        Ok(())
    }
}

async fn checkpoint(named: Option<&Path>, library: Option<&Services>) -> Result<PathBuf> {
    if let Some(path) = named.filter(|path| path.exists()) {
        return Ok(path.to_owned());
    }
    let services = library.context("no library is open")?;
    let reader: Reader = services.access.owner().into();
    let id = match named {
        Some(name) => services.generating.checkpoint_named(&reader, &name.to_string_lossy()).await?,
        None => services.generating.defaults(&reader, None).await?.checkpoint.context(
            "There is no checkpoint to paint with. Name a file with --checkpoint, or put a folder into the library with `weft scan DIR`.",
        )?,
    };
    Ok(services.generating.checkpoint_file(&reader, id).await?)
}

/// An axis with the files of its names added to `files`.
async fn axis_of(axis: &AxisArg, files: &mut FileRequest, library: Option<&Services>) -> Result<Axis> {
    Ok(match axis {
        AxisArg::Plain(axis) => axis.clone(),
        AxisArg::Adapters { strand, names } => {
            let first = files.adapters.len();
            for name in names {
                files.adapters.push(adapter(name, library).await?);
            }
            Axis::Adapter { strand: *strand, values: (first..files.adapters.len()).map(|at| AdapterId(at as i64)).collect() }
        }
        AxisArg::Checkpoints { names } => {
            for name in names {
                files.checkpoints.push(checkpoint(Some(name), library).await?);
            }
            Axis::Checkpoint { values: (0..files.checkpoints.len()).map(|at| CheckpointId(at as i64)).collect() }
        }
    })
}

async fn adapter(path: &Path, library: Option<&Services>) -> Result<PathBuf> {
    match library {
        Some(services) if !path.exists() => {
            let reader: Reader = services.access.owner().into();
            Ok(services.generating.adapter_file(&reader, &path.to_string_lossy()).await?)
        }
        _ => Ok(path.to_owned()),
    }
}

/// The profile of an adapter in the words of a request.
fn profile(text: &str, path: &Path) -> Result<ProfileValues> {
    let opened = super::input::Input::open(path)?;
    let profile = super::input::profile(text, &opened.adapter)?;
    let slots = profile.entries().into_iter().filter(|(.., value)| *value != 1.0).map(|(name, _, value)| (name.to_owned(), value));
    Ok(ProfileValues { layout: profile.layout().id.to_owned(), slots: slots.collect(), name: None })
}

fn format(path: &Path) -> Result<Format> {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    Format::parse(&ending).with_context(|| format!("{} must end in .png, .jpg or .webp", path.display()))
}

/// `out.png`, `out-3.png` of several, `out-r2c1.png` of a sheet.
fn numbered(path: &Path, at: usize, of: usize, columns: Option<usize>) -> PathBuf {
    if of == 1 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    let digits = of.to_string().len();
    let number = match columns {
        Some(columns) => format!("r{}c{}", at / columns.max(1) + 1, at % columns.max(1) + 1),
        None => format!("{:0digits$}", at + 1),
    };
    path.with_file_name(format!("{stem}-{number}.{ending}"))
}

fn write_whole(path: &Path, bytes: &[u8], overwrite: bool) -> Result<()> {
    let file = AtomicFile::create(path, overwrite)?;
    file.file()?.write_all(bytes)?;
    Ok(file.commit(overwrite)?)
}

/// Reads a picture to begin with.
fn read(path: &Path) -> Result<Pixels> {
    let size = std::fs::metadata(path).with_context(|| path.display().to_string())?.len();
    if size > LARGEST {
        bail!("{} is larger than the {} MiB that are read.", path.display(), LARGEST >> 20);
    }
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    weft_pictures::decode(&bytes).with_context(|| path.display().to_string())
}

/// A picture and its mask, where white is painted.
fn start_pixels(image: &Path, mask: Option<&Path>) -> Result<StartPixels> {
    let mask = mask.map(read).transpose()?.map(|mask| {
        let values = mask.rgb.chunks_exact(3).map(|p| ((u16::from(p[0]) + u16::from(p[1]) + u16::from(p[2])) / 3) as u8).collect();
        (mask.width, mask.height, values)
    });
    Ok(StartPixels { image: read(image)?, mask })
}

/// The bar of all pictures.
struct Terminal {
    bar: Bar,
    of: usize,
}

struct OneShot {
    terminal: Arc<Terminal>,
    at: usize,
}

impl Watch for OneShot {
    fn cancelled(&self) -> bool {
        self.terminal.bar.cancelled()
    }

    fn preparing(&self, done: u64, total: u64, what: &str) {
        self.terminal.bar.step(done, total, what);
    }

    fn step(&self, step: u32, of: u32, _: &mut dyn FnMut() -> Option<Pixels>) {
        let (at, all) = (self.at as u64 * u64::from(of) + u64::from(step), self.terminal.of as u64 * u64::from(of));
        let what =
            if self.terminal.of == 1 { "steps".to_owned() } else { format!("steps, picture {} of {}", self.at + 1, self.terminal.of) };
        self.terminal.bar.step(at, all, &what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_pictures_have_names_of_their_own() {
        let name = |at, of, columns| numbered(Path::new("a/out.png"), at, of, columns).display().to_string();
        assert_eq!([name(0, 1, None), name(2, 12, None), name(5, 6, Some(3))], ["a/out.png", "a/out-03.png", "a/out-r2c3.png"]);
    }
}
