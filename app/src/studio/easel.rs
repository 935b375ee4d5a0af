//! The picture: as it forms, and when it is done.

use super::desk::Desk;
use super::sheet::SheetView;
use crate::dom;
use crate::format;
use crate::kit::{Button, Glyph, Icon, IconButton, Look, Notice, ProblemView, Progress, Tone};
use crate::picture::{alt, file, thumbnail};
use crate::shell::Live;
use leptos::{html, prelude::*};
use weft_domain::JobState;
use weft_domain::generation::{Painting, PictureCard};

/// What stands at the top of the page.
#[component]
pub(super) fn Easel() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let is_sheet = Memo::new(move |_| desk.current.with(|c| c.as_ref().is_some_and(|c| !c.columns.is_empty())));
    view! {
        <section class="easel" aria-label="Picture">
            {move || desk.error.get().map(|error| view! { <ProblemView error/> })}
            <Failed/>
            <Show when=move || is_sheet.get() fallback=Plain><SheetView/></Show>
            <State/>
        </section>
    }
}

/// Why the last one came to nothing, and a second try.
#[component]
fn Failed() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let why = Memo::new(move |_| desk.failed());
    let again = move |_| {
        if let Some(job) = desk.current.with_untracked(|c| c.as_ref().and_then(|c| c.job.as_ref()).map(|j| j.id)) {
            desk.retry(job);
        }
    };
    move || {
        why.get().map(|why| {
            view! {
                <Notice tone=Tone::Bad>
                    <p>{why}</p>
                    <div class="row-acts"><Button icon=Glyph::Refresh on:click=again>"Try again"</Button></div>
                </Notice>
            }
        })
    }
}

/// What the easel shows.
#[derive(Debug, Clone, PartialEq)]
enum Shown {
    Nothing,
    /// Asked for; the first step has not come.
    Waiting,
    Forming(Painting),
    Done(PictureCard),
}

fn shown(desk: Desk) -> Shown {
    let last = || desk.current.with(|c| c.as_ref().and_then(|c| c.pictures.last().cloned()));
    if let Some(painting) = desk.painting.get() {
        // Somebody else's picture does not push away what is looked at here.
        let mine = desk.current.with(|c| c.as_ref().is_none_or(|c| c.id == painting.generation));
        if mine {
            return Shown::Forming(painting);
        }
    }
    match last() {
        Some(card) => Shown::Done(card),
        None if desk.busy() || desk.sending.get() => Shown::Waiting,
        None => Shown::Nothing,
    }
}

/// One picture, with the others of its batch below it.
#[component]
fn Plain() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let shown = Memo::new(move |_| shown(desk));
    let kind = Memo::new(move |_| {
        shown.with(|s| match s {
            Shown::Nothing => 0_u8,
            Shown::Waiting => 1,
            Shown::Forming(_) => 2,
            Shown::Done(_) => 3,
        })
    });
    view! {
        <div class="canvas" class:empty-canvas=move || kind.get() == 0>
            {move || match kind.get() {
                0 => view! { <Blank/> }.into_any(),
                1 => view! { <Frame size=Signal::derive(move || wanted(desk))><span class="skeleton canvas-wait" aria-hidden="true"></span></Frame> }.into_any(),
                2 => view! { <Forming/> }.into_any(),
                _ => view! { {move || shown.with(|s| if let Shown::Done(card) = s { Some(card.clone()) } else { None }).map(|card| view! { <Done card/> })} }.into_any(),
            }}
        </div>
        <Batch/>
    }
}

/// Size that the form asks for.
fn wanted(desk: Desk) -> (u32, u32) {
    let asked = desk.current.with(|c| c.as_ref().and_then(|c| c.request.width.zip(c.request.height)));
    asked.unwrap_or_else(|| desk.defaults.with(|d| (d.width, d.height)))
}

