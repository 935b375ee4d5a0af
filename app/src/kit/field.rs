//! Text fields.

use super::{Glyph, Icon};
use leptos::{html, prelude::*};

/// A labelled one-line text field. An error stands below it and is read with it.
#[component]
pub fn TextField(
    /// Unique on the page.
    #[prop(into)]
    id: String,
    #[prop(into)] label: String,
    #[prop(into)] value: Signal<String>,
    #[prop(into)] on_input: Callback<String>,
    #[prop(optional, into)] placeholder: String,
    #[prop(optional, into)] help: String,
    #[prop(optional, into)] error: Signal<Option<String>>,
    #[prop(optional)] mono: bool,
    #[prop(optional)] autofocus: bool,
) -> impl IntoView {
    let (help_id, error_id) = (format!("{id}-help"), format!("{id}-error"));
    let described = format!("{help_id} {error_id}");
    view! {
        <div class="form-row">
            <label class="form-label" for=id.clone()>{label}</label>
            <input
                type="text"
                id=id
                class=if mono { "input num" } else { "input" }
                placeholder=placeholder
                autocomplete="off"
                spellcheck="false"
                autofocus=autofocus
                aria-describedby=described
                aria-invalid=move || error.get().is_some().then_some("true")
                prop:value=move || value.get()
                on:input=move |event| on_input.run(event_target_value(&event))
            />
            <p class="form-help" id=help_id>{help}</p>
            <p class="form-error" id=error_id role="alert">{move || error.get()}</p>
        </div>
    }
}

/// A search box with a magnifier, a clear button and the key that leads to it.
#[component]
pub fn SearchField(
    #[prop(into)] label: String,
    #[prop(into)] value: Signal<String>,
    #[prop(into)] on_input: Callback<String>,
    #[prop(optional, into)] placeholder: String,
    /// Shown at the right end: `/`.
    #[prop(optional)]
    key_hint: Option<&'static str>,
    #[prop(optional)] node_ref: NodeRef<html::Input>,
) -> impl IntoView {
    let clear = move |_| {
        on_input.run(String::new());
        if let Some(input) = node_ref.get_untracked() {
            drop(input.focus());
        }
    };
    view! {
        <div class="search" role="search">
            <Icon glyph=Glyph::Search/>
            <input
                node_ref=node_ref
                type="search"
                class="search-input"
                aria-label=label
                placeholder=placeholder
                autocomplete="off"
                spellcheck="false"
                enterkeyhint="search"
                prop:value=move || value.get()
                on:input=move |event| on_input.run(event_target_value(&event))
            />
            <Show when=move || !value.with(String::is_empty)>
                <button type="button" class="icon-btn icon-btn-small" aria-label="Clear search" on:click=clear>
                    <Icon glyph=Glyph::Close/>
                </button>
            </Show>
            {key_hint.map(|key| view! { <kbd aria-hidden="true">{key}</kbd> })}
        </div>
    }
}
