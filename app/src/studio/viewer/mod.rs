//! The viewer: one picture as large as the window, everything that made it, and what can be done with it.

mod acts;
mod facts;
mod mask;
mod stage;
mod vary;
mod versus;

use super::desk::Desk;
use crate::api::{self, ApiError};
use crate::dom;
use crate::kit::{Glyph, IconButton, ProblemView, Skeleton, Toasts};
use crate::picture::thumbnail;
use crate::shell::Live;
use leptos::task::spawn_local;
use leptos::{html, prelude::*};
use weft_domain::generation::{PictureCard, PictureDetails, PictureEdit};
use weft_domain::{Event, PictureId};

/// What the viewer knows of the picture it shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Viewer {
    pub desk: Desk,
    pub toasts: Toasts,
    pub live: Live,
    pub id: Memo<Option<PictureId>>,
    pub details: RwSignal<Option<PictureDetails>>,
    pub error: RwSignal<Option<ApiError>>,
    /// The mask brush is out.
    pub masking: RwSignal<bool>,
    /// The strip chooses the picture to compare with.
    pub choosing: RwSignal<bool>,
    /// A generation whose picture is to be compared with this one when it comes.
    pub awaited: RwSignal<Option<weft_domain::GenerationId>>,
}

impl Viewer {
    fn fetch(self, id: PictureId) {
        spawn_local(async move {
            let answer = api::picture_details(id).await;
            if self.id.try_get_untracked() != Some(Some(id)) {
                return;
            }
            match answer {
                Ok(details) => {
                    self.error.set(None);
                    self.details.set(Some(details));
                }
                Err(error) => self.error.set(Some(error)),
            }
        });
    }

    /// The details, once they are those of the picture that is shown.
    pub(super) fn known(self) -> Option<PictureDetails> {
        self.details.with(|d| d.clone().filter(|d| Some(d.card.id) == self.id.get()))
    }

    /// Changes the user's own data of this picture.
    pub(super) fn edit(self, edit: PictureEdit) {
        let Some(id) = self.id.get_untracked() else { return };
        let deleting = edit.deleted == Some(true);
        // Shown at once; the answer corrects it.
        self.details.update(|d| {
            if let Some(d) = d {
                d.card.favourite = edit.favourite.unwrap_or(d.card.favourite);
                d.card.rating = edit.rating.map_or(d.card.rating, |r| (r > 0).then_some(r));
            }
        });
        self.desk.gallery.edit(vec![id], edit, self.toasts);
        if deleting {
            self.leave(id);
        }
    }

    /// Goes on to the next picture when this one goes; closes after the last.
    fn leave(self, id: PictureId) {
        let next = self.desk.viewing.with_untracked(|v| {
            let among = &v.as_ref()?.among;
            let at = among.iter().position(|c| c.id == id)?;
            among.get(at + 1).or_else(|| at.checked_sub(1).and_then(|at| among.get(at))).map(|c| c.id)
        });
        match next {
            Some(next) => {
                self.desk.viewing.update(|v| {
                    if let Some(v) = v {
                        v.among.retain(|c| c.id != id);
                        (v.id, v.against) = (next, None);
                    }
                });
                self.desk.remember();
            }
            None => self.desk.close_view(),
        }
    }

    /// The next or the former picture.
    pub(super) fn go(self, by: isize) {
        let next = self.desk.viewing.with_untracked(|v| {
            let v = v.as_ref()?;
            let at = v.among.iter().position(|c| c.id == v.id)?;
            v.among.get(at.checked_add_signed(by)?).map(|c| c.id)
        });
        if let Some(next) = next {
            self.show(next);
        }
    }

    /// Another picture among the same.
    pub(super) fn show(self, id: PictureId) {
        self.desk.viewing.update(|v| {
            if let Some(v) = v {
                (v.id, v.against) = (id, None);
            }
        });
        self.desk.remember();
    }

