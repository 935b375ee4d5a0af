//! `/api/v1/openapi.json`.

use super::super::AppState;
use crate::http::problem::ProblemBody;
use axum::routing::get;
use axum::{Json, Router};
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Weft",
        description = "A workbench for LoRA adapters. Errors are application/problem+json. Times are milliseconds since 1970, sizes bytes. \
                       Events: GET /api/v1/events (text/event-stream, event name `weft`, one JSON object each, resumable by Last-Event-ID).",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(ProblemBody, weft_domain::Event, weft_domain::operation::CheckOutcome, weft_domain::merge::MergeOutcome, weft_domain::model::BakeOutcome)),
    tags(
        (name = "library", description = "Search, details, what a user wrote"),
        (name = "checkpoints", description = "Whole models, and how adapters fit them"),
        (name = "roots", description = "Folders that Weft watches"),
        (name = "weave", description = "Several adapters into one"),
        (name = "operations", description = "Adapters resized, edited, converted, checked; checkpoints baked into, adapters extracted"),
        (name = "pictures", description = "Pictures that are kept, with all that made them"),
        (name = "generations", description = "Pictures that are asked for, and the queue they wait in"),
        (name = "openai", description = "OpenAI's image interface over the same queue"),
        (name = "jobs", description = "Work that takes longer than a request"),
    )
)]
struct Base;

/// The document before the routes add themselves.
pub(super) fn base() -> Document {
    Base::openapi()
}

/// Serves the finished document: the routes below `/api/v1`, and those `beside` them.
pub(in crate::http) fn router(mut document: Document, beside: Document) -> Router<AppState> {
    prefix(&mut document);
    document.merge(beside);
    let document = Arc::new(document);
    Router::new().route("/api/v1/openapi.json", get(move || async move { Json((*document).clone()) }))
}

/// Paths as a client writes them.
fn prefix(document: &mut Document) {
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths.into_iter().map(|(path, item)| (format!("/api/v1{path}"), item)).collect();
}
