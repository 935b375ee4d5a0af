//! A small menu below its button: `<details>`, so it also opens without a script.

use super::{Glyph, Icon};
use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;

/// A button with a panel below it. Escape, a press elsewhere and leaving by Tab close it; so does a press on anything marked `data-close`.
#[component]
pub fn Menu(
    #[prop(into)] label: Signal<String>,
    #[prop(optional)] icon: Option<Glyph>,
    /// CSS classes of the button.
    #[prop(default = "btn")]
    class: &'static str,
    /// Panel at the right edge of the button.
    #[prop(optional)]
    right: bool,
    children: Children,
) -> impl IntoView {
    let node = NodeRef::<html::Details>::new();
    let close = move || {
        if let Some(details) = node.get_untracked() {
            details.set_open(false);
        }
    };
    Effect::new(move |_| {
        let handle = window_event_listener(leptos::ev::pointerdown, move |event| {
            let outside = node.try_get_untracked().flatten().is_some_and(|details| {
                let target = event.target().and_then(|t| t.dyn_into::<web_sys::Node>().ok());
                !details.contains(target.as_ref())
            });
            if outside {
                close();
            }
        });
        on_cleanup(move || handle.remove());
    });
    let keys = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" {
            event.stop_propagation();
            close();
            if let Some(summary) = node.get_untracked().and_then(|d| d.query_selector("summary").ok().flatten()) {
                drop(summary.dyn_into::<web_sys::HtmlElement>().map(|s| s.focus()));
            }
        }
    };
    let pressed = move |event: leptos::ev::MouseEvent| {
        let target = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
        if target.is_some_and(|t| t.closest("[data-close]").ok().flatten().is_some()) {
            close();
        }
    };
    let left = move |event: leptos::ev::FocusEvent| {
        let to = event.related_target().and_then(|t| t.dyn_into::<web_sys::Node>().ok());
        if to.is_some() && node.get_untracked().is_some_and(|d| !d.contains(to.as_ref())) {
            close();
        }
    };
    view! {
        <details class="menu" node_ref=node on:keydown=keys on:click=pressed on:focusout=left>
            <summary class=class>
                {icon.map(|glyph| view! { <Icon glyph/> })}
                <span>{move || label.get()}</span>
                <Icon glyph=Glyph::ChevronDown/>
            </summary>
            <div class="menu-panel" class:menu-right=right>{children()}</div>
        </details>
    }
}

/// A line of a menu that does something. Handlers come in by `on:click`.
#[component]
pub fn MenuItem(glyph: Glyph, #[prop(into)] text: String, #[prop(optional, into)] aside: String) -> impl IntoView {
    view! {
        <button type="button" class="menu-item" data-close="">
            <Icon glyph/>
            <span>{text}</span>
            <small>{aside}</small>
        </button>
    }
}
