//! Name, badges and actions.

use super::save::Saving;
use crate::api;
use crate::dom;
use crate::kit::{Badge, Button, Glyph, Icon, IconButton, Look, Toasts, Tone};
use crate::library::kind_label;
use crate::shell::{Live, Trail};
use leptos::task::spawn_local;
use leptos::{html, prelude::*};
use weft_domain::{AdapterEdit, FileState};

/// The name, edited in place: press it, or `E`. Enter keeps, Escape gives up; an empty name gives the file's back.
#[component]
pub(super) fn Naming() -> impl IntoView {
    let saving = expect_context::<Saving>();
    let details = saving.details;
    let trail = expect_context::<Trail>();
    let draft = RwSignal::new(None::<String>);
    let input = NodeRef::<html::Input>::new();
    let start = move || draft.set(Some(details.with_untracked(|d| d.card.name.clone())));
    Effect::new(move |_| {
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            let plain = !(event.ctrl_key() || event.meta_key() || event.alt_key());
            if plain && event.key().eq_ignore_ascii_case("e") && !dom::typing(&event) && !dom::dialog_open() {
                event.prevent_default();
                start();
            }
        });
        on_cleanup(move || handle.remove());
    });
    Effect::new(move |_| {
        if let Some(input) = input.get() {
            drop(input.focus());
            // The value comes with the same effects; only then is there something to select.
            request_animation_frame(move || input.select());
        }
    });
    let keep = move || {
        let Some(name) = draft.get_untracked() else { return };
        draft.set(None);
        if name.trim() != details.with_untracked(|d| d.card.name.clone()) {
            saving.save(AdapterEdit { name: Some(name), ..Default::default() }, Some("Name changed."));
        }
    };
    let keys = move |event: leptos::ev::KeyboardEvent| match event.key().as_str() {
        "Enter" => keep(),
        "Escape" => draft.set(None),
        _ => {}
    };
    let editing = Memo::new(move |_| draft.with(Option::is_some));
    view! {
        <header class="adapter-head">
            <a class="back" href=move || trail.url.get()>"Library"</a>
            <Show
                when=move || editing.get()
                fallback=move || view! {
                    <div class="name-row">
                        <h1><bdi>{move || details.with(|d| d.card.name.clone())}</bdi></h1>
                        <IconButton glyph=Glyph::Pencil label="Edit the name (E)" on:click=move |_| start()/>
                    </div>
                }
            >
                <input
                    node_ref=input
                    type="text"
                    class="input name-input"
                    aria-label="Name"
                    maxlength=AdapterEdit::NAME_MAX
                    prop:value=move || draft.get().unwrap_or_default()
                    on:input=move |event| draft.set(Some(event_target_value(&event)))
                    on:keydown=keys
                    on:blur=move |_| keep()
                />
            </Show>
            <div class="card-line">{move || badges(saving)}</div>
        </header>
    }
}

fn badges(saving: Saving) -> impl IntoView {
    let card = saving.details.with(|d| d.card.clone());
    let variant = saving.details.with(|d| d.variant.clone());
    let (kind, rank) = (kind_label(&card.kind), card.rank_label());
    let neutral = card.fallback.then(|| view! { <Badge tone=Tone::Dashed>"neutral blocks"</Badge> });
    view! {
        <Badge>{card.family_label}</Badge>
        {variant.map(|variant| view! { <Badge>{variant}</Badge> })}
        <Badge>{kind}</Badge>
        {rank.map(|rank| view! { <span class="num">{rank}</span> })}
        {neutral}
    }
}

/// What can be done with the adapter.
#[component]
pub(super) fn Actions() -> impl IntoView {
    let saving = expect_context::<Saving>();
    let toasts = expect_context::<Toasts>();
    let live = expect_context::<Live>();
    let details = saving.details;
    let id = details.with_untracked(|d| d.card.id);
    let ready = Memo::new(move |_| details.with(|d| d.card.state == FileState::Ready));
    let reindex = move |_| {
        spawn_local(async move {
            match api::library_reindex(id).await {
                Ok(job) => {
                    live.heard(job);
                    toasts.say("Reading the file anew.");
                }
                Err(error) => toasts.problem(&error),
            }
        });
    };
    let copy = move |_| {
        dom::copy(&details.with_untracked(|d| d.path.clone()));
        toasts.say("Path copied.");
    };
    view! {
        <div class="actions">
            <Show when=move || ready.get()>
                <a class="btn btn-primary" href=format!("/weave?ids={id}")><Icon glyph=Glyph::Weave/><span>"Weave this"</span></a>
                <a class="btn" href=format!("/compare?a={id}")><Icon glyph=Glyph::Compare/><span>"Compare"</span></a>
                <a class="btn" href=format!("/api/v1/adapters/{id}/file") download=""><Icon glyph=Glyph::Download/><span>"Download"</span></a>
            </Show>
            <Button look=Look::Quiet icon=Glyph::Refresh on:click=reindex>"Reindex"</Button>
            <Button look=Look::Quiet icon=Glyph::Copy on:click=copy>"Copy path"</Button>
        </div>
    }
}
