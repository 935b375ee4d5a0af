//! Styles: words that are put around a prompt, in the user's own `styles.csv`.

use crate::http::door::{Body, Door};
use crate::http::{ApiError, AppState};
use axum::Json;
use axum::extract::State;
use weft_domain::generation::{Style, Styles};
use weft_services::access::{Editor, Reader};

/// All styles, and where their file lies.
#[utoipa::path(get, path = "/styles", tag = "generations", responses((status = 200, body = Styles)))]
pub(super) async fn list(State(state): State<AppState>, Door(reader): Door<Reader>) -> Result<Json<Styles>, ApiError> {
    Ok(Json(state.services.generating.styles(&reader).await?))
}

/// Adds a style to the file; nothing else in it changes.
#[utoipa::path(post, path = "/styles", tag = "generations", request_body = Style,
    responses((status = 200, body = Styles), (status = 409), (status = 422)))]
pub(super) async fn keep(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    Body(style): Body<Style>,
) -> Result<Json<Styles>, ApiError> {
    Ok(Json(state.services.generating.keep_style(&editor, style).await?))
}

/// Takes a style out of the file, if it is still exactly this one.
#[utoipa::path(delete, path = "/styles", tag = "generations", request_body = Style,
    responses((status = 200, body = Styles), (status = 404), (status = 409)))]
pub(super) async fn remove(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    Body(style): Body<Style>,
) -> Result<Json<Styles>, ApiError> {
    Ok(Json(state.services.generating.remove_style(&editor, style).await?))
}
