//! Operations on checkpoints: adapters baked in and taken out, an adapter extracted. Each runs as a job.

mod bake;
mod extract;

pub(crate) use bake::BakeJob;
pub(crate) use extract::ExtractJob;

use super::{Operations, Target};
use crate::access::Editor;
use crate::models::{load, usable};
use crate::problem::{ForPeople as _, blocking};
use crate::produce::{Form, Place, space};
use crate::weave::plan;
use weft_domain::checkpoint::CheckpointForm;
use weft_domain::merge::{Method, Weave};
use weft_domain::model::{AnyRequest, Bake, Extract, ModelOperation, ModelRequest};
use weft_domain::{AdapterId, JobKind, JobView, Problem};
use weft_storage::{CheckpointPlace, FilePlace, NewJob};

impl Operations {
    /// Starts whatever operation the request names.
    pub async fn start_any(&self, editor: &Editor, request: AnyRequest) -> Result<JobView, Problem> {
        match request {
            AnyRequest::Adapter(request) => self.start(editor, request).await,
            AnyRequest::Model(request) => self.start_model(editor, request).await,
        }
    }

    /// Checks the request against the files and the room on the disk, chooses the name and queues the work.
    pub async fn start_model(&self, _: &Editor, request: ModelRequest) -> Result<JobView, Problem> {
        let target = self.target(&request.name, &request.folder, request.root).await?;
        match request.operation {
            ModelOperation::Bake(bake) => self.bake(target, bake, false).await,
            ModelOperation::Unbake(bake) => self.bake(target, bake, true).await,
            ModelOperation::Extract(extract) => self.extract(target, extract).await,
        }
    }

    async fn bake(&self, target: Target, bake: Bake, inverse: bool) -> Result<JobView, Problem> {
        check_strands(&bake)?;
        let checkpoint = usable(&self.store, bake.checkpoint).await?;
        let ids: Vec<AdapterId> = bake.adapters.iter().map(|strand| strand.adapter).collect();
        let files = self.adapters(&ids).await?;
        let form = form(&checkpoint);
        let verb = if inverse { "Taking out of" } else { "Baking" };
        let title = if inverse { format!("{verb} {}", checkpoint.name) } else { format!("{verb} {}", target.name) };
        let (name, base, asked) = (target.name.clone(), target.root.folder(), bake.clone());
        blocking(move || {
            let needed = bake::prepare(&asked, inverse, &name, &checkpoint, &files)?;
            space::check(&base, needed)
        })
        .await??;
        let _one_at_a_time = self.naming.lock().await;
        let relative = target.free(&self.store, form).await?;
        let place = Place { root: target.root.id, relative, form };
        let key = format!("bake:{}:{}", place.root, place.relative);
        let input = bake::Input { place, inverse, title: target.name, bake };
        self.enqueue(JobKind::Bake, title, &input, key).await
    }

    async fn extract(&self, target: Target, extract: Extract) -> Result<JobView, Problem> {
        extract::check(&extract)?;
        let (tuned, base) = (usable(&self.store, extract.tuned).await?, usable(&self.store, extract.base).await?);
        let title = format!("Extracting {}", target.name);
        let (name, folder, asked) = (target.name.clone(), target.root.folder(), extract.clone());
        blocking(move || match extract::prepare(&asked, &name, &tuned, &base)? {
            Some(needed) => space::check(&folder, needed),
            None => Ok(()),
        })
        .await??;
        let _one_at_a_time = self.naming.lock().await;
        let relative = target.free(&self.store, Form::File).await?;
        let place = Place { root: target.root.id, relative, form: Form::File };
        let key = format!("extract:{}:{}", place.root, place.relative);
        let input = extract::Input { place, title: target.name, extract };
        self.enqueue(JobKind::Extract, title, &input, key).await
    }

    async fn enqueue(&self, kind: JobKind, title: String, input: &impl serde::Serialize, key: String) -> Result<JobView, Problem> {
        let input = serde_json::to_value(input).map_err(|e| crate::problem::internal("an operation cannot be stored", &e))?;
        self.jobs.enqueue(&NewJob::new(kind, title, input).once(key)).await
    }

    /// Adapters that can be read now, in the order asked for.
    async fn adapters(&self, ids: &[AdapterId]) -> Result<Vec<FilePlace>, Problem> {
        let files = self.store.adapters().places(ids).await.for_people("looking up adapters")?;
        if let Some(id) = ids.iter().find(|id| !files.iter().any(|file| file.id == **id)) {
            return Err(Problem::not_found(format!("There is no adapter {id} in the library.")));
        }
        files.iter().try_for_each(load::adapter_usable)?;
        Ok(files)
    }
}

/// Number, weights and factors, as for a weave.
fn check_strands(bake: &Bake) -> Result<(), Problem> {
    let weave = Weave { strands: bake.adapters.clone(), method: Method::Concat, ..Weave::default() };
    plan::check(&weave).map_err(|problem| match problem.field.as_deref() {
        Some("strands") => Problem { field: Some("adapters".into()), ..problem },
        _ => problem,
    })
}

/// A folder of components stays one; everything else becomes one file.
fn form(checkpoint: &CheckpointPlace) -> Form {
    match checkpoint.form {
        CheckpointForm::Folder => Form::Folder,
        CheckpointForm::Single | CheckpointForm::Sharded => Form::File,
    }
}
