//! Extractors of the REST doors: the role a handler needs, stated in its signature; and JSON whose errors are problems.

use super::ApiError;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use weft_domain::{Problem, ProblemKind};
use weft_services::access::Admin;

/// A visitor who holds the role `R`. A handler without it cannot call a service, because every service method asks for the role.
pub(super) struct Door<R>(pub(super) R);

impl<S: Send + Sync, R: From<Admin>> FromRequestParts<S> for Door<R> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let admin = parts.extensions.get::<Admin>().cloned();
        admin.map(|admin| Self(R::from(admin))).ok_or_else(|| ApiError(Problem::new(ProblemKind::Forbidden, "Nobody is signed in.")))
    }
}

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError(explain(&rejection))),
        }
    }
}

fn explain(rejection: &JsonRejection) -> Problem {
    let problem = Problem::new(ProblemKind::Invalid, "The request body cannot be read.").detail(rejection.body_text());
    match rejection {
        JsonRejection::MissingJsonContentType(_) => problem.hint("Send JSON with the header content-type: application/json."),
        _ => problem.hint("The OpenAPI description at /api/v1/openapi.json shows what is expected."),
    }
}

/// An id in the path; words that are no number are a thing that does not exist.
pub(super) struct Id<T>(pub(super) T);

impl<S: Send + Sync, T: std::str::FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let missing = || ApiError(Problem::not_found("There is nothing with this id."));
        let axum::extract::Path(text) = axum::extract::Path::<String>::from_request_parts(parts, state).await.map_err(|_| missing())?;
        text.parse().map(Self).map_err(|_| missing())
    }
}
