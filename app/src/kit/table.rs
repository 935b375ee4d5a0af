//! Tables that scroll inside themselves.

use leptos::prelude::*;

/// A table with a spoken caption; children are `thead` and `tbody`. A wide one scrolls by itself and by keyboard.
#[component]
pub fn Table(#[prop(into)] caption: String, children: Children) -> impl IntoView {
    let label = caption.clone();
    view! {
        <div class="table-scroll" role="region" aria-label=label tabindex="0">
            <table class="table">
                <caption class="sr-only">{caption}</caption>
                {children()}
            </table>
        </div>
    }
}
