//! The job that makes a new file of one adapter.

use crate::clock::now_ms;
use crate::jobs::{JobContext, JobError, JobHandler};
use crate::problem::ForPeople as _;
use crate::produce::{Made, PEFT_FILE, Place, Producer, unwritten};
use crate::weave::members::{self, Loaded};
use crate::weave::plan::{profile, sentence};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use weft_domain::merge::MergeOutcome;
use weft_domain::operation::{Convention, Keep, Operation};
use weft_domain::{AdapterEdit, AdapterId, JobKind, Problem};
use weft_storage::FilePlace;
use weft_weights::ops::convert::{ConvertOptions, ConvertReport};
use weft_weights::ops::{self, EditOptions, EditReport, OpError, Origin, ResizeOptions, ResizeReport};
use weft_weights::progress::Progress;
use weft_weights::write::WriteError;

/// Sentences that an outcome carries at most: hundreds of modules may be left out.
const WARNINGS_MAX: usize = 40;

/// What the job is queued with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Input {
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) adapter: AdapterId,
    #[serde(flatten)]
    pub(crate) operation: Operation,
    /// Name that a person gave the result: the title in the file's metadata is still the old one's.
    #[serde(default)]
    pub(crate) called: Option<String>,
}

/// Runs operations.
#[derive(Debug)]
pub(crate) struct OperateJob(pub(crate) Arc<Producer>);

#[async_trait]
impl JobHandler for OperateJob {
    fn kind(&self) -> JobKind {
        JobKind::Operation
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let Input { place, adapter, operation, called } = serde_json::from_value(input)?;
        let file = self.0.store.adapters().place(adapter).await.for_people("looking up an adapter")?;
        let file = file.ok_or_else(|| JobError::Final("The adapter is no longer in the library.".to_owned()))?;
        let done = self.0.produce(ctx, place, Arc::new(move |out, progress| compute(&operation, &file, out, progress))).await?;
        if let (Some(name), Some(id)) = (called, done.get("adapter").and_then(Value::as_i64)) {
            let edit = AdapterEdit { name: Some(name.chars().take(AdapterEdit::NAME_MAX).collect()), ..AdapterEdit::default() };
            self.0.store.adapters().edit(AdapterId(id), &edit, now_ms()).await.for_people("naming the new adapter")?;
        }
        Ok(done)
    }
}

/// An operation in the words of the weights room.
#[derive(Debug)]
pub(crate) enum Plan {
    Resize(ResizeOptions),
    Edit(EditOptions),
    Convert(ConvertOptions),
}

/// Checks what can be checked without computing.
pub(crate) fn plan(operation: &Operation, file: &Loaded) -> Result<Plan, Problem> {
    let origin = Origin { label: file.label.clone(), sha256: file.sha256.clone() };
    Ok(match operation {
        Operation::Resize { keep, max_rank, dtype } => Plan::Resize(ResizeOptions {
            max_rank: max_rank.map(|rank| rank as usize),
            dtype: *dtype,
            origin,
            // The path it gets is its own temporary one.
            overwrite: true,
            ..ResizeOptions::new(checked(*keep)?)
        }),
        Operation::Convert { to, leave_out, dtype } => {
            let to = match to {
                Convention::Kohya => ops::convert::Convention::Kohya,
                Convention::ComfyUi => ops::convert::Convention::ComfyUi,
                Convention::Diffusers => ops::convert::Convention::Diffusers,
                Convention::Peft => ops::convert::Convention::Peft,
            };
            Plan::Convert(ConvertOptions { leave_out: *leave_out, dtype: *dtype, origin, overwrite: true, ..ConvertOptions::new(to) })
        }
        Operation::Edit { scale, te_scale, profile: values, drop } => {
            for factor in [Some(*scale), *te_scale].into_iter().flatten() {
                weft_domain::parameter::SCALE.check(factor)?;
            }
            for part in drop {
                ops::edit::parse_drop(part, file.adapter.detection.layout)
                    .map_err(|error| Problem::invalid("drop", sentence(&error.to_string())))?;
            }
            let profile = values.as_ref().map(|p| profile(p, file)).transpose()?;
            let (scale, te_scale, drop) = (*scale, *te_scale, drop.clone());
            Plan::Edit(EditOptions { scale, te_scale, profile, drop, origin, overwrite: true, ..EditOptions::default() })
        }
    })
}

