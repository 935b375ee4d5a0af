//! A rating of one to five.

use super::{Glyph, Icon};
use leptos::prelude::*;

/// A rating as radio buttons: arrow keys move, Delete or a second press on the same star takes it away.
#[component]
pub fn Stars(
    /// Unique on the page.
    name: &'static str,
    #[prop(into)] value: Signal<u8>,
    #[prop(into)] on_change: Callback<u8>,
) -> impl IntoView {
    let star = move |n: u8| {
        let words = if n == 1 { "1 star".to_owned() } else { format!("{n} stars") };
        let title = words.clone();
        view! {
            <label class="star" class:on=move || { value.get() >= n } title=title>
                <input
                    type="radio"
                    class="sr-only"
                    name=name
                    value=n
                    prop:checked=move || value.get() == n
                    on:change=move |_| on_change.run(n)
                    on:click=move |_| {
                        if value.get_untracked() == n {
                            on_change.run(0);
                        }
                    }
                />
                <Icon glyph=Glyph::Star/>
                <span class="sr-only">{words}</span>
            </label>
        }
    };
    let keys = move |event: leptos::ev::KeyboardEvent| {
        if matches!(event.key().as_str(), "Delete" | "Backspace" | "0") {
            event.prevent_default();
            on_change.run(0);
        }
    };
    view! {
        <fieldset class="stars" on:keydown=keys>
            <legend class="sr-only">"Rating"</legend>
            {(1..=5).map(star).collect_view()}
        </fieldset>
    }
}

/// A rating that is only shown.
#[component]
pub fn StarsShown(value: u8) -> impl IntoView {
    view! {
        <span class="stars-shown" role="img" aria-label=format!("{value} of 5 stars")>
            <Icon glyph=Glyph::Star/>
            <span class="num" aria-hidden="true">{value}</span>
        </span>
    }
}
