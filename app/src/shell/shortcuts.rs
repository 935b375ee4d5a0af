//! The list of keys.

use super::Windows;
use crate::kit::{Dialog, Shape};
use leptos::prelude::*;

/// Heading and (keys, what they do).
const GROUPS: [(&str, &[(&str, &str)]); 4] = [
    (
        "Everywhere",
        &[
            ("/", "Search the library"),
            ("Ctrl K", "Commands: go to a page or an adapter"),
            ("Ctrl Z", "Take the last change back"),
            ("?", "These shortcuts"),
            ("Esc", "Close, or clear the selection"),
        ],
    ),
    (
        "Library",
        &[
            ("← ↑ → ↓", "Move among the cards"),
            ("Space", "Select; with Shift up to here"),
            ("Enter", "Open"),
            ("W", "Weave what is selected"),
            ("C", "Compare what is selected"),
        ],
    ),
    (
        "Studio",
        &[
            ("Ctrl Enter", "Paint"),
            ("Ctrl ↑ ↓", "Weight of the selected words"),
            ("Alt ↑ ↓", "Move an adapter, or a waiting picture"),
            ("← →", "In the viewer: former and next picture"),
            ("F, 1–5", "Favourite, rate"),
            ("C", "Compare two"),
            ("Del", "Delete; Ctrl Z takes it back"),
        ],
    ),
    (
        "Adapter and weave",
        &[
            ("E", "Edit the name"),
            ("Ctrl Shift Z", "Redo, while weaving"),
            ("↑ ↓", "Step a number; with Shift ten steps"),
            ("Double-click", "Give a slider its default back"),
        ],
    ),
];

/// Opened by `?`.
#[component]
pub(super) fn Shortcuts() -> impl IntoView {
    let windows = expect_context::<Windows>();
    let group = |(heading, keys): (&'static str, &'static [(&'static str, &'static str)])| {
        view! {
            <section>
                <h3 class="label">{heading}</h3>
                <dl class="keys">
                    {keys.iter().map(|(key, what)| view! { <div><dt><kbd>{*key}</kbd></dt><dd>{*what}</dd></div> }).collect_view()}
                </dl>
            </section>
        }
    };
    view! {
        <Dialog id="shortcuts" title="Keyboard shortcuts" open=windows.shortcuts shape=Shape::Wide>
            <div class="shortcuts">{GROUPS.into_iter().map(group).collect_view()}</div>
        </Dialog>
    }
}
