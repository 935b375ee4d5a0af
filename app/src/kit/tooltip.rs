//! A word of explanation beside a thing.

use super::{Glyph, Icon};
use leptos::prelude::*;

/// A small "i" that tells more on hover, focus or touch. `id` must be unique on the page.
#[component]
pub fn Tooltip(#[prop(into)] id: String, #[prop(into)] text: String) -> impl IntoView {
    view! {
        <span class="tooltip">
            <button type="button" class="tooltip-mark" aria-label="What is this?" aria-describedby=id.clone()>
                <Icon glyph=Glyph::Info/>
            </button>
            <span class="tooltip-text" role="tooltip" id=id>{text}</span>
        </span>
    }
}
