//! Operations on adapters and checkpoints.

use crate::http::door::{Body, Door, Id};
use crate::http::{ApiError, AppState};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use weft_domain::model::AnyRequest;
use weft_domain::{AdapterId, JobView};
use weft_services::access::{Editor, Reader};

/// Resizes, edits or converts a copy of an adapter, bakes adapters into a copy of a checkpoint or takes them out, extracts an adapter: as a job.
/// Its result is a MergeOutcome; of bake and unbake a BakeOutcome.
#[utoipa::path(post, path = "/operations", tag = "operations", request_body = AnyRequest,
    responses((status = 202, body = JobView), (status = 404), (status = 409), (status = 422)))]
pub(super) async fn start(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    Body(body): Body<serde_json::Value>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    let request = AnyRequest::read(body)?;
    Ok((StatusCode::ACCEPTED, Json(state.services.operations.start_any(&editor, request).await?)))
}

/// Reads the whole file and says what is wrong with it, as a job; the job's result is a CheckOutcome.
#[utoipa::path(post, path = "/adapters/{id}/check", tag = "operations", params(("id" = i64, Path)),
    responses((status = 202, body = JobView), (status = 404)))]
pub(super) async fn check(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Id(id): Id<AdapterId>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(state.services.operations.check(&reader, id).await?)))
}
