//! Several adapters into one.

use crate::http::door::{Body, Door};
use crate::http::{ApiError, AppState};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Deserialize;
use weft_domain::compare::{CompareAnswer, Comparison};
use weft_domain::merge::{MergeEstimate, MergeRequest, Weave};
use weft_domain::{AdapterId, JobView};
use weft_services::access::{Editor, Reader};
use weft_services::weave::Together;

/// Which adapters.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(super) struct Ids {
    ids: Vec<AdapterId>,
}

/// Whether they fit together, and the Gram matrices from which every combined strength follows.
#[utoipa::path(post, path = "/weave/together", tag = "weave", request_body = Ids,
    responses((status = 200, description = "verdict: Verdict, layout: string or null, gram: GramSet or null", body = serde_json::Value), (status = 404)))]
pub(super) async fn together(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Body(request): Body<Ids>,
) -> Result<Json<Together>, ApiError> {
    Ok(Json(state.services.weave.together(&reader, &request.ids).await?))
}

/// How adapters relate: sentences, cosines, shared directions, by pair and block. 200 with the comparison, or, when it takes longer than a
/// moment, 202 with the `job` that computes it: ask again when it is done.
#[utoipa::path(post, path = "/weave/compare", tag = "weave", request_body = Ids,
    responses((status = 200, body = Comparison), (status = 202, body = CompareAnswer), (status = 404), (status = 422)))]
pub(super) async fn compare(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Body(request): Body<Ids>,
) -> Result<Response, ApiError> {
    let answer = state.services.weave.compare_or_job(&reader, &request.ids).await?;
    Ok(match answer.comparison {
        Some(comparison) => Json(comparison).into_response(),
        None => (StatusCode::ACCEPTED, Json(answer)).into_response(),
    })
}

/// Energy and size by rank, without writing anything.
#[utoipa::path(post, path = "/weave/estimate", tag = "weave", request_body = Weave,
    responses((status = 200, body = MergeEstimate), (status = 422)))]
pub(super) async fn estimate(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Body(weave): Body<Weave>,
) -> Result<Json<MergeEstimate>, ApiError> {
    Ok(Json(state.services.weave.estimate(&reader, &weave).await?))
}

/// Weaves and saves as a job; the job's result is a MergeOutcome.
#[utoipa::path(post, path = "/merges", tag = "weave", request_body = MergeRequest,
    responses((status = 202, body = JobView), (status = 422)))]
pub(super) async fn merge(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    Body(request): Body<MergeRequest>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(state.services.weave.merge(&editor, request).await?)))
}
