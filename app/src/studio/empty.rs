//! Before there is anything that can paint: what is needed, and three ways to it.

use crate::api;
use crate::kit::{Button, Glyph, Look, ProblemView};
use crate::library::{AddFolder, FolderWindows};
use crate::shell::{JobProgress, Live};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::{JobId, JobKind};

#[component]
pub(super) fn NoCheckpoint() -> impl IntoView {
    let windows = FolderWindows::default();
    provide_context(windows);
    let live = expect_context::<Live>();
    let started = RwSignal::new(None::<JobId>);
    let error = RwSignal::new(None);
    let job = Signal::derive(move || {
        live.jobs.with(|jobs| {
            let mine = started.get().and_then(|id| jobs.iter().find(|job| job.id == id));
            let filling = |kind: JobKind| matches!(kind, JobKind::Samples | JobKind::Scan);
            mine.or_else(|| jobs.iter().find(|job| filling(job.kind) && !job.state.finished())).cloned()
        })
    });
    let busy = Signal::derive(move || job.with(|job| job.as_ref().is_some_and(|job| !job.state.finished())));
    let samples = move |_| {
        error.set(None);
        spawn_local(async move {
            match api::samples_create().await {
                Ok(job) => {
                    let _gone = started.try_set(Some(job.id));
                    live.heard(job);
                }
                Err(problem) => drop(error.try_set(Some(problem))),
            }
        });
    };
    view! {
        <section class="no-checkpoint">
            <h2>"A checkpoint paints; adapters change it"</h2>
            <p class="lead">"A picture needs a whole model: a checkpoint of the SD 1.5, SD 2, SDXL or Flux.1 family, as one file or as a diffusers folder. Weft reads it where it lies and never changes it."</p>
            <div class="ways">
                <div class="way">
                    <h3>"Add the folder with yours"</h3>
                    <p>"Weft looks for checkpoints and adapters in it. Those that can paint appear here by themselves."</p>
                    <Button look=Look::Primary icon=Glyph::FolderPlus on:click=move |_| windows.add.set(true)>"Add a folder"</Button>
                </div>
                <div class="way">
                    <h3>"Try the samples"</h3>
                    <p>"A tiny model of our own and adapters for it, a few megabytes. Enough to see what an adapter does, on any machine, in seconds."</p>
                    <Button icon=Glyph::Sample busy on:click=samples>"Get the samples"</Button>
                </div>
            </div>
            <Show when=move || job.with(Option::is_some)><div class="welcome-job" role="status"><JobProgress job/></div></Show>
            {move || error.get().map(|error| view! { <ProblemView error/> })}
            <AddFolder/>
        </section>
    }
}
