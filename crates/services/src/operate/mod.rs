//! Operations on one adapter: resized, edited; checked. Each runs as a job.

mod check;
mod job;

pub(crate) use check::CheckJob;
pub(crate) use job::OperateJob;

use crate::access::{Editor, Reader};
use crate::jobs::Jobs;
use crate::names;
use crate::problem::{ForPeople as _, blocking};
use crate::produce::{Place, target};
use crate::weave::members;
use serde_json::json;
use std::sync::Arc;
use weft_domain::operation::{Operation, OperationRequest};
use weft_domain::{AdapterId, FileState, JobKind, JobView, Problem};
use weft_storage::{FilePlace, NewJob, Store};

/// The use case. Clones share it.
#[derive(Debug, Clone)]
pub struct Operations {
    store: Store,
    jobs: Jobs,
    /// Choosing a file name and enqueuing its job happen as one.
    naming: Arc<tokio::sync::Mutex<()>>,
}

impl Operations {
    pub(crate) fn new(store: Store, jobs: Jobs, naming: Arc<tokio::sync::Mutex<()>>) -> Self {
        Self { store, jobs, naming }
    }

    /// Checks the request against the file, chooses the file name and queues the work.
    pub async fn start(&self, _: &Editor, request: OperationRequest) -> Result<JobView, Problem> {
        let name = request.name.trim().to_owned();
        let stem = names::safe_stem(&name)
            .ok_or_else(|| Problem::invalid("name", "The new adapter needs a name.").hint("Letters or digits of any script will do."))?;
        let folder = names::safe_folder(&request.folder)?;
        let root = self.store.roots().get(request.root).await.for_people("reading a root")?;
        let root = root.ok_or_else(|| Problem::invalid("root", "There is no such folder in the library."))?;
        let place = self.place(request.adapter).await?;
        let (operation, file) = (request.operation.clone(), place.clone());
        blocking(move || members::load(&file).and_then(|loaded| job::plan(&operation, &loaded)).map(drop)).await??;
        let _one_at_a_time = self.naming.lock().await;
        let relative = target::free(&self.store, &root, &folder, &stem).await?;
        let key = format!("operation:{}:{relative}", root.id);
        let title = format!("{} {}", verb(&request.operation), place.name);
        let input = job::Input { place: Place { root: root.id, relative }, adapter: request.adapter, operation: request.operation };
        let input = serde_json::to_value(input).map_err(|e| crate::problem::internal("an operation cannot be stored", &e))?;
        self.jobs.enqueue(&NewJob::new(JobKind::Operation, title, input).once(key)).await
    }

    /// Queues a check of the whole file: hashes, structure, every value.
    pub async fn check(&self, _: &Reader, id: AdapterId) -> Result<JobView, Problem> {
        let place = self.place(id).await?;
        let title = format!("Checking {}", place.name);
        self.jobs.enqueue(&NewJob::new(JobKind::Check, title, json!({ "adapter": id })).once(format!("check:{id}"))).await
    }

    async fn place(&self, id: AdapterId) -> Result<FilePlace, Problem> {
        let place = self.store.adapters().place(id).await.for_people("looking up an adapter")?;
        let place = place.ok_or_else(|| Problem::not_found(format!("There is no adapter {id} in the library.")))?;
        match place.state {
            FileState::Missing => Err(Problem::conflict(format!("{} is missing: its file is not there, or its drive is off.", place.name))),
            FileState::Ready | FileState::Broken => Ok(place),
        }
    }
}

fn verb(operation: &Operation) -> &'static str {
    match operation {
        Operation::Resize { .. } => "Resizing",
        Operation::Edit { .. } => "Editing",
    }
}