/// A box with the picture's own aspect, as large as there is room.
#[component]
fn Frame(#[prop(into)] size: Signal<(u32, u32)>, children: Children) -> impl IntoView {
    let node = NodeRef::<html::Div>::new();
    Effect::new(move |_| {
        let (w, h) = size.get();
        if let Some(node) = node.get() {
            let (w, h) = (f64::from(w.max(1)), f64::from(h.max(1)));
            dom::set_var(&node, "--aspect", &format!("{:.5}", w / h));
        }
    });
    view! { <div class="frame-box" node_ref=node>{children()}</div> }
}

/// Before the first picture.
#[component]
fn Blank() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let ready = Memo::new(move |_| desk.checkpoint().is_some() && desk.form.with(|f| !f.prompt.trim().is_empty()));
    view! {
        <div class="blank">
            <svg class="blank-art" viewBox="0 0 240 120" aria-hidden="true">
                <path class="thread c1" d="M0 30C40 30 60 60 100 60"></path>
                <path class="thread c2" d="M0 60H100"></path>
                <path class="thread c3" d="M0 90C40 90 60 60 100 60"></path>
                <rect class="blank-frame" x="112" y="12" width="116" height="96" rx="8"></rect>
                <path class="thread c1" d="M126 94L156 54L174 74"></path>
                <path class="thread c2" d="M150 94L188 44L214 94"></path>
                <circle class="blank-sun" cx="196" cy="34" r="8"></circle>
            </svg>
            <p>{move || if ready.get() { "A prompt is in the box. Press Paint, or Ctrl Enter." } else { "Say what is in the picture, then press Paint." }}</p>
        </div>
    }
}

/// A picture that is painted now.
#[component]
fn Forming() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let size = Memo::new(move |_| desk.painting.with(|p| p.as_ref().map_or((1, 1), |p| (p.width, p.height))));
    let preview = Memo::new(move |_| desk.painting.with(|p| p.as_ref().and_then(|p| p.preview.clone())));
    view! {
        <Frame size>
            {move || match preview.get() {
                Some(src) => view! { <img class="forming" src=src alt="The picture as it forms"/> }.into_any(),
                None => view! { <span class="skeleton canvas-wait" aria-hidden="true"></span> }.into_any(),
            }}
        </Frame>
    }
}

/// A finished picture; a press opens the viewer.
#[component]
fn Done(card: PictureCard) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let id = card.id;
    let open = move |event: leptos::ev::MouseEvent| {
        if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
            event.prevent_default();
            let among = desk.current.with_untracked(|c| c.as_ref().map(|c| c.pictures.clone()).unwrap_or_default());
            desk.view(id, among);
        }
    };
    view! {
        <Frame size=(card.width, card.height)>
            <a class="done" href=format!("/studio?picture={id}") title="Open in the viewer" on:click=open>
                <img src=file(id) alt=alt(&card)/>
            </a>
        </Frame>
    }
}

/// The pictures of a batch so far.
#[component]
fn Batch() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let pictures = Memo::new(move |_| desk.current.with(|c| c.as_ref().map(|c| c.pictures.clone()).unwrap_or_default()));
    let lacking = Memo::new(move |_| {
        desk.current.with(|c| c.as_ref().map_or(0, |c| (c.total as usize).saturating_sub(c.pictures.len()))) * usize::from(desk.busy())
    });
    let tile = move |card: PictureCard| {
        let id = card.id;
        view! {
            <button type="button" class="batch-pic" title=alt(&card) on:click=move |_| desk.view(id, pictures.get_untracked())>
                <img src=thumbnail(id, 160) width="64" height="64" alt=alt(&card)/>
            </button>
        }
    };
    view! {
        <Show when=move || { pictures.with(Vec::len) + lacking.get() > 1 }>
            <div class="batch" role="group" aria-label="Pictures of this batch">
                <For each=move || pictures.get() key=|c| c.id children=tile/>
                {move || (0..lacking.get().min(24)).map(|_| view! { <span class="batch-pic batch-wait" aria-hidden="true"></span> }).collect_view()}
            </div>
        </Show>
    }
}

