//! Pictures that are dropped on the page: they come into the library of pictures with the parameters in their files.

use super::desk::Desk;
use crate::api::ApiError;
use crate::kit::Toasts;
use crate::profile::carries_files;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use weft_domain::generation::PictureCard;
use weft_domain::{Problem, ProblemKind};

/// Where pictures are sent to, the most bytes of one, and the header with its name.
const ADDRESS: &str = "/api/v1/pictures";
const BYTES_MAX: f64 = 64.0 * 1024.0 * 1024.0;
const NAME: &str = "x-file-name";

fn problem(title: &str) -> ApiError {
    ApiError(Problem::new(ProblemKind::Unavailable, title))
}

/// Sends one file.
async fn send(file: web_sys::File) -> Result<PictureCard, ApiError> {
    if file.size() > BYTES_MAX {
        return Err(ApiError(Problem::new(ProblemKind::Invalid, format!("{} is larger than 64 MB.", file.name()))));
    }
    let unreachable = |_: JsValue| problem("Weft does not answer.");
    let headers = web_sys::Headers::new().map_err(unreachable)?;
    // Header values are Latin-1: other letters are percent-encoded.
    let name = String::from(js_sys::encode_uri_component(&file.name()));
    headers.set(NAME, &name).map_err(unreachable)?;
    let init = web_sys::RequestInit::new();
    init.set_method("POST");
    init.set_headers(&headers);
    init.set_body(&file);
    let answer = JsFuture::from(window().fetch_with_str_and_init(ADDRESS, &init)).await.map_err(unreachable)?;
    let answer: web_sys::Response = answer.dyn_into().map_err(unreachable)?;
    let text = JsFuture::from(answer.text().map_err(unreachable)?).await.map_err(unreachable)?.as_string().unwrap_or_default();
    if answer.ok() {
        serde_json::from_str(&text).map_err(|_| problem("The program's answer could not be read."))
    } else {
        Err(serde_json::from_str::<Problem>(&text).map_or_else(|_| problem(&format!("{} could not be imported.", file.name())), ApiError))
    }
}

/// Sends files one after the other, and says what came of it.
fn take(desk: Desk, toasts: Toasts, files: web_sys::FileList) {
    let files: Vec<web_sys::File> = (0..files.length()).filter_map(|at| files.item(at)).collect();
    spawn_local(async move {
        let mut done: Vec<PictureCard> = Vec::new();
        for file in files {
            match send(file).await {
                Ok(card) => done.push(card),
                Err(error) => toasts.problem(&error),
            }
        }
        if desk.form.try_with_untracked(|_| ()).is_none() {
            return;
        }
        desk.gallery.refresh_soon();
        match done.as_slice() {
            [] => {}
            [card] => desk.view(card.id, done.clone()),
            many => toasts.say(format!("{} pictures imported.", many.len())),
        }
    });
}

/// A veil over the page while files are held above it.
#[component]
pub(super) fn DropZone() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let toasts = expect_context::<Toasts>();
    let over = RwSignal::new(false);
    Effect::new(move |_| {
        let hover = window_event_listener(leptos::ev::dragover, move |event| {
            if carries_files(&event) {
                event.prevent_default();
                over.set(true);
            }
        });
        let left = window_event_listener(leptos::ev::dragleave, move |event| {
            // Leaving the window has no element to go to.
            if event.related_target().is_none() {
                over.set(false);
            }
        });
        let dropped = window_event_listener(leptos::ev::drop, move |event| {
            over.set(false);
            // A block editor takes files of profiles itself.
            if event.default_prevented() || !carries_files(&event) {
                return;
            }
            event.prevent_default();
            if let Some(files) = event.data_transfer().and_then(|data| data.files()) {
                take(desk, toasts, files);
            }
        });
        on_cleanup(move || {
            hover.remove();
            left.remove();
            dropped.remove();
        });
    });
    view! {
        <div class="drop-veil" class:open=move || over.get() aria-hidden="true"><span>"Drop pictures to import them"</span></div>
    }
}

/// The same by a file dialog.
#[component]
pub(super) fn ImportButton() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let toasts = expect_context::<Toasts>();
    let chosen = move |event: leptos::ev::Event| {
        let Some(input) = event.target().and_then(|t| t.dyn_into::<web_sys::HtmlInputElement>().ok()) else { return };
        if let Some(files) = input.files() {
            take(desk, toasts, files);
        }
    };
    view! {
        <label class="btn btn-quiet import">
            <crate::kit::Icon glyph=crate::kit::Glyph::Plus/>
            <span>"Import"</span>
            <input type="file" class="sr-only" accept="image/png,image/jpeg,image/webp" multiple=true on:change=chosen/>
        </label>
    }
}
