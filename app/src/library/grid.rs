//! The cards themselves, in a grid or a list.

use super::card::{Card, Row};
use super::state::{Cell, Gallery, Layout};
use crate::shell::Trail;
use crate::windowed::WindowedGrid;
use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

/// The adapters. Enter opens, W weaves what is chosen, C compares it.
#[component]
pub(super) fn Grid() -> impl IntoView {
    let gallery = expect_context::<Gallery>();
    let list = gallery.list;
    let depth = expect_context::<Trail>().depth;
    let navigate = use_navigate();
    let keys = move |event: &KeyboardEvent, _: usize| {
        let chosen = list.selected.with_untracked(Vec::len);
        let url = match event.key().as_str() {
            "w" | "W" if chosen > 0 => untrack(|| gallery.weave_url()),
            "c" | "C" if chosen > 1 => untrack(|| gallery.compare_url()),
            _ => return false,
        };
        navigate(&url, NavigateOptions::default());
        true
    };
    let as_list = Memo::new(move |_| gallery.layout.get() == Layout::List);
    let place = move |index: usize, cell: Option<Cell>| {
        let view = move || match (cell.clone(), as_list.get()) {
            (Some(cell), false) => view! { <Card cell index/> }.into_any(),
            (Some(cell), true) => view! { <Row cell index/> }.into_any(),
            (None, false) => view! { <span class="skeleton skeleton-card" aria-hidden="true"></span> }.into_any(),
            (None, true) => view! { <span class="skeleton skeleton-row" aria-hidden="true"></span> }.into_any(),
        };
        view.into_any()
    };
    let class = Signal::derive(move || match gallery.layout.get() {
        Layout::Grid => "grid",
        Layout::Dense => "grid grid-dense",
        Layout::List => "grid grid-list",
    });
    let shape = Signal::derive(move || gallery.layout.get() as u64);
    view! {
        <Show when=move || as_list.get()>
            <div class="row row-head" aria-hidden="true">
                <span></span><span></span><span>"Name"</span><span>"Family"</span><span>"Kind"</span><span>"Rank"</span>
                <span>"Size"</span><span>"Rating"</span><span>"Tags"</span><span>"File date"</span>
            </div>
        </Show>
        <WindowedGrid list label="Adapters" class shape depth keys place/>
    }
}
