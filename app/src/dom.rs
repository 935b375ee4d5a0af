//! The few words we say to the browser directly. Only from effects and event handlers: there is no browser while the server renders.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// Sets a CSS variable on an element (allowed by the content security policy, unlike a style attribute in HTML).
pub fn set_var(element: &web_sys::HtmlElement, name: &str, value: &str) {
    // Fails only for a read-only style, which an element's own style is not.
    drop(element.style().set_property(name, value));
}

/// Copies to the clipboard. Refusal by the browser is silent: the text stays selectable on the page.
pub fn copy(text: &str) {
    drop(window().navigator().clipboard().write_text(text));
}

/// What the document's head says under a name.
#[must_use]
pub fn meta(name: &str) -> Option<String> {
    document().query_selector(&format!("meta[name={name}]")).ok().flatten()?.get_attribute("content")
}

/// What this browser keeps under the key.
#[must_use]
pub fn stored(key: &str) -> Option<String> {
    window().local_storage().ok().flatten()?.get_item(key).ok().flatten()
}

/// Keeps a value; a browser that keeps nothing (private window) is no error.
pub fn store(key: &str, value: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        drop(storage.set_item(key, value));
    }
}

/// Key of the theme in local storage; the script that runs before the first paint reads the same.
const THEME: &str = "weft-theme";

/// `light`, `dark` or `auto`.
#[must_use]
pub fn theme() -> String {
    stored(THEME).filter(|t| t == "light" || t == "dark").unwrap_or_else(|| "auto".to_owned())
}

/// Sets and keeps the theme.
pub fn set_theme(theme: &str) {
    store(THEME, theme);
    if let Some(root) = document().document_element() {
        let light = || window().match_media("(prefers-color-scheme: light)").ok().flatten().is_some_and(|system| system.matches());
        let shown = match theme {
            "light" | "dark" => theme,
            _ if light() => "light",
            _ => "dark",
        };
        // An attribute with a valid name can always be set.
        drop(root.set_attribute("data-theme", shown));
    }
}

/// True while the visitor types into something.
#[must_use]
pub fn typing(event: &web_sys::Event) -> bool {
    let Some(element) = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()) else { return false };
    match element.tag_name().as_str() {
        "TEXTAREA" | "SELECT" => true,
        "INPUT" => !matches!(element.get_attribute("type").as_deref(), Some("checkbox" | "radio" | "range" | "button")),
        _ => element.has_attribute("contenteditable"),
    }
}

/// True while a dialog is open.
#[must_use]
pub fn dialog_open() -> bool {
    document().query_selector("dialog[open]").ok().flatten().is_some()
}

/// Opens a dialog, and focuses what asks for it once its content is there.
pub fn open_dialog(dialog: &web_sys::HtmlDialogElement) {
    // A dialog that has left the document cannot open; nothing is lost.
    drop(dialog.show_modal());
    let dialog = dialog.clone();
    request_animation_frame(move || {
        let wanted = dialog.query_selector("[autofocus]").ok().flatten().and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok());
        if let Some(element) = wanted {
            drop(element.focus());
        }
    });
}

/// Focuses the first element that matches.
pub fn focus(selector: &str) {
    if let Some(element) = find(selector) {
        drop(element.focus());
    }
}

/// The first element that matches.
#[must_use]
pub fn find(selector: &str) -> Option<web_sys::HtmlElement> {
    document().query_selector(selector).ok().flatten()?.dyn_into().ok()
}

/// Replaces the address without a new entry in the history.
pub fn replace_url(url: &str) {
    if let Ok(history) = window().history() {
        drop(history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(url)));
    }
}

/// Path, query and fragment of the address bar.
#[must_use]
pub fn address() -> String {
    let at = window().location();
    let parts = [at.pathname(), at.search(), at.hash()];
    parts.into_iter().map(Result::unwrap_or_default).collect()
}

/// A parameter of the address bar, decoded.
#[must_use]
pub fn parameter(key: &str) -> Option<String> {
    let query = window().location().search().ok()?;
    web_sys::UrlSearchParams::new_with_str(&query).ok()?.get(key)
}

/// Adds an entry to the history without going anywhere.
pub fn push_url(url: &str) {
    if let Ok(history) = window().history() {
        drop(history.push_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(url)));
    }
}

/// One step back in the history.
pub fn go_back() {
    if let Ok(history) = window().history() {
        drop(history.back());
    }
}

/// The text of a file; None when the browser cannot read it any more.
pub async fn text_of(file: &web_sys::Blob) -> Option<String> {
    wasm_bindgen_futures::JsFuture::from(file.text()).await.ok()?.as_string()
}

/// Saves a text as a file where the browser keeps downloads.
pub fn download(name: &str, mime: &str, text: &str) {
    let parts = js_sys::Array::of1(&text.into());
    let kind = web_sys::BlobPropertyBag::new();
    kind.set_type(mime);
    let url =
        web_sys::Blob::new_with_str_sequence_and_options(&parts, &kind).and_then(|blob| web_sys::Url::create_object_url_with_blob(&blob));
    let link = document().create_element("a").ok().and_then(|a| a.dyn_into::<web_sys::HtmlAnchorElement>().ok());
    // A browser that cannot make a file of a text offers it for copying on the same page.
    if let (Ok(url), Some(link)) = (url, link) {
        link.set_href(&url);
        link.set_download(name);
        link.click();
        drop(web_sys::Url::revoke_object_url(&url));
    }
}
