//! The cards themselves, in a grid or a list.

use super::card::{Card, Row};
use super::state::{Gallery, Layout};
use crate::scrolling::{Viewport, index_of};
use crate::shell::Trail;
use leptos::{html, prelude::*};
use leptos_router::hooks::use_navigate;
use weft_domain::AdapterId;

/// The cards of the places in the window. Arrow keys move, Space selects, Enter opens, W weaves, C compares.
#[component]
pub(super) fn Grid() -> impl IntoView {
    let gallery = expect_context::<Gallery>();
    let list = NodeRef::<html::Ul>::new();
    let viewport = Viewport::new(gallery.scrolling(), list);
    viewport.follow();
    let trail = expect_context::<Trail>();
    Effect::new(move |_| {
        viewport.return_to(trail.depth.get_value());
        trail.depth.set_value(0.0);
    });
    let left = move |_| trail.depth.set_value(window().scroll_y().unwrap_or(0.0));
    let navigate = use_navigate();

    let keys = move |event: leptos::ev::KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let Some(at) = index_of(&event) else { return };
        let columns = viewport.metrics().map_or(1, |m| m.columns);
        match event.key().as_str() {
            "ArrowRight" => viewport.go(at + 1),
            "ArrowLeft" => viewport.go(at.saturating_sub(1)),
            "ArrowDown" => viewport.go(at + columns),
            "ArrowUp" => viewport.go(at.saturating_sub(columns)),
            "Home" => viewport.go(0),
            "End" => viewport.go(usize::MAX),
            " " => gallery.select(at, event.shift_key()),
            "Escape" if !gallery.selected.with_untracked(Vec::is_empty) => gallery.selected.set(Vec::new()),
            "w" | "W" if !gallery.selected.with_untracked(Vec::is_empty) => {
                navigate(&untrack(|| gallery.weave_url()), leptos_router::NavigateOptions::default());
            }
            "c" | "C" if gallery.selected.with_untracked(|ids| ids.len() > 1) => {
                navigate(&untrack(|| gallery.compare_url()), leptos_router::NavigateOptions::default());
            }
            _ => return,
        }
        event.prevent_default();
    };
    // A place keeps its elements as long as the same adapter stands in it.
    let places = move || {
        let (first, last) = gallery.range.get();
        gallery.cells.with(|cells| {
            let id = |i: usize| cells.get(i)?.as_ref().map(|cell| cell.with_untracked(|card| card.id));
            (first..last.min(cells.len())).map(|i| (i, id(i))).collect::<Vec<(usize, Option<AdapterId>)>>()
        })
    };
    let list_view = Memo::new(move |_| gallery.layout.get() == Layout::List);
    let place = move |(index, id): (usize, Option<AdapterId>)| {
        let cell = id.and_then(|_| untrack(|| gallery.cell(index)));
        let position = index + 1;
        let selected = move || id.is_some_and(|id| gallery.selected.with(|ids| ids.contains(&id)));
        view! {
            <li
                class="place"
                class:selected=selected
                data-index=index
                aria-posinset=position
                aria-setsize=move || gallery.total.get()
            >
                {move || match (cell.clone(), list_view.get()) {
                    (Some(cell), false) => view! { <Card cell index/> }.into_any(),
                    (Some(cell), true) => view! { <Row cell index/> }.into_any(),
                    (None, false) => view! { <span class="skeleton skeleton-card" aria-hidden="true"></span> }.into_any(),
                    (None, true) => view! { <span class="skeleton skeleton-row" aria-hidden="true"></span> }.into_any(),
                }}
            </li>
        }
    };
    let class = move || match gallery.layout.get() {
        Layout::Grid => "grid",
        Layout::Dense => "grid grid-dense",
        Layout::List => "grid grid-list",
    };
    view! {
        <Show when=move || list_view.get()>
            <div class="row row-head" aria-hidden="true">
                <span></span><span></span><span>"Name"</span><span>"Family"</span><span>"Kind"</span><span>"Rank"</span>
                <span>"Size"</span><span>"Rating"</span><span>"Tags"</span><span>"File date"</span>
            </div>
        </Show>
        <ul class=class class:choosing=move || gallery.selected.with(|ids| !ids.is_empty()) role="list" aria-label="Adapters" node_ref=list on:keydown=keys on:click=left>
            <For each=places key=|place| *place children=place/>
        </ul>
    }
}
