//! Everything that speaks HTTP: one router a stranger can read top to bottom.

pub mod access;
pub mod api;
pub mod assets;
mod door;
pub mod events;
mod headers;
pub mod health;
mod page;
mod problem;

pub use problem::ApiError;

use axum::Router;
use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::trace::TraceLayer;
use weft_services::Services;

/// Largest request body. Uploads of adapters will get routes of their own.
const BODY_LIMIT: usize = 1 << 20;

/// What handlers share.
#[derive(Clone, FromRef)]
pub struct AppState {
    pub services: Services,
    pub assets: Arc<assets::Assets>,
    pub leptos: LeptosOptions,
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppState").finish_non_exhaustive()
    }
}

impl AppState {
    /// State over running services.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services, assets: Arc::new(assets::Assets::load()), leptos: page::leptos_options() }
    }
}

/// Every route of the program.
///
/// Outermost first: panics become problems, requests are logged, strangers are turned away ([`access`]), answers carry the security
/// headers ([`headers`]). The event stream is not compressed, as a compressor holds small events back.
pub fn router(state: AppState) -> Router {
    let (api, document) = api::router().split_for_parts();
    let (openai, beside) = api::openai::router().split_for_parts();
    let answers = Router::new()
        .nest("/api/v1", api)
        .merge(openai)
        .merge(health::router())
        .merge(api::openapi::router(document, beside))
        .merge(page::router(&state))
        .merge(assets::router())
        .layer(CompressionLayer::new().compress_when(assets::worth_compressing()));
    answers
        .nest("/api/v1/events", events::router())
        .fallback(page::not_found)
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
        .layer(axum::middleware::from_fn(headers::add))
        .layer(axum::middleware::from_fn_with_state(state.clone(), access::guard))
        .layer(TraceLayer::new_for_http())
        .layer(CatchPanicLayer::custom(problem::from_panic))
        .with_state(state)
}
