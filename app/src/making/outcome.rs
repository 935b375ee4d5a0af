//! What becomes of a job that was started here: its progress, then where it led.

use crate::api::job_cancel;
use crate::format;
use crate::kit::{Button, Glyph, Icon, Look, Notice, Tone};
use crate::shell::{JobProgress, Live};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::merge::MergeOutcome;
use weft_domain::{JobId, JobState, JobView};

/// Progress with a way to stop, why it failed, or what `done` makes of its result.
#[component]
pub(crate) fn Progressing(id: JobId, done: fn(serde_json::Value) -> AnyView) -> impl IntoView {
    let live = expect_context::<Live>();
    let job = live.job(id);
    let state = Memo::new(move |_| job.with(|j| j.as_ref().map_or(JobState::Queued, |j| j.state)));
    let read = move |pick: fn(&JobView) -> Option<String>| job.with(|j| j.as_ref().and_then(pick));
    let result = move || job.with(|j| j.as_ref().and_then(|j| j.result.clone()));
    let stop = move |_| {
        spawn_local(async move {
            if let Ok(job) = job_cancel(id).await {
                live.heard(job);
            }
        });
    };
    view! {
        <div class="outcome" role="status">
            {move || match state.get() {
                JobState::Done => result().map(done).into_any(),
                JobState::Failed => {
                    let why = read(|j| j.error.clone()).unwrap_or_else(|| "It could not be finished.".to_owned());
                    view! { <Notice tone=Tone::Bad><p>{why}</p></Notice> }.into_any()
                }
                JobState::Cancelled => view! { <Notice><p>"Stopped. No file was left behind."</p></Notice> }.into_any(),
                JobState::Queued | JobState::Running => view! {
                    <JobProgress job/>
                    <Button look=Look::Quiet icon=Glyph::Stop on:click=stop>"Stop"</Button>
                }.into_any(),
            }}
        </div>
    }
}

/// The job of a new file, then the file.
#[component]
pub(crate) fn Outcome(id: JobId) -> impl IntoView {
    view! { <Progressing id done=new_adapter/> }
}

/// The result of a job that makes an adapter.
pub(crate) fn new_adapter(result: serde_json::Value) -> AnyView {
    serde_json::from_value(result).ok().map(made).into_any()
}

/// The new file: its name, what it is like, the way to it.
fn made(outcome: MergeOutcome) -> AnyView {
    let MergeOutcome { adapter, path, modules, rank_min, rank_max, energy_kept, bytes, warnings } = outcome;
    let rank = match (rank_min, rank_max) {
        (_, 0) => None,
        (a, b) if a == b => Some(format!("rank {b}")),
        (a, b) => Some(format!("rank {a} to {b}")),
    };
    let kept = (energy_kept > 0.0 && energy_kept < 1.0 - 1e-9).then(|| format!("{} of the energy", super::kept(energy_kept)));
    let facts = [Some(format::plural(u64::from(modules), "module")), rank, kept, Some(format::bytes(bytes))];
    let file = path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    view! {
        <Notice tone=Tone::Good>
            <p><b>"Saved."</b></p>
            <p class="wrap">{file}<span class="hint">{format!(" · {}", facts.into_iter().flatten().collect::<Vec<_>>().join(" · "))}</span></p>
            {warnings.into_iter().map(|w| view! { <p>{w}</p> }).collect_view()}
            {adapter.map(|id| view! { <a class="btn" href=format!("/adapters/{id}")><Icon glyph=Glyph::Library/>"Open in library"</a> })}
        </Notice>
    }
    .into_any()
}
