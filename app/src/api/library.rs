//! The library: ask, look, edit.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::access::{answer, role, services};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use weft_domain::status::Overview;
use weft_domain::{AdapterCard, AdapterDetails, AdapterEdit, AdapterId, JobView, LibraryPage, LibraryQuery};

/// A window of the library.
#[server(name = AskLibrary, prefix = "/fn", endpoint = "library/query", input = Json)]
pub async fn library_query(query: LibraryQuery) -> Result<LibraryPage, ApiError> {
    answer(services()?.library.query(&role().await?, &query).await)
}

/// The cards of these adapters, in their order; those that are gone are left out.
#[server(prefix = "/fn", endpoint = "library/cards", input = Json)]
pub async fn library_cards(ids: Vec<AdapterId>) -> Result<Vec<AdapterCard>, ApiError> {
    answer(services()?.library.cards(&role().await?, &ids).await)
}

/// All that is known of one adapter.
#[server(prefix = "/fn", endpoint = "library/details", input = Json)]
pub async fn library_details(id: AdapterId) -> Result<AdapterDetails, ApiError> {
    answer(services()?.library.details(&role().await?, id).await)
}

/// Changes what is the user's.
#[server(prefix = "/fn", endpoint = "library/edit", input = Json)]
pub async fn library_edit(id: AdapterId, edit: AdapterEdit) -> Result<AdapterDetails, ApiError> {
    answer(services()?.library.edit(&role().await?, id, edit).await)
}

/// Reads the file anew.
#[server(prefix = "/fn", endpoint = "library/reindex", input = Json)]
pub async fn library_reindex(id: AdapterId) -> Result<JobView, ApiError> {
    answer(services()?.library.reindex(&role().await?, id).await)
}

/// Numbers for the shell.
#[server(prefix = "/fn", endpoint = "library/overview", input = Json)]
pub async fn library_overview() -> Result<Overview, ApiError> {
    answer(services()?.library.overview(&role().await?).await)
}

/// The adapters last looked at or added.
#[server(prefix = "/fn", endpoint = "library/recent", input = Json)]
pub async fn library_recent(limit: u64) -> Result<Vec<AdapterCard>, ApiError> {
    answer(services()?.library.recent(&role().await?, limit).await)
}
