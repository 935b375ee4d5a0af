//! The browser's own select, in our dress.

use super::{Glyph, Icon};
use leptos::prelude::*;

/// A select. `options` are (value, label). The label is spoken; shown as well with `show_label`.
#[component]
pub fn Select(
    #[prop(into)] label: String,
    #[prop(into)] options: Signal<Vec<(String, String)>>,
    #[prop(into)] value: Signal<String>,
    #[prop(into)] on_change: Callback<String>,
    #[prop(optional)] show_label: bool,
    #[prop(optional, into)] disabled: Signal<bool>,
) -> impl IntoView {
    let option = move |(key, text): (String, String)| {
        let this = key.clone();
        view! { <option value=key selected=move || value.with(|v| *v == this)>{text}</option> }
    };
    view! {
        <label class="select-row">
            <span class=if show_label { "form-label" } else { "sr-only" }>{label}</span>
            <span class="select">
                <select
                    prop:value=move || value.get()
                    disabled=move || disabled.get()
                    on:change=move |event| on_change.run(event_target_value(&event))
                >
                    {move || options.get().into_iter().map(option).collect_view()}
                </select>
                <Icon glyph=Glyph::ChevronDown/>
            </span>
        </label>
    }
}
