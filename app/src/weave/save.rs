//! Saving the weave as a new adapter: name, place, the job's progress, and the way to the result.

use super::loom::Loom;
use crate::api::{ApiError, job_cancel, weave_merge};
use crate::dom;
use crate::kit::{Button, Glyph, Icon, Look, Notice, ProblemView, Select, TextField, Tone};
use crate::shell::{JobProgress, Live};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::merge::{MergeOutcome, MergeRequest, Weave};
use weft_domain::{JobId, JobState, RootId, RootState, RootView};

/// Key under which the last place is kept.
const PLACE: &str = "weft-weave-place";

/// The form and what became of it.
#[component]
pub(super) fn Save(roots: Vec<RootView>, request: Memo<Option<Weave>>) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let live = expect_context::<Live>();
    let usable: Vec<RootView> = roots.into_iter().filter(|r| r.state == RootState::Online).collect();
    let root = RwSignal::new(usable.iter().find(|r| !r.samples).or(usable.first()).map(|r| r.id));
    let folder = RwSignal::new(String::new());
    let options: Vec<(String, String)> = usable.iter().map(|r| (r.id.to_string(), r.name.clone())).collect();
    let ids: Vec<RootId> = usable.iter().map(|r| r.id).collect();
    let homeless = usable.is_empty();
    Effect::new(move |_| {
        let kept = dom::stored(PLACE).unwrap_or_default();
        if let Some((id, path)) = kept.split_once(' ')
            && let Some(id) = id.parse().ok().filter(|id| ids.contains(id))
        {
            root.set(Some(id));
            folder.set(path.to_owned());
        }
    });
    let sending = RwSignal::new(false);
    let error = RwSignal::new(None::<ApiError>);
    let job = RwSignal::new(None::<JobId>);
    let name = Memo::new(move |_| loom.state.with(|s| s.name.clone()));
    let title = Memo::new(move |_| if name.with(|n| n.trim().is_empty()) { loom.suggested_name() } else { name.get().trim().to_owned() });
    let running = Memo::new(move |_| job.get().is_some_and(|id| live.job(id).with(|j| j.as_ref().is_none_or(|j| !j.state.finished()))));
    let ready = Memo::new(move |_| request.with(Option::is_some) && root.get().is_some() && !sending.get() && !running.get());
    let field = move |key: &'static str| {
        Signal::derive(move || error.with(|e| e.as_ref().filter(|e| e.0.field.as_deref() == Some(key)).map(ApiError::line)))
    };
    let save = move || {
        let (Some(weave), Some(root)) = (request.get_untracked(), root.get_untracked()) else { return };
        if !ready.get_untracked() {
            return;
        }
        let request = MergeRequest { weave, name: title.get_untracked(), root, folder: folder.get_untracked().trim().to_owned() };
        dom::store(PLACE, &format!("{root} {}", request.folder));
        let asked = loom.state.get_untracked();
        sending.set(true);
        error.set(None);
        spawn_local(async move {
            let answer = weave_merge(request).await;
            sending.set(false);
            match answer {
                Ok(view) => {
                    job.set(Some(view.id));
                    live.heard(view);
                    // What was sent is safe now: the job table holds it.
                    if loom.state.get_untracked() == asked {
                        loom.mark_clean();
                    }
                }
                Err(problem) => error.set(Some(problem)),
            }
        });
    };
    window_keys(save);
    let stray = move || error.with(|e| e.clone().filter(|e| !matches!(e.0.field.as_deref(), Some("name" | "folder"))));
    view! {
        <form class="save" id="weave-save" on:submit=move |ev| { ev.prevent_default(); save(); }>
            <TextField
                id="weave-name"
                label="Name"
                value=name
                on_input=move |v: String| loom.edit("name", |s| s.name = v)
                placeholder="Named after its strands"
                error=field("name")
            />
            {if homeless {
                view! { <Notice tone=Tone::Warn><p>"There is no folder to save to. Add one in the "<a href="/">"library"</a>"."</p></Notice> }.into_any()
            } else {
                view! {
                    <Select
                        label="Save to"
                        show_label=true
                        options
                        value=Signal::derive(move || root.get().map(|r| r.to_string()).unwrap_or_default())
                        on_change=move |v: String| root.set(v.parse().ok())
                    />
                    <TextField id="weave-folder" label="Folder inside it" value=folder on_input=move |v: String| folder.set(v) placeholder="woven" error=field("folder") mono=true/>
                }.into_any()
            }}
            <Button look=Look::Primary kind="submit" icon=Glyph::Save disabled=Signal::derive(move || !ready.get()) busy=sending>"Save as adapter"</Button>
        </form>
        {move || stray().map(|error| view! { <ProblemView error/> })}
        {move || job.get().map(|id| view! { <Outcome id/> })}
    }
}

/// Ctrl-Enter saves from anywhere on the page.
fn window_keys(save: impl Fn() + Copy + 'static) {
    Effect::new(move |_| {
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) && !dom::dialog_open() {
                event.prevent_default();
                save();
            }
        });
        on_cleanup(move || handle.remove());
    });
}

/// Progress of the job, then where it led.
#[component]
fn Outcome(id: JobId) -> impl IntoView {
    let live = expect_context::<Live>();
    let job = live.job(id);
    let state = Memo::new(move |_| job.with(|j| j.as_ref().map_or(JobState::Queued, |j| j.state)));
    let stop = move |_| {
        spawn_local(async move {
            if let Ok(job) = job_cancel(id).await {
                live.heard(job);
            }
        });
    };
    let result =
        move || job.with(|j| j.as_ref().and_then(|j| j.result.clone())).and_then(|r| serde_json::from_value::<MergeOutcome>(r).ok());
    let error = move || job.with(|j| j.as_ref().and_then(|j| j.error.clone())).unwrap_or_else(|| "It could not be finished.".to_owned());
    view! {
        <div class="outcome" role="status">
            {move || match state.get() {
                JobState::Done => view! { <Notice tone=Tone::Good><p><b>"Saved."</b></p>{result().map(done)}</Notice> }.into_any(),
                JobState::Failed => view! { <Notice tone=Tone::Bad><p>{error()}</p></Notice> }.into_any(),
                JobState::Cancelled => view! { <Notice><p>"Stopped. No file was left behind."</p></Notice> }.into_any(),
                JobState::Queued | JobState::Running => view! {
                    <JobProgress job/>
                    <Button look=Look::Quiet icon=Glyph::Stop on:click=stop>"Stop"</Button>
                }.into_any(),
            }}
        </div>
    }
}

fn done(outcome: MergeOutcome) -> impl IntoView {
    let MergeOutcome { adapter, path, modules, rank_min, rank_max, bytes, warnings, .. } = outcome;
    let rank = if rank_min == rank_max { format!("rank {rank_max}") } else { format!("rank {rank_min} to {rank_max}") };
    let file = path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    view! {
        <p class="wrap">{file}<span class="hint">{format!(" · {}, {rank}, {}", crate::format::plural(u64::from(modules), "module"), crate::format::bytes(bytes))}</span></p>
        {warnings.into_iter().map(|w| view! { <p>{w}</p> }).collect_view()}
        {adapter.map(|id| view! { <a class="btn" href=format!("/adapters/{id}")><Icon glyph=Glyph::Library/>"Open in library"</a> })}
    }
}
