//! The pictures in a grid. Enter opens, F likes, Delete deletes or brings back.

use super::super::desk::Desk;
use super::state::Cell;
use crate::dom;
use crate::kit::{Glyph, Icon, StarsShown, Toasts};
use crate::picture::{alt, thumbnail};
use crate::windowed::WindowedGrid;
use leptos::ev::KeyboardEvent;
use leptos::{html, prelude::*};
use weft_domain::generation::PictureEdit;

/// The grid.
#[component]
pub(super) fn Grid() -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let list = expect_context::<Desk>().gallery;
    let keys = move |event: &KeyboardEvent, at: usize| {
        let Some(card) = list.card(at) else { return false };
        let edit = match event.key().as_str() {
            "f" | "F" => PictureEdit { favourite: Some(!card.favourite), ..PictureEdit::default() },
            "Delete" => PictureEdit { deleted: Some(card.deleted_ms.is_none()), ..PictureEdit::default() },
            _ => return false,
        };
        list.edit(vec![card.id], edit, toasts);
        true
    };
    let place = move |index: usize, cell: Option<Cell>| match cell {
        Some(cell) => view! { <Tile cell index/> }.into_any(),
        None => view! { <span class="skeleton skeleton-tile" aria-hidden="true"></span> }.into_any(),
    };
    view! { <WindowedGrid list label="Pictures" class="tiles-grid" keys place/> }
}

/// One picture.
#[component]
fn Tile(cell: Cell, index: usize) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let list = desk.gallery;
    let id = cell.with_untracked(|card| card.id);
    let ground = NodeRef::<html::Article>::new();
    let colour = cell.clone();
    Effect::new(move |_| {
        if let Some(ground) = ground.get() {
            colour.with(|card| dom::set_var(&ground, "--ground", &card.colour));
        }
    });
    let open = move |event: leptos::ev::MouseEvent| {
        if event.ctrl_key() || event.meta_key() || event.shift_key() {
            return;
        }
        event.prevent_default();
        desk.view(id, list.here());
    };
    let link = NodeRef::<html::A>::new();
    Effect::new(move |_| {
        if let Some(link) = link.get().filter(|_| list.wants_focus(index)) {
            drop(link.focus());
        }
    });
    let title = cell.with_untracked(alt);
    let label = title.clone();
    let (rating, favourite) = (cell.clone(), cell);
    view! {
        <article class="pic" node_ref=ground>
            <img src=thumbnail(id, 320) loading="lazy" decoding="async" alt="" draggable="false"/>
            <a
                node_ref=link
                class="card-link"
                href=format!("/studio?picture={id}")
                aria-label=label
                title=title
                tabindex=move || list.tab_index(index)
                on:focus=move |_| list.focus_on(index)
                on:click=open
            ></a>
            <label class="tick">
                <input
                    type="checkbox"
                    tabindex="-1"
                    aria-label="Choose"
                    prop:checked=move || list.chosen(id)
                    on:click=move |event: leptos::ev::MouseEvent| list.select(index, event.shift_key())
                />
                <span class="tick-box" aria-hidden="true"><Icon glyph=Glyph::Check/></span>
            </label>
            <span class="pic-marks">
                {move || rating.with(|c| c.rating).map(|value| view! { <StarsShown value/> })}
                {move || favourite.with(|c| c.favourite).then(|| view! { <span class="pic-heart" role="img" aria-label="Favourite"><Icon glyph=Glyph::Heart/></span> })}
            </span>
        </article>
    }
}
