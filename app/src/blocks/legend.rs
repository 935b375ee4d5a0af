//! What the marks of a chart mean.

use leptos::prelude::*;

/// A mark of the legend's size that is filled.
const FULL: &str = "M1 1h12v8h-12z";

/// A mark and its words.
#[component]
pub(crate) fn Key(
    /// Class of the mark, as in the chart.
    mark: &'static str,
    words: &'static str,
    #[prop(default = FULL)] shape: &'static str,
    /// Strokes over the mark, for those to whom its colour says nothing.
    #[prop(optional)]
    hatched: bool,
    /// Class of the line.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    view! {
        <li class=class>
            <svg viewBox="0 0 14 10" aria-hidden="true">
                <path class=mark d=shape></path>
                {hatched.then(|| view! { <path class="hatch" d="M1 6L6 1M4 9L12 1M9 9L13 5"></path> })}
            </svg>
            {words}
        </li>
    }
}
