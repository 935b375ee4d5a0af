//! Pictures: ask for them, see what waits, what a form begins with.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::access::{answer, role, services};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use weft_domain::generation::{Defaults, GenerationRequest, GenerationView, PromptText, PromptView, QueueView, Style, Styles};
use weft_domain::{CheckpointId, GenerationId, JobId};

/// Checks a request and queues it.
#[server(name = StartGeneration, prefix = "/fn", endpoint = "generations/start", input = Json)]
pub async fn generation_start(request: GenerationRequest) -> Result<GenerationView, ApiError> {
    answer(services()?.generating.start(&role().await?, request).await)
}

/// One generation with its pictures.
#[server(name = AskGeneration, prefix = "/fn", endpoint = "generations/get", input = Json)]
pub async fn generation_get(id: GenerationId) -> Result<GenerationView, ApiError> {
    answer(services()?.generating.get(&role().await?, id).await)
}

/// What waits and what is painted now.
#[server(name = AskQueue, prefix = "/fn", endpoint = "generations/queue", input = Json)]
pub async fn generation_queue() -> Result<QueueView, ApiError> {
    answer(services()?.generating.queue(&role().await?).await)
}

/// Lets nothing new begin, or goes on.
#[server(name = PauseQueue, prefix = "/fn", endpoint = "generations/pause", input = Json)]
pub async fn generation_pause(paused: bool) -> Result<QueueView, ApiError> {
    answer(services()?.generating.pause(&role().await?, paused).await)
}

/// Moves a waiting job before another one; None: to the end.
#[server(name = MoveGeneration, prefix = "/fn", endpoint = "generations/move", input = Json)]
pub async fn generation_move(job: JobId, before: Option<JobId>) -> Result<QueueView, ApiError> {
    answer(services()?.generating.reorder(&role().await?, job, before).await)
}

/// What a form begins with for a checkpoint; None: the one used last, else one that can paint.
#[server(name = AskDefaults, prefix = "/fn", endpoint = "generations/defaults", input = Json)]
pub async fn generation_defaults(checkpoint: Option<CheckpointId>) -> Result<Defaults, ApiError> {
    answer(services()?.generating.defaults(&role().await?, checkpoint).await)
}

/// Tokens (with the words of its styles), chunks, weights and named adapters of a text.
#[server(name = AskPrompt, prefix = "/fn", endpoint = "generations/prompt", input = Json)]
pub async fn prompt_view(text: PromptText) -> Result<PromptView, ApiError> {
    answer(services()?.generating.prompt_view(&role().await?, text).await)
}

/// All styles, and where they lie.
#[server(name = AskStyles, prefix = "/fn", endpoint = "styles/list", input = Json)]
pub async fn style_list() -> Result<Styles, ApiError> {
    answer(services()?.generating.styles(&role().await?).await)
}

/// Keeps a style of another name than all that are there.
#[server(name = KeepStyle, prefix = "/fn", endpoint = "styles/keep", input = Json)]
pub async fn style_keep(style: Style) -> Result<Styles, ApiError> {
    answer(services()?.generating.keep_style(&role().await?, style).await)
}

/// Takes a style out, as long as it is still this one.
#[server(name = RemoveStyle, prefix = "/fn", endpoint = "styles/remove", input = Json)]
pub async fn style_remove(style: Style) -> Result<Styles, ApiError> {
    answer(services()?.generating.remove_style(&role().await?, style).await)
}
