//! The HTML document and the table of routes.

use crate::kit::{EmptyState, Glyph};
use crate::library::LibraryPage;
use crate::parts;
use crate::shell::Frame;
use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::location::RequestUrl;
use leptos_router::{Lazy, SsrMode, path};
use std::collections::BTreeMap;

/// Addresses of what the document loads; every file but the manifest carries its hash in its name.
#[derive(Debug, Clone, Default)]
pub struct PageOptions {
    /// Style sheet.
    pub css: String,
    /// Module script that loads the WebAssembly and hydrates.
    pub boot_js: String,
    /// What the module script loads next, fetched early: its JavaScript and its WebAssembly.
    pub js: String,
    pub parts_js: String,
    pub wasm: String,
    /// Files of the parts of the page that are downloads of their own, by part.
    pub parts: BTreeMap<String, Vec<String>>,
    /// Blocking script that sets the theme before the first paint.
    pub theme_js: String,
    /// Web app manifest.
    pub manifest: String,
    /// SVG icon.
    pub icon: String,
    /// Icon of a home screen.
    pub touch_icon: String,
    /// The text font, loaded early; empty: not at all.
    pub font: String,
    /// Name of the build, for an open page to notice a new one.
    pub build: String,
}

/// The document around [`App`]. `heard` is the id of the newest event when the server began it: the page listens from there.
pub fn shell(page: PageOptions, heard: String) -> impl IntoView {
    let PageOptions { css, boot_js, js, parts_js, wasm, parts, theme_js, manifest, icon, touch_icon, font, build } = page;
    let font =
        (!font.is_empty()).then(|| view! { <link rel="preload" href=font r#as="font" r#type="font/woff2" crossorigin="anonymous"/> });
    let part = use_context::<RequestUrl>().and_then(|url| parts::at(url.as_ref())).and_then(|part| parts.get(part)).cloned();
    let early = part.unwrap_or_default().into_iter().chain([wasm]).filter(|url| !url.is_empty());
    let early = early.map(|url| view! { <link rel="preload" href=url r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/> });
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#f6f6f4"/>
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#0f1115"/>
                <meta name="description" content="A workbench for LoRA adapters."/>
                <meta name="weft-build" content=build/>
                <meta name="weft-heard" content=heard/>
                <script src=theme_js></script>
                <link rel="stylesheet" href=css/>
                {font}
                <link rel="icon" href=icon r#type="image/svg+xml"/>
                <link rel="apple-touch-icon" href=touch_icon/>
                <link rel="manifest" href=manifest/>
                <link rel="modulepreload" href=js/>
                <link rel="modulepreload" href=parts_js/>
                {early.collect_view()}
                <script r#type="module" src=boot_js></script>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// The page: frame and routes. Pages are rendered whole before they are sent, so that they can be read without JavaScript.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    crate::shell::provide();
    view! {
        <Title formatter=|title: String| if title.is_empty() { "Weft".to_owned() } else { format!("{title} · Weft") }/>
        <Router>
            <Frame>
                <FlatRoutes fallback=NotFound>
                    <Route path=path!("/") view=LibraryPage ssr=SsrMode::Async/>
                    <Route path=path!("/adapters/:id") view={Lazy::<parts::Adapter>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/checkpoints") view={Lazy::<parts::Checkpoints>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/compare") view={Lazy::<parts::Compare>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/studio") view={Lazy::<parts::Studio>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/weave") view={Lazy::<parts::Weave>::new()} ssr=SsrMode::Async/>
                </FlatRoutes>
            </Frame>
        </Router>
    }
}

/// What stands at an address that leads nowhere.
#[component]
pub(crate) fn NotFound() -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(axum::http::StatusCode::NOT_FOUND);
    }
    view! {
        <Title text="Not found"/>
        <EmptyState title="There is nothing at this address" glyph=Glyph::Missing>
            <p>"It may have been moved, or the link has a typing error."</p>
            <a class="btn btn-primary" href="/">"To the library"</a>
        </EmptyState>
    }
}
