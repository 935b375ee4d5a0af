//! Tabs after the ARIA pattern: one tab stop, arrows move and choose.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// A row of tabs. `tabs` are (key, label); panels are [`TabPanel`]s with the same `id` and key.
#[component]
pub fn Tabs(
    /// Unique on the page.
    id: &'static str,
    label: &'static str,
    tabs: Vec<(&'static str, &'static str)>,
    value: RwSignal<String>,
) -> impl IntoView {
    let keys: Vec<&'static str> = tabs.iter().map(|(key, _)| *key).collect();
    let move_by = move |event: leptos::ev::KeyboardEvent| {
        let at = value.with_untracked(|v| keys.iter().position(|key| key == v)).unwrap_or(0);
        let next = match event.key().as_str() {
            "ArrowRight" => (at + 1) % keys.len(),
            "ArrowLeft" => (at + keys.len() - 1) % keys.len(),
            "Home" => 0,
            "End" => keys.len() - 1,
            _ => return,
        };
        event.prevent_default();
        value.set(keys[next].to_owned());
        let button = document().get_element_by_id(&format!("{id}-tab-{}", keys[next]));
        if let Some(button) = button.and_then(|b| b.dyn_into::<web_sys::HtmlElement>().ok()) {
            drop(button.focus());
        }
    };
    let tab = move |(key, text): (&'static str, &'static str)| {
        let on = move || value.with(|v| v == key);
        view! {
            <button
                type="button"
                role="tab"
                class="tab"
                id=format!("{id}-tab-{key}")
                aria-selected=move || if on() { "true" } else { "false" }
                tabindex=move || if on() { "0" } else { "-1" }
                on:click=move |_| value.set(key.to_owned())
            >
                {text}
            </button>
        }
    };
    view! {
        <div class="tabs" role="tablist" aria-label=label on:keydown=move_by>
            {tabs.into_iter().map(tab).collect_view()}
        </div>
    }
}

/// The panel of one tab; its content exists only while the tab is chosen.
#[component]
pub fn TabPanel(id: &'static str, key: &'static str, value: RwSignal<String>, children: ChildrenFn) -> impl IntoView {
    let on = Memo::new(move |_| value.with(|v| v == key));
    let children = StoredValue::new(children);
    view! {
        <div
            role="tabpanel"
            class="tab-panel"
            id=format!("{id}-panel-{key}")
            aria-labelledby=format!("{id}-tab-{key}")
            hidden=move || !on.get()
        >
            <Show when=move || on.get()>{children.with_value(|children| children())}</Show>
        </div>
    }
}
