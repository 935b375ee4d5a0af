//! All pictures, newest first: an endless grid with filters, search and the trash.

mod filters;
mod grid;
mod state;
mod trash;

pub use state::Gallery;

use super::address::is_narrowed;
use super::desk::Desk;
use crate::format;
use crate::kit::{Button, EmptyState, Glyph, Look, ProblemView, Toasts};
use leptos::prelude::*;
use weft_domain::generation::{PictureEdit, PictureQuery};

/// The part of the page below what is painted.
#[component]
pub(super) fn History() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let gallery = desk.gallery;
    let any = Memo::new(move |_| gallery.total.get() > 0);
    view! {
        <section class="history" aria-label="Pictures">
            <header class="history-head">
                <h2>{move || if gallery.query.with(|q| q.trash) { "Trash" } else { "Pictures" }}</h2>
                <span class="head-count num" role="status">{move || format::count(gallery.total.get())}</span>
                <filters::Filters/>
                <super::import::ImportButton/>
            </header>
            <trash::TrashBar/>
            {move || gallery.error.get().map(|error| view! { <ProblemView error/> })}
            <Show when=move || any.get() fallback=Nothing>
                <grid::Grid/>
            </Show>
            <Chosen/>
        </section>
    }
}

/// Why there is no picture.
#[component]
fn Nothing() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let gallery = desk.gallery;
    move || {
        let (narrowed, trash) = gallery.query.with(|q| (is_narrowed(q), q.trash));
        if narrowed {
            let clear = move |_| {
                let next = gallery.query.with_untracked(|q| PictureQuery { sort: q.sort, trash: q.trash, ..PictureQuery::default() });
                filters::go(desk, next);
            };
            view! {
                <EmptyState title="No picture fits" glyph=Glyph::Search>
                    <p>"None has all of these properties."</p>
                    <Button on:click=clear>"Show all"</Button>
                </EmptyState>
            }
            .into_any()
        } else if trash {
            view! { <p class="history-none hint">"The trash is empty."</p> }.into_any()
        } else {
            view! { <p class="history-none hint">"What you paint is kept here, with everything that made it. Pictures made elsewhere can be dropped on this page: their parameters come along."</p> }.into_any()
        }
    }
}

/// What can be done with the pictures that are chosen.
#[component]
fn Chosen() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let toasts = expect_context::<Toasts>();
    let gallery = desk.gallery;
    let count = Memo::new(move |_| gallery.selected.with(Vec::len));
    let trash = Memo::new(move |_| gallery.query.with(|q| q.trash));
    let edit = move |edit: PictureEdit| {
        gallery.edit(gallery.selected.get_untracked(), edit, toasts);
        gallery.selected.set(Vec::new());
    };
    let compare = move |_| {
        let ids = gallery.selected.get_untracked();
        let here = gallery.here();
        let card = |at: usize| ids.get(at).and_then(|id| here.iter().find(|c| c.id == *id).cloned());
        if let (Some(first), Some(second)) = (card(0), card(1)) {
            desk.view(first.id, vec![first, second.clone()]);
            desk.viewing.update(|v| {
                if let Some(v) = v {
                    v.against = Some(second);
                }
            });
        }
    };
    view! {
        <Show when=move || { count.get() > 0 }>
            <div class="chosen-bar" role="region" aria-label="Chosen pictures">
                <b class="num">{move || count.get()}</b>
                <Show when=move || count.get() == 2>
                    <Button icon=Glyph::Compare on:click=compare>"Compare"</Button>
                </Show>
                <Show
                    when=move || trash.get()
                    fallback=move || view! {
                        <Button icon=Glyph::Heart on:click=move |_| edit(PictureEdit { favourite: Some(true), ..PictureEdit::default() })>"Favourite"</Button>
                        <Button icon=Glyph::Trash look=Look::Danger on:click=move |_| edit(PictureEdit { deleted: Some(true), ..PictureEdit::default() })>"Delete"</Button>
                    }
                >
                    <Button icon=Glyph::Undo on:click=move |_| edit(PictureEdit { deleted: Some(false), ..PictureEdit::default() })>"Bring back"</Button>
                </Show>
                <Button look=Look::Quiet on:click=move |_| gallery.selected.set(Vec::new())>"Clear"</Button>
            </div>
        </Show>
    }
}
