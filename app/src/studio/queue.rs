//! The queue: what is painted now, what waits and in which order, what failed. Pause, reorder, stop, try again.

use super::desk::Desk;
use crate::api::{self, ApiError};
use crate::format;
use crate::kit::{Button, Dialog, EmptyState, Glyph, IconButton, ProblemView, Progress, Shape, Skeleton, Toasts};
use crate::shell::Live;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;
use weft_domain::generation::{QueueItem, QueueView};
use weft_domain::{Event, JobId, JobKind, JobState};

/// The drawer.
#[component]
pub(super) fn Queue() -> impl IntoView {
    let desk = expect_context::<Desk>();
    view! {
        <Dialog id="queue" title="Queue" open=desk.queue shape=Shape::Drawer>
            <Body/>
        </Dialog>
    }
}

/// What the drawer knows while it is open.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    view: RwSignal<Option<QueueView>>,
    error: RwSignal<Option<ApiError>>,
    asking: StoredValue<bool>,
    toasts: Toasts,
}

impl Waiting {
    fn ask(self) {
        spawn_local(async move {
            match api::generation_queue().await {
                Ok(view) => self.take(view),
                Err(error) => drop(self.error.try_set(Some(error))),
            }
        });
    }

    fn take(self, view: QueueView) {
        if self.view.try_set(Some(view)).is_none() {
            self.error.set(None);
        }
    }

    /// Once for many events.
    fn ask_soon(self) {
        if self.asking.try_get_value() != Some(false) {
            return;
        }
        self.asking.set_value(true);
        let ask = move || {
            if self.asking.try_set_value(false).is_none() {
                self.ask();
            }
        };
        set_timeout(ask, Duration::from_millis(150));
    }

    fn answer(self, ask: impl Future<Output = Result<QueueView, ApiError>> + 'static) {
        spawn_local(async move {
            match ask.await {
                Ok(view) => self.take(view),
                Err(error) => {
                    self.toasts.problem(&error);
                    self.ask_soon();
                }
            }
        });
    }

    /// Puts a job before another; to the end without one. The list shows it at once.
    fn shift(self, job: JobId, before: Option<JobId>) {
        self.view.update(|view| {
            let Some(items) = view.as_mut().map(|v| &mut v.items) else { return };
            let Some(from) = items.iter().position(|i| i.job.id == job) else { return };
            let item = items.remove(from);
            let to = before.and_then(|id| items.iter().position(|i| i.job.id == id));
            // The end of those that wait, not of those that failed.
            let end = items.iter().rposition(|i| !i.job.state.finished()).map_or(0, |at| at + 1);
            items.insert(to.unwrap_or(end), item);
        });
        self.answer(api::generation_move(job, before));
    }

    /// Jobs that wait, in their order.
    fn order(self) -> Vec<JobId> {
        self.view.with_untracked(|v| {
            let waits = |i: &&QueueItem| i.job.state == JobState::Queued;
            v.as_ref().map(|v| v.items.iter().filter(waits).map(|i| i.job.id).collect()).unwrap_or_default()
        })
    }

    /// One place up or down.
    fn step(self, job: JobId, up: bool) {
        let order = self.order();
        let Some(at) = order.iter().position(|id| *id == job) else { return };
        if up && at > 0 {
            self.shift(job, Some(order[at - 1]));
        } else if !up && at + 1 < order.len() {
            self.shift(job, order.get(at + 2).copied());
        }
    }
}

#[component]
fn Body() -> impl IntoView {
    let live = expect_context::<Live>();
    let waiting = Waiting {
        view: RwSignal::new(None),
        error: RwSignal::new(None),
        asking: StoredValue::new(false),
        toasts: expect_context::<Toasts>(),
    };
    Effect::new(move |_| waiting.ask());
    live.on_event(move |event| match event {
        Event::QueueChanged | Event::Reset => waiting.ask_soon(),
        Event::Job { job } if job.kind == JobKind::Generate => waiting.ask_soon(),
        _ => {}
    });
    let paused = Memo::new(move |_| waiting.view.with(|v| v.as_ref().is_some_and(|v| v.paused)));
    let ids = Memo::new(move |_| waiting.view.with(|v| v.as_ref().map(|v| v.items.iter().map(|i| i.job.id).collect::<Vec<_>>())));
    let dragged = RwSignal::new(None::<JobId>);
    view! {
        {move || waiting.error.get().map(|error| view! { <ProblemView error/> })}
        <div class="queue-head">
            {move || {
                let (glyph, text) = if paused.get() { (Glyph::Play, "Go on") } else { (Glyph::Pause, "Pause") };
                view! { <Button icon=glyph on:click=move |_| waiting.answer(api::generation_pause(!paused.get_untracked()))>{text}</Button> }
            }}
            <span class="hint" role="status">{move || if paused.get() { "Paused: nothing new is begun." } else { "" }}</span>
        </div>
        {move || match ids.get() {
            None => view! { <Skeleton lines=4 class="skeleton-note"/> }.into_any(),
            Some(ids) if ids.is_empty() => view! {
                <EmptyState title="Nothing waits" glyph=Glyph::Queue>
                    <p>"What you ask for while something is painted waits here. You can go on writing."</p>
                </EmptyState>
            }.into_any(),
            Some(_) => view! {
                <ol class="queue-list">
                    <For each=move || ids.get().unwrap_or_default() key=|id| *id let:id><Row id waiting dragged/></For>
                </ol>
            }.into_any(),
        }}
    }
}

