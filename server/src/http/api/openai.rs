//! `/v1`: the routes of OpenAI's image interface that chat programs ask, over the same queue as everything else.
//!
//! Field names and the form of errors are OpenAI's; `negative_prompt`, `seed`, `steps` and `cfg` are ours and may be left out.

mod stream;

use crate::http::AppState;
use crate::http::door::Door;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use stream::Partial;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weft_domain::generation::{GenerationRequest, GenerationView, Numbers, PictureCard};
use weft_domain::{JobState, Problem, ProblemKind};
use weft_pictures::Format;
use weft_services::access::{Editor, Reader};

/// Most pictures of one request, as there.
const MOST: u32 = 10;

/// The routes below `/v1`.
pub(in crate::http) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(generations)).routes(routes!(models))
}

/// A wish in OpenAI's words. Fields that are not named here are not looked at.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(super) struct Wish {
    prompt: String,
    /// Name, file name or id of a checkpoint; none, or `auto`: the one used last.
    #[serde(default)]
    model: Option<String>,
    /// Pictures, 1 to 10.
    #[serde(default)]
    n: Option<u32>,
    /// `WIDTHxHEIGHT`, or `auto`.
    #[serde(default)]
    size: Option<String>,
    /// `b64_json` (default) or `url`.
    #[serde(default)]
    response_format: Option<String>,
    /// `png` (default), `jpeg` or `webp`.
    #[serde(default)]
    output_format: Option<String>,
    /// The picture as server-sent events.
    #[serde(default)]
    stream: Option<bool>,
    /// Streamed: rough pictures before each finished one, 0 (default) to 3.
    #[serde(default)]
    partial_images: Option<u32>,
    #[serde(default)]
    negative_prompt: Option<String>,
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default)]
    steps: Option<u32>,
    #[serde(default)]
    cfg: Option<f64>,
}

/// Pictures in OpenAI's form.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Images {
    /// Seconds since 1970.
    created: i64,
    data: Vec<Image>,
}

/// One picture.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Image {
    #[serde(skip_serializing_if = "Option::is_none")]
    b64_json: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// The checkpoints that can paint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ModelList {
    object: &'static str,
    data: Vec<ModelEntry>,
}

/// One checkpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ModelEntry {
    id: String,
    object: &'static str,
    created: i64,
    owned_by: &'static str,
}

