//! The cards of a list that stand near the window. Arrow keys move, Space chooses, Escape lets go; the card's own keys come after.

use super::scrolling::{Viewport, index_of};
use super::{Cell, Listed, Windowed};
use leptos::ev::KeyboardEvent;
use leptos::{html, prelude::*};

/// The list in the page; only rows near the window are in the document.
#[component]
pub fn WindowedGrid<Q, K, P>(
    list: Windowed<Q>,
    /// For assistive technology.
    label: &'static str,
    #[prop(into)] class: Signal<&'static str>,
    /// Changes whenever places are laid out anew.
    #[prop(into, default = Signal::stored(0))]
    shape: Signal<u64>,
    /// How far down the visitor was; kept when a card leads away, and gone back to.
    #[prop(optional)]
    depth: Option<StoredValue<f64>>,
    /// Keys of the card in a place; true where it was one of them.
    keys: K,
    /// What stands in a place; None: its card is still to come.
    place: P,
) -> impl IntoView
where
    Q: Listed,
    K: Fn(&KeyboardEvent, usize) -> bool + Send + Sync + 'static,
    P: Fn(usize, Option<Cell<Q>>) -> AnyView + Clone + Send + Sync + 'static,
{
    let node = NodeRef::<html::Ul>::new();
    let viewport = Viewport::new(list.scrolling(shape), node);
    viewport.follow();
    if let Some(depth) = depth {
        Effect::new(move |_| {
            viewport.return_to(depth.get_value());
            depth.set_value(0.0);
        });
    }
    let left = move |_| {
        if let Some(depth) = depth {
            depth.set_value(window().scroll_y().unwrap_or(0.0));
        }
    };
    let pressed = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let Some(at) = index_of(&event) else { return };
        if moves(viewport, list, &event, at) || keys(&event, at) {
            event.prevent_default();
        }
    };
    // A place keeps its elements as long as the same card stands in it.
    let each = move |(at, id): (usize, Option<Q::Id>)| {
        let cell = id.and_then(|_| list.cells.with_untracked(|cells| cells.get(at).cloned().flatten()));
        view! {
            <li
                class="place"
                class:selected=move || id.is_some_and(|id| list.chosen(id))
                data-index=at
                aria-posinset=at + 1
                aria-setsize=move || list.total.get()
            >
                {place(at, cell)}
            </li>
        }
    };
    view! {
        <ul
            class=move || class.get()
            class:choosing=move || list.selected.with(|ids| !ids.is_empty())
            role="list"
            aria-label=label
            node_ref=node
            on:keydown=pressed
            on:click=left
        >
            <For each=move || list.shown() key=|place| *place children=each/>
        </ul>
    }
}

/// Keys that every list knows; true where it was one of them.
fn moves<Q: Listed>(viewport: Viewport, list: Windowed<Q>, event: &KeyboardEvent, at: usize) -> bool {
    let columns = viewport.metrics().map_or(1, |m| m.columns);
    match event.key().as_str() {
        "ArrowRight" => viewport.go(at + 1),
        "ArrowLeft" => viewport.go(at.saturating_sub(1)),
        "ArrowDown" => viewport.go(at + columns),
        "ArrowUp" => viewport.go(at.saturating_sub(columns)),
        "Home" => viewport.go(0),
        "End" => viewport.go(usize::MAX),
        " " => list.select(at, event.shift_key()),
        "Escape" if !list.selected.with_untracked(Vec::is_empty) => list.selected.set(Vec::new()),
        _ => return false,
    }
    true
}
