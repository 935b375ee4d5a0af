//! Jobs: the card in the navigation, the drawer with all of them, and the progress of one for a page to show inline.

use super::{Live, Windows};
use crate::api;
use crate::format;
use crate::kit::{Button, Dialog, EmptyState, Glyph, Icon, IconButton, Look, Progress, Shape, Toasts};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::{JobId, JobKind, JobState, JobView};

/// "812 of 1,284 · 40 s left", or what the job says of itself.
fn line(job: &JobView) -> String {
    let steps = (job.total > 0).then(|| format!("{} of {}", format::count(job.done), format::count(job.total)));
    let left = job.eta_ms.filter(|_| job.state == JobState::Running).map(format::time_left);
    let state = match job.state {
        JobState::Queued => Some("waiting".to_owned()),
        JobState::Running if job.cancelling => Some("stopping".to_owned()),
        JobState::Running => None,
        JobState::Done => Some("done".to_owned()),
        JobState::Failed => Some("failed".to_owned()),
        JobState::Cancelled => Some("stopped".to_owned()),
    };
    let parts: Vec<String> =
        if job.state == JobState::Done { vec![state.unwrap_or_default()] } else { [steps, state, left].into_iter().flatten().collect() };
    if parts.is_empty() { job.message.clone() } else { parts.join(" · ") }
}

/// Where a finished job leads: to what it made, or to what it looked at.
fn leads_to(job: &JobView) -> Option<String> {
    let result = job.result.as_ref().filter(|_| job.state == JobState::Done)?;
    let id = |key: &str| result.get(key).and_then(serde_json::Value::as_i64);
    let checkpoint = id("checkpoint").map(|id| format!("/checkpoints?id={id}"));
    if let Some(id) = id("generation") {
        return Some(format!("/studio?generation={id}"));
    }
    id("adapter").map(|id| format!("/adapters/{id}")).or(checkpoint)
}

/// The job of a signal: title, bar, figures. For a page that waits for it.
#[component]
pub fn JobProgress(#[prop(into)] job: Signal<Option<JobView>>) -> impl IntoView {
    let title = Memo::new(move |_| job.with(|job| job.as_ref().map(|job| job.title.clone()).unwrap_or_default()));
    let done = Signal::derive(move || job.with(|job| job.as_ref().map_or(0, |job| job.done)));
    let total = Signal::derive(move || job.with(|job| job.as_ref().map_or(0, |job| job.total)));
    view! {
        <div class="job-progress">
            <b>{title}</b>
            <span class="job-line num">{move || job.with(|job| job.as_ref().map(line))}</span>
            <Show when=move || job.with(|job| job.as_ref().is_some_and(|job| !job.state.finished()))>
                <Progress label=title done total/>
            </Show>
        </div>
    }
}

/// The most important job at the foot of the navigation; opens the drawer.
#[component]
pub(super) fn JobCard() -> impl IntoView {
    let live = expect_context::<Live>();
    let windows = expect_context::<Windows>();
    let current = Memo::new(move |_| {
        live.jobs.with(|jobs| {
            let active = || jobs.iter().filter(|job| !job.state.finished());
            active().find(|job| job.state == JobState::Running).or_else(|| active().next()).cloned()
        })
    });
    let waiting = Memo::new(move |_| live.jobs.with(|jobs| jobs.iter().filter(|job| !job.state.finished()).count().saturating_sub(1)));
    let failed = Memo::new(move |_| live.jobs.with(|jobs| jobs.iter().filter(|job| job.state == JobState::Failed).count()));
    view! {
        <button type="button" class="job-card" class:busy=move || current.with(Option::is_some) on:click=move |_| windows.jobs.set(true)>
            <Show
                when=move || current.with(Option::is_some)
                fallback=move || view! {
                    <span class="job-idle">
                        <Icon glyph=Glyph::Jobs/>
                        "Jobs"
                        <Show when=move || { failed.get() > 0 }>
                            <small class="badge badge-bad">{move || format!("{} failed", failed.get())}</small>
                        </Show>
                    </span>
                }
            >
                <JobProgress job=current/>
                <Show when=move || { waiting.get() > 0 }>
                    <span class="job-line num">{move || format!("and {} more", waiting.get())}</span>
                </Show>
            </Show>
        </button>
    }
}

