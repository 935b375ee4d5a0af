//! Checkpoints, and how adapters stand to them.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::access::{answer, role, services};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use weft_domain::{AdapterFits, AdapterId, CheckpointDetails, CheckpointId, CheckpointPage, CheckpointQuery, MeasuresAnswer};

/// A window of the checkpoints.
#[server(name = AskCheckpoints, prefix = "/fn", endpoint = "checkpoints/list", input = Json)]
pub async fn checkpoints_list(query: CheckpointQuery) -> Result<CheckpointPage, ApiError> {
    answer(services()?.checkpoints.query(&role().await?, &query).await)
}

/// All that is known of one checkpoint.
#[server(name = AskCheckpoint, prefix = "/fn", endpoint = "checkpoints/details", input = Json)]
pub async fn checkpoint_details(id: CheckpointId) -> Result<CheckpointDetails, ApiError> {
    answer(services()?.checkpoints.details(&role().await?, id).await)
}

/// How an adapter fits one checkpoint, or all, best first.
#[server(name = AskFits, prefix = "/fn", endpoint = "checkpoints/fits", input = Json)]
pub async fn adapter_fits(id: AdapterId, checkpoint: Option<CheckpointId>) -> Result<AdapterFits, ApiError> {
    answer(services()?.checkpoints.fits(&role().await?, id, checkpoint).await)
}

/// Norms and ranks of an adapter, related to a checkpoint where one is named; or the job that computes them: ask again when it is done.
#[server(name = AskMeasures, prefix = "/fn", endpoint = "checkpoints/measures", input = Json)]
pub async fn adapter_measures(id: AdapterId, checkpoint: Option<CheckpointId>) -> Result<MeasuresAnswer, ApiError> {
    answer(services()?.measuring.measures(&role().await?, id, checkpoint).await)
}
