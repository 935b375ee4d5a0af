//! `weft scan`.

use crate::config::{GlobalOptions, Settings};
use crate::start;
use anyhow::{Result, bail};
use futures::StreamExt;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weft_domain::root::AddRoot;
use weft_domain::{Event, JobId, JobState, JobView, Lane, RootState, RootView};
use weft_services::Services;
use weft_services::access::Admin;

/// Add folders to the library (or look through them again) and wait until all is measured
#[derive(Debug, clap::Args)]
pub(super) struct Scan {
    /// Folders that hold adapters; without any, every folder of the library is looked through
    #[arg(value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl Scan {
    pub(super) fn run(self, global: &GlobalOptions) -> Result<ExitCode> {
        let mut settings = Settings::load(global, None)?;
        if settings.log.source == crate::config::Source::Default {
            settings.log.value = "warn".to_owned();
        }
        super::with_runtime(&settings, || async {
            let services = start::open_services(&settings).await?;
            let workers = services.start_without_painting();
            let outcome = tokio::select! {
                outcome = self.scan(&services) => outcome,
                () = start::stop_signal() => bail!("stopped; what was found is kept, and the next scan goes on from there"),
            };
            workers.stop().await;
            outcome
        })
    }

    async fn scan(&self, services: &Services) -> Result<ExitCode> {
        let admin = services.access.owner();
        let events = services.events.subscribe(None);
        for folder in &self.folders {
            add_or_rescan(services, &admin, folder).await?;
        }
        if self.folders.is_empty() {
            services.roots.scan_all(&admin.clone().into()).await?;
        }
        let failed = follow(services, &admin, events).await?;
        let overview = services.library.overview(&admin.clone().into()).await?;
        if self.json {
            let jobs: Vec<_> = failed.iter().map(|job| serde_json::json!({ "title": job.title, "error": job.error })).collect();
            println!("{}", serde_json::to_string_pretty(&serde_json::json!({ "library": overview, "failed": jobs }))?);
        } else {
            println!(
                "{} adapters, {} missing, {} broken; {} checkpoints.",
                overview.adapters, overview.missing, overview.broken, overview.checkpoints
            );
            for job in &failed {
                eprintln!("{}: {}", job.title, job.error.as_deref().unwrap_or("stopped"));
            }
        }
        Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// A folder that is a root already is scanned again instead of being refused.
async fn add_or_rescan(services: &Services, admin: &Admin, folder: &Path) -> Result<()> {
    let path = std::path::absolute(folder)?;
    let real = path.canonicalize().unwrap_or_else(|_| path.clone());
    let known: Vec<RootView> = services.roots.list(&admin.clone().into()).await?;
    match known.iter().find(|root| Path::new(&root.path) == real) {
        Some(root) if root.state == RootState::Offline => bail!("{} is not there now.", root.path),
        Some(root) => drop(services.roots.scan(&admin.clone().into(), root.id).await?),
        None => drop(services.roots.add(admin, AddRoot { path: path.display().to_string(), name: None }).await?),
    }
    Ok(())
}

/// Shows every job until none is left; answers with those that did not succeed.
async fn follow(services: &Services, admin: &Admin, events: impl futures::Stream<Item = (String, Event)>) -> Result<Vec<JobView>> {
    let mut events = std::pin::pin!(events);
    let bars = MultiProgress::new();
    let mut shown: HashMap<JobId, ProgressBar> = HashMap::new();
    let mut seen: HashMap<JobId, JobView> = HashMap::new();
    loop {
        let next = tokio::time::timeout(std::time::Duration::from_millis(500), events.next()).await;
        if let Ok(Some((_, Event::Job { job }))) = next {
            show(&bars, &mut shown, &job);
            seen.insert(job.id, job);
            continue;
        }
        // Nothing for half a second: perhaps all is done. A job enqueues its successors before it ends, so an empty list is the end.
        let jobs = services.jobs.list(&admin.clone().into()).await?;
        // Pictures that wait to be painted are not this command's.
        if jobs.iter().all(|job| job.state.finished() || job.lane == Lane::Gpu) {
            let mine = jobs.into_iter().filter(|job| seen.contains_key(&job.id));
            return Ok(mine.filter(|job| job.state != JobState::Done).collect());
        }
    }
}

fn show(bars: &MultiProgress, shown: &mut HashMap<JobId, ProgressBar>, job: &JobView) {
    let bar = shown.entry(job.id).or_insert_with(|| {
        let style =
            ProgressStyle::with_template("{prefix:28!} {bar:24} {pos}/{len} {eta}").unwrap_or_else(|_| ProgressStyle::default_bar());
        bars.add(ProgressBar::new(job.total).with_style(style).with_prefix(job.title.clone()))
    });
    bar.set_length(job.total);
    bar.set_position(job.done);
    if job.state.finished() {
        bar.finish_and_clear();
    }
}