fn checked(keep: Keep) -> Result<ops::resize::Keep, Problem> {
    use weft_domain::parameter::{ENERGY, RANK, RATIO};
    use weft_weights::ops::resize::Keep as Engine;
    Ok(match keep {
        Keep::Rank(rank) => Engine::Rank(RANK.check(f64::from(rank)).map(|_| rank as usize)?),
        Keep::Energy(share) => Engine::Energy(ENERGY.check(share)?),
        Keep::Ratio(ratio) => Engine::Ratio(RATIO.check(ratio)?),
        Keep::Frobenius(share) => Engine::Frobenius(ENERGY.check(share)?),
        Keep::Cumulative(share) => Engine::Cumulative(ENERGY.check(share)?),
    })
}

fn compute(operation: &Operation, file: &FilePlace, out: &Path, progress: &dyn Progress) -> Result<Made, JobError> {
    let loaded = members::load(file)?;
    let done = match plan(operation, &loaded)? {
        Plan::Resize(options) => ops::resize(loaded.member(), &options, out, progress).map(resized),
        Plan::Convert(options) if options.to == ops::convert::Convention::Peft => peft(&loaded, &options, out, progress).map(converted),
        Plan::Convert(options) => ops::convert::convert(loaded.member(), &options, out, progress).map(converted),
        Plan::Edit(options) => ops::edit(loaded.member(), &options, out, progress).map(|report| edited(report, &loaded)),
    };
    done.map(Made::Adapter).map_err(|error| match error {
        OpError::Cancelled(_) => JobError::Cancelled,
        OpError::Write(error) => unwritten(&error),
        OpError::Read(error) => JobError::Retry(format!("The adapter could not be read: {error}.")),
        error => JobError::Final(sentence(&error.to_string())),
    })
}

/// A folder as PEFT reads it: the weights and their configuration.
fn peft(loaded: &Loaded, options: &ConvertOptions, out: &Path, progress: &dyn Progress) -> Result<ConvertReport, OpError> {
    let failed = |source| OpError::Write(WriteError::Io { path: out.display().to_string(), source });
    std::fs::create_dir(out).map_err(failed)?;
    let report = ops::convert::convert(loaded.member(), options, &out.join(PEFT_FILE), progress)?;
    let config = report.adapter_config.as_deref().unwrap_or("{}");
    let mut file = std::fs::File::create_new(out.join("adapter_config.json")).map_err(failed)?;
    file.write_all(config.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(report)
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn resized(report: ResizeReport) -> MergeOutcome {
    MergeOutcome {
        adapter: None,
        path: String::new(),
        modules: small(report.modules.len()),
        rank_min: small(report.rank_min),
        rank_max: small(report.rank_max),
        energy_kept: report.energy,
        bytes: report.bytes,
        warnings: report.warnings,
    }
}

fn converted(report: ConvertReport) -> MergeOutcome {
    let ranks = || report.modules.iter().map(|m| m.rank).filter(|rank| *rank > 0);
    let left = report.left_out.iter().map(|(module, why)| format!("{module} was left out: {why}."));
    MergeOutcome {
        adapter: None,
        path: String::new(),
        modules: small(report.modules.len()),
        rank_min: small(ranks().min().unwrap_or(0)),
        rank_max: small(ranks().max().unwrap_or(0)),
        energy_kept: 1.0,
        bytes: report.bytes,
        warnings: report.warnings.iter().cloned().chain(left).take(WARNINGS_MAX).collect(),
    }
}

/// The ranks are those that the file has.
fn edited(report: EditReport, file: &Loaded) -> MergeOutcome {
    let ranks = || file.adapter.modules.iter().map(|m| m.rank).filter(|rank| *rank > 0);
    MergeOutcome {
        adapter: None,
        path: String::new(),
        modules: small(report.modules),
        rank_min: small(ranks().min().unwrap_or(0)),
        rank_max: small(ranks().max().unwrap_or(0)),
        energy_kept: 1.0,
        bytes: report.bytes,
        warnings: report.warnings,
    }
}
