//! The pages that are a download of their own: their code comes when somebody goes there, not before.
//!
//! `xtask` cuts the WebAssembly at the functions marked `wasm_split`. What one part alone reaches ends in that part; what the first
//! download or two parts reach stays in the first. On the server the functions are called directly.

use crate::adapter::AdapterPage;
use crate::checkpoints::CheckpointsPage;
use crate::compare::ComparePage;
use crate::kit::{Button, Notice, Tone};
use crate::studio::StudioPage;
use crate::weave::WeavePage;
use leptos::prelude::*;
use leptos_router::LazyRoute;
use wasm_split_helpers::{SplitLoaderError, wasm_split};

/// `/adapters/:id`
#[derive(Debug)]
pub(crate) struct Adapter;

/// `/checkpoints`
#[derive(Debug)]
pub(crate) struct Checkpoints;

/// `/compare`
#[derive(Debug)]
pub(crate) struct Compare;

/// `/studio`
#[derive(Debug)]
pub(crate) struct Studio;

/// `/weave`
#[derive(Debug)]
pub(crate) struct Weave;

#[wasm_split(adapter, preload(load_adapter), fallible)]
fn adapter_page() -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <AdapterPage/> }.into_any())
}

#[wasm_split(checkpoints, preload(load_checkpoints), fallible)]
fn checkpoints_page() -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <CheckpointsPage/> }.into_any())
}

#[wasm_split(compare, preload(load_compare), fallible)]
fn compare_page() -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <ComparePage/> }.into_any())
}

#[wasm_split(studio, preload(load_studio), fallible)]
fn studio_page() -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <StudioPage/> }.into_any())
}

#[wasm_split(weave, preload(load_weave), fallible)]
fn weave_page() -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <WeavePage/> }.into_any())
}

/// The part that an address belongs to, with or without a host before its path.
pub(crate) fn at(url: &str) -> Option<&'static str> {
    let path = url.split_once("://").map_or(url, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    match path.split(['?', '#']).next()?.split('/').nth(1)? {
        "adapters" => Some("adapter"),
        "checkpoints" => Some("checkpoints"),
        "compare" => Some("compare"),
        "studio" => Some("studio"),
        "weave" => Some("weave"),
        _ => None,
    }
}

impl LazyRoute for Adapter {
    fn data() -> Self {
        Self
    }

    async fn view(_: Self) -> AnyView {
        adapter_page().await.unwrap_or_else(|_| missing())
    }

    async fn preload() {
        // What does not come now is asked for again, and told, when it is shown.
        drop(load_adapter().await);
    }
}

impl LazyRoute for Checkpoints {
    fn data() -> Self {
        Self
    }

    async fn view(_: Self) -> AnyView {
        checkpoints_page().await.unwrap_or_else(|_| missing())
    }

    async fn preload() {
        drop(load_checkpoints().await);
    }
}

impl LazyRoute for Compare {
    fn data() -> Self {
        Self
    }

    async fn view(_: Self) -> AnyView {
        compare_page().await.unwrap_or_else(|_| missing())
    }

    async fn preload() {
        drop(load_compare().await);
    }
}

impl LazyRoute for Studio {
    fn data() -> Self {
        Self
    }

    async fn view(_: Self) -> AnyView {
        studio_page().await.unwrap_or_else(|_| missing())
    }

    async fn preload() {
        drop(load_studio().await);
    }
}

impl LazyRoute for Weave {
    fn data() -> Self {
        Self
    }

    async fn view(_: Self) -> AnyView {
        weave_page().await.unwrap_or_else(|_| missing())
    }

    async fn preload() {
        drop(load_weave().await);
    }
}

/// Instead of a page whose code did not come: Weft is away, or it has been replaced by a newer build since this page was opened.
fn missing() -> AnyView {
    let reload = move |_| {
        // Fails only in a document without a window.
        drop(window().location().reload());
    };
    view! {
        <Notice tone=Tone::Bad>
            <p>"This part of the page could not be loaded. Weft may be away, or newer than this page."</p>
            <Button on:click=reload>"Reload"</Button>
        </Notice>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::at;

    #[test]
    fn addresses_lead_to_their_part() {
        assert_eq!(
            [at("/weave?ids=1,2"), at("http://leptos.dev/weave#main"), at("/adapters/7"), at("/compare?a=1,2")],
            [Some("weave"), Some("weave"), Some("adapter"), Some("compare")]
        );
        assert_eq!(at("/studio?picture=3"), Some("studio"));
        assert_eq!([at("/"), at("http://leptos.dev"), at("/?text=/weave"), at("/weaver"), at("")], [None; 5]);
    }
}
