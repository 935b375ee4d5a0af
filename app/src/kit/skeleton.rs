//! Grey shapes where something will be.

use leptos::prelude::*;

/// A skeleton of `lines` text lines; `class` gives other shapes (`skeleton-card`, `skeleton-bars`).
#[component]
pub fn Skeleton(#[prop(default = 1)] lines: usize, #[prop(optional)] class: &'static str) -> impl IntoView {
    (0..lines).map(|_| view! { <span class=format!("skeleton {class}") aria-hidden="true"></span> }).collect_view()
}