/// "3 of 4 · 12 s left", "waiting", "failed".
fn line(item: &QueueItem) -> String {
    let done = (item.total > 1 || item.painted > 0).then(|| format!("{} of {}", item.painted, item.total));
    let state = match item.job.state {
        JobState::Running if item.job.cancelling => Some("stopping".to_owned()),
        JobState::Running => item.job.eta_ms.map(format::time_left),
        JobState::Queued => Some("waiting".to_owned()),
        JobState::Failed => Some("failed".to_owned()),
        JobState::Cancelled => Some("stopped".to_owned()),
        JobState::Done => Some("done".to_owned()),
    };
    [done, state].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

#[component]
fn Row(id: JobId, waiting: Waiting, dragged: RwSignal<Option<JobId>>) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let live = expect_context::<Live>();
    let item = Memo::new(move |_| {
        let mut item = waiting.view.with(|v| v.as_ref().and_then(|v| v.items.iter().find(|i| i.job.id == id).cloned()))?;
        // The stream knows more than the last answer.
        if let Some(job) = live.jobs.with(|jobs| jobs.iter().find(|j| j.id == id).cloned()) {
            item.job = job;
        }
        Some(item)
    });
    let state = Memo::new(move |_| item.with(|i| i.as_ref().map_or(JobState::Done, |i| i.job.state)));
    let queued = Memo::new(move |_| state.get() == JobState::Queued);
    let error = move || item.with(|i| i.as_ref().and_then(|i| i.job.error.clone()));
    let over = RwSignal::new(false);
    let keys = move |event: leptos::ev::KeyboardEvent| {
        if event.alt_key() && matches!(event.key().as_str(), "ArrowUp" | "ArrowDown") {
            event.prevent_default();
            waiting.step(id, event.key() == "ArrowUp");
        }
    };
    let dropped = move |event: web_sys::DragEvent| {
        over.set(false);
        if let Some(other) = dragged.get_untracked().filter(|other| *other != id) {
            event.prevent_default();
            waiting.shift(other, Some(id));
        }
        dragged.set(None);
    };
    let open = move |_| {
        if let Some(generation) = item.with_untracked(|i| i.as_ref().map(|i| i.generation)) {
            desk.queue.set(false);
            desk.open(generation);
        }
    };
    view! {
        <li
            class="queue-row"
            class:over=move || over.get()
            draggable=move || if queued.get() { "true" } else { "false" }
            on:keydown=keys
            on:dragstart=move |event: web_sys::DragEvent| {
                if let Some(data) = event.data_transfer() {
                    drop(data.set_data("text/plain", &id.to_string()));
                }
                dragged.set(Some(id));
            }
            on:dragend=move |_| dragged.set(None)
            on:dragover=move |event: web_sys::DragEvent| {
                if queued.get_untracked() && dragged.get_untracked().is_some_and(|other| other != id) {
                    event.prevent_default();
                    over.set(true);
                }
            }
            on:dragleave=move |_| over.set(false)
            on:drop=dropped
        >
            <button type="button" class="queue-text" on:click=open>
                <b>{move || item.with(|i| i.as_ref().map(|i| if i.prompt.trim().is_empty() { "No prompt".to_owned() } else { i.prompt.clone() }))}</b>
                <span class="job-line num">{move || item.with(|i| i.as_ref().map(|i| format!("{} · {}", i.checkpoint, line(i))))}</span>
            </button>
            <div class="queue-acts">
                <Show when=move || queued.get()>
                    <IconButton glyph=Glyph::ArrowUp label="Earlier (Alt+Up)" on:click=move |_| waiting.step(id, true)/>
                    <IconButton glyph=Glyph::ArrowDown label="Later (Alt+Down)" on:click=move |_| waiting.step(id, false)/>
                </Show>
                <Show when=move || !state.get().finished()>
                    <IconButton glyph=Glyph::Stop label="Stop this one" on:click=move |_| desk.cancel(id)/>
                </Show>
                <Show when=move || matches!(state.get(), JobState::Failed | JobState::Cancelled)>
                    <IconButton glyph=Glyph::Refresh label="Try again" on:click=move |_| desk.retry(id)/>
                </Show>
            </div>
            <Show when=move || state.get() == JobState::Running>
                <Progress
                    label="Painting"
                    done=Signal::derive(move || item.with(|i| i.as_ref().map_or(0, |i| i.job.done)))
                    total=Signal::derive(move || item.with(|i| i.as_ref().map_or(0, |i| i.job.total)))
                />
            </Show>
            {move || error().map(|error| view! { <p class="job-error">{error}</p> })}
        </li>
    }
}
