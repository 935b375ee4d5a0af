//! Something to begin with: a small model that paints, its adapters, and synthetic adapters of every family.

mod demo;

use crate::access::Admin;
use crate::jobs::{JobContext, JobError, JobHandler, Jobs};
use crate::problem::{ForPeople as _, blocking};
use crate::roots::Roots;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use weft_domain::{JobKind, JobView, Problem};
use weft_storage::{NewJob, Store};
use weft_weights::samples::{SampleError, SampleOptions, write_samples};

pub use demo::write_demo;

/// How many synthetic adapters are written.
const COUNT: usize = 24;
/// Folder of the demonstration model below that of the samples.
const DEMO: &str = "demo";
/// Name of the setting that remembers that the samples were given once: who removes them does not get them again.
const GIVEN: &str = "samples.given";

/// What a job writes. The demonstration model is always part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Wanted {
    /// Synthetic adapters beside it.
    count: usize,
}

/// The samples use case. Clones share it.
#[derive(Debug, Clone)]
pub struct Samples {
    store: Store,
    jobs: Jobs,
}

impl Samples {
    pub(crate) fn new(store: Store, jobs: Jobs) -> Self {
        Self { store, jobs }
    }

    /// Writes all samples into Weft's data folder, adds that folder and scans it. Asking twice writes nothing twice.
    pub async fn create(&self, _: &Admin) -> Result<JobView, Problem> {
        self.enqueue(Wanted { count: COUNT }).await
    }

    /// At the first start, with no folder watched yet: the demonstration model and its adapters, so that every page has something to show.
    pub(crate) async fn welcome(&self) -> Result<(), Problem> {
        let settings = self.store.settings();
        if settings.get::<bool>(GIVEN).await.for_people("reading a setting")?.unwrap_or(false) {
            return Ok(());
        }
        if self.store.roots().list().await.for_people("listing roots")?.is_empty() {
            self.enqueue(Wanted { count: 0 }).await?;
        }
        settings.set(GIVEN, &true).await.for_people("keeping a setting")
    }

    async fn enqueue(&self, wanted: Wanted) -> Result<JobView, Problem> {
        self.jobs.enqueue(&NewJob::new(JobKind::Samples, "Writing samples", json!(wanted)).once(format!("samples:{}", wanted.count))).await
    }
}

/// Runs sample jobs.
#[derive(Debug)]
pub(crate) struct SamplesJob {
    pub(crate) roots: Roots,
}

#[async_trait]
impl JobHandler for SamplesJob {
    fn kind(&self) -> JobKind {
        JobKind::Samples
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let wanted: Wanted = serde_json::from_value(input).map_err(|e| JobError::Final(format!("This job cannot be understood: {e}")))?;
        let folder = self.roots.samples_folder();
        let (target, progress) = (folder.clone(), ctx.clone());
        let files = blocking(move || write_all(&target, wanted.count.min(10_000), &progress)).await?;
        match files {
            Ok(files) => {
                let root = self.roots.watch(&folder, Some("Samples".to_owned()), true).await?;
                Ok(json!({ "files": files, "root": root.id }))
            }
            Err(why) if why.is_empty() => Err(JobError::Cancelled),
            Err(why) => Err(JobError::Final(format!("The samples could not be written: {why}"))),
        }
    }
}

/// Answers how many files there are; without words where it was told to stop.
fn write_all(folder: &Path, count: usize, progress: &JobContext) -> Result<usize, String> {
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    let demo = write_demo(&folder.join(DEMO), progress).map_err(|e| e.to_string())?;
    if progress.cancelled() {
        return Err(String::new());
    }
    let made = match count {
        0 => 0,
        count => {
            let words = |e: SampleError| if progress.cancelled() { String::new() } else { e.to_string() };
            write_samples(folder, &SampleOptions::new(count), progress).map_err(words)?.len()
        }
    };
    Ok(demo.len() + made)
}
