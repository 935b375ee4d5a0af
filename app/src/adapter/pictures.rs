//! Pictures that were made with this adapter, and a first one in one press.

use super::save::Saving;
use crate::api::{self, ApiError};
use crate::kit::{Button, Glyph, Icon, ProblemView, Progress};
use crate::picture::{alt, thumbnail};
use crate::shell::Live;
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::generation::{AdapterUse, GenerationRequest, Painting, PictureCard, PicturePage, PictureQuery};
use weft_domain::{AdapterId, CheckpointId, Event, FileState, FitLevel, GenerationId, JobId, JobKind, Problem, ProblemKind};

/// Pictures shown at once.
const SHOWN: u64 = 12;

/// What goes on in the panel.
#[derive(Debug, Clone, Copy)]
struct Panel {
    id: AdapterId,
    page: RwSignal<Option<PicturePage>>,
    asked: RwSignal<Option<GenerationId>>,
    painting: RwSignal<Option<Painting>>,
    sending: RwSignal<bool>,
    error: RwSignal<Option<ApiError>>,
}

impl Panel {
    fn fetch(self) {
        let query = PictureQuery { adapter: vec![self.id], limit: SHOWN, ..PictureQuery::default() };
        spawn_local(async move {
            // Unanswered, the panel stays as it is.
            if let Ok(page) = api::picture_query(query).await {
                drop(self.page.try_set(Some(page)));
            }
        });
    }

    /// Paints one picture with the checkpoint that fits best.
    fn preview(self, triggers: Vec<String>) {
        self.sending.set(true);
        self.error.set(None);
        spawn_local(async move {
            let answer = start(self.id, triggers).await;
            let _gone = self.sending.try_set(false);
            match answer {
                Ok(id) => drop(self.asked.try_set(Some(id))),
                Err(error) => drop(self.error.try_set(Some(error))),
            }
        });
    }
}

/// The checkpoint that fits best among those that are there.
async fn best(id: AdapterId) -> Result<CheckpointId, ApiError> {
    let fits = api::adapter_fits(id, None).await?.fits;
    fits.into_iter().find(|fit| fit.level != FitLevel::Wrong).map(|fit| fit.checkpoint).ok_or_else(|| {
        let problem = Problem::new(ProblemKind::Unavailable, "No checkpoint here fits this adapter.");
        ApiError(problem.hint("Add a folder that holds one of its family; then a preview is one press away."))
    })
}

async fn start(id: AdapterId, triggers: Vec<String>) -> Result<GenerationId, ApiError> {
    let checkpoint = best(id).await?;
    let defaults = api::generation_defaults(Some(checkpoint)).await?;
    // The words it listens to first, then what the checkpoint shows well.
    let words: Vec<String> = triggers.into_iter().take(3).chain([defaults.example]).filter(|w| !w.trim().is_empty()).collect();
    let used = AdapterUse { adapter: id, weight: 1.0, text_weight: None, profile: None, start: 0.0, stop: 1.0 };
    let request = GenerationRequest {
        prompt: words.join(", "),
        checkpoint: Some(checkpoint),
        adapters: vec![used],
        count: 1,
        ..GenerationRequest::default()
    };
    Ok(api::generation_start(request).await?.id)
}

/// The panel.
#[component]
pub(super) fn Pictures() -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let id = details.with_untracked(|d| d.card.id);
    let ready = Memo::new(move |_| details.with(|d| d.card.state == FileState::Ready));
    let panel = Panel {
        id,
        page: RwSignal::new(None),
        asked: RwSignal::new(None),
        painting: RwSignal::new(None),
        sending: RwSignal::new(false),
        error: RwSignal::new(None),
    };
    Effect::new(move |_| panel.fetch());
    let painted_by = move |job: JobId| panel.painting.with_untracked(|p| p.as_ref().is_some_and(|p| p.job == job));
    let mine = move |generation: GenerationId| panel.asked.get_untracked() == Some(generation);
    expect_context::<Live>().on_event(move |event| match event {
        Event::Painting { painting } if mine(painting.generation) => panel.painting.set(Some(painting)),
        Event::Job { job } if job.kind == JobKind::Generate && job.state.finished() && painted_by(job.id) => {
            panel.painting.set(None);
            panel.asked.set(None);
        }
        Event::Pictures { .. } | Event::PicturesChanged | Event::Reset => panel.fetch(),
        _ => {}
    });
    let busy = Signal::derive(move || panel.sending.get() || panel.asked.get().is_some());
    let total = move || panel.page.with(|p| p.as_ref().map_or(0, |p| p.total));
    let tile = move |card: PictureCard| {
        let words = alt(&card);
        let title = words.clone();
        view! {
            <li><a class="made-pic" href=format!("/studio?adapter={id}&picture={}", card.id) title=title>
                <img src=thumbnail(card.id, 160) width="96" height="96" alt=words loading="lazy"/>
            </a></li>
        }
    };
    view! {
        <section class="panel made" aria-label="Pictures made with it">
            <header class="made-head">
                <h2 class="label">"Pictures made with it"</h2>
                <div class="row-acts">
                    <Show when=move || { total() > SHOWN }>
                        <a class="btn btn-quiet" href=format!("/studio?adapter={id}")>{move || format!("All {}", total())}</a>
                    </Show>
                    <Show when=move || ready.get()>
                        <a class="btn" href=format!("/studio?ids={id}")><Icon glyph=Glyph::Studio/><span>"Paint with it"</span></a>
                        <Button icon=Glyph::Sample busy on:click=move |_| panel.preview(details.with_untracked(|d| d.trigger_words.clone()))>"Generate preview"</Button>
                    </Show>
                </div>
            </header>
            {move || panel.error.get().map(|error| view! { <ProblemView error/> })}
            <ul class="made-list">
                {move || panel.painting.get().map(|p| view! {
                    <li class="made-now">
                        {p.preview.clone().map(|src| view! { <img src=src width="96" height="96" alt="The preview as it forms"/> })}
                        <Progress label="Painting the preview" done=u64::from(p.step) total=u64::from(p.steps)/>
                    </li>
                })}
                <For each=move || panel.page.with(|p| p.as_ref().map(|p| p.items.clone()).unwrap_or_default()) key=|c| c.id children=tile/>
            </ul>
            <Show when=move || { panel.page.with(|p| p.as_ref().is_some_and(|p| p.items.is_empty())) && panel.painting.with(Option::is_none) }>
                <p class="hint">"None yet. A preview takes the checkpoint that fits best and this adapter's own trigger words."</p>
            </Show>
        </section>
    }
}
