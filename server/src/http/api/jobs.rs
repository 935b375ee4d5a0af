//! Work that takes longer than a request.

use crate::http::door::{Door, Id};
use crate::http::{ApiError, AppState};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use weft_domain::{JobId, JobView};
use weft_services::access::{Editor, Reader};

/// Jobs that wait or run, then the last finished ones.
#[utoipa::path(get, path = "/jobs", tag = "jobs", responses((status = 200, body = Vec<JobView>)))]
pub(super) async fn list(State(state): State<AppState>, Door(reader): Door<Reader>) -> Result<Json<Vec<JobView>>, ApiError> {
    Ok(Json(state.services.jobs.list(&reader).await?))
}

/// One job.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = i64, Path)), responses((status = 200, body = JobView), (status = 404)))]
pub(super) async fn get(State(state): State<AppState>, Door(reader): Door<Reader>, Id(id): Id<JobId>) -> Result<Json<JobView>, ApiError> {
    Ok(Json(state.services.jobs.get(&reader, id).await?))
}

/// Asks a job to stop; it does so between two steps.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, body = JobView), (status = 404), (status = 409)))]
pub(super) async fn cancel(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    Id(id): Id<JobId>,
) -> Result<Json<JobView>, ApiError> {
    Ok(Json(state.services.jobs.cancel(&editor, id).await?))
}

/// Starts a failed or cancelled job once more, as a new one.
#[utoipa::path(post, path = "/jobs/{id}/retry", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, body = JobView), (status = 404), (status = 409)))]
pub(super) async fn retry(State(state): State<AppState>, Door(editor): Door<Editor>, Id(id): Id<JobId>) -> Result<Json<JobView>, ApiError> {
    Ok(Json(state.services.jobs.retry(&editor, id).await?))
}

/// Takes finished jobs off the list.
#[utoipa::path(delete, path = "/jobs", tag = "jobs", responses((status = 204)))]
pub(super) async fn clear(State(state): State<AppState>, Door(editor): Door<Editor>) -> Result<StatusCode, ApiError> {
    state.services.jobs.clear(&editor).await?;
    Ok(StatusCode::NO_CONTENT)
}
