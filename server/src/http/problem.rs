//! [`Problem`] as `application/problem+json` (RFC 9457).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use std::any::Any;
use weft_domain::Problem;

/// A problem on its way out.
#[derive(Debug)]
pub struct ApiError(pub Problem);

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

/// The members RFC 9457 names, and ours.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProblemBody {
    /// Stable name of the kind of problem.
    #[serde(rename = "type")]
    kind: String,
    status: u16,
    #[serde(flatten)]
    problem: Problem,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = serde_json::to_value(self.0.kind).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let body = ProblemBody { kind: format!("urn:weft:problem:{kind}"), status: status.as_u16(), problem: self.0 };
        let mut response = (status, Json(body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

/// A panic in a handler is a defect: logged, and answered like any other.
pub(super) fn from_panic(panic: Box<dyn Any + Send>) -> Response {
    let what = panic.downcast_ref::<&str>().map(|s| (*s).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    tracing::error!(panic = what.as_deref().unwrap_or("unknown"), "a request handler panicked");
    ApiError(Problem::internal()).into_response()
}
