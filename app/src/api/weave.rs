//! Weaving: do they fit, what would come out, make it.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::access::{answer, role, services};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use serde::{Deserialize, Serialize};
use weft_domain::compare::{CompareAnswer, Comparison};
use weft_domain::merge::{MergeEstimate, MergeRequest, Verdict, Weave};
use weft_domain::{AdapterId, JobView};
use weft_weights::gram::GramSet;

/// All that the sliders need to know of some adapters, once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Together {
    pub verdict: Verdict,
    /// Inner products by slot; None when the adapters do not fit together or have no strengths.
    pub gram: Option<GramSet>,
    /// Id of the layout they share.
    pub layout: Option<String>,
}

/// Whether these adapters go together, and the Gram matrices behind the sliders.
#[server(prefix = "/fn", endpoint = "weave/together", input = Json)]
pub async fn weave_together(ids: Vec<AdapterId>) -> Result<Together, ApiError> {
    let together = answer(services()?.weave.together(&role().await?, &ids).await)?;
    Ok(Together { verdict: together.verdict, gram: together.gram, layout: together.layout })
}

/// How adapters relate, or the job that computes it: ask again when it is done.
#[server(prefix = "/fn", endpoint = "weave/compare-or-job", input = Json)]
pub async fn weave_compare_or_job(ids: Vec<AdapterId>) -> Result<CompareAnswer, ApiError> {
    answer(services()?.weave.compare_or_job(&role().await?, &ids).await)
}

/// How adapters relate. Answers when it is known.
#[server(prefix = "/fn", endpoint = "weave/compare", input = Json)]
pub async fn weave_compare(ids: Vec<AdapterId>) -> Result<Comparison, ApiError> {
    answer(services()?.weave.compare(&role().await?, &ids).await)
}

/// Energy and size by rank, without writing.
#[server(prefix = "/fn", endpoint = "weave/estimate", input = Json)]
pub async fn weave_estimate(weave: Weave) -> Result<MergeEstimate, ApiError> {
    answer(services()?.weave.estimate(&role().await?, &weave).await)
}

/// Weaves and saves, as a job.
#[server(prefix = "/fn", endpoint = "weave/merge", input = Json)]
pub async fn weave_merge(request: MergeRequest) -> Result<JobView, ApiError> {
    answer(services()?.weave.merge(&role().await?, request).await)
}
