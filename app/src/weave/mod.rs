//! The Weave page: several adapters into one, with the exact combined strength in sight at every movement.
//!
//! The server answers once per set of adapters with small Gram matrices; from then on a drag is arithmetic in the browser: document
//! (`state`) → combined strength (`compute`) → path data (`shapes`) → a dozen attributes. The address holds the whole document.

mod address;
mod bake;
mod chart;
mod compute;
mod empty;
mod fit;
mod guard;
mod loom;
mod map;
mod options;
mod profile;
mod result;
mod save;
mod shapes;
mod state;
mod strands;
mod table;

use crate::api::{ApiError, Together, library_query, root_list};
use crate::blocks::format;
use crate::blocks::heat::Hatch;
use crate::choose::{ChooseDialog, Choosing};
use crate::dom;
use crate::kit::{Button, CopyButton, EmptyState, Glyph, Icon, IconButton, Look, Notice, ProblemView, Skeleton, TabPanel, Tabs, Tone};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_query_map};
use loom::{Known, Loom};
use serde::{Deserialize, Serialize};
use state::WeaveState;
use weft_domain::generation::AdapterUse;
use weft_domain::merge::Strand;
use weft_domain::{AdapterCard, AdapterId, LibraryQuery, RootView};

/// All that the page needs before it can be shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Opening {
    ids: Vec<AdapterId>,
    cards: Vec<AdapterCard>,
    together: Option<Together>,
    roots: Vec<RootView>,
    /// Two adapters that go together, for a page without strands.
    example: Option<(AdapterCard, AdapterCard)>,
}

async fn open(ids: Vec<AdapterId>) -> Result<Opening, ApiError> {
    let (cards, together) = loom::ask(&ids).await?;
    let roots = root_list().await?;
    let example = if ids.is_empty() { example().await } else { None };
    Ok(Opening { ids, cards, together, roots, example })
}

/// Two measured adapters of one family whose members all share a layout. None is no error: the page only shows no example.
async fn example() -> Option<(AdapterCard, AdapterCard)> {
    let query = LibraryQuery {
        family: ["flux1", "sdxl", "sd1"].map(str::to_owned).to_vec(),
        kind: vec!["lora".to_owned()],
        state: vec!["ready".to_owned()],
        blocks: vec!["real".to_owned()],
        ..Default::default()
    };
    let items = library_query(query).await.ok()?.items;
    let pair = |family: &str| {
        let mut of = items.iter().filter(|c| c.family == family);
        of.next().cloned().zip(of.next().cloned())
    };
    ["flux1", "sdxl", "sd1"].into_iter().find_map(pair)
}

/// The route.
#[component]
pub fn WeavePage() -> impl IntoView {
    let query = use_query_map();
    let search = use_location().search;
    let resumed = RwSignal::new(false);
    // A link to another weave starts afresh, whatever differs; changes made here do not pass through the router.
    let opening = Resource::new(move || (search.get(), query.with(|q| address::read(|key| q.get(key)).ids())), |(_, ids)| open(ids));
    view! {
        <Title text="Weave"/>
        <Suspense fallback=Waiting>
            {move || {
                Suspend::new(async move {
                    match opening.await {
                        Ok(opening) => {
                            let start = query.with_untracked(|q| address::read(|key| q.get(key)));
                            view! { <Workbench opening start resumed/> }.into_any()
                        }
                        Err(error) => view! { <div class="weave"><h1>"Weave"</h1><ProblemView error/></div> }.into_any(),
                    }
                })
            }}
        </Suspense>
    }
}

/// The adapters of a weave's address, as a picture takes them: weights, profiles with their taming, without those that are not heard.
/// `layout` names the layout of the profiles.
pub(crate) fn carried(get: impl Fn(&str) -> Option<String>) -> Vec<AdapterUse> {
    let layout = get("layout").unwrap_or_default();
    let strands = address::read(get).request(&layout).strands;
    let used = |s: Strand| {
        let profile = s.profile.filter(|p| !p.layout.is_empty());
        AdapterUse { adapter: s.adapter, weight: s.weight, text_weight: None, profile, start: 0.0, stop: 1.0 }
    };
    strands.into_iter().map(used).collect()
}

/// The shape of what comes.
#[component]
fn Waiting() -> impl IntoView {
    view! {
        <div class="weave" aria-busy="true">
            <header class="weave-head"><h1>"Weave"</h1></header>
            <div class="weave-cols">
                <section class="panel weave-strands"><Skeleton lines=6/></section>
                <section class="panel weave-view"><Skeleton class="skeleton-bars"/></section>
                <aside class="panel weave-result"><Skeleton lines=8/></aside>
            </div>
        </div>
    }
}

