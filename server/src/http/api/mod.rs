//! `/api/v1`: each handler takes its role, calls one service, answers with its DTO. The OpenAPI description is made from the same lines.

mod adapters;
mod checkpoints;
mod generations;
mod jobs;
mod layouts;
mod library;
pub(super) mod openai;
pub(super) mod openapi;
mod operations;
mod pictures;
mod roots;
mod samples;
mod styles;
mod weave;

use super::AppState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Every REST route but the event stream.
pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(library::query))
        .routes(routes!(library::overview))
        .routes(routes!(adapters::details, adapters::edit))
        .routes(routes!(adapters::preview))
        .routes(routes!(adapters::file))
        .routes(routes!(adapters::reindex))
        .routes(routes!(checkpoints::fits))
        .routes(routes!(checkpoints::measures))
        .routes(routes!(checkpoints::list))
        .routes(routes!(checkpoints::details))
        .routes(routes!(roots::list, roots::add))
        .routes(routes!(roots::scan_all))
        .routes(routes!(roots::remove))
        .routes(routes!(roots::scan))
        .routes(routes!(jobs::list, jobs::clear))
        .routes(routes!(jobs::get))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::retry))
        .routes(routes!(weave::together))
        .routes(routes!(weave::compare))
        .routes(routes!(weave::estimate))
        .routes(routes!(weave::merge))
        .routes(routes!(operations::start))
        .routes(routes!(operations::check))
        .routes(routes!(generations::start, generations::list))
        .routes(routes!(generations::queue))
        .routes(routes!(generations::pause))
        .routes(routes!(generations::resume))
        .routes(routes!(generations::reorder))
        .routes(routes!(generations::defaults))
        .routes(routes!(generations::prompt))
        .routes(routes!(generations::get))
        .routes(routes!(styles::list, styles::keep, styles::remove))
        .routes(routes!(pictures::query))
        .routes(routes!(pictures::adapters))
        .routes(routes!(pictures::trashed, pictures::empty_trash))
        .routes(routes!(pictures::spare_trash))
        .routes(routes!(pictures::details, pictures::edit, pictures::trash))
        .routes(routes!(pictures::restore))
        .routes(routes!(pictures::file))
        .routes(routes!(pictures::thumbnail))
        .routes(routes!(pictures::sheet))
        .routes(routes!(samples::create))
        .routes(routes!(layouts::list))
}

/// Routes whose body is a file: they have a limit of their own.
pub(super) fn uploads() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(pictures::import))
}
