//! Search and counts.

use crate::http::door::Door;
use crate::http::{ApiError, AppState};
use axum::Json;
use axum::extract::{RawQuery, State};
use weft_domain::status::Overview;
use weft_domain::{LibraryPage, LibraryQuery};
use weft_services::access::Reader;

/// A window of the library.
#[utoipa::path(get, path = "/library", tag = "library",
    params(
        ("text" = Option<String>, Query, description = "Words that must all appear in name, file, folder, triggers or tags; each from the start of a word"),
        ("family" = Option<Vec<String>>, Query, description = "Family ids, any of; repeat the key"),
        ("kind" = Option<Vec<String>>, Query, description = "Kind ids, any of"),
        ("layout" = Option<Vec<String>>, Query, description = "Layout ids, any of"),
        ("blocks" = Option<Vec<String>>, Query, description = "`real` or `fallback`"),
        ("state" = Option<Vec<String>>, Query, description = "`ready`, `missing`, `broken`"),
        ("tag" = Option<Vec<String>>, Query, description = "Tags, any of"),
        ("root" = Option<Vec<String>>, Query, description = "Root ids, any of"),
        ("sort" = Option<String>, Query, description = "`name`, `added`, `modified`, `rating`, `strength`, `rank`, `size`"),
        ("reverse" = Option<bool>, Query, description = "Turns the order round"),
        ("offset" = Option<u64>, Query, description = "First row"),
        ("limit" = Option<u64>, Query, description = "Rows, 60 if not said, at most 500"),
    ),
    responses((status = 200, body = LibraryPage)))]
pub(super) async fn query(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    RawQuery(query): RawQuery,
) -> Result<Json<LibraryPage>, ApiError> {
    let query = LibraryQuery::from_query(query.as_deref().unwrap_or_default());
    Ok(Json(state.services.library.query(&reader, &query).await?))
}

/// Counts for the whole library.
#[utoipa::path(get, path = "/overview", tag = "library", responses((status = 200, body = Overview)))]
pub(super) async fn overview(State(state): State<AppState>, Door(reader): Door<Reader>) -> Result<Json<Overview>, ApiError> {
    Ok(Json(state.services.library.overview(&reader).await?))
}
