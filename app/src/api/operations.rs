//! Operations on adapters and checkpoints.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::access::{answer, role, services};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use weft_domain::operation::OperationRequest;
use weft_domain::{AdapterId, JobView, ModelRequest};

/// Resizes, converts or edits a copy, as a job.
#[server(prefix = "/fn", endpoint = "operations/start", input = Json)]
pub async fn operation_start(request: OperationRequest) -> Result<JobView, ApiError> {
    answer(services()?.operations.start(&role().await?, request).await)
}

/// Reads the whole file and says what is wrong with it, as a job.
#[server(prefix = "/fn", endpoint = "operations/check", input = Json)]
pub async fn adapter_check(id: AdapterId) -> Result<JobView, ApiError> {
    answer(services()?.operations.check(&role().await?, id).await)
}

/// Bakes adapters into a copy of a checkpoint, takes them out, or extracts an adapter, as a job.
#[server(prefix = "/fn", endpoint = "operations/model", input = Json)]
pub async fn model_operation_start(request: ModelRequest) -> Result<JobView, ApiError> {
    answer(services()?.operations.start_model(&role().await?, request).await)
}
