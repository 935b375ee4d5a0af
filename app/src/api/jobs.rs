//! Jobs: look, stop, try again.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::access::{answer, role, services};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use weft_domain::{JobId, JobView};

/// Active jobs first, then the last fifty that ended.
#[server(prefix = "/fn", endpoint = "jobs/list", input = Json)]
pub async fn job_list() -> Result<Vec<JobView>, ApiError> {
    answer(services()?.jobs.list(&role().await?).await)
}

/// One job.
#[server(prefix = "/fn", endpoint = "jobs/get", input = Json)]
pub async fn job_get(id: JobId) -> Result<JobView, ApiError> {
    answer(services()?.jobs.get(&role().await?, id).await)
}

/// Asks a job to stop.
#[server(prefix = "/fn", endpoint = "jobs/cancel", input = Json)]
pub async fn job_cancel(id: JobId) -> Result<JobView, ApiError> {
    answer(services()?.jobs.cancel(&role().await?, id).await)
}

/// Queues a failed or cancelled job again.
#[server(prefix = "/fn", endpoint = "jobs/retry", input = Json)]
pub async fn job_retry(id: JobId) -> Result<JobView, ApiError> {
    answer(services()?.jobs.retry(&role().await?, id).await)
}

/// Takes finished jobs off the list.
#[server(prefix = "/fn", endpoint = "jobs/clear", input = Json)]
pub async fn job_clear() -> Result<(), ApiError> {
    answer(services()?.jobs.clear(&role().await?).await)
}
