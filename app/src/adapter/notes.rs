//! What its user says of an adapter: rating, tags, notes.

use super::save::Saving;
use crate::api;
use crate::kit::{Stars, TagEditor};
use leptos::task::spawn_local;
use leptos::{html, prelude::*};
use std::time::Duration;
use weft_domain::{AdapterEdit, LibraryQuery};

/// One to five stars.
#[component]
pub(super) fn Rating() -> impl IntoView {
    let saving = expect_context::<Saving>();
    let value = Signal::derive(move || saving.details.with(|d| d.card.rating.unwrap_or(0)));
    let change =
        Callback::new(move |rating: u8| saving.save(AdapterEdit { rating: Some(rating), ..Default::default() }, Some("Rating changed.")));
    view! {
        <section class="side-section">
            <h2 class="label">"Rating"</h2>
            <Stars name="rating" value on_change=change/>
        </section>
    }
}

/// Tags, with the library's own offered while typing.
#[component]
pub(super) fn Tags() -> impl IntoView {
    let saving = expect_context::<Saving>();
    let tags = Signal::derive(move || saving.details.with(|d| d.card.tags.clone()));
    let known = RwSignal::new(Vec::new());
    Effect::new(move |_| {
        spawn_local(async move {
            // Without an answer nothing is offered; typing works the same.
            if let Ok(page) = api::library_query(LibraryQuery { limit: 1, ..Default::default() }).await {
                let list = page.facets.unwrap_or_default().tag.into_iter().map(|facet| facet.value).collect();
                drop(known.try_set(list));
            }
        });
    });
    let change =
        Callback::new(move |tags: Vec<String>| saving.save(AdapterEdit { tags: Some(tags), ..Default::default() }, Some("Tags changed.")));
    view! {
        <section class="side-section">
            <h2 class="label">"Tags"</h2>
            <TagEditor id="adapter-tags" tags on_change=change known/>
        </section>
    }
}

/// Notes save themselves a moment after the last key, and when the field is left.
#[component]
pub(super) fn Notes() -> impl IntoView {
    let saving = expect_context::<Saving>();
    let area = NodeRef::<html::Textarea>::new();
    let draft = RwSignal::new(None::<String>);
    let stored = Memo::new(move |_| saving.details.with(|d| d.notes.clone()));
    let keep = move |said| {
        let Some(text) = draft.try_get_untracked().flatten() else { return };
        if text != stored.get_untracked() {
            saving.save(AdapterEdit { notes: Some(text), ..Default::default() }, said);
        }
    };
    let typed = move |event: leptos::ev::Event| {
        let text = event_target_value(&event);
        draft.set(Some(text.clone()));
        let later = move || {
            if draft.try_get_untracked().flatten().as_ref() == Some(&text) {
                keep(None);
            }
        };
        set_timeout(later, Duration::from_millis(900));
    };
    let left = move |_| {
        keep(Some("Notes saved."));
        draft.set(None);
    };
    let state = move || match draft.get() {
        Some(text) if text != stored.get() => "Saving…",
        Some(_) => "Saved",
        None => "",
    };
    view! {
        <section class="side-section">
            <div class="label-row">
                <label class="label" for="adapter-notes">"Notes"</label>
                <span class="hint" role="status">{state}</span>
            </div>
            <textarea
                node_ref=area
                id="adapter-notes"
                class="input notes"
                rows="5"
                maxlength=AdapterEdit::NOTES_MAX
                placeholder="What works, what does not, at which weight…"
                prop:value=move || draft.get().unwrap_or_else(|| stored.get())
                on:input=typed
                on:blur=left
            ></textarea>
        </section>
    }
}