#[component]
fn Workbench(opening: Opening, start: WeaveState, resumed: RwSignal<bool>) -> impl IntoView {
    let Opening { ids, cards, together, roots, example } = opening;
    let gone = start.strands.len().saturating_sub(cards.len());
    let again = resumed.get_untracked();
    let loom = Loom::new(start, Known::new(ids, cards, together), again);
    if let Some((target, _)) = save::wanted() {
        loom.target.set(target);
    }
    provide_context(loom);
    loom.keep_asking();
    guard::keep(loom);
    Effect::new(move |_| resumed.set(false));
    keys(loom);
    let choosing = RwSignal::new(false);
    let sheet = RwSignal::new(false);
    let any = Memo::new(move |_| loom.state.with(|s| !s.strands.is_empty()));
    let roots = StoredValue::new(roots);
    let example = StoredValue::new(example);
    view! {
        <Hatch/>
        <div class="weave">
            <Head any/>
            {(gone > 0)
                .then(|| {
                    let text = if gone == 1 {
                        "One adapter of this link is no longer in the library.".to_owned()
                    } else {
                        format!("{gone} adapters of this link are no longer in the library.")
                    };
                    view! { <Notice tone=Tone::Warn><p>{text}</p></Notice> }
                })}
            <Show when=move || any.get() fallback=move || view! { <empty::Empty choosing example=example.get_value() resumed/> }>
                <div class="weave-cols">
                    <section class="panel weave-view" aria-label="Combined strength"><View/></section>
                    <section class="panel weave-strands" class:open=move || sheet.get() id="weave-strands" aria-label="Strands">
                        <strands::Strands choosing/>
                        <fit::FitBox/>
                    </section>
                    <aside class="panel weave-result" aria-label="Result">
                        <fit::GrowthBox/>
                        <result::ResultPanel roots=roots.get_value()/>
                    </aside>
                </div>
                <SheetBar sheet/>
            </Show>
            <ChooseDialog open=choosing choosing=adding(loom)/>
            <guard::LeaveGuard/>
        </div>
    }
}

/// Strands in and out by the window that chooses adapters.
fn adding(loom: Loom) -> Choosing {
    Choosing {
        chosen: Memo::new(move |_| loom.state.with(|s| s.strands.iter().map(|s| (s.adapter, s.colour)).collect())).into(),
        // What fits is what the first strand is.
        family: Memo::new(move |_| {
            let first = loom.state.with(|s| s.strands.first().map(|s| s.adapter))?;
            loom.card(first).filter(|c| c.family != "unknown").map(|c| (c.family, c.family_label))
        })
        .into(),
        most: state::MAX_STRANDS,
        on_add: Callback::new(move |card| loom.add(card)),
        on_remove: Callback::new(move |id| loom.edit("remove", |s| s.strands.retain(|x| x.adapter != id))),
        say: |n| match n {
            0 => "Choose two or more that go together.".to_owned(),
            1 => "One strand. Choose another to weave.".to_owned(),
            n => format!("{n} strands."),
        },
    }
}

/// Title, state, and the steps back and forward.
#[component]
fn Head(any: Memo<bool>) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let title = move || {
        let name = loom.state.with(|s| s.name.trim().to_owned());
        match name {
            name if !name.is_empty() => name,
            _ if any.get() => loom.suggested_name(),
            _ => "Weave".to_owned(),
        }
    };
    let misfit = Memo::new(move |_| loom.known.with(|k| !k.verdict.fits));
    view! {
        <header class="weave-head">
            <h1>{title}</h1>
            <Show when=move || any.get()>
                <span class="weave-state" role="status">{move || if loom.unsaved() { "unsaved" } else { "" }}</span>
                <div class="weave-acts">
                    <IconButton glyph=Glyph::Undo label="Undo (Ctrl-Z)" disabled=Signal::derive(move || !loom.can_undo()) on:click=move |_| loom.undo()/>
                    <IconButton glyph=Glyph::Redo label="Redo (Ctrl-Shift-Z)" disabled=Signal::derive(move || !loom.can_redo()) on:click=move |_| loom.redo()/>
                    <a class="btn" href=move || loom.studio()><Icon glyph=Glyph::Studio/><span>"Paint with this"</span></a>
                    <Button look=Look::Primary kind="submit" icon=Glyph::Save disabled=misfit attr:form=move || loom.target.get().act().1 attr:title="Ctrl-Enter">{move || loom.target.get().act().0}</Button>
                </div>
            </Show>
        </header>
    }
}

