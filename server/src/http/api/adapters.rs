//! One adapter: details, edits, picture, file.

use crate::http::door::{Body, Door, Id};
use crate::http::{ApiError, AppState};
use axum::Json;
use axum::body::Body as HttpBody;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use tokio_util::io::ReaderStream;
use weft_domain::{AdapterDetails, AdapterEdit, AdapterId, JobView, Problem, ProblemKind};
use weft_services::access::{Editor, Reader};

/// All that is known of one adapter. The ETag is the version an edit may name in If-Match.
#[utoipa::path(get, path = "/adapters/{id}", tag = "library", params(("id" = i64, Path)),
    responses((status = 200, body = AdapterDetails), (status = 304), (status = 404)))]
pub(super) async fn details(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Id(id): Id<AdapterId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let details = state.services.library.details(&reader, id).await?;
    let etag = etag_of(&details);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == etag.as_bytes()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    Ok(tagged(Json(details), &etag))
}

/// Changes what belongs to the user: name, tags, notes, rating. With If-Match only if nobody else changed it in between.
#[utoipa::path(patch, path = "/adapters/{id}", tag = "library", params(("id" = i64, Path)), request_body = AdapterEdit,
    responses((status = 200, body = AdapterDetails), (status = 404), (status = 412), (status = 422)))]
pub(super) async fn edit(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    Id(id): Id<AdapterId>,
    headers: HeaderMap,
    Body(mut edit): Body<AdapterEdit>,
) -> Result<Response, ApiError> {
    if let Some(seen) = headers.get(header::IF_MATCH).filter(|value| value.as_bytes() != b"*") {
        let version = seen.to_str().ok().and_then(version_in_etag);
        edit.version = Some(version.ok_or_else(|| Problem::new(ProblemKind::Stale, "If-Match names no version of this adapter."))?);
    }
    let details = state.services.library.edit(&editor, id, edit).await?;
    let etag = etag_of(&details);
    Ok(tagged(Json(details), &etag))
}

/// `"3-1f2e3d"`: the version of the user's data, then a digest of the whole answer.
fn etag_of(details: &AdapterDetails) -> String {
    use sha2::Digest as _;
    let bytes = serde_json::to_vec(details).unwrap_or_default();
    format!("\"{}-{}\"", details.version, hex::encode(&sha2::Sha256::digest(&bytes)[..6]))
}

fn version_in_etag(etag: &str) -> Option<i64> {
    etag.trim_start_matches("W/").trim_matches('"').split('-').next()?.parse().ok()
}

fn tagged(body: impl IntoResponse, etag: &str) -> Response {
    let mut response = body.into_response();
    if let Ok(value) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

#[derive(Debug, Deserialize)]
pub(super) struct PictureQuery {
    #[serde(default)]
    w: Option<u32>,
    #[serde(default)]
    v: Option<String>,
}

/// The picture of a card: the user's, scaled, or the portrait woven from the block strengths.
#[utoipa::path(get, path = "/adapters/{id}/preview", tag = "library",
    params(("id" = i64, Path), ("w" = Option<u32>, Query, description = "160, 320 or 640 pixels"), ("v" = Option<String>, Query, description = "preview_version of the card: makes the answer cacheable for ever")),
    responses((status = 200, content_type = "image/svg+xml"), (status = 304), (status = 404)))]
pub(super) async fn preview(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Id(id): Id<AdapterId>,
    Query(query): Query<PictureQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let picture = state.services.previews.picture(&reader, id, query.w.unwrap_or(320)).await?;
    let etag = format!("\"{}\"", picture.etag.trim_matches('"'));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == etag.as_bytes()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let mut response = tagged(HttpBody::from(picture.bytes), &etag);
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(picture.content_type));
    let cache = if query.v.is_some() { "private, max-age=31536000, immutable" } else { "private, no-cache" };
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    // An SVG opened by itself is a document: it may run and load nothing.
    out.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox"));
    Ok(response)
}

/// The adapter file itself.
#[utoipa::path(get, path = "/adapters/{id}/file", tag = "library", params(("id" = i64, Path)),
    responses((status = 200, content_type = "application/octet-stream"), (status = 404)))]
pub(super) async fn file(State(state): State<AppState>, Door(reader): Door<Reader>, Id(id): Id<AdapterId>) -> Result<Response, ApiError> {
    let handle = state.services.library.file(&reader, id).await?;
    let file = tokio::fs::File::open(&handle.path).await.map_err(|error| {
        Problem::not_found("The file cannot be opened.").detail(error.to_string()).hint("Scan its folder again, or check the drive.")
    })?;
    let mut response = Response::new(HttpBody::from_stream(ReaderStream::with_capacity(file, 1 << 18)));
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    out.insert(header::CONTENT_LENGTH, HeaderValue::from(handle.size));
    if let Ok(value) = HeaderValue::from_str(&attachment(&handle.name)) {
        out.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// RFC 6266: a plain name for old clients, the true one percent-encoded.
pub(super) fn attachment(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') { c } else { '_' }).collect();
    let exact: String = name
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_') { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}")
}

/// Reads this one file again: header, hashes, strengths, picture.
#[utoipa::path(post, path = "/adapters/{id}/reindex", tag = "library", params(("id" = i64, Path)),
    responses((status = 202, body = JobView), (status = 404)))]
pub(super) async fn reindex(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    Id(id): Id<AdapterId>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(state.services.library.reindex(&editor, id).await?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_file_name_stays_one_header() {
        let value = attachment("a\"\r\nX: y\u{202e}.safetensors");
        assert!(!value.contains('\n') && !value.contains('\r') && value.is_ascii(), "{value}");
        assert!(value.starts_with("attachment; filename=\"a___X:_y_.safetensors\""), "{value}");
    }

    #[test]
    fn an_etag_gives_its_version_back() {
        assert_eq!(version_in_etag("\"12-abc\""), Some(12));
        assert_eq!(version_in_etag("W/\"3-0\""), Some(3));
        assert_eq!(version_in_etag("\"x\""), None);
    }
}
