//! Something to try Weft with.

use crate::http::door::Door;
use crate::http::{ApiError, AppState};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use weft_domain::JobView;
use weft_services::access::Admin;

/// Writes sample adapters into the data folder and adds them to the library.
#[utoipa::path(post, path = "/samples", tag = "roots", responses((status = 202, body = JobView)))]
pub(super) async fn create(State(state): State<AppState>, Door(admin): Door<Admin>) -> Result<(StatusCode, Json<JobView>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(state.services.samples.create(&admin).await?)))
}
