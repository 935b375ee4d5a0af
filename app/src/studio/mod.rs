//! The Studio: a prompt, adapters on it, and the picture that comes of it; all pictures; sheets of experiments.
//!
//! The form is plain data (`form`), kept in this browser; the page's state (`desk`) hears the one event stream, so that a picture shows
//! while it forms, whoever asked for it. What is looked at stands in the address (`address`).

mod address;
mod desk;
mod easel;
mod empty;
mod form;
mod gallery;
mod import;
mod kept;
mod numbers;
mod prompt;
mod queue;
mod settings;
mod sheet;
mod strands;
mod styles;
mod viewer;
mod words;

use crate::api::{self, ApiError};
use crate::blocks::colour;
use crate::blocks::heat::Hatch;
use crate::dom;
use crate::kit::{Button, Glyph, Icon, IconButton, Look, NumberField, ProblemView, Skeleton};
use crate::shell::{Live, Mark};
use crate::weave::carried;
use address::Address;
use desk::{Desk, Viewing};
use form::Form;
use gallery::Gallery;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_query_map};
use serde::{Deserialize, Serialize};
use weft_domain::generation::{AdapterUse, Defaults, GenerationView, MAX_PICTURES, PicturePage};
use weft_domain::parameter::Number;
use weft_domain::{AdapterCard, CheckpointCard, CheckpointQuery};

/// Families that the engine paints with.
const FAMILIES: [&str; 4] = ["sd1", "sd2", "sdxl", "flux1"];
/// Something every model can paint.
const EXAMPLE: &str = "a lighthouse on a cliff at sunset";
/// Pictures at once.
const COUNT: Number = Number {
    name: "count",
    label: "Pictures",
    min: 1.0,
    max: MAX_PICTURES as f64,
    default: 1.0,
    step: 1.0,
    digits: 0,
    help: "How many pictures, each with a seed of its own.",
};

/// All that the page needs before it can be shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Opening {
    checkpoints: Vec<CheckpointCard>,
    defaults: Defaults,
    cards: Vec<AdapterCard>,
    current: Option<GenerationView>,
    pictures: PicturePage,
}

/// Checkpoints that might paint: whole, readable, of a family that the engine knows.
async fn paintable() -> Result<Vec<CheckpointCard>, ApiError> {
    let query = CheckpointQuery {
        family: FAMILIES.map(str::to_owned).to_vec(),
        state: vec!["ready".to_owned()],
        limit: 200,
        ..CheckpointQuery::default()
    };
    let page = api::checkpoints_list(query).await?;
    Ok(page.items.into_iter().filter(|c| c.denoiser && c.packing.is_none()).collect())
}

async fn open(address: Address, uses: Vec<AdapterUse>) -> Result<Opening, ApiError> {
    let checkpoints = paintable().await?;
    let defaults = api::generation_defaults(None).await?;
    let cards = if uses.is_empty() { Vec::new() } else { api::library_cards(uses.iter().map(|u| u.adapter).collect()).await? };
    let pictures = api::picture_query(address.query).await?;
    // A generation that is gone is no reason to show nothing.
    let current = match address.generation {
        Some(id) => api::generation_get(id).await.ok(),
        None => None,
    };
    Ok(Opening { checkpoints, defaults, cards, current, pictures })
}

