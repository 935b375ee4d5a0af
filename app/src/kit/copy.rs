//! Copies a text to the clipboard and says so.

use super::{Glyph, Icon};
use leptos::prelude::*;
use std::time::Duration;

/// A small icon button that copies `text`; `what` completes "Copy …".
#[component]
pub fn CopyButton(#[prop(into)] text: Signal<String>, #[prop(into)] what: String) -> impl IntoView {
    let done = RwSignal::new(false);
    let copy = move |_| {
        crate::dom::copy(&text.get_untracked());
        done.set(true);
        let calm = move || {
            let _gone = done.try_set(false);
        };
        set_timeout(calm, Duration::from_millis(1400));
    };
    let label = format!("Copy {what}");
    view! {
        <button type="button" class="icon-btn icon-btn-small" aria-label=label.clone() title=label on:click=copy>
            {move || view! { <Icon glyph=if done.get() { Glyph::Check } else { Glyph::Copy }/> }}
            <span class="sr-only" role="status">{move || done.get().then_some("Copied")}</span>
        </button>
    }
}
