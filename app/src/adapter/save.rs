//! Saving what is the user's: with undo, and without silently overwriting another window.

use crate::api;
use crate::kit::{Button, Look, Toasts};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::{AdapterDetails, AdapterEdit, AdapterId};

/// The adapter and how its edits are saved, from context.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saving {
    pub details: RwSignal<AdapterDetails>,
    /// An edit that met a newer version.
    conflict: RwSignal<Option<AdapterEdit>>,
    toasts: Toasts,
}

impl Saving {
    pub(super) fn new(details: RwSignal<AdapterDetails>) -> Self {
        Self { details, conflict: RwSignal::new(None), toasts: expect_context::<Toasts>() }
    }

    /// Saves; `said` with a way back is shown when it worked.
    pub(super) fn save(self, edit: AdapterEdit, said: Option<&'static str>) {
        let back = self.details.with_untracked(|d| reverse(&edit, d));
        let version = self.details.with_untracked(|d| d.version);
        self.send(AdapterEdit { version: Some(version), ..edit }, back, said);
    }

    fn send(self, edit: AdapterEdit, back: AdapterEdit, said: Option<&'static str>) {
        let id = self.details.with_untracked(|d| d.card.id);
        self.send_to(id, edit, back, said);
    }

    /// Works on after the page is gone: an undo may be pressed elsewhere.
    fn send_to(self, id: AdapterId, edit: AdapterEdit, back: AdapterEdit, said: Option<&'static str>) {
        spawn_local(async move {
            match api::library_edit(id, edit.clone()).await {
                Ok(fresh) => {
                    drop(self.details.try_set(fresh));
                    if let Some(said) = said {
                        self.toasts.undo(said, move || {
                            self.send_to(id, AdapterEdit { version: None, ..back.clone() }, AdapterEdit::default(), None)
                        });
                    }
                }
                Err(error) if error.is_stale() => drop(self.conflict.try_set(Some(edit))),
                Err(error) => self.toasts.problem(&error),
            }
        });
    }
}

/// The edit that undoes this one.
fn reverse(edit: &AdapterEdit, old: &AdapterDetails) -> AdapterEdit {
    AdapterEdit {
        name: edit.name.as_ref().map(|_| old.card.name.clone()),
        tags: edit.tags.as_ref().map(|_| old.card.tags.clone()),
        notes: edit.notes.as_ref().map(|_| old.notes.clone()),
        rating: edit.rating.map(|_| old.card.rating.unwrap_or(0)),
        version: None,
    }
}

/// Shown when another window saved first: whose words stay?
#[component]
pub(super) fn Conflict() -> impl IntoView {
    let saving = expect_context::<Saving>();
    let mine = move |_| {
        if let Some(edit) = saving.conflict.get_untracked() {
            saving.conflict.set(None);
            saving.send(AdapterEdit { version: None, ..edit }, AdapterEdit::default(), None);
        }
    };
    let theirs = move |_| {
        saving.conflict.set(None);
        let id = saving.details.with_untracked(|d| d.card.id);
        spawn_local(async move {
            match api::library_details(id).await {
                Ok(fresh) => drop(saving.details.try_set(fresh)),
                Err(error) => saving.toasts.problem(&error),
            }
        });
    };
    view! {
        <Show when=move || saving.conflict.with(Option::is_some)>
            <div class="notice notice-warn" role="alert">
                <div class="notice-text">
                    <b>"Changed in another window."</b>
                    " This adapter was edited elsewhere after you opened it. Nothing is lost yet: choose which words stay."
                    <div class="row-acts">
                        <Button on:click=mine>"Save mine"</Button>
                        <Button look=Look::Quiet on:click=theirs>"Take the newer ones"</Button>
                    </div>
                </div>
            </div>
        </Show>
    }
}
