//! The job that bakes adapters into a copy of a checkpoint, or takes them out.

use super::form;
use crate::card;
use crate::jobs::{JobContext, JobError, JobHandler};
use crate::models::{load, usable};
use crate::problem::ForPeople as _;
use crate::produce::{Form, Made, Place, Producer, space, unwritten};
use crate::scan::path;
use crate::weave::members::{self, Loaded};
use crate::weave::plan::{inputs, sentence};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use weft_domain::model::{Bake, BakeOutcome, BakedAdapter, LeftOut, StoreAs};
use weft_domain::{AdapterId, JobKind, Problem};
use weft_storage::{CheckpointPlace, FilePlace};
use weft_weights::merge::Member;
use weft_weights::ops::bake::{self as engine, BakeError, BakePlan, BakeReport, Baked, OutForm};

/// Modules of one adapter that an outcome names, and its sentences.
const LISTED: usize = 20;

/// What the job is queued with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Input {
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) inverse: bool,
    pub(crate) title: String,
    pub(crate) bake: Bake,
}

/// Runs bakes.
#[derive(Debug)]
pub(crate) struct BakeJob(pub(crate) Arc<Producer>);

#[async_trait]
impl JobHandler for BakeJob {
    fn kind(&self) -> JobKind {
        JobKind::Bake
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let Input { place, inverse, title, bake } = serde_json::from_value(input)?;
        let store = &self.0.store;
        let checkpoint = usable(store, bake.checkpoint).await?;
        let ids: Vec<AdapterId> = bake.adapters.iter().map(|strand| strand.adapter).collect();
        let files = store.adapters().places(&ids).await.for_people("looking up adapters")?;
        if files.len() != ids.len() {
            return Err(JobError::Final("An adapter of this bake is no longer in the library.".to_owned()));
        }
        let work = Arc::new(Work { bake, inverse, title, checkpoint, files });
        self.0.produce(ctx, place, Arc::new(move |out, ctx| work.run(out, ctx))).await
    }
}

struct Work {
    bake: Bake,
    inverse: bool,
    title: String,
    checkpoint: CheckpointPlace,
    files: Vec<FilePlace>,
}

impl Work {
    /// Blocks.
    fn run(&self, out: &Path, ctx: &JobContext) -> Result<Made, JobError> {
        let opened = load::checkpoint(&self.checkpoint)?;
        let loaded = members::load_all(&self.files)?;
        let members: Vec<Member<'_>> = loaded.iter().map(Loaded::member).collect();
        let plan = plan(&self.bake, self.inverse, &self.title, &self.checkpoint, &loaded)?;
        // The disk may have filled while the job waited.
        let needed = engine::prepare(&opened, &plan, &members).map_err(problem)?;
        space::check(out.parent().unwrap_or(out), needed)?;
        let card = card::for_bake(&opened, &plan, &members).map_err(problem)?;
        match engine::bake_on(Some(&card), &opened, &plan, &members, out, ctx) {
            Ok(report) => Ok(Made::Checkpoint(outcome(report, &loaded))),
            Err(BakeError::Cancelled(_)) => Err(JobError::Cancelled),
            Err(BakeError::Write(error)) => Err(unwritten(&error)),
            Err(BakeError::Read { file, source }) => Err(JobError::Retry(format!("{file} could not be read: {source}."))),
            Err(error) => Err(JobError::Final(problem(error).to_string())),
        }
    }
}

/// Everything that would be refused later, from headers alone; answers the bytes of the result. Blocks.
pub(super) fn prepare(bake: &Bake, inverse: bool, title: &str, checkpoint: &CheckpointPlace, files: &[FilePlace]) -> Result<u64, Problem> {
    let opened = load::checkpoint(checkpoint)?;
    let loaded = members::load_all(files)?;
    let members: Vec<Member<'_>> = loaded.iter().map(Loaded::member).collect();
    let plan = plan(bake, inverse, title, checkpoint, &loaded)?;
    engine::prepare(&opened, &plan, &members).map_err(problem)
}

fn plan(bake: &Bake, inverse: bool, title: &str, checkpoint: &CheckpointPlace, loaded: &[Loaded]) -> Result<BakePlan, Problem> {
    Ok(BakePlan {
        dtype: match bake.dtype {
            StoreAs::Keep => engine::StoreAs::Keep,
            StoreAs::F16 => engine::StoreAs::F16,
            StoreAs::Bf16 => engine::StoreAs::BF16,
            StoreAs::F32 => engine::StoreAs::F32,
            StoreAs::F8E4m3 => engine::StoreAs::F8E4M3,
            StoreAs::F8E5m2 => engine::StoreAs::F8E5M2,
        },
        stochastic: bake.stochastic.then_some(u64::from(bake.seed)),
        inverse,
        misfits: bake.misfits,
        checkpoint: load::origin(checkpoint),
        title: Some(title.to_owned()),
        // The path it gets is its own temporary one.
        overwrite: true,
        form: match form(checkpoint) {
            Form::File => OutForm::File,
            Form::Folder => OutForm::Folder,
        },
        ..BakePlan::new(inputs(&bake.adapters, loaded)?)
    })
}

/// What went wrong in the weights room, for a person.
fn problem(error: BakeError) -> Problem {
    let text = sentence(&error.to_string());
    match error {
        BakeError::Misfit { .. } => Problem::invalid("adapters", "An adapter was made for another model.")
            .detail(text)
            .hint("Leave it out, or ask for misfits: then what has a place is baked."),
        BakeError::Packed(_) | BakeError::Range { .. } => {
            Problem::invalid("dtype", "This checkpoint cannot be baked into like this.").detail(text)
        }
        _ => Problem::invalid("adapters", "This cannot be baked.").detail(text),
    }
}

fn outcome(report: BakeReport, loaded: &[Loaded]) -> BakeOutcome {
    let adapter = |(baked, file): (Baked, &Loaded)| BakedAdapter {
        name: file.name.clone(),
        applied: small(baked.applied),
        zero: small(baked.zero),
        unplaced: small(baked.unplaced.len()),
        left_out: baked.unplaced.into_iter().take(LISTED).map(|u| LeftOut { module: u.module, reason: u.reason }).collect(),
    };
    BakeOutcome {
        checkpoint: None,
        path: String::new(),
        bytes: report.bytes,
        changed: small(report.changed),
        converted: small(report.converted),
        copied: small(report.copied),
        adapters: report.adapters.into_iter().zip(loaded).map(adapter).collect(),
        saturated: report.saturated,
        device: report.device,
        warnings: report.warnings.into_iter().take(LISTED).map(|w| path::shown(&w)).collect(),
    }
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