    /// Compares with a second one; None ends it.
    pub(super) fn against(self, card: Option<PictureCard>) {
        self.choosing.set(false);
        self.desk.viewing.update(|v| {
            if let Some(v) = v {
                v.against = card;
            }
        });
    }

    fn look(self) {
        // A picture that was awaited for a comparison may have come.
        let Some(generation) = self.awaited.get_untracked() else { return };
        spawn_local(async move {
            let Ok(view) = api::generation_get(generation).await else { return };
            if self.awaited.try_get_untracked() != Some(Some(generation)) {
                return;
            }
            if let Some(card) = view.pictures.into_iter().next() {
                self.awaited.set(None);
                self.against(Some(card));
            } else if view.job.is_some_and(|j| j.state.finished()) {
                self.awaited.set(None);
                self.toasts.say("The picture for the comparison was not painted.");
            }
        });
    }
}

/// The dialog. Its content exists only while it is open.
#[component]
pub(super) fn ViewerDialog() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let node = NodeRef::<html::Dialog>::new();
    let open = Memo::new(move |_| desk.viewing.with(Option::is_some));
    Effect::new(move |_| {
        let Some(dialog) = node.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) => dom::open_dialog(&dialog),
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    view! {
        <dialog node_ref=node class="dialog viewer" aria-label="Picture" on:close=move |_| desk.close_view()>
            <Show when=move || open.get()><Body/></Show>
        </dialog>
    }
}

#[component]
fn Body() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let id = Memo::new(move |_| desk.viewing.with(|v| v.as_ref().map(|v| v.id)));
    let viewer = Viewer {
        desk,
        toasts: expect_context::<Toasts>(),
        live: expect_context::<Live>(),
        id,
        details: RwSignal::new(None),
        error: RwSignal::new(None),
        masking: RwSignal::new(false),
        choosing: RwSignal::new(false),
        awaited: RwSignal::new(None),
    };
    provide_context(viewer);
    Effect::new(move |_| {
        if let Some(id) = id.get() {
            viewer.masking.set(false);
            viewer.fetch(id);
        }
    });
    viewer.live.on_event(move |event| match event {
        Event::Pictures { ids } => {
            if let Some(id) = id.get_untracked().filter(|id| ids.contains(id)) {
                viewer.fetch(id);
            }
            viewer.look();
        }
        Event::Job { job } if job.state.finished() => viewer.look(),
        _ => {}
    });
    let facts = RwSignal::new(true);
    keys(viewer, facts);
    view! {
        <div class="viewer-body" class:alone=move || !facts.get()>
            <div class="viewer-stage">
                {move || if viewer.masking.get() { view! { <mask::MaskBrush/> }.into_any() } else { view! { <stage::Stage/> }.into_any() }}
                <div class="viewer-top">
                    <IconButton glyph=Glyph::Info label="What made it (I)" pressed=facts on:click=move |_| facts.update(|f| *f = !*f)/>
                    <IconButton glyph=Glyph::Close label="Close (Esc)" on:click=move |_| desk.close_view()/>
                </div>
                <Strip/>
            </div>
            <section class="viewer-side" aria-label="About this picture">
                {move || viewer.error.get().map(|error| view! { <ProblemView error/> })}
                {move || match viewer.known() {
                    Some(details) => view! { <acts::Acts details=details.clone()/> <facts::Facts details/> }.into_any(),
                    None if viewer.error.with(Option::is_some) => ().into_any(),
                    None => view! { <div aria-busy="true"><Skeleton lines=8/></div> }.into_any(),
                }}
            </section>
        </div>
    }
}

