//! While nothing but Weft's own samples is there: what they are, and what to do next.

use super::folders::{FolderWindows, remove_root};
use super::state::{Gallery, Shown};
use crate::api;
use crate::kit::{Button, Glyph, Icon, Look, Notice, Toasts, Tone};
use crate::shell::{Live, Mark};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::{Event, JobKind};

/// A strip above the samples. It comes with them, also when they are still written while the page is open, and goes as soon as a folder is added or the samples are removed.
#[component]
pub(super) fn SamplesStrip(samples_only: bool, asking: Mark) -> impl IntoView {
    let (windows, live, toasts, gallery) =
        (expect_context::<FolderWindows>(), expect_context::<Live>(), expect_context::<Toasts>(), expect_context::<Gallery>());
    let shown = RwSignal::new(samples_only);
    live.on_event_since(asking, move |event| {
        if matches!(event, Event::RootsChanged | Event::Reset) {
            spawn_local(async move {
                if let Ok(roots) = api::root_list().await {
                    let _gone = shown.try_set(!roots.is_empty() && roots.iter().all(|root| root.samples));
                }
            });
        }
    });
    let writing =
        Signal::derive(move || live.jobs.with(|jobs| jobs.iter().any(|job| job.kind == JobKind::Samples && !job.state.finished())));
    let more = move |_| {
        spawn_local(async move {
            match api::samples_create().await {
                Ok(job) => live.heard(job),
                Err(error) => toasts.problem(&error),
            }
        });
    };
    let remove = move |_| {
        spawn_local(async move {
            match api::root_list().await {
                Ok(roots) => {
                    for root in roots.into_iter().filter(|root| root.samples) {
                        remove_root(root.id, (root.name, root.path), toasts, Callback::new(move |()| gallery.refresh_soon()));
                    }
                }
                Err(error) => toasts.problem(&error),
            }
        });
    };
    view! {
        <Show when=move || shown.get() && gallery.shown() != Shown::EmptyLibrary>
            <div class="samples-strip">
                <Notice tone=Tone::Dashed>
                    <p>
                        <b>"These are samples. "</b>
                        "A tiny model of our own, which paints landscapes on any machine, and adapters for it. Your files join them when you add a folder."
                    </p>
                    <div class="strip-actions">
                        <Button look=Look::Primary icon=Glyph::FolderPlus on:click=move |_| windows.add.set(true)>"Add a folder"</Button>
                        <a class="btn" href="/studio"><Icon glyph=Glyph::Studio/><span>"Paint with them"</span></a>
                        <Button icon=Glyph::Sample busy=writing on:click=more>"More samples"</Button>
                        <Button icon=Glyph::Trash on:click=remove>"Remove them"</Button>
                    </div>
                </Notice>
            </div>
        </Show>
    }
}
