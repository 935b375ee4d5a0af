//! The WebAssembly entry. The boot script calls [`hydrate`] once, and when that is done marks the document with `data-hydrated`.

use wasm_bindgen::prelude::wasm_bindgen;

/// Takes over the page that the server rendered, once the part that it is made of has come.
#[wasm_bindgen]
pub async fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_from_async(leptos::tachys::dom::body(), weft_app::App).await.forget();
}
