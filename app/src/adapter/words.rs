//! Trigger words and training tags.

use super::save::Saving;
use crate::dom;
use crate::format;
use crate::kit::{CopyButton, Toasts};
use leptos::prelude::*;

/// Training tags shown before one asks for more.
const FEW: usize = 40;

/// Trigger words; a press copies one.
#[component]
pub(super) fn Triggers() -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let toasts = expect_context::<Toasts>();
    let words = Memo::new(move |_| details.with(|d| d.trigger_words.clone()));
    let all = Signal::derive(move || words.get().join(", "));
    let word = move |word: String| {
        let copied = word.clone();
        let copy = move |_| {
            dom::copy(&copied);
            toasts.say(format!("Copied: {copied}"));
        };
        view! { <button type="button" class="chip chip-word" title="Copy" on:click=copy><bdi>{word}</bdi></button> }
    };
    view! {
        <Show when=move || words.with(|w| !w.is_empty())>
            <section class="panel">
                <div class="label-row"><h2 class="label">"Trigger words"</h2><CopyButton text=all what="all trigger words"/></div>
                <div class="chips">{move || words.get().into_iter().map(word).collect_view()}</div>
            </section>
        </Show>
    }
}

/// Tags of the training captions with their counts.
#[component]
pub(super) fn TrainingTags() -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let tags = Memo::new(move |_| details.with(|d| d.training_tags.clone()));
    let more = RwSignal::new(false);
    let shown = move || {
        let limit = if more.get() { usize::MAX } else { FEW };
        tags.with(|tags| tags.iter().take(limit).cloned().collect::<Vec<_>>())
    };
    let tag =
        |(tag, count): (String, u64)| view! { <li class="badge"><bdi>{tag}</bdi>" "<span class="num">{format::count(count)}</span></li> };
    view! {
        <Show when=move || tags.with(|t| !t.is_empty())>
            <section class="panel">
                <h2 class="label">"Training tags"</h2>
                <ul class="chips">{move || shown().into_iter().map(tag).collect_view()}</ul>
                <Show when=move || { tags.with(Vec::len) > FEW }>
                    <button type="button" class="link" on:click=move |_| more.update(|more| *more = !*more)>
                        {move || if more.get() { "Show fewer".to_owned() } else { format!("Show all {}", tags.with(Vec::len)) }}
                    </button>
                </Show>
            </section>
        </Show>
    }
}
