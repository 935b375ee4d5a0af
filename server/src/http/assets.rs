//! The page's files: scripts, WebAssembly, styles, fonts, icons. Inside the program in a release; read from disk in a debug build.
//!
//! `assets.json`, written by `cargo xtask build`, maps logical names (`weft.js`) to hashed addresses (`/pkg/weft.1a2b.js`). Hashed files
//! never change and are cached for ever; the service worker and the manifest are asked for anew each time.

use super::{ApiError, AppState};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;
use serde::Deserialize;
use std::collections::BTreeMap;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use weft_domain::Problem;

#[derive(RustEmbed)]
#[folder = "../target/site"]
#[allow_missing = true]
struct Site;

/// The map that the build wrote.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Assets {
    /// Changes with every build of the page.
    #[serde(default)]
    build: String,
    /// Logical name to address.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Part of the page to the addresses of its files.
    #[serde(default)]
    parts: BTreeMap<String, Vec<String>>,
}

impl Assets {
    /// Reads the map; without a built page it is empty, and pages come without script and style.
    #[must_use]
    pub fn load() -> Self {
        let parsed = Site::get("assets.json").and_then(|file| serde_json::from_slice(&file.data).ok());
        if parsed.is_none() {
            tracing::warn!("the page was not built: run `cargo xtask build`; REST and the command line work without it");
        }
        parsed.unwrap_or_default()
    }

    /// Address of a logical name, empty when the page was not built.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        self.files.get(name).cloned().unwrap_or_default()
    }

    /// Files of each part of the page.
    #[must_use]
    pub fn parts(&self) -> &BTreeMap<String, Vec<String>> {
        &self.parts
    }

    /// Name of this build.
    #[must_use]
    pub fn build(&self) -> &str {
        &self.build
    }
}

/// Files at the root of the site that are fetched under their own name.
const AT_ROOT: [&str; 4] = ["sw.js", "manifest.webmanifest", "offline.html", "favicon.ico"];

pub(super) fn router() -> Router<AppState> {
    let mut router = Router::new().route("/pkg/{*path}", get(hashed));
    for name in AT_ROOT {
        router = router.route(&format!("/{name}"), get(move |headers: HeaderMap| async move { serve(name, &headers, false) }));
    }
    router
}

async fn hashed(State(_): State<AppState>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    serve(&format!("pkg/{path}"), &headers, true)
}

/// The file in the smallest form that the browser takes. Only names inside the embedded tree exist; there is no path to walk out by.
fn serve(path: &str, headers: &HeaderMap, immutable: bool) -> Response {
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let coded = [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(coding, _)| accepts.contains(coding))
        .find_map(|(coding, ending)| Site::get(&format!("{path}{ending}")).map(|file| (file, Some(coding))));
    let Some((file, coding)) = coded.or_else(|| Site::get(path).map(|file| (file, None))) else {
        return ApiError(Problem::not_found("There is no such file.")).into_response();
    };
    let etag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..12]));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == etag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let mut response = Response::new(Body::from(file.data.into_owned()));
    let out = response.headers_mut();
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let cache = if immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let fields = [
        (header::CONTENT_TYPE, mime.as_ref()),
        (header::CACHE_CONTROL, cache),
        (header::ETAG, etag.as_str()),
        (header::VARY, "accept-encoding"),
    ];
    for (name, value) in fields.into_iter().chain(coding.map(|coding| (header::CONTENT_ENCODING, coding))) {
        if let Ok(value) = HeaderValue::from_str(value) {
            out.insert(name, value);
        }
    }
    response
}

/// Pictures are compressed already; tiny answers are not worth it.
pub(super) fn worth_compressing() -> impl Predicate {
    SizeAbove::new(860)
        .and(NotForContentType::const_new("image/jpeg"))
        .and(NotForContentType::const_new("image/png"))
        .and(NotForContentType::const_new("image/webp"))
        .and(NotForContentType::const_new("image/gif"))
        .and(NotForContentType::const_new("application/octet-stream"))
        .and(NotForContentType::const_new("text/event-stream"))
}
