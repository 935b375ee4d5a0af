//! The pictures in a grid. Arrow keys move, Enter opens, Space chooses, F likes, Delete deletes.

use super::super::desk::Desk;
use crate::dom;
use crate::kit::{Glyph, Icon, StarsShown, Toasts};
use crate::picture::{alt, thumbnail};
use crate::scrolling::{Viewport, index_of};
use leptos::{html, prelude::*};
use weft_domain::PictureId;
use weft_domain::generation::{PictureCard, PictureEdit};

/// The grid; only rows near the window are in the document.
#[component]
pub(super) fn Grid() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let toasts = expect_context::<Toasts>();
    let gallery = desk.gallery;
    let list = NodeRef::<html::Ul>::new();
    let viewport = Viewport::new(gallery.scrolling(), list);
    viewport.follow();
    let at_place = move |at: usize| gallery.places.with_untracked(|places| places.get(at).cloned().flatten());
    let keys = move |event: leptos::ev::KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let Some(at) = index_of(&event) else { return };
        let columns = viewport.metrics().map_or(1, |m| m.columns);
        let edit = |edit: fn(&PictureCard) -> PictureEdit| {
            if let Some(card) = at_place(at) {
                gallery.edit(vec![card.id], edit(&card), toasts);
            }
        };
        match event.key().as_str() {
            "ArrowRight" => viewport.go(at + 1),
            "ArrowLeft" => viewport.go(at.saturating_sub(1)),
            "ArrowDown" => viewport.go(at + columns),
            "ArrowUp" => viewport.go(at.saturating_sub(columns)),
            "Home" => viewport.go(0),
            "End" => viewport.go(usize::MAX),
            " " => gallery.select(at, event.shift_key()),
            "f" | "F" => edit(|card| PictureEdit { favourite: Some(!card.favourite), ..PictureEdit::default() }),
            "Delete" => edit(|card| PictureEdit { deleted: Some(card.deleted_ms.is_none()), ..PictureEdit::default() }),
            "Escape" if !gallery.selected.with_untracked(Vec::is_empty) => gallery.selected.set(Vec::new()),
            _ => return,
        }
        event.prevent_default();
    };
    let place = move |(index, id): (usize, Option<PictureId>)| {
        let selected = move || id.is_some_and(|id| gallery.selected.with(|ids| ids.contains(&id)));
        view! {
            <li class="place" class:selected=selected data-index=index aria-posinset=index + 1 aria-setsize=move || gallery.total.get()>
                {match id {
                    Some(id) => view! { <Tile id index/> }.into_any(),
                    None => view! { <span class="skeleton skeleton-tile" aria-hidden="true"></span> }.into_any(),
                }}
            </li>
        }
    };
    view! {
        <ul class="tiles-grid" class:choosing=move || gallery.selected.with(|ids| !ids.is_empty()) role="list" aria-label="Pictures" node_ref=list on:keydown=keys>
            <For each=move || gallery.shown() key=|place| *place children=place/>
        </ul>
    }
}

/// One picture.
#[component]
fn Tile(id: PictureId, index: usize) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let gallery = desk.gallery;
    // It keeps its elements, and the focus, while its marks change.
    let card = Memo::new(move |former: Option<&PictureCard>| {
        let now = gallery.places.with(|places| places.get(index).cloned().flatten());
        now.filter(|c| c.id == id).or_else(|| former.cloned()).unwrap_or_default()
    });
    let ground = NodeRef::<html::Article>::new();
    Effect::new(move |_| {
        if let Some(ground) = ground.get() {
            card.with(|card| dom::set_var(&ground, "--ground", &card.colour));
        }
    });
    let open = move |event: leptos::ev::MouseEvent| {
        if event.ctrl_key() || event.meta_key() || event.shift_key() {
            return;
        }
        event.prevent_default();
        desk.view(id, gallery.here());
    };
    let title = untrack(|| card.with(alt));
    let label = title.clone();
    view! {
        <article class="pic" node_ref=ground>
            <img src=thumbnail(id, 320) loading="lazy" decoding="async" alt="" draggable="false"/>
            <a
                class="card-link"
                href=format!("/studio?picture={id}")
                aria-label=label
                title=title
                tabindex=move || if gallery.focus.get() == index { "0" } else { "-1" }
                on:focus=move |_| gallery.focus.set(index)
                on:click=open
            ></a>
            <label class="tick">
                <input
                    type="checkbox"
                    tabindex="-1"
                    aria-label="Choose"
                    prop:checked=move || gallery.selected.with(|ids| ids.contains(&id))
                    on:click=move |event: leptos::ev::MouseEvent| gallery.select(index, event.shift_key())
                />
                <span class="tick-box" aria-hidden="true"><Icon glyph=Glyph::Check/></span>
            </label>
            <span class="pic-marks">
                {move || card.with(|c| c.rating).map(|value| view! { <StarsShown value/> })}
                {move || card.with(|c| c.favourite).then(|| view! { <span class="pic-heart" role="img" aria-label="Favourite"><Icon glyph=Glyph::Heart/></span> })}
            </span>
        </article>
    }
}
