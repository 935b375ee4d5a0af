//! Two ways to something to work with: a folder of one's own, or samples.

use super::folders::FolderWindows;
use crate::api;
use crate::kit::{Button, Glyph, Look, Notice, ProblemView, Tone};
use crate::shell::{JobProgress, Live};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::{JobId, JobKind};

/// Both ways, each with its title and its words, and the progress of what fills the library.
#[component]
pub(crate) fn WaysIn(folder: (&'static str, &'static str), samples: (&'static str, &'static str)) -> impl IntoView {
    let windows = expect_context::<FolderWindows>();
    let live = expect_context::<Live>();
    let started = RwSignal::new(None::<JobId>);
    let error = RwSignal::new(None);
    // After a reload the job is found again by its kind.
    let job = Signal::derive(move || {
        live.jobs.with(|jobs| {
            let mine = started.get().and_then(|id| jobs.iter().find(|job| job.id == id));
            let filling = |kind: JobKind| matches!(kind, JobKind::Samples | JobKind::Scan);
            mine.or_else(|| jobs.iter().find(|job| filling(job.kind) && !job.state.finished())).cloned()
        })
    });
    let failed = move || job.with(|job| job.as_ref().and_then(|job| job.error.clone()));
    let busy = Signal::derive(move || job.with(|job| job.as_ref().is_some_and(|job| !job.state.finished())));
    let write = move |_| {
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
        <div class="ways">
            <div class="way">
                <h3>{folder.0}</h3>
                <p>{folder.1}</p>
                <Button look=Look::Primary icon=Glyph::FolderPlus on:click=move |_| windows.add.set(true)>"Add a folder"</Button>
            </div>
            <div class="way">
                <h3>{samples.0}</h3>
                <p>{samples.1}</p>
                <Button icon=Glyph::Sample busy on:click=write>"Try it with samples"</Button>
            </div>
        </div>
        <Show when=move || job.with(Option::is_some)>
            <div class="welcome-job" role="status"><JobProgress job/></div>
        </Show>
        {move || failed().map(|why| view! { <Notice tone=Tone::Bad>{why}</Notice> })}
        {move || error.get().map(|error| view! { <ProblemView error/> })}
    }
}