/// Ctrl-Z and Ctrl-Shift-Z, outside of text fields.
fn keys(loom: Loom) {
    Effect::new(move |_| {
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            let command = event.ctrl_key() || event.meta_key();
            if !command || event.default_prevented() || dom::typing(&event) || dom::dialog_open() {
                return;
            }
            match (event.key().to_lowercase().as_str(), event.shift_key()) {
                ("z", false) => loom.undo(),
                ("z", true) | ("y", false) => loom.redo(),
                _ => return,
            }
            event.prevent_default();
        });
        on_cleanup(move || handle.remove());
    });
}

/// The middle: numbers always in sight, then bars, map or table.
#[component]
fn View() -> impl IntoView {
    let loom = expect_context::<Loom>();
    let tab = RwSignal::new("bars".to_owned());
    let known = Memo::new(move |_| loom.combined.with(Option::is_some));
    let figure = move |pick: fn(&compute::Combined) -> String| move || loom.combined.with(|c| c.as_deref().map(pick));
    let csv = Signal::derive(move || table::csv(loom));
    view! {
        <header class="weave-view-head">
            <h2>"Combined strength"</h2>
            <Show when=move || known.get()>
                <p class="block-facts">
                    <span>"mean "<span class="num">{figure(|c| format::strength(c.mean))}</span></span>
                    <span>"variance "<span class="num">{figure(|c| format::strength(c.variance))}</span></span>
                    <span>"whole "<span class="num">{figure(|c| format::strength(c.total))}</span></span>
                    <span>"growth "<span class="num">{figure(|c| format!("{:.2}×", c.growth))}</span></span>
                </p>
            </Show>
            <div class="block-tools">
                <Tabs id="weave" label="Form" tabs=vec![("bars", "Blocks"), ("map", "Map"), ("table", "Table")] value=tab/>
                <CopyButton text=csv what="as CSV"/>
            </div>
        </header>
        <Show when=move || known.get() fallback=NothingToShow>
            <TabPanel id="weave" key="bars" value=tab>
                <chart::CombinedChart/>
                <profile::ProfileEditor/>
            </TabPanel>
            <TabPanel id="weave" key="map" value=tab><map::WeaveMap/></TabPanel>
            <TabPanel id="weave" key="table" value=tab><table::WeaveTable/></TabPanel>
        </Show>
    }
}

/// Instead of the chart: still asking, or nothing to be had.
#[component]
fn NothingToShow() -> impl IntoView {
    let loom = expect_context::<Loom>();
    move || {
        if loom.asking.get() {
            view! { <Skeleton class="skeleton-bars"/> }.into_any()
        } else {
            view! {
                <EmptyState title="No combined strength" glyph=Glyph::Bars>
                    <p>"Strands that do not fit together, or whose blocks cannot be measured, have no common picture. The reason stands beside the strands."</p>
                </EmptyState>
            }.into_any()
        }
    }
}

/// On a phone: opens the sheet with the strands.
#[component]
fn SheetBar(sheet: RwSignal<bool>) -> impl IntoView {
    let loom = expect_context::<Loom>();
    // The block sliders open below the chart: out of the way.
    Effect::new(move |_| {
        if loom.editing.get().is_some() {
            sheet.set(false);
        }
    });
    let dots = Memo::new(move |_| loom.state.with(|s| s.strands.iter().map(|s| s.colour).collect::<Vec<_>>()));
    Effect::new(move |_| {
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            if event.key() == "Escape" && !dom::dialog_open() {
                sheet.set(false);
            }
        });
        on_cleanup(move || handle.remove());
    });
    view! {
        <div class="sheet-scrim" class:open=move || sheet.get() on:click=move |_| sheet.set(false) aria-hidden="true"></div>
        <button
            type="button"
            class="sheet-bar"
            aria-expanded=move || if sheet.get() { "true" } else { "false" }
            aria-controls="weave-strands"
            on:click=move |_| sheet.update(|s| *s = !*s)
        >
            <span class="sheet-dots" aria-hidden="true">
                {move || dots.get().into_iter().map(|c| view! { <i class=format!("dot {}", crate::blocks::colour(c))></i> }).collect_view()}
            </span>
            {move || dots.with(|d| crate::format::plural(d.len() as u64, "strand"))}
            <span class="sheet-say">{move || if sheet.get() { "Close" } else { "Weights and profiles" }}</span>
        </button>
    }
}
