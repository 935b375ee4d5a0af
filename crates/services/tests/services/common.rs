//! A library in a temporary folder, with real files in it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use weft_domain::root::AddRoot;
use weft_domain::{AdapterCard, FileState, JobId, JobState, JobView, LibraryQuery, RootView};
use weft_services::{Admin, Editor, Reader, ServiceSettings, Services, Workers};
use weft_weights::family::Family;
use weft_weights::progress::Silent;
use weft_weights::samples::{SampleOptions, SampleSize, write_samples};

pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) services: Services,
    settings: ServiceSettings,
    workers: Option<Workers>,
}

impl Bench {
    /// An empty library whose workers run.
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// The same with settings of one's own.
    pub(crate) async fn with(change: impl FnOnce(&mut ServiceSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("loras")).unwrap();
        let mut settings = ServiceSettings::new(folder.path().join("data"));
        change(&mut settings);
        let services = Services::open(settings.clone()).await.unwrap();
        let workers = Some(services.start());
        Self { folder, services, settings, workers }
    }

    /// Other settings from the next start on.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut ServiceSettings)) {
        change(&mut self.settings);
    }

    /// Waits until something is watched.
    pub(crate) async fn until_there_is_a_root(&self) {
        let began = Instant::now();
        while self.services.roots.list(&self.reader()).await.unwrap().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(60), "no root comes");
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }

    /// The folder that becomes a root.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("loras")
    }

    /// Writes tiny samples into the root folder.
    pub(crate) fn samples(&self, count: usize, family: Family) -> Vec<PathBuf> {
        write(&self.root(), count, family, 1)
    }

    pub(crate) fn reader(&self) -> Reader {
        self.services.access.owner().into()
    }

    pub(crate) fn editor(&self) -> Editor {
        self.services.access.owner().into()
    }

    pub(crate) fn admin(&self) -> Admin {
        self.services.access.owner()
    }

    /// Adds the root and waits until all that follows is done.
    pub(crate) async fn add(&self) -> RootView {
        let add = AddRoot { path: self.root().display().to_string(), name: None };
        let view = self.services.roots.add(&self.admin(), add).await.unwrap();
        self.idle().await;
        view
    }

    /// Scans the root, waits for everything, and answers what the scan said.
    pub(crate) async fn scan(&self, root: &RootView) -> serde_json::Value {
        let job = self.services.roots.scan(&self.editor(), root.id).await.unwrap();
        self.idle().await;
        let job = self.job(job.id).await;
        assert_eq!(job.state, JobState::Done, "{job:?}");
        job.result.unwrap()
    }

    pub(crate) async fn job(&self, id: JobId) -> JobView {
        self.services.jobs.get(&self.reader(), id).await.unwrap()
    }

    /// Waits until no job is queued or running.
    pub(crate) async fn idle(&self) {
        let began = Instant::now();
        loop {
            let jobs = self.services.jobs.list(&self.reader()).await.unwrap();
            if jobs.iter().all(|j| j.state.finished()) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "jobs do not end: {jobs:#?}");
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }

    /// Every card, by file name.
    pub(crate) async fn cards(&self) -> Vec<AdapterCard> {
        let query = LibraryQuery { limit: 500, ..LibraryQuery::default() };
        let mut cards = self.services.library.query(&self.reader(), &query).await.unwrap().items;
        cards.sort_by(|a, b| (&a.folder, &a.file_name).cmp(&(&b.folder, &b.file_name)));
        cards
    }

    pub(crate) async fn card(&self, file_name: &str) -> AdapterCard {
        let cards = self.cards().await;
        cards.iter().find(|c| c.file_name == file_name).unwrap_or_else(|| panic!("no {file_name} among {cards:#?}")).clone()
    }

    pub(crate) async fn count(&self, state: FileState) -> usize {
        self.cards().await.iter().filter(|c| c.state == state).count()
    }

    /// Ends the workers in the middle of whatever they do and opens everything anew, as after `kill -9`.
    pub(crate) async fn crash(&mut self) {
        if let Some(workers) = self.workers.take() {
            workers.abort().await;
        }
        self.services.close().await.unwrap();
        self.services = Services::open(self.settings.clone()).await.unwrap();
        self.workers = Some(self.services.start());
    }
}

/// Tiny samples of one family in `folder`.
pub(crate) fn write(folder: &Path, count: usize, family: Family, seed: u64) -> Vec<PathBuf> {
    let options = SampleOptions { count, families: vec![family], seed, size: Some(SampleSize::Tiny) };
    write_samples(folder, &options, &Silent).unwrap().into_iter().map(|f| f.path).collect()
}

/// The file name of a path.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}
