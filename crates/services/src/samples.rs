//! Adapters to try Weft with: believable, marked as synthetic, written by Weft itself.

use crate::access::Admin;
use crate::jobs::{JobContext, JobError, JobHandler, Jobs};
use crate::problem::blocking;
use crate::roots::Roots;
use async_trait::async_trait;
use serde_json::{Value, json};
use weft_domain::{JobKind, JobView, Problem};
use weft_storage::NewJob;
use weft_weights::samples::{SampleOptions, write_samples};

/// How many are written.
const COUNT: usize = 24;

/// The samples use case. Clones share it.
#[derive(Debug, Clone)]
pub struct Samples {
    jobs: Jobs,
}

impl Samples {
    pub(crate) fn new(jobs: Jobs) -> Self {
        Self { jobs }
    }

    /// Writes the samples into Weft's data folder, adds that folder and scans it. Asking twice writes nothing twice.
    pub async fn create(&self, _: &Admin) -> Result<JobView, Problem> {
        self.jobs.enqueue(&NewJob::new(JobKind::Samples, "Writing samples", json!({ "count": COUNT })).once("samples")).await
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
        let count = input.get("count").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).unwrap_or(COUNT).min(10_000);
        let folder = self.roots.samples_folder();
        let (target, progress) = (folder.clone(), ctx.clone());
        let written = blocking(move || {
            std::fs::create_dir_all(&target).map_err(|e| e.to_string())?;
            write_samples(&target, &SampleOptions::new(count), &progress)
                .map_err(|e| if progress.cancelled() { String::new() } else { e.to_string() })
        })
        .await?;
        match written {
            Ok(files) => {
                let root = self.roots.watch(&folder, Some("Samples".to_owned()), true).await?;
                Ok(json!({ "files": files.len(), "root": root.id }))
            }
            Err(why) if why.is_empty() => Err(JobError::Cancelled),
            Err(why) => Err(JobError::Final(format!("The samples could not be written: {why}"))),
        }
    }
}
