//! Server-rendered pages and their server functions.

use super::headers::content_security_policy;
use super::{ApiError, AppState};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use leptos::config::LeptosOptions;
use leptos::prelude::{IntoView, provide_context, use_context};
use leptos_axum::{AxumRouteListing, LeptosRoutes, ResponseOptions, generate_route_list};
use std::sync::LazyLock;
use weft_app::{App, PageOptions, shell};
use weft_domain::Problem;
use weft_services::Events;

/// Leptos asks for these; the addresses of scripts come from [`super::assets`], not from here.
pub(super) fn leptos_options() -> LeptosOptions {
    LeptosOptions::builder().output_name("weft").build()
}

/// The page's routes, listed once: while they are listed Leptos lets no resource of the whole process begin to load, and one that is asked
/// for in that moment never answers (leptos 4773). Nothing is served before the first router is there.
static ROUTES: LazyLock<Vec<AxumRouteListing>> = LazyLock::new(|| generate_route_list(App));

pub(super) fn router(state: &AppState) -> Router<AppState> {
    let routes = ROUTES.clone();
    let options = page_options(state);
    let services = state.services.clone();
    let context = move || provide_context(services.clone());
    let events = state.services.events.clone();
    Router::new().leptos_routes_with_context(state, routes, context, move || document(&options, &events))
}

/// The whole document, with its policy on the answer.
fn document(options: &PageOptions, events: &Events) -> impl IntoView + use<> {
    send_policy();
    // Before anything is read that the page shows.
    shell(options.clone(), events.newest())
}

/// The nonce of this answer goes into its policy: only the page's own inline data may run.
fn send_policy() {
    let nonce = leptos::nonce::use_nonce();
    let policy = content_security_policy(nonce.as_ref().map(|nonce| nonce.as_inner().as_ref()));
    if let (Some(response), Ok(policy)) = (use_context::<ResponseOptions>(), HeaderValue::from_str(&policy)) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

fn page_options(state: &AppState) -> PageOptions {
    let url = |name: &str| state.assets.url(name);
    PageOptions {
        css: url("weft.css"),
        boot_js: url("boot.js"),
        js: url("weft.js"),
        parts_js: url("weft-parts.js"),
        wasm: url("weft.wasm"),
        parts: state.assets.parts().clone(),
        theme_js: url("theme.js"),
        manifest: url("manifest.webmanifest"),
        icon: url("icon.svg"),
        touch_icon: url("apple-touch-icon.png"),
        font: url("inter.woff2"),
        build: state.assets.build().to_owned(),
    }
}

/// Anything that no route takes: people get the page that says so, programs a problem.
pub(super) async fn not_found(State(state): State<AppState>, request: Request) -> Response {
    let person =
        request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
    let path = request.uri().path();
    if !person || path.starts_with("/api/") || path.starts_with("/pkg/") {
        return ApiError(Problem::not_found("There is nothing at this address.")).into_response();
    }
    let (services, events) = (state.services.clone(), state.services.events.clone());
    let options = page_options(&state);
    let draw = leptos_axum::render_app_async_with_context(move || provide_context(services.clone()), move || document(&options, &events));
    draw(request).await.into_response()
}
