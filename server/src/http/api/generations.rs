//! Pictures that are asked for, and the queue they wait in.

use crate::http::door::{Body, Door, Id};
use crate::http::{ApiError, AppState};
use axum::Json;
use axum::extract::{Query, State};
use http::StatusCode;
use serde::Deserialize;
use weft_domain::generation::{Defaults, GenerationRequest, GenerationView, PromptText, PromptView, QueueView};
use weft_domain::{CheckpointId, GenerationId, JobId};
use weft_services::access::{Editor, Reader};

/// Which generations to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Window {
    before: Option<i64>,
    limit: Option<u64>,
}

/// A checkpoint in the query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct With {
    checkpoint: Option<i64>,
}

/// Where a waiting job is to stand.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(super) struct Move {
    job: JobId,
    /// The waiting job that it goes before; none: to the end.
    #[serde(default)]
    before: Option<JobId>,
}

/// Asks for pictures: one, a batch, or a sheet. What is left open gets the default of the checkpoint's family.
#[utoipa::path(post, path = "/generations", tag = "generations", request_body = GenerationRequest,
    responses((status = 202, body = GenerationView), (status = 409), (status = 422), (status = 503)))]
pub(super) async fn start(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    Body(request): Body<GenerationRequest>,
) -> Result<(StatusCode, Json<GenerationView>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(state.services.generating.start(&editor, request).await?)))
}

/// The newest generations with their pictures.
#[utoipa::path(get, path = "/generations", tag = "generations",
    params(("before" = Option<i64>, Query, description = "Older than this one"), ("limit" = Option<u64>, Query, description = "20 if not said, at most 100")),
    responses((status = 200, body = Vec<GenerationView>)))]
pub(super) async fn list(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Query(window): Query<Window>,
) -> Result<Json<Vec<GenerationView>>, ApiError> {
    let before = window.before.map(GenerationId);
    Ok(Json(state.services.generating.recent(&reader, before, window.limit.unwrap_or(20)).await?))
}

/// One generation with the pictures it has so far.
#[utoipa::path(get, path = "/generations/{id}", tag = "generations", params(("id" = i64, Path)),
    responses((status = 200, body = GenerationView), (status = 404)))]
pub(super) async fn get(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Id(id): Id<GenerationId>,
) -> Result<Json<GenerationView>, ApiError> {
    Ok(Json(state.services.generating.get(&reader, id).await?))
}

/// What waits and what is painted now, in its order. Cancel and try again through the jobs.
#[utoipa::path(get, path = "/generations/queue", tag = "generations", responses((status = 200, body = QueueView)))]
pub(super) async fn queue(State(state): State<AppState>, Door(reader): Door<Reader>) -> Result<Json<QueueView>, ApiError> {
    Ok(Json(state.services.generating.queue(&reader).await?))
}

/// Lets nothing new begin; the picture at hand is finished.
#[utoipa::path(post, path = "/generations/queue/pause", tag = "generations", responses((status = 200, body = QueueView)))]
pub(super) async fn pause(State(state): State<AppState>, Door(editor): Door<Editor>) -> Result<Json<QueueView>, ApiError> {
    Ok(Json(state.services.generating.pause(&editor, true).await?))
}

/// Goes on after a pause.
#[utoipa::path(post, path = "/generations/queue/resume", tag = "generations", responses((status = 200, body = QueueView)))]
pub(super) async fn resume(State(state): State<AppState>, Door(editor): Door<Editor>) -> Result<Json<QueueView>, ApiError> {
    Ok(Json(state.services.generating.pause(&editor, false).await?))
}

/// Moves a waiting generation.
#[utoipa::path(post, path = "/generations/queue/move", tag = "generations", request_body = Move,
    responses((status = 200, body = QueueView), (status = 409)))]
pub(super) async fn reorder(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    Body(wish): Body<Move>,
) -> Result<Json<QueueView>, ApiError> {
    Ok(Json(state.services.generating.reorder(&editor, wish.job, wish.before).await?))
}

/// What a form begins with: sampler, steps, size, and whether the checkpoint can paint here at all.
#[utoipa::path(get, path = "/generations/defaults", tag = "generations",
    params(("checkpoint" = Option<i64>, Query, description = "The one used last, if not said")),
    responses((status = 200, body = Defaults)))]
pub(super) async fn defaults(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Query(with): Query<With>,
) -> Result<Json<Defaults>, ApiError> {
    Ok(Json(state.services.generating.defaults(&reader, with.checkpoint.map(CheckpointId)).await?))
}

/// Tokens (with the words of its styles), chunks, weights and named adapters of a prompt.
#[utoipa::path(post, path = "/generations/prompt", tag = "generations", request_body = PromptText,
    responses((status = 200, body = PromptView), (status = 422)))]
pub(super) async fn prompt(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Body(typed): Body<PromptText>,
) -> Result<Json<PromptView>, ApiError> {
    Ok(Json(state.services.generating.prompt_view(&reader, typed).await?))
}
