//! One adapter: what it is, where in the network it works, what its user says of it.

mod facts;
mod fits;
mod head;
mod measures;
mod metadata;
mod notes;
mod pictures;
mod save;
mod tools;
mod words;

use crate::api;
use crate::blocks::BlockView;
use crate::kit::{Notice, ProblemView, Skeleton, Tone};
use crate::page::NotFound;
use crate::shell::{Live, Mark};
use facts::{Evidence, Facts, HashList};
use head::{Actions, Naming};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::text_prop::TextProp;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use metadata::Metadata;
use notes::{Notes, Rating, Tags};
use save::{Conflict, Saving};
use weft_domain::{AdapterDetails, AdapterId, Event, FileState};
use words::{TrainingTags, Triggers};

pub(crate) use fits::tone as fit_tone;

/// The route `/adapters/:id`.
#[component]
pub fn AdapterPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").and_then(|id| id.parse::<AdapterId>().ok())));
    let live = expect_context::<Live>();
    let asking = StoredValue::new(live.mark());
    let details = Resource::new(
        move || id.get(),
        move |id| {
            // The page may be gone by now; nobody asks for the moment then.
            let _gone = asking.try_set_value(live.mark());
            async move {
                match id {
                    Some(id) => api::library_details(id).await.map(Some),
                    None => Ok(None),
                }
            }
        },
    );
    view! {
        <Suspense fallback=AdapterSkeleton>
            {move || Suspend::new(async move {
                match details.await {
                    Ok(Some(details)) => view! { <Adapter details asking=asking.get_value()/> }.into_any(),
                    Ok(None) => view! { <NotFound/> }.into_any(),
                    Err(error) if error.is_not_found() => view! { <NotFound/> }.into_any(),
                    Err(error) => view! { <Title text="Adapter"/><h1>"Adapter"</h1><ProblemView error/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// Shapes of what comes.
#[component]
fn AdapterSkeleton() -> impl IntoView {
    view! {
        <div class="adapter" aria-busy="true">
            <div class="adapter-side"><Skeleton class="skeleton-picture"/></div>
            <div class="adapter-main"><Skeleton class="skeleton-title"/><Skeleton class="skeleton-bars"/><Skeleton lines=6 class="skeleton-row"/></div>
        </div>
    }
}

/// The page once all is known.
#[component]
fn Adapter(details: AdapterDetails, asking: Mark) -> impl IntoView {
    let id = details.card.id;
    let details = RwSignal::new(details);
    let saving = Saving::new(details);
    provide_context(saving);
    follow(id, details, asking);
    // What never changes without a new reading of the file is drawn anew only then.
    let blocks = Memo::new(move |_| {
        details.with(|d| (d.blocks.clone(), d.outside.clone(), d.mean, d.variance, d.card.fallback, d.layout_id.clone()))
    });
    let asked = (!details.with_untracked(|d| d.card.fallback)).then(|| measures::asked(id));
    let title = move || details.with(|d| d.card.name.clone());
    let picture = Memo::new(move |_| details.with(|d| d.card.preview_url(640)));
    view! {
        <Title text=document_title(details)/>
        <Conflict/>
        <div class="adapter">
            <Naming/>
            <aside class="adapter-side">
                <div class="adapter-picture" class:faded=move || details.with(|d| d.card.state != FileState::Ready)>
                    <img src=picture width="640" height="688" alt=move || format!("Picture of {}", title())/>
                </div>
                <Actions/>
                <Rating/>
                <Tags/>
                <Notes/>
            </aside>
            <div class="adapter-main">
                <States/>
                <section class="panel" aria-label="Blocks">
                    {move || {
                        let (blocks, outside, mean, variance, fallback, layout) = blocks.get();
                        view! { <BlockView blocks outside mean variance fallback layout asked/> }
                    }}
                </section>
                <pictures::Pictures/>
                <tools::Tools/>
                <fits::Fits/>
                <Triggers/>
                <Description/>
                <div class="adapter-pair">
                    <Facts/>
                    <div>
                        <HashList/>
                        <Evidence/>
                    </div>
                </div>
                <TrainingTags/>
                <Metadata/>
            </div>
        </div>
    }
}

/// The name as the document's title. The server writes it when the page is drawn and its signals are gone: it gets the name as it is.
fn document_title(details: RwSignal<AdapterDetails>) -> TextProp {
    if cfg!(feature = "ssr") {
        details.with_untracked(|d| d.card.name.clone()).into()
    } else {
        // The title is written once more when the page is left for another adapter; its signals are gone by then.
        (move || details.try_with(|d| d.card.name.clone()).unwrap_or_default()).into()
    }
}

/// Fetches anew when an event names this adapter.
fn follow(id: AdapterId, details: RwSignal<AdapterDetails>, asking: Mark) {
    let fetch = move || {
        spawn_local(async move {
            // Unanswered, the page stays as it is.
            if let Ok(fresh) = api::library_details(id).await
                && details.try_with_untracked(|old| *old != fresh) == Some(true)
            {
                details.set(fresh);
            }
        });
    };
    expect_context::<Live>().on_event_since(asking, move |event| match event {
        Event::Adapters { ids } if ids.contains(&id) => fetch(),
        Event::LibraryChanged | Event::Reset => fetch(),
        _ => {}
    });
}

/// Missing, broken, synthetic, warned of.
#[component]
fn States() -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let state = move || {
        details.with(|d| match d.card.state {
            FileState::Ready => None,
            FileState::Missing => Some((
                Tone::Warn,
                "The file is not where it was: deleted, moved, or its drive is off. All that is known of it is kept.".to_owned(),
            )),
            FileState::Broken => {
                Some((Tone::Bad, d.card.error.clone().unwrap_or_else(|| "The file cannot be read as an adapter.".to_owned())))
            }
        })
    };
    view! {
        {move || state().map(|(tone, text)| view! { <Notice tone>{text}</Notice> })}
        {move || details.with(|d| d.synthetic).then(|| view! {
            <Notice tone=Tone::Dashed>"A synthetic sample, written by Weft for trying out. It was not trained and changes no picture in a useful way."</Notice>
        })}
        {move || details.with(|d| d.warnings.clone()).into_iter().map(|text| view! { <Notice tone=Tone::Warn>{text}</Notice> }).collect_view()}
    }
}

/// What the file says of itself.
#[component]
fn Description() -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let text = Memo::new(move |_| details.with(|d| d.description.clone().filter(|text| !text.trim().is_empty())));
    view! {
        <Show when=move || text.with(Option::is_some)>
            <section class="panel">
                <h2 class="label">"Description"</h2>
                <p class="prose">{move || text.get()}</p>
            </section>
        </Show>
    }
}
