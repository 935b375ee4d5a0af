//! Operations on one adapter: resized, edited, converted; checked. Operations on checkpoints: [`model`]. Each runs as a job.

mod check;
mod job;
mod model;

pub(crate) use check::CheckJob;
pub(crate) use job::OperateJob;
pub(crate) use model::{BakeJob, ExtractJob};

use crate::access::{Editor, Reader};
use crate::jobs::Jobs;
use crate::names;
use crate::problem::{ForPeople as _, blocking};
use crate::produce::{Form, Place, target};
use crate::weave::members;
use serde_json::json;
use std::sync::Arc;
use weft_domain::operation::{Convention, Operation, OperationRequest};
use weft_domain::{AdapterId, FileState, JobKind, JobView, Problem, RootId};
use weft_storage::{FilePlace, NewJob, RootRow, Store};

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
        let target = self.target(&request.name, &request.folder, request.root).await?;
        let place = self.place(request.adapter).await?;
        let (operation, file) = (request.operation.clone(), place.clone());
        blocking(move || members::load(&file).and_then(|loaded| job::plan(&operation, &loaded)).map(drop)).await??;
        let _one_at_a_time = self.naming.lock().await;
        let form = form(&request.operation);
        let relative = target.free(&self.store, form).await?;
        let key = format!("operation:{}:{relative}", target.root.id);
        let title = format!("{} {}", verb(&request.operation), place.name);
        let place = Place { root: target.root.id, relative, form };
        let input = job::Input { place, adapter: request.adapter, operation: request.operation, called: Some(target.name) };
        let input = serde_json::to_value(input).map_err(|e| crate::problem::internal("an operation cannot be stored", &e))?;
        self.jobs.enqueue(&NewJob::new(JobKind::Operation, title, input).once(key)).await
    }

    /// Queues a check of the whole file: hashes, structure, every value.
    pub async fn check(&self, _: &Reader, id: AdapterId) -> Result<JobView, Problem> {
        let place = self.place(id).await?;
        let title = format!("Checking {}", place.name);
        self.jobs.enqueue(&NewJob::new(JobKind::Check, title, json!({ "adapter": id })).once(format!("check:{id}"))).await
    }

    /// Where a request wants its result, checked.
    async fn target(&self, name: &str, folder: &str, root: RootId) -> Result<Target, Problem> {
        let name = name.trim().to_owned();
        let stem = names::safe_stem(&name)
            .ok_or_else(|| Problem::invalid("name", "The result needs a name.").hint("Letters or digits of any script will do."))?;
        let folder = names::safe_folder(folder)?;
        let root = self.store.roots().get(root).await.for_people("reading a root")?;
        let root = root.ok_or_else(|| Problem::invalid("root", "There is no such folder in the library."))?;
        Ok(Target { name, stem, folder, root })
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

/// Where a result goes, before its name is known to be free.
#[derive(Debug)]
struct Target {
    /// As a person wrote it.
    name: String,
    /// The same, safe for every disk.
    stem: String,
    folder: String,
    root: RootRow,
}

impl Target {
    /// Its path below the root, with a number where the name is taken.
    async fn free(&self, store: &Store, form: Form) -> Result<String, Problem> {
        target::free(store, &self.root, &self.folder, (&self.stem, form)).await
    }
}

/// PEFT reads a folder with two files of fixed names.
fn form(operation: &Operation) -> Form {
    match operation {
        Operation::Convert { to: Convention::Peft, .. } => Form::Folder,
        _ => Form::File,
    }
}

fn verb(operation: &Operation) -> &'static str {
    match operation {
        Operation::Resize { .. } => "Resizing",
        Operation::Edit { .. } => "Editing",
        Operation::Convert { .. } => "Converting",
    }
}
