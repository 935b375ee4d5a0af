//! The one builder: what every door holds, and the workers behind it.

use crate::access::Access;
use crate::events::Events;
use crate::generate::{Engine, EngineSettings, GenerateJob, Generating};
use crate::health::HealthCheck;
use crate::jobs::{Jobs, Owner, Runner, Workers};
use crate::library::Library;
use crate::measure::{HashJob, StrengthsJob};
use crate::models::{Checkpoints, MeasureJob, Measuring};
use crate::operate::{BakeJob, CheckJob, ExtractJob, OperateJob, Operations};
use crate::pictures::Pictures;
use crate::previews::{Previews, ThumbnailJob};
use crate::produce::Producer;
use crate::roots::Roots;
use crate::samples::{Samples, SamplesJob};
use crate::scan::{Follow, ScanJob};
use crate::weave::{CompareJob, MergeJob, Weaving};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weft_domain::Lane;
use weft_storage::{Blobs, Store, StoreError};

/// What the application is built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Weft's own folder: database, pictures, samples.
    pub data_dir: PathBuf,
    /// `postgres://…`; None: SQLite in `data_dir/weft.sqlite`.
    pub database_url: Option<String>,
    /// Jobs of the cpu lane that run at once.
    pub cpu_workers: usize,
    /// Jobs of the io lane that run at once.
    pub io_workers: usize,
    /// Most bytes that image models and their work take; None: a share of the machine's memory.
    pub model_memory: Option<u64>,
    /// Whether an empty library gets the demonstration model and its adapters at the first start.
    pub samples: bool,
}

impl ServiceSettings {
    /// SQLite in `data_dir`, one worker for arithmetic, two for files, no samples.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), database_url: None, cpu_workers: 1, io_workers: 2, model_memory: None, samples: false }
    }
}

/// Why the application could not be opened, in words for whoever starts it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder cannot be made or read.
    #[error("the data folder {path} cannot be used: {source}")]
    Data { path: PathBuf, source: std::io::Error },
    /// The database or the pictures cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Everything a door needs. Clones share it.
#[derive(Debug, Clone)]
pub struct Services {
    pub access: Access,
    pub library: Library,
    pub roots: Roots,
    pub weave: Weaving,
    pub operations: Operations,
    pub checkpoints: Checkpoints,
    pub measuring: Measuring,
    pub jobs: Jobs,
    pub events: Events,
    pub previews: Previews,
    pub pictures: Pictures,
    pub generating: Generating,
    pub samples: Samples,
    pub health: HealthCheck,
    store: Store,
    blobs: Blobs,
    data: Arc<Path>,
    settings: Arc<ServiceSettings>,
}

impl Services {
    /// Opens the data folder and the database and wires all services. Nothing runs in the background before [`Services::start`].
    pub async fn open(settings: ServiceSettings) -> Result<Self, OpenError> {
        let data = own_folder(&settings.data_dir)?;
        let store = match &settings.database_url {
            Some(url) => Store::open(url).await?,
            None => Store::open_file(&data.join("weft.sqlite")).await?,
        };
        let blobs = Blobs::open(&data.join("blobs"))?;
        let data: Arc<Path> = data.into();
        let events = Events::new();
        let jobs = Jobs::new(&store, events.clone());
        let roots = Roots::new(store.clone(), jobs.clone(), events.clone(), Arc::clone(&data));
        let pictures = Pictures::new(store.clone(), blobs.clone(), events.clone());
        let engine = Engine::new(EngineSettings { data_dir: data.to_path_buf(), memory: settings.model_memory });
        let generating = Generating::new(store.clone(), jobs.clone(), events.clone(), pictures.clone(), engine, Arc::clone(&data));
        let naming = Arc::new(tokio::sync::Mutex::new(()));
        Ok(Self {
            access: Access::default(),
            library: Library::new(store.clone(), events.clone(), roots.clone()),
            weave: Weaving::new(store.clone(), jobs.clone(), Arc::clone(&naming)),
            operations: Operations::new(store.clone(), jobs.clone(), naming),
            checkpoints: Checkpoints::new(store.clone()),
            measuring: Measuring::new(store.clone(), jobs.clone()),
            previews: Previews::new(store.clone(), blobs.clone()),
            pictures,
            generating,
            samples: Samples::new(store.clone(), jobs.clone()),
            health: HealthCheck::new(store.clone()),
            roots,
            jobs,
            events,
            store,
            blobs,
            data,
            settings: Arc::new(settings),
        })
    }

    /// Starts the workers of the job table; what an earlier life left unfinished goes on. [`Workers::stop`] ends them in order.
    #[must_use]
    pub fn start(&self) -> Workers {
        if self.settings.samples {
            let samples = self.samples.clone();
            tokio::spawn(async move {
                if let Err(problem) = samples.welcome().await {
                    tracing::warn!(%problem, "the samples could not be offered");
                }
            });
        }
        self.start_with(1)
    }

    /// The same without painting: for a command that works for a moment and must not load a model for somebody else's request.
    #[must_use]
    pub fn start_without_painting(&self) -> Workers {
        self.start_with(0)
    }

    fn start_with(&self, painters: usize) -> Workers {
        let owner = Owner::of(&self.data).unwrap_or_else(|error| {
            tracing::warn!(%error, "the worker's name cannot be kept; unfinished jobs are taken up once their lease is over");
            Owner::stranger()
        });
        let follow = Follow { store: self.store.clone(), jobs: self.jobs.clone(), events: self.events.clone() };
        let producer = Arc::new(Producer::new(self.store.clone(), follow.clone()));
        let sweeper = Arc::clone(&producer);
        tokio::spawn(async move {
            if let Err(problem) = sweeper.sweep().await {
                tracing::warn!(%problem, "what interrupted jobs left could not be removed");
            }
        });
        tokio::spawn(self.pictures.clone().keep_sweeping());
        self.runner(owner, follow, producer).width(Lane::Gpu, painters).start()
    }

    fn runner(&self, owner: Owner, follow: Follow, producer: Arc<Producer>) -> Runner {
        let (store, events) = (self.store.clone(), self.events.clone());
        Runner::new(self.jobs.clone(), owner)
            .width(Lane::Io, self.settings.io_workers.max(1))
            .width(Lane::Cpu, self.settings.cpu_workers.max(1))
            .handler(ScanJob { store: store.clone(), follow: follow.clone(), data: Arc::clone(&self.data) })
            .handler(StrengthsJob { store: store.clone(), events: events.clone() })
            .handler(HashJob { store: store.clone(), events: events.clone() })
            .handler(ThumbnailJob { store: store.clone(), blobs: self.blobs.clone(), events })
            .handler(MergeJob(Arc::clone(&producer)))
            .handler(OperateJob(Arc::clone(&producer)))
            .handler(BakeJob(Arc::clone(&producer)))
            .handler(ExtractJob(producer))
            .handler(CompareJob(self.weave.clone()))
            .handler(MeasureJob { store: store.clone() })
            .handler(CheckJob { store })
            .handler(GenerateJob(self.generating.clone()))
            .handler(SamplesJob { roots: self.roots.clone() })
    }

    /// Closes the database after the workers have stopped.
    pub async fn close(&self) -> Result<(), OpenError> {
        Ok(self.store.close().await?)
    }
}

/// Makes the data folder; the path without links, as roots are compared with it.
fn own_folder(path: &Path) -> Result<PathBuf, OpenError> {
    let failed = |source| OpenError::Data { path: path.to_owned(), source };
    std::fs::create_dir_all(path).map_err(failed)?;
    path.canonicalize().map_err(failed)
}