/// The route `/studio`.
#[component]
pub fn StudioPage() -> impl IntoView {
    let query = use_query_map();
    let first = query.with_untracked(|q| (Address::read(|key| q.get(key)), carried(|key| q.get(key))));
    let asked = first.clone();
    let asking = expect_context::<Live>().mark();
    let opening = Resource::new(|| (), move |()| open(asked.0.clone(), asked.1.clone()));
    let first = StoredValue::new(first);
    view! {
        <Title text="Studio"/>
        <Suspense fallback=Waiting>
            {move || Suspend::new(async move {
                match opening.await {
                    Ok(opening) => {
                        let (address, uses) = first.get_value();
                        view! { <Studio opening address uses asking/> }.into_any()
                    }
                    Err(error) => view! { <div class="studio-error"><h1>"Studio"</h1><ProblemView error/></div> }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// The shape of what comes.
#[component]
fn Waiting() -> impl IntoView {
    view! {
        <div class="studio" aria-busy="true">
            <h1 class="sr-only">"Studio"</h1>
            <div class="studio-desk"><section class="panel studio-prompt"><Skeleton lines=5/></section></div>
            <div class="studio-main"><Skeleton class="skeleton-bars"/></div>
        </div>
    }
}

#[component]
fn Studio(opening: Opening, address: Address, uses: Vec<AdapterUse>, asking: Mark) -> impl IntoView {
    let Opening { checkpoints, defaults, cards, current, pictures } = opening;
    // A checkpoint that brings no example of its own still begins with words.
    let example = if defaults.example.trim().is_empty() { EXAMPLE.to_owned() } else { defaults.example.clone() };
    let mut form = Form { prompt: example, ..Form::default() };
    // What is no longer in the library cannot paint.
    let here: Vec<AdapterUse> = uses.into_iter().filter(|u| cards.iter().any(|c| c.id == u.adapter)).collect();
    let given = !here.is_empty();
    form.compose(&here);
    let gallery = Gallery::new(pictures.into(), address.query.clone());
    let desk = Desk::new(form, defaults, checkpoints, cards, gallery, current);
    provide_context(desk);
    if let Some(id) = address.picture {
        let among = gallery.here();
        desk.viewing.set(Some(Viewing { id, among, against: None }));
    }
    desk.keep(given);
    desk.follow_strands();
    desk.listen(asking);
    desk.follow_history();
    follow_links(desk);
    keys(desk);
    Effect::new(move |_| {
        // What a link brought is in the form now; a reload shall not bring it again.
        if given {
            desk.remember();
        }
    });
    let can = Memo::new(move |_| desk.defaults.with(|d| d.checkpoint.is_some()) || desk.checkpoints.with(|c| !c.is_empty()));
    view! {
        <Hatch/>
        <div class="studio">
            <h1 class="sr-only">"Studio"</h1>
            <Show when=move || can.get() fallback=move || view! { <empty::NoCheckpoint/> }>
                <div class="studio-desk">
                    <section class="panel studio-prompt" aria-label="What to paint"><prompt::Prompt/><PaintBar/></section>
                    <section class="panel studio-form" class:open=move || desk.sheet.get() id="studio-form" aria-label="How to paint it">
                        <strands::Strands/>
                        <settings::CheckpointChoice/>
                        <settings::Settings/>
                        <sheet::SheetEditor/>
                    </section>
                    <div class="sheet-scrim" class:open=move || desk.sheet.get() on:click=move |_| desk.sheet.set(false) aria-hidden="true"></div>
                </div>
            </Show>
            <div class="studio-main">
                <Show when=move || can.get()><easel::Easel/></Show>
                <gallery::History/>
            </div>
            <viewer::ViewerDialog/>
            <queue::Queue/>
            <import::DropZone/>
        </div>
    }
}

/// A link to this page that is followed on it: what it names is opened, what stands here stays.
fn follow_links(desk: Desk) {
    let location = use_location();
    let query = use_query_map();
    Effect::new(move |before: Option<String>| {
        let search = location.search.get();
        // From the drawer of jobs.
        if location.pathname.get_untracked() == "/studio" && query.with_untracked(|q| q.get("queue").is_some()) {
            desk.queue.set(true);
        }
        if location.pathname.get_untracked() != "/studio" || before.as_ref().is_none_or(|b| *b == search) {
            return search;
        }
        let address = query.with_untracked(|q| Address::read(|key| q.get(key)));
        let uses = query.with_untracked(|q| carried(|key| q.get(key)));
        if !uses.is_empty() {
            desk.edit(|f| f.compose(&uses));
        }
        if address.query != desk.gallery.query.get_untracked() {
            desk.gallery.look_for(address.query);
        }
        if let Some(id) = address.generation.filter(|id| desk.current.with_untracked(|c| c.as_ref().is_none_or(|c| c.id != *id))) {
            desk.open(id);
        }
        search
    });
}

/// Ctrl-Enter paints from anywhere on the page; Escape closes the sheet.
fn keys(desk: Desk) {
    Effect::new(move |_| {
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            if event.default_prevented() || dom::dialog_open() {
                return;
            }
            match event.key().as_str() {
                "Enter" if event.ctrl_key() || event.meta_key() => {
                    event.prevent_default();
                    desk.paint();
                }
                "Escape" => desk.sheet.set(false),
                _ => {}
            }
        });
        on_cleanup(move || handle.remove());
    });
}

/// How many, and the button that paints. On a phone the way to the rest of the form as well.
#[component]
fn PaintBar() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let count = desk.read(|f| f64::from(f.count.max(1)));
    let sheet = desk.read(|f| f.sheet && f.axes.iter().any(|a| !a.is_empty()));
    let number = desk.read(Form::pictures);
    let refused = Memo::new(move |_| desk.defaults.with(|d| d.refused.is_some()) || desk.form.with(Form::refused).is_some());
    let dots = desk.read(|f| f.strands.iter().filter(|s| !s.muted).map(|s| s.colour).collect::<Vec<_>>());
    let text = move || match (sheet.get(), number.get()) {
        (true, n) => format!("Paint the sheet ({n})"),
        (false, 1) => "Paint".to_owned(),
        (false, n) => format!("Paint {}", prompt::pictures(n)),
    };
    view! {
        <div class="paint-bar">
            <button
                type="button"
                class="btn form-opener"
                aria-expanded=move || if desk.sheet.get() { "true" } else { "false" }
                aria-controls="studio-form"
                aria-label="Adapters and settings"
                on:click=move |_| desk.sheet.update(|s| *s = !*s)
            >
                <Icon glyph=Glyph::Sliders/>
                <span class="sheet-dots" aria-hidden="true">{move || dots.get().into_iter().map(|c| view! { <i class=format!("dot {}", colour(c))></i> }).collect_view()}</span>
            </button>
            <Show when=move || !sheet.get()>
                <div class="stepper" role="group" aria-label="Pictures at once">
                    <IconButton glyph=Glyph::Minus label="One picture less" disabled=Signal::derive(move || count.get() <= 1.0) on:click=move |_| desk.edit(|f| f.count = f.count.max(2) - 1)/>
                    <NumberField spec=COUNT label="Pictures at once" value=count on_change=move |v: f64| desk.edit(|f| f.count = v.round() as u32)/>
                    <IconButton glyph=Glyph::Plus label="One picture more" on:click=move |_| desk.edit(|f| f.count = (f.count.max(1) + 1).min(MAX_PICTURES as u32))/>
                </div>
            </Show>
            <Button look=Look::Primary icon=Glyph::Studio disabled=refused busy=desk.sending attr:title="Ctrl-Enter" on:click=move |_| desk.paint()>{text}</Button>
        </div>
    }
}
