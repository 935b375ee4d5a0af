//! How adapters of the library relate.

use super::members::Loaded;
use super::{Weaving, plan};
use crate::jobs::{JobContext, JobError, JobHandler};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use weft_domain::compare::{Comparison, Pair, Relation, SlotRelation};
use weft_domain::{AdapterId, JobKind, Problem, ProblemKind};
use weft_weights::compare::{self, CompareError, CompareOptions};
use weft_weights::progress::Progress;

/// What a comparison is queued with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Input {
    pub(super) ids: Vec<AdapterId>,
}

/// Runs comparisons: the answer is kept in memory for whoever asks again.
#[derive(Debug)]
pub(crate) struct CompareJob(pub(crate) Weaving);

#[async_trait]
impl JobHandler for CompareJob {
    fn kind(&self) -> JobKind {
        JobKind::Compare
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let Input { ids } = serde_json::from_value(input)?;
        let progress = ctx.clone();
        let answer = self.0.compared(&ids, move |places| super::compared(ids_of(places), places, &progress)).await;
        ctx.check()?;
        Ok(json!({ "ids": ids, "sentences": answer?.sentences }))
    }
}

fn ids_of(places: &[weft_storage::FilePlace]) -> Vec<AdapterId> {
    places.iter().map(|place| place.id).collect()
}

/// Compares loaded adapters. Blocks.
pub(super) fn compare(ids: Vec<AdapterId>, loaded: &[Loaded], stop: &dyn Progress) -> Result<Comparison, Problem> {
    let members: Vec<_> = loaded.iter().map(Loaded::member).collect();
    let options = CompareOptions { names: loaded.iter().map(|m| m.name.clone()).collect(), ..CompareOptions::default() };
    let found = compare::compare(&members, &options, stop).map_err(problem)?;
    let sentences = |list: Vec<String>| list.iter().map(|text| plan::sentence(text)).collect::<Vec<_>>();
    let pair = |p: compare::PairRelation| Pair {
        a: p.a,
        b: p.b,
        sentences: sentences(p.sentences),
        whole: relation(p.denoiser),
        text_encoders: p.text_encoders.map(relation),
        slots: p.slots.into_iter().map(|s| SlotRelation { slot: s.slot, block: s.block, relation: relation(s.relation) }).collect(),
    };
    Ok(Comparison {
        adapters: ids,
        sentences: sentences(found.sentences),
        pairs: found.pairs.into_iter().map(pair).collect(),
        notes: sentences(found.notes),
        names: found.names,
    })
}

fn relation(r: compare::Relation) -> Relation {
    Relation {
        norm_a: r.norm_a,
        norm_b: r.norm_b,
        cosine: r.cosine,
        chance: r.chance,
        relative_distance: r.relative_distance,
        input_overlap: r.input.as_ref().map(|o| o.mean),
        input_chance: r.input.as_ref().map(|o| o.chance),
        output_overlap: r.output.as_ref().map(|o| o.mean),
        output_chance: r.output.as_ref().map(|o| o.chance),
        sign_conflict: r.sign_conflict,
    }
}

fn problem(error: CompareError) -> Problem {
    match error {
        CompareError::TooFew => Problem::invalid("ids", "Choose at least two adapters to compare."),
        CompareError::Cancelled(_) => Problem::new(ProblemKind::Unavailable, "The work was stopped."),
        CompareError::Read { .. } => {
            Problem::new(ProblemKind::Unavailable, "An adapter could not be read.").detail(plan::sentence(&error.to_string()))
        }
    }
}
