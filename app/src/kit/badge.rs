//! Small marks: badges that only say, chips that filter.

use leptos::prelude::*;

/// What a mark means; always beside words, never colour alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Accent,
    Good,
    Warn,
    Bad,
    /// Neutral, fallback: dashed everywhere.
    Dashed,
}

impl Tone {
    /// CSS class of a badge.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Plain => "badge",
            Self::Accent => "badge badge-accent",
            Self::Good => "badge badge-good",
            Self::Warn => "badge badge-warn",
            Self::Bad => "badge badge-bad",
            Self::Dashed => "badge badge-dashed",
        }
    }
}

/// A short fact.
#[component]
pub fn Badge(#[prop(optional)] tone: Tone, children: Children) -> impl IntoView {
    view! { <span class=tone.class()>{children()}</span> }
}

/// A filter: pressed or not, with how many it would leave. Clicks come in by `on:click`.
#[component]
pub fn Chip(
    #[prop(into)] label: Signal<String>,
    #[prop(optional, into)] count: MaybeProp<u64>,
    #[prop(into)] on: Signal<bool>,
) -> impl IntoView {
    view! {
        <button type="button" class="chip" aria-pressed=move || if on.get() { "true" } else { "false" }>
            {move || label.get()}
            {move || count.get().map(|n| view! { <b class="num">{crate::format::count(n)}</b> })}
        </button>
    }
}