/// What goes on: step, time left, a way to stop it, the queue.
#[component]
fn State() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let live = expect_context::<Live>();
    let job = Memo::new(move |_| {
        let own = desk.current.with(|c| c.as_ref().and_then(|c| c.job.as_ref()).filter(|j| !j.state.finished()).map(|j| j.id));
        let id = own.or_else(|| desk.painting.with(|p| p.as_ref().map(|p| p.job)))?;
        live.jobs.with(|jobs| jobs.iter().find(|j| j.id == id).cloned())
    });
    let active = Memo::new(move |_| job.with(|j| j.as_ref().is_some_and(|j| !j.state.finished())));
    let step = move || {
        let id = job.with(|j| j.as_ref().map(|j| j.id));
        desk.painting.with(|p| p.as_ref().filter(|p| Some(p.job) == id).map(|p| (p.step, p.steps, p.shot)))
    };
    let total = move || desk.current.with(|c| c.as_ref().map_or(1, |c| c.total));
    let line = move || {
        let waiting = job.with(|j| j.as_ref().is_some_and(|j| j.state == JobState::Queued));
        let left = job.with(|j| j.as_ref().and_then(|j| j.eta_ms)).map(format::time_left);
        let now = match step() {
            Some((step, steps, shot)) => {
                let of = if total() > 1 { format!("picture {} of {} · ", shot + 1, total()) } else { String::new() };
                Some(format!("{of}step {step} of {steps}"))
            }
            None if waiting => Some("waiting for its turn".to_owned()),
            None => Some("loading the model".to_owned()),
        };
        [now, left].into_iter().flatten().collect::<Vec<_>>().join(" · ")
    };
    let stop = move |_| {
        if let Some(id) = job.with_untracked(|j| j.as_ref().map(|j| j.id)) {
            desk.cancel(id);
        }
    };
    let waiting = Memo::new(move |_| {
        live.jobs.with(|jobs| jobs.iter().filter(|j| j.kind == weft_domain::JobKind::Generate && !j.state.finished()).count())
    });
    view! {
        <div class="easel-state">
            <Show when=move || active.get()>
                <div class="easel-progress">
                    <span class="num" role="status">{line}</span>
                    <Progress
                        label="Painting"
                        done=Signal::derive(move || job.with(|j| j.as_ref().map_or(0, |j| j.done)))
                        total=Signal::derive(move || job.with(|j| j.as_ref().map_or(0, |j| j.total)))
                    />
                </div>
                <IconButton glyph=Glyph::Stop label="Stop painting" on:click=stop/>
            </Show>
            <span class="grow"></span>
            <Show when=move || !active.get() && desk.current.with(|c| c.as_ref().is_some_and(|c| c.pictures.len() == 1))><Quick/></Show>
            <button type="button" class="btn btn-quiet" on:click=move |_| desk.queue.set(true)>
                <Icon glyph=Glyph::Queue/>
                <span>"Queue"</span>
                {move || (waiting.get() > 0).then(|| view! { <b class="num">{waiting.get()}</b> })}
            </button>
        </div>
    }
}

/// What one does most with a picture that has just come.
#[component]
fn Quick() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let card = Memo::new(move |_| desk.current.with(|c| c.as_ref().and_then(|c| c.pictures.last().cloned())));
    let seed = move |_| {
        if let Some(seed) = card.with_untracked(|c| c.as_ref().and_then(|c| c.seed)) {
            desk.edit(|f| (f.seed, f.locked) = (Some(seed), true));
        }
    };
    let kept = Memo::new(move |_| desk.form.with(|f| f.locked && f.seed == card.with(|c| c.as_ref().and_then(|c| c.seed))));
    view! {
        <Show when=move || !kept.get()>
            <Button look=Look::Quiet icon=Glyph::Lock on:click=seed>"Keep this seed"</Button>
        </Show>
    }
}