/// Keys of the viewer.
fn keys(viewer: Viewer, facts: RwSignal<bool>) {
    Effect::new(move |_| {
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            if event.default_prevented() || event.ctrl_key() || event.meta_key() || event.alt_key() || dom::typing(&event) {
                return;
            }
            let slides = event.target().is_some_and(|t| {
                use wasm_bindgen::JsCast;
                t.dyn_ref::<web_sys::Element>().is_some_and(|e| e.matches("input, summary, [role=slider], canvas").unwrap_or(false))
            });
            let card = || viewer.details.with_untracked(|d| d.as_ref().map(|d| d.card.clone()));
            match event.key().as_str() {
                "ArrowRight" if !slides => viewer.go(1),
                "ArrowLeft" if !slides => viewer.go(-1),
                "f" | "F" => viewer.edit(PictureEdit { favourite: card().map(|c| !c.favourite), ..PictureEdit::default() }),
                "Delete" => viewer.edit(PictureEdit { deleted: card().map(|c| c.deleted_ms.is_none()), ..PictureEdit::default() }),
                "c" | "C" => match viewer.desk.viewing.with_untracked(|v| v.as_ref().is_some_and(|v| v.against.is_some())) {
                    true => viewer.against(None),
                    false => viewer.choosing.update(|c| *c = !*c),
                },
                "i" | "I" => facts.update(|f| *f = !*f),
                key if !slides && key.len() == 1 && ("0"..="5").contains(&key) => {
                    viewer.edit(PictureEdit { rating: key.parse().ok(), ..PictureEdit::default() });
                }
                _ => return,
            }
            event.prevent_default();
        });
        on_cleanup(move || handle.remove());
    });
}

/// The pictures around this one; while a second one is chosen, the way to it.
#[component]
fn Strip() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let desk = viewer.desk;
    let around = Memo::new(move |_| {
        desk.viewing.with(|v| {
            let Some(v) = v else { return Vec::new() };
            let at = v.among.iter().position(|c| c.id == v.id).unwrap_or(0);
            let family = viewer.details.with(|d| {
                d.as_ref()
                    .filter(|d| d.card.id == v.id && viewer.choosing.get())
                    .map(|d| d.parent.iter().chain(&d.children).cloned().collect::<Vec<_>>())
            });
            let near = v.among.iter().skip(at.saturating_sub(12)).take(25).cloned();
            let mut list: Vec<PictureCard> = family.unwrap_or_default();
            for card in near {
                if list.iter().all(|c| c.id != card.id) {
                    list.push(card);
                }
            }
            list
        })
    });
    let tile = move |card: PictureCard| {
        let id = card.id;
        let here = Memo::new(move |_| viewer.id.get() == Some(id));
        let press = move |_| {
            if viewer.choosing.get_untracked() {
                viewer.against(Some(card.clone()));
            } else {
                viewer.show(id);
            }
        };
        let node = NodeRef::<html::Button>::new();
        Effect::new(move |_| {
            if here.get()
                && let Some(node) = node.get()
            {
                let options = web_sys::ScrollIntoViewOptions::new();
                options.set_block(web_sys::ScrollLogicalPosition::Nearest);
                options.set_inline(web_sys::ScrollLogicalPosition::Center);
                node.scroll_into_view_with_scroll_into_view_options(&options);
            }
        });
        view! {
            <button
                node_ref=node
                type="button"
                class="strip-pic"
                aria-current=move || here.get().then_some("true")
                disabled=move || here.get() && viewer.choosing.get()
                on:click=press
            >
                <img src=thumbnail(id, 160) width="56" height="56" alt=format!("Picture {id}") loading="lazy"/>
            </button>
        }
    };
    view! {
        <Show when=move || { around.with(Vec::len) > 1 }>
            <div class="strip" class:choosing=move || viewer.choosing.get() role="group" aria-label=move || if viewer.choosing.get() { "Choose the picture to compare with" } else { "Pictures around this one" }>
                <Show when=move || viewer.choosing.get()><span class="strip-say" role="status">"Compare with…"</span></Show>
                <For each=move || around.get() key=|c| c.id children=tile/>
            </div>
        </Show>
    }
}
