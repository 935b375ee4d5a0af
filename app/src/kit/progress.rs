//! Progress of something that takes a while.

use leptos::prelude::*;

/// A bar; without a total it only says that something goes on.
#[component]
pub fn Progress(#[prop(into)] label: Signal<String>, #[prop(into)] done: Signal<u64>, #[prop(into)] total: Signal<u64>) -> impl IntoView {
    view! {
        <progress
            class="progress"
            aria-label=move || label.get()
            max=move || total.get().max(1)
            value=move || (total.get() > 0).then(|| done.get().min(total.get()))
        ></progress>
    }
}
