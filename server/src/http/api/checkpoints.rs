//! Checkpoints, and how adapters stand to them.

use crate::http::door::{Door, Id};
use crate::http::{ApiError, AppState};
use axum::Json;
use axum::extract::{Query, RawQuery, State};
use http::StatusCode;
use serde::Deserialize;
use weft_domain::{AdapterFits, AdapterId, CheckpointDetails, CheckpointId, CheckpointPage, CheckpointQuery, MeasuresAnswer, Problem};
use weft_services::access::Reader;

/// A window of the checkpoints.
#[utoipa::path(get, path = "/checkpoints", tag = "checkpoints",
    params(
        ("q" = Option<String>, Query, description = "Words that must all appear in title, file, folder or model; each from the start of a word"),
        ("family" = Option<Vec<String>>, Query, description = "Family ids, any of; repeat the key"),
        ("state" = Option<Vec<String>>, Query, description = "`ready`, `missing`, `broken`"),
        ("root" = Option<Vec<String>>, Query, description = "Root ids, any of"),
        ("sort" = Option<String>, Query, description = "`name`, `added`, `modified`, `size`"),
        ("reverse" = Option<bool>, Query, description = "Turns the order round"),
        ("offset" = Option<u64>, Query, description = "First row"),
        ("limit" = Option<u64>, Query, description = "Rows, 60 if not said, at most 500"),
    ),
    responses((status = 200, body = CheckpointPage)))]
pub(super) async fn list(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    RawQuery(query): RawQuery,
) -> Result<Json<CheckpointPage>, ApiError> {
    let query = CheckpointQuery::from_query(query.as_deref().unwrap_or_default());
    Ok(Json(state.services.checkpoints.query(&reader, &query).await?))
}

/// All that is known of one checkpoint.
#[utoipa::path(get, path = "/checkpoints/{id}", tag = "checkpoints", params(("id" = i64, Path)),
    responses((status = 200, body = CheckpointDetails), (status = 404)))]
pub(super) async fn details(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Id(id): Id<CheckpointId>,
) -> Result<Json<CheckpointDetails>, ApiError> {
    Ok(Json(state.services.checkpoints.details(&reader, id).await?))
}

#[derive(Debug, Deserialize)]
pub(super) struct Beside {
    #[serde(default)]
    checkpoint: Option<String>,
}

impl Beside {
    /// A word that is no number is a checkpoint that does not exist.
    fn id(&self) -> Result<Option<CheckpointId>, Problem> {
        let word = self.checkpoint.as_deref().filter(|word| !word.is_empty());
        word.map(|word| word.parse().map_err(|_| Problem::not_found("There is no such checkpoint in the library."))).transpose()
    }
}

/// How an adapter fits one checkpoint, or every one that can be used, best first. From headers alone.
#[utoipa::path(get, path = "/adapters/{id}/fits", tag = "checkpoints",
    params(("id" = i64, Path), ("checkpoint" = Option<i64>, Query, description = "This one alone")),
    responses((status = 200, body = AdapterFits), (status = 404), (status = 409)))]
pub(super) async fn fits(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Id(id): Id<AdapterId>,
    Query(beside): Query<Beside>,
) -> Result<Json<AdapterFits>, ApiError> {
    Ok(Json(state.services.checkpoints.fits(&reader, id, beside.id()?).await?))
}

/// Norms and ranks by module, block, group and file. 200 with `measures`, or 202 with the `job` that computes them: ask again when it is done.
#[utoipa::path(get, path = "/adapters/{id}/measures", tag = "library",
    params(("id" = i64, Path), ("checkpoint" = Option<i64>, Query, description = "Relates every norm to that of the weight it changes")),
    responses((status = 200, body = MeasuresAnswer), (status = 202, body = MeasuresAnswer), (status = 404), (status = 409)))]
pub(super) async fn measures(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Id(id): Id<AdapterId>,
    Query(beside): Query<Beside>,
) -> Result<(StatusCode, Json<MeasuresAnswer>), ApiError> {
    let answer = state.services.measuring.measures(&reader, id, beside.id()?).await?;
    let status = if answer.measures.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(answer)))
}
