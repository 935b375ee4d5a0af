//! Pictures that are kept.

use super::adapters::attachment;
use crate::http::door::{Body, Door, Id};
use crate::http::{ApiError, AppState};
use axum::Json;
use axum::body::Body as HttpBody;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Query, RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use weft_domain::generation::{PictureAdapters, PictureCard, PictureDetails, PictureEdit, PicturePage, PictureQuery, Trash};
use weft_domain::{GenerationId, PictureId, Problem};
use weft_pictures::Format;
use weft_services::access::{Editor, Reader};
use weft_services::pictures::PictureFile;

/// A window of the pictures, newest first unless said otherwise.
#[utoipa::path(get, path = "/pictures", tag = "pictures",
    params(
        ("text" = Option<String>, Query, description = "Words that must all appear in prompts, names of checkpoint and adapters; each from the start of a word"),
        ("checkpoint" = Option<Vec<i64>>, Query, description = "Checkpoint ids, any of; repeat the key"),
        ("adapter" = Option<Vec<i64>>, Query, description = "Adapter ids, any of"),
        ("generation" = Option<i64>, Query, description = "Pictures of this generation"),
        ("source" = Option<Vec<String>>, Query, description = "`weft`, `a1111`, `comfyui`, `swarmui`, `invokeai`, `novelai`, `fooocus`, `unknown`"),
        ("favourite" = Option<bool>, Query, description = "Favourites alone"),
        ("rating" = Option<u8>, Query, description = "At least so many stars"),
        ("trash" = Option<bool>, Query, description = "Those in the trash, instead of the others"),
        ("sort" = Option<String>, Query, description = "`newest`, `oldest`, `rating`"),
        ("offset" = Option<u64>, Query, description = "First row"),
        ("limit" = Option<u64>, Query, description = "Rows, 60 if not said, at most 500"),
    ),
    responses((status = 200, body = PicturePage)))]
pub(super) async fn query(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    RawQuery(query): RawQuery,
) -> Result<Json<PicturePage>, ApiError> {
    let query = PictureQuery::from_query(query.as_deref().unwrap_or_default());
    Ok(Json(state.services.pictures.query(&reader, &query).await?))
}

/// What [`adapters`] is asked.
#[derive(Debug, Deserialize)]
pub(super) struct AdaptersQuery {
    #[serde(default)]
    text: String,
    #[serde(default)]
    trash: bool,
}

/// Adapters that kept pictures were made with, the most used first, with how many pictures each has.
#[utoipa::path(get, path = "/pictures/adapters", tag = "pictures",
    params(
        ("text" = Option<String>, Query, description = "Words of the name"),
        ("trash" = Option<bool>, Query, description = "Of the pictures in the trash, instead of the others"),
    ),
    responses((status = 200, body = PictureAdapters)))]
pub(super) async fn adapters(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Query(query): Query<AdaptersQuery>,
) -> Result<Json<PictureAdapters>, ApiError> {
    Ok(Json(state.services.pictures.adapters(&reader, &query.text, &[], query.trash).await?))
}

/// What lies in the trash: pictures, and the bytes that would be free without them.
#[utoipa::path(get, path = "/pictures/trash", tag = "pictures", responses((status = 200, body = Trash)))]
pub(super) async fn trashed(State(state): State<AppState>, Door(reader): Door<Reader>) -> Result<Json<Trash>, ApiError> {
    Ok(Json(state.services.pictures.trash(&reader).await?))
}

/// Removes for good what lies in the trash, twelve seconds from now: until then `POST /pictures/trash/spare` takes it back.
#[utoipa::path(delete, path = "/pictures/trash", tag = "pictures", responses((status = 202, body = Trash)))]
pub(super) async fn empty_trash(State(state): State<AppState>, Door(editor): Door<Editor>) -> Result<(StatusCode, Json<Trash>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(state.services.pictures.empty_trash(&editor).await?)))
}

/// Takes the emptying of the trash back; false where it is too late.
#[utoipa::path(post, path = "/pictures/trash/spare", tag = "pictures", responses((status = 200, body = bool)))]
pub(super) async fn spare_trash(State(state): State<AppState>, Door(editor): Door<Editor>) -> Result<Json<bool>, ApiError> {
    Ok(Json(state.services.pictures.spare_trash(&editor).await?))
}

/// All that is known of one picture.
#[utoipa::path(get, path = "/pictures/{id}", tag = "pictures", params(("id" = i64, Path)),
    responses((status = 200, body = PictureDetails), (status = 404)))]
pub(super) async fn details(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Id(id): Id<PictureId>,
) -> Result<Json<PictureDetails>, ApiError> {
    Ok(Json(state.services.pictures.details(&reader, id).await?))
}

/// Marks a picture as favourite, rates it, throws it away or takes it back.
#[utoipa::path(patch, path = "/pictures/{id}", tag = "pictures", params(("id" = i64, Path)), request_body = PictureEdit,
    responses((status = 200, body = PictureCard), (status = 404), (status = 422)))]
pub(super) async fn edit(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    Id(id): Id<PictureId>,
    Body(edit): Body<PictureEdit>,
) -> Result<Json<PictureCard>, ApiError> {
    changed(&state, &editor, id, &edit).await
}

/// Into the trash, where it stays for thirty days.
#[utoipa::path(delete, path = "/pictures/{id}", tag = "pictures", params(("id" = i64, Path)),
    responses((status = 200, body = PictureCard), (status = 404)))]
pub(super) async fn trash(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    Id(id): Id<PictureId>,
) -> Result<Json<PictureCard>, ApiError> {
    changed(&state, &editor, id, &PictureEdit { deleted: Some(true), ..PictureEdit::default() }).await
}

