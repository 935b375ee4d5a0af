//! From a request to a proof of what the visitor may do.

use super::ApiError;
use leptos::prelude::*;
use weft_domain::{Problem, ProblemKind};
use weft_services::Services;
use weft_services::access::{Admin, Editor, Reader};

/// A role's token, had from the one that the server put into the request.
pub(super) trait Role {
    fn from_admin(admin: Admin) -> Self;
}

impl Role for Admin {
    fn from_admin(admin: Admin) -> Self {
        admin
    }
}

impl Role for Editor {
    fn from_admin(admin: Admin) -> Self {
        admin.into()
    }
}

impl Role for Reader {
    fn from_admin(admin: Admin) -> Self {
        Editor::from(admin).into()
    }
}

/// The visitor's token for the role, or a refusal.
pub(super) async fn role<R: Role>() -> Result<R, ApiError> {
    match leptos_axum::extract::<axum::Extension<Admin>>().await {
        Ok(axum::Extension(admin)) => Ok(R::from_admin(admin)),
        Err(_) => fail(Problem::new(ProblemKind::Forbidden, "You may not do this.").hint("Open Weft on the machine it runs on.")),
    }
}

/// The services behind this request. There are none where the visitor has left in the middle of it: what was to be rendered is gone by then.
pub(super) fn services() -> Result<Services, ApiError> {
    match use_context::<Services>() {
        Some(services) => Ok(services),
        None => fail(Problem::new(ProblemKind::Unavailable, "The request ended before it was answered.").hint("Reload the page.")),
    }
}

/// Answers with the problem, and gives the response its HTTP status.
pub(super) fn fail<T>(problem: Problem) -> Result<T, ApiError> {
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>()
        && let Ok(status) = axum::http::StatusCode::from_u16(problem.kind.status())
    {
        response.set_status(status);
    }
    Err(ApiError(problem))
}

/// The service's answer as the page's.
pub(super) fn answer<T>(result: Result<T, Problem>) -> Result<T, ApiError> {
    result.or_else(fail)
}
