//! Folders that Weft watches, and the samples.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::access::{answer, role, services};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use weft_domain::root::AddRoot;
use weft_domain::{JobView, RootId, RootView};

/// All watched folders.
#[server(prefix = "/fn", endpoint = "roots/list", input = Json)]
pub async fn root_list() -> Result<Vec<RootView>, ApiError> {
    answer(services()?.roots.list(&role().await?).await)
}

/// Watches a folder; a scan starts at once.
#[server(prefix = "/fn", endpoint = "roots/add", input = Json)]
pub async fn root_add(root: AddRoot) -> Result<RootView, ApiError> {
    answer(services()?.roots.add(&role().await?, root).await)
}

/// Forgets a folder. Files stay; so does what the user wrote, should the folder come back.
#[server(prefix = "/fn", endpoint = "roots/remove", input = Json)]
pub async fn root_remove(id: RootId) -> Result<(), ApiError> {
    answer(services()?.roots.remove(&role().await?, id).await)
}

/// Looks through one folder again.
#[server(prefix = "/fn", endpoint = "roots/scan", input = Json)]
pub async fn root_scan(id: RootId) -> Result<JobView, ApiError> {
    answer(services()?.roots.scan(&role().await?, id).await)
}

/// Looks through all folders again.
#[server(prefix = "/fn", endpoint = "roots/scan-all", input = Json)]
pub async fn root_scan_all() -> Result<Vec<JobView>, ApiError> {
    answer(services()?.roots.scan_all(&role().await?).await)
}

/// Writes sample adapters and adds them to the library.
#[server(prefix = "/fn", endpoint = "samples/create", input = Json)]
pub async fn samples_create() -> Result<JobView, ApiError> {
    answer(services()?.samples.create(&role().await?).await)
}
