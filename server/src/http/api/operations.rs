//! Operations on one adapter.

use crate::http::door::{Body, Door, Id};
use crate::http::{ApiError, AppState};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use weft_domain::operation::OperationRequest;
use weft_domain::{AdapterId, JobView};
use weft_services::access::{Editor, Reader};

/// Resizes or edits a copy as a job; the job's result is a MergeOutcome.
#[utoipa::path(post, path = "/operations", tag = "operations", request_body = OperationRequest,
    responses((status = 202, body = JobView), (status = 404), (status = 422)))]
pub(super) async fn start(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    Body(request): Body<OperationRequest>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(state.services.operations.start(&editor, request).await?)))
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
