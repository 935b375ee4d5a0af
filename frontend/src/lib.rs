//! The WebAssembly entry. The boot script calls [`hydrate`] once, and then marks the document with `data-hydrated`.

use wasm_bindgen::prelude::wasm_bindgen;

/// Takes over the page that the server rendered.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(weft_app::App);
}
