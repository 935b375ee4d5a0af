//! The mark: three warps and three wefts, over and under.

use leptos::prelude::*;

/// The woven mark. Where a strand dips under another it is cut, so the mark needs no background colour.
#[component]
pub fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 32 32" fill="none" stroke-width="4" aria-hidden="true">
            <path class="ink-1" d="M8.5 2v3.5M8.5 11.5v9M8.5 26.5V30M23.5 2v3.5M23.5 11.5v9M23.5 26.5V30"></path>
            <path class="ink-3" d="M16 2v11M16 19v11"></path>
            <path class="ink-2" d="M2 8.5h11M19 8.5h11M2 23.5h11M19 23.5h11"></path>
            <path class="ink-4" d="M2 16h3.5M11.5 16h9M26.5 16H30"></path>
        </svg>
    }
}