/// Out of the trash.
#[utoipa::path(post, path = "/pictures/{id}/restore", tag = "pictures", params(("id" = i64, Path)),
    responses((status = 200, body = PictureCard), (status = 404)))]
pub(super) async fn restore(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    Id(id): Id<PictureId>,
) -> Result<Json<PictureCard>, ApiError> {
    changed(&state, &editor, id, &PictureEdit { deleted: Some(false), ..PictureEdit::default() }).await
}

async fn changed(state: &AppState, editor: &Editor, id: PictureId, edit: &PictureEdit) -> Result<Json<PictureCard>, ApiError> {
    let card = state.services.pictures.edit(editor, &[id], edit).await?.pop();
    Ok(Json(card.ok_or_else(|| Problem::not_found("There is no such picture."))?))
}

/// Takes a picture in with the parameters that its program left in it: the body is the file (PNG, JPEG, WebP; up to 64 MB), kept as it is.
/// 201 for a new picture, 200 where the same bytes are here already.
#[utoipa::path(post, path = "/pictures", tag = "pictures",
    params(("x-file-name" = Option<String>, Header, description = "Name of the file, percent-encoded where it is not ASCII")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = PictureCard), (status = 200, body = PictureCard), (status = 422)))]
pub(super) async fn import(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<PictureCard>), ApiError> {
    let bytes = body.map_err(|rejection| {
        Problem::invalid("file", "The file cannot be taken in.").detail(rejection.body_text()).hint("Pictures up to 64 MB are read.")
    })?;
    let name = headers.get("x-file-name").map(|name| decoded(name.as_bytes())).unwrap_or_default();
    let imported = state.services.pictures.import(&editor, bytes, &name).await?;
    let status = if imported.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(imported.card)))
}

/// `%C3%A9` is `é`; what is no such mark stands for itself.
fn decoded(bytes: &[u8]) -> String {
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let mark = digit(at + 1).zip(digit(at + 2)).filter(|_| bytes[at] == b'%');
        match mark.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[derive(Debug, Deserialize)]
pub(super) struct FileQuery {
    #[serde(default)]
    download: Option<String>,
    #[serde(default)]
    format: Option<String>,
}

/// The file of a picture as it was kept, or written anew in another format with the same parameters inside.
#[utoipa::path(get, path = "/pictures/{id}/file", tag = "pictures",
    params(("id" = i64, Path), ("download" = Option<bool>, Query, description = "Answers as a file to save"),
        ("format" = Option<String>, Query, description = "`png`, `jpeg` or `webp`; its own if not said")),
    responses((status = 200, content_type = "image/png"), (status = 304), (status = 404), (status = 422)))]
pub(super) async fn file(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Id(id): Id<PictureId>,
    Query(query): Query<FileQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let format = match query.format.as_deref().filter(|word| !word.is_empty()) {
        Some(word) => Some(Format::parse(word).ok_or_else(|| Problem::invalid("format", "A format is `png`, `jpeg` or `webp`."))?),
        None => None,
    };
    let file = state.services.pictures.file(&reader, id, format).await?;
    let save = query.download.is_some_and(|word| word != "false");
    Ok(sent(file, &headers, save, FOR_EVER))
}

#[derive(Debug, Deserialize)]
pub(super) struct ThumbnailQuery {
    #[serde(default)]
    width: Option<u32>,
}

/// A small copy. Like the picture it never changes.
#[utoipa::path(get, path = "/pictures/{id}/thumbnail", tag = "pictures",
    params(("id" = i64, Path), ("width" = Option<u32>, Query, description = "160, 320, 640 or 1280 pixels; 320 if not said")),
    responses((status = 200, content_type = "image/jpeg"), (status = 304), (status = 404)))]
pub(super) async fn thumbnail(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Id(id): Id<PictureId>,
    Query(query): Query<ThumbnailQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let file = state.services.pictures.thumbnail(&reader, id, query.width.unwrap_or(320)).await?;
    Ok(sent(file, &headers, false, FOR_EVER))
}

/// The pictures of a generation as one PNG: in rows and columns with the labels of its axes, prompt and settings below. Cells whose picture
/// is not painted yet stay open.
#[utoipa::path(get, path = "/generations/{id}/sheet.png", tag = "generations", params(("id" = i64, Path)),
    responses((status = 200, content_type = "image/png"), (status = 304), (status = 404), (status = 409)))]
pub(super) async fn sheet(
    State(state): State<AppState>,
    Door(reader): Door<Reader>,
    Id(id): Id<GenerationId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let view = state.services.generating.get(&reader, id).await?;
    let file = state.services.pictures.sheet(&reader, &view).await?;
    Ok(sent(file, &headers, true, "private, no-cache"))
}

/// Of what never changes under its address.
const FOR_EVER: &str = "private, max-age=31536000, immutable";

/// The file, or that it is the one the visitor has.
fn sent(file: PictureFile, asked: &HeaderMap, save: bool, cache: &'static str) -> Response {
    let etag = format!("\"{}\"", file.etag);
    let mut response = match asked.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == etag.as_bytes()) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Response::new(HttpBody::from(file.bytes)),
    };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    // A picture that is opened by itself may run and load nothing.
    out.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    if let Ok(value) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, value);
    }
    if save && let Ok(value) = HeaderValue::from_str(&attachment(&file.name)) {
        out.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_headers() {
        for (header, want) in [("fox.png", "fox.png"), ("caf%C3%A9%20100%25.png", "café 100%.png"), ("%", "%"), ("%zz%4", "%zz%4")] {
            assert_eq!(decoded(header.as_bytes()), want);
        }
    }
}
