//! Nothing to show: because nothing is there yet, or because nothing fits.

use super::folders::FolderWindows;
use super::head::ClearFilters;
use super::state::Gallery;
use crate::api;
use crate::kit::{Button, EmptyState, Glyph, Look, ProblemView};
use crate::shell::{JobProgress, Live};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::{JobId, JobKind};

/// No adapter fits the question.
#[component]
pub(super) fn NoResults() -> impl IntoView {
    let gallery = expect_context::<Gallery>();
    let words = move || gallery.query.with(|query| query.text.trim().to_owned());
    view! {
        <EmptyState title="Nothing fits" glyph=Glyph::Search>
            <p>
                {move || {
                    let words = words();
                    if words.is_empty() { "No adapter has all of these properties.".to_owned() } else { format!("No adapter has all of: {words}") }
                }}
            </p>
            <ClearFilters/>
        </EmptyState>
    }
}

/// The first visit: two ways in.
#[component]
pub(super) fn EmptyLibrary() -> impl IntoView {
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
    let busy = Signal::derive(move || job.with(|job| job.as_ref().is_some_and(|job| !job.state.finished())));
    let samples = move |_| {
        error.set(None);
        spawn_local(async move {
            match api::samples_create().await {
                Ok(job) => {
                    started.set(Some(job.id));
                    live.heard(job);
                }
                Err(problem) => error.set(Some(problem)),
            }
        });
    };
    view! {
        <section class="welcome">
            <WelcomeCloth/>
            <h2>"Your adapters, on one loom"</h2>
            <p class="lead">
                "Weft reads LoRA files where they lie, shows where in the network each one works, and weaves several into one. "
                "It never changes a file of yours."
            </p>
            <div class="ways">
                <div class="way">
                    <h3>"Add a folder"</h3>
                    <p>"Point Weft at the folder that holds your adapters. Only headers are read at first, so the library fills in seconds."</p>
                    <Button look=Look::Primary icon=Glyph::FolderPlus on:click=move |_| windows.add.set(true)>"Add a folder"</Button>
                </div>
                <div class="way">
                    <h3>"Try it with samples"</h3>
                    <p>"Weft writes 24 small synthetic adapters of every family into its own data folder. You can remove them at any time."</p>
                    <Button icon=Glyph::Sample busy on:click=samples>"Try it with samples"</Button>
                </div>
            </div>
            <Show when=move || job.with(Option::is_some)>
                <div class="welcome-job" role="status"><JobProgress job/></div>
            </Show>
            {move || error.get().map(|error| view! { <ProblemView error/> })}
        </section>
    }
}

/// A piece of cloth, drawn: the idea of the program in one picture.
#[component]
fn WelcomeCloth() -> impl IntoView {
    const WARPS: u32 = 24;
    const WEFTS: u32 = 5;
    let warp = |i: u32| {
        let x = 8 + i * 20;
        // Deterministic, so that server and browser draw the same.
        let width = 3 + (i * 7 + i * i * 3) % 8;
        view! { <rect class=format!("cloth-warp ink-{}", 1 + (i / 8) % 3) x=x y="0" width=width height="120" rx="1.5"></rect> }
    };
    let weft = |j: u32| {
        (0..WARPS)
            .filter(move |i| (i + j) % 2 == 0)
            .map(move |i| {
                let (x, y) = (4 + i * 20, 12 + j * 24);
                view! { <rect class="cloth-weft ink-4" x=x y=y width="16" height="6" rx="3"></rect> }
            })
            .collect_view()
    };
    view! {
        <svg class="cloth" viewBox="0 0 488 120" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
            {(0..WARPS).map(warp).collect_view()}
            {(0..WEFTS).map(weft).collect_view()}
        </svg>
    }
}
