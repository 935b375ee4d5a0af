//! Tags, edited in place.

use super::{Glyph, Icon};
use leptos::{html, prelude::*};

/// Tags with a field to add more: Enter or a comma adds, Backspace in the empty field takes the last one back.
#[component]
pub fn TagEditor(
    /// Unique on the page.
    id: &'static str,
    #[prop(into)] tags: Signal<Vec<String>>,
    #[prop(into)] on_change: Callback<Vec<String>>,
    /// Offered while typing.
    #[prop(optional, into)]
    known: Signal<Vec<String>>,
) -> impl IntoView {
    let text = RwSignal::new(String::new());
    let input = NodeRef::<html::Input>::new();
    let add = move || {
        let words: Vec<String> = text.get_untracked().split(',').map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()).collect();
        text.set(String::new());
        let mut next = tags.get_untracked();
        let before = next.len();
        for word in words {
            if !next.iter().any(|tag| tag.to_lowercase() == word.to_lowercase()) {
                next.push(word);
            }
        }
        if next.len() != before {
            on_change.run(next);
        }
    };
    let remove = move |tag: &str| {
        on_change.run(tags.get_untracked().into_iter().filter(|t| t != tag).collect());
        if let Some(input) = input.get_untracked() {
            drop(input.focus());
        }
    };
    let keys = move |event: leptos::ev::KeyboardEvent| match event.key().as_str() {
        "Enter" | "," => {
            event.prevent_default();
            add();
        }
        "Backspace" if text.with_untracked(String::is_empty) => {
            if let Some(last) = tags.get_untracked().last() {
                remove(last);
            }
        }
        _ => {}
    };
    let list_id = format!("{id}-known");
    view! {
        <div class="tag-editor">
            <For each=move || tags.get() key=String::clone let:tag>
                {
                    let name = tag.clone();
                    let label = format!("Remove tag {tag}");
                    view! {
                        <span class="tag-pill">
                            {tag}
                            <button type="button" aria-label=label on:click=move |_| remove(&name)><Icon glyph=Glyph::Close/></button>
                        </span>
                    }
                }
            </For>
            <input
                node_ref=input
                type="text"
                id=id
                class="tag-input"
                aria-label="Add a tag"
                placeholder="Add a tag"
                autocomplete="off"
                list=list_id.clone()
                prop:value=move || text.get()
                on:input=move |event| text.set(event_target_value(&event))
                on:keydown=keys
                on:blur=move |_| add()
            />
            <datalist id=list_id>
                {move || known.get().into_iter().map(|tag| view! { <option value=tag></option> }).collect_view()}
            </datalist>
        </div>
    }
}
