//! A few choices side by side, one of them on.

use super::{Glyph, Icon};
use leptos::prelude::*;

/// Radio buttons that look like one switch. Choices are (value, label, icon); with an icon the label is only spoken.
#[component]
pub fn Segmented(
    /// Unique on the page.
    name: &'static str,
    label: &'static str,
    choices: Vec<(&'static str, &'static str, Option<Glyph>)>,
    #[prop(into)] value: Signal<String>,
    #[prop(into)] on_change: Callback<String>,
) -> impl IntoView {
    let choice = move |(key, text, glyph): (&'static str, &'static str, Option<Glyph>)| {
        view! {
            <label class="segment" title=text>
                <input
                    type="radio"
                    class="sr-only"
                    name=name
                    value=key
                    prop:checked=move || value.with(|v| v == key)
                    on:change=move |_| on_change.run(key.to_owned())
                />
                {glyph.map(|glyph| view! { <Icon glyph/> })}
                <span class:sr-only=glyph.is_some()>{text}</span>
            </label>
        }
    };
    view! {
        <fieldset class="segmented">
            <legend class="sr-only">{label}</legend>
            {choices.into_iter().map(choice).collect_view()}
        </fieldset>
    }
}
