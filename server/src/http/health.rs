//! `/health`: is it up, which build is it.

use super::AppState;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use weft_domain::status::Health;

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/health", get(health))
}

async fn health(State(state): State<AppState>) -> (StatusCode, Json<Health>) {
    let fine = state.services.health.check().await;
    let body = Health {
        status: if fine { "ok" } else { "degraded" }.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build: state.assets.build().to_owned(),
        database: state.services.health.database_name(),
    };
    (if fine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}