/// All jobs, with what can be done about each.
#[component]
pub(super) fn JobDrawer() -> impl IntoView {
    let live = expect_context::<Live>();
    let windows = expect_context::<Windows>();
    let toasts = expect_context::<Toasts>();
    let ids = Memo::new(move |_| live.jobs.with(|jobs| jobs.iter().map(|job| job.id).collect::<Vec<_>>()));
    let ended = Memo::new(move |_| live.jobs.with(|jobs| jobs.iter().any(|job| job.state.finished())));
    let clear = move |_| {
        spawn_local(async move {
            match api::job_clear().await {
                Ok(()) => live.refresh_jobs(),
                Err(error) => toasts.problem(&error),
            }
        });
    };
    view! {
        <Dialog id="jobs" title="Jobs" open=windows.jobs shape=Shape::Drawer>
            <Show
                when=move || ids.with(|ids| !ids.is_empty())
                fallback=|| view! {
                    <EmptyState title="Nothing is running" glyph=Glyph::Jobs>
                        <p>"Scans, measurements, merges and pictures appear here, with their progress."</p>
                    </EmptyState>
                }
            >
                <ul class="job-list">
                    <For each=move || ids.get() key=|id| *id let:id>
                        <JobRow id/>
                    </For>
                </ul>
                <Show when=move || ended.get()>
                    <div class="dialog-foot"><Button look=Look::Quiet on:click=clear>"Clear finished"</Button></div>
                </Show>
            </Show>
        </Dialog>
    }
}

/// One job of the drawer.
#[component]
fn JobRow(id: JobId) -> impl IntoView {
    let live = expect_context::<Live>();
    let toasts = expect_context::<Toasts>();
    let job = live.job(id);
    let state = Memo::new(move |_| job.with(|job| job.as_ref().map_or(JobState::Done, |job| job.state)));
    let act = move |retry: bool| {
        spawn_local(async move {
            let answer = if retry { api::job_retry(id).await } else { api::job_cancel(id).await };
            match answer {
                Ok(job) => live.heard(job),
                Err(error) => toasts.problem(&error),
            }
        });
    };
    let windows = expect_context::<Windows>();
    let paints = Memo::new(move |_| job.with(|job| job.as_ref().is_some_and(|job| job.kind == JobKind::Generate)));
    let open = move || job.with(|job| job.as_ref().and_then(leads_to));
    let message = move || job.with(|job| job.as_ref().map(|job| job.message.clone()).filter(|m| !m.is_empty()));
    let error = move || job.with(|job| job.as_ref().and_then(|job| job.error.clone()));
    let ended = move || job.with(|job| job.as_ref().and_then(|job| job.finished_ms).map(format::date_time));
    let class = move || match state.get() {
        JobState::Done => "job-row job-done",
        JobState::Failed => "job-row job-failed",
        JobState::Cancelled => "job-row job-stopped",
        JobState::Queued | JobState::Running => "job-row",
    };
    view! {
        <li class=class>
            <JobProgress job/>
            <div class="job-acts">
                <Show when=move || !state.get().finished()>
                    <IconButton glyph=Glyph::Stop label="Stop this job" on:click=move |_| act(false)/>
                </Show>
                <Show when=move || matches!(state.get(), JobState::Failed | JobState::Cancelled)>
                    <IconButton glyph=Glyph::Refresh label="Try again" on:click=move |_| act(true)/>
                </Show>
                <Show when=move || paints.get() && !state.get().finished()>
                    <a class="btn btn-quiet" href="/studio?queue=open" on:click=move |_| windows.jobs.set(false)>"Queue"</a>
                </Show>
                {move || open().map(|url| view! { <a class="btn btn-quiet" href=url on:click=move |_| windows.jobs.set(false)>"Open"</a> })}
            </div>
            <Show when=move || !state.get().finished()>
                <span class="job-message">{message}</span>
            </Show>
            {move || error().map(|error| view! { <p class="job-error">{error}</p> })}
            {move || ended().map(|at| view! { <span class="job-line num">{at}" UTC"</span> })}
        </li>
    }
}