/// A problem in OpenAI's form.
#[derive(Debug)]
pub(super) struct Refusal(Problem);

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ErrorBody {
    error: ErrorInside,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ErrorInside {
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<String>,
    code: Option<String>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl Refusal {
    fn parts(self) -> (StatusCode, ErrorInside) {
        let problem = self.0;
        let (status, kind) = match problem.kind {
            ProblemKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "server_error"),
            ProblemKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
            ProblemKind::NotFound => (StatusCode::NOT_FOUND, "invalid_request_error"),
            ProblemKind::Forbidden => (StatusCode::FORBIDDEN, "invalid_request_error"),
            ProblemKind::Invalid | ProblemKind::Conflict | ProblemKind::Stale => (StatusCode::BAD_REQUEST, "invalid_request_error"),
        };
        let code = serde_json::to_value(problem.kind).ok().and_then(|v| v.as_str().map(str::to_owned));
        (status, ErrorInside { message: problem.to_string(), kind, param: problem.field, code })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = self.parts();
        (status, Json(ErrorBody { error })).into_response()
    }
}

/// Paints and answers the pictures; takes as long as that takes, or streams them as they form. The pictures are kept like all others.
#[utoipa::path(post, path = "/v1/images/generations", tag = "openai", request_body = Wish,
    responses((status = 200, body = Images), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(super) async fn generations(
    State(state): State<AppState>,
    Door(editor): Door<Editor>,
    headers: HeaderMap,
    body: Result<Json<Wish>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(wish) = body.map_err(|e| Problem::new(ProblemKind::Invalid, "The request body cannot be read.").detail(e.body_text()))?;
    let format = format(&wish)?;
    let as_url = match wish.response_format.as_deref() {
        None | Some("b64_json") => false,
        Some("url") => true,
        Some(_) => return Err(Problem::invalid("response_format", "Choose b64_json or url.").into()),
    };
    let streamed = match wish.stream {
        Some(true) if as_url => return Err(Problem::invalid("response_format", "A stream holds b64_json.").into()),
        Some(true) => Some(Partial::new(wish.partial_images.unwrap_or(0))?),
        _ => None,
    };
    let reader: Reader = editor.clone().into();
    let generating = &state.services.generating;
    let checkpoint = match wish.model.as_deref().map(str::trim) {
        None | Some("" | "auto") => None,
        Some(name) => Some(generating.checkpoint_named(&reader, name).await?),
    };
    let mut request = request(&wish)?;
    request.checkpoint = checkpoint;
    // From before it begins, so that no step is missed.
    let events = streamed.map(|partial| (partial, state.services.events.subscribe(None)));
    let asked = generating.start(&editor, request).await?;
    if let Some((partial, events)) = events {
        return Ok(stream::told(state, reader, &asked, events, partial, format).into_response());
    }
    let view = generating.finished(&reader, asked.id).await?;
    let cards = pictures(&view)?;
    let images = if as_url {
        let url = |card| Image { b64_json: None, url: Some(address(&headers, card)) };
        Images { created: view.created_ms / 1000, data: cards.iter().map(url).collect() }
    } else {
        encoded(&state, &reader, &view, cards, format).await?
    };
    Ok(Json(images).into_response())
}

/// The files of pictures as text.
async fn encoded(
    state: &AppState,
    reader: &Reader,
    view: &GenerationView,
    cards: &[PictureCard],
    format: Format,
) -> Result<Images, Problem> {
    let mut data = Vec::with_capacity(cards.len());
    for card in cards {
        let file = state.services.pictures.file(reader, card.id, Some(format)).await?;
        data.push(Image { b64_json: Some(base64::engine::general_purpose::STANDARD.encode(&file.bytes)), url: None });
    }
    Ok(Images { created: view.created_ms / 1000, data })
}

/// The checkpoints that can paint here.
#[utoipa::path(get, path = "/v1/models", tag = "openai", responses((status = 200, body = ModelList)))]
pub(super) async fn models(State(state): State<AppState>, Door(reader): Door<Reader>) -> Result<Json<ModelList>, Refusal> {
    let all = state.services.generating.models(&reader).await?;
    let able = all.into_iter().filter(|model| model.refused.is_none());
    let entry = |id: String, added_ms: i64| ModelEntry { id, object: "model", created: added_ms / 1000, owned_by: "weft" };
    Ok(Json(ModelList { object: "list", data: able.map(|model| entry(model.card.name, model.card.added_ms)).collect() }))
}

fn format(wish: &Wish) -> Result<Format, Problem> {
    let word = wish.output_format.as_deref().unwrap_or("png");
    Format::parse(word).ok_or_else(|| Problem::invalid("output_format", "Choose png, jpeg or webp."))
}

fn request(wish: &Wish) -> Result<GenerationRequest, Problem> {
    let count = wish.n.unwrap_or(1);
    if !(1..=MOST).contains(&count) {
        return Err(Problem::invalid("n", format!("Between 1 and {MOST} pictures are painted for one request.")));
    }
    let size = match wish.size.as_deref().map(str::trim) {
        None | Some("" | "auto") => None,
        Some(text) => {
            let sides = text.split_once(['x', 'X']).and_then(|(w, h)| Some((w.trim().parse().ok()?, h.trim().parse().ok()?)));
            Some(sides.ok_or_else(|| Problem::invalid("size", "A size is written WIDTHxHEIGHT, for example 512x512."))?)
        }
    };
    Ok(GenerationRequest {
        prompt: wish.prompt.clone(),
        negative: wish.negative_prompt.clone().unwrap_or_default(),
        width: size.map(|s: (u32, u32)| s.0),
        height: size.map(|s| s.1),
        seed: wish.seed,
        numbers: Numbers { steps: wish.steps, cfg: wish.cfg, ..Numbers::default() },
        count,
        ..GenerationRequest::default()
    })
}

/// The pictures, or why there are none.
fn pictures(view: &GenerationView) -> Result<&[PictureCard], Problem> {
    let job = view.job.as_ref();
    match job.map(|job| job.state) {
        Some(JobState::Failed) => {
            let why = job.and_then(|job| job.error.clone()).unwrap_or_default();
            Err(Problem::conflict("The pictures could not be painted.").detail(why))
        }
        Some(JobState::Cancelled) => Err(Problem::new(ProblemKind::Unavailable, "The pictures were cancelled.")),
        _ => Ok(&view.pictures),
    }
}

/// Where this very server has the file.
fn address(headers: &HeaderMap, card: &PictureCard) -> String {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("127.0.0.1:3210");
    format!("http://{host}/api/v1/pictures/{}/file", card.id)
}
