//! The service worker found a newer version: offer it.

use crate::kit::Toasts;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

/// Event that the boot script sends once a new version is ready, and the one that it waits for.
const READY: &str = "weft-update";
const APPLY: &str = "weft-update-apply";

/// Shows a toast in place of the boot script's plain prompt.
pub(super) fn listen() {
    let toasts = expect_context::<Toasts>();
    Effect::new(move |_| {
        let offer = move || {
            toasts.ask("A new version of Weft is ready.", "Reload", || {
                if let Ok(event) = web_sys::Event::new(APPLY) {
                    // Nobody prevents this event; the answer says nothing.
                    drop(window().dispatch_event(&event));
                }
            });
        };
        let ready = document().document_element().is_some_and(|root| root.has_attribute("data-update"));
        if ready {
            offer();
        }
        let heard = Closure::<dyn Fn(web_sys::Event)>::new(move |event: web_sys::Event| {
            event.prevent_default();
            offer();
        });
        drop(window().add_event_listener_with_callback(READY, heard.as_ref().unchecked_ref()));
        // Listens as long as the page lives.
        heard.forget();
    });
}
