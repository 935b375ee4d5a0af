//! Folders that Weft watches.

use crate::http::door::{Body, Door, Id};
use crate::http::{ApiError, AppState};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use weft_domain::root::AddRoot;
use weft_domain::{JobView, RootId, RootView};
use weft_services::access::{Admin, Editor, Reader};

/// Every root with its state.
#[utoipa::path(get, path = "/roots", tag = "roots", responses((status = 200, body = Vec<RootView>)))]
pub(super) async fn list(State(state): State<AppState>, Door(reader): Door<Reader>) -> Result<Json<Vec<RootView>>, ApiError> {
    Ok(Json(state.services.roots.list(&reader).await?))
}

/// Adds a folder and scans it.
#[utoipa::path(post, path = "/roots", tag = "roots", request_body = AddRoot,
    responses((status = 201, body = RootView), (status = 409), (status = 422)))]
pub(super) async fn add(
    State(state): State<AppState>,
    Door(admin): Door<Admin>,
    Body(request): Body<AddRoot>,
) -> Result<(StatusCode, Json<RootView>), ApiError> {
    Ok((StatusCode::CREATED, Json(state.services.roots.add(&admin, request).await?)))
}

/// Forgets a folder. No file is touched, and what was written about its adapters comes back with it.
#[utoipa::path(delete, path = "/roots/{id}", tag = "roots", params(("id" = i64, Path)), responses((status = 204), (status = 404)))]
pub(super) async fn remove(State(state): State<AppState>, Door(admin): Door<Admin>, Id(id): Id<RootId>) -> Result<StatusCode, ApiError> {
    state.services.roots.remove(&admin, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Looks for new, changed and vanished files.
#[utoipa::path(post, path = "/roots/{id}/scan", tag = "roots", params(("id" = i64, Path)),
    responses((status = 202, body = JobView), (status = 404)))]
pub(super) async fn scan(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    Id(id): Id<RootId>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(state.services.roots.scan(&editor, id).await?)))
}

/// The same for every root.
#[utoipa::path(post, path = "/roots/scan", tag = "roots", responses((status = 202, body = Vec<JobView>)))]
pub(super) async fn scan_all(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
) -> Result<(StatusCode, Json<Vec<JobView>>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(state.services.roots.scan_all(&editor).await?)))
}
