//! The block view: where in the network an adapter works, block by block.
//!
//! Bars in layout order under one scale, groups coloured and named, mean and spread always in sight, exact values under pointer and keys and
//! in a table, and what lies outside of the blocks beside them, so that the parts account for the whole. Server-rendered SVG.

pub(crate) mod axis;
mod chart;
pub(crate) mod format;
pub(crate) mod heat;
pub(crate) mod legend;
pub(crate) mod map;
pub(crate) mod outside;
pub(crate) mod plot;
pub mod stats;
mod table;

use crate::api::ApiError;
use crate::kit::{CopyButton, Notice, ProblemView, Select, Skeleton, TabPanel, Tabs, Tone};
use crate::shell::JobProgress;
use axis::Axis;
use chart::{Chart, StrengthMap};
use leptos::prelude::*;
use outside::Outside;
use stats::{Measure, More};
use std::sync::Arc;
use table::BlockTable;
use weft_domain::adapter::OutsideStrength;
use weft_domain::{BlockStrength, CheckpointId, JobView};

/// Colour class of the adapter number `number` among several.
#[must_use]
pub(crate) fn colour(number: usize) -> String {
    format!("c{}", number % 12 + 1)
}

/// What the block view shows; shared by its parts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    pub blocks: Vec<BlockStrength>,
    pub outside: Vec<OutsideStrength>,
    /// Neutral: nothing can be known of the blocks.
    pub fallback: bool,
    /// Mean and standard deviation of the Frobenius norms as the library keeps them, where it does.
    pub kept: Option<(f64, f64)>,
}

impl Shown {
    /// Where the blocks stand.
    fn axis(&self) -> Axis {
        Axis::new(self.blocks.iter().map(|b| (b.label.clone(), b.group.clone())))
    }

    /// Mean and standard deviation over the blocks that are present.
    fn spread(&self, measure: Measure, values: &[f64]) -> Option<(f64, f64)> {
        match (measure, self.kept) {
            _ if self.fallback => None,
            (Measure::Frobenius, Some(kept)) => Some(kept),
            _ => stats::spread(&self.blocks, values),
        }
    }
}

/// Which measure is shown, and its number for every block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub measure: RwSignal<Measure>,
    pub values: Memo<Vec<f64>>,
}

/// Measures that the library does not keep: asked for when somebody wants to see one.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub more: Signal<Option<Arc<More>>>,
    /// They are on their way.
    pub job: Signal<Option<JobView>>,
    pub error: Signal<Option<ApiError>>,
    pub ask: Callback<()>,
    /// Checkpoints that the sizes can be held against, best first; None until they are known.
    pub checkpoints: Signal<Option<Vec<(CheckpointId, String)>>>,
    /// The one that they are held against.
    pub checkpoint: Signal<Option<CheckpointId>>,
    /// Holds them against this one, or against the best one.
    pub beside: Callback<Option<CheckpointId>>,
}

impl Asked {
    /// Whether what a measure needs is there.
    fn has(&self, measure: Measure) -> bool {
        self.more.with(|more| more.as_ref().is_some_and(|more| !measure.is_relative() || more.has_relative()))
    }
}

/// The block view of one adapter. `mean` and `variance` are those of the Frobenius norms over the present blocks; without them they are
/// computed from `blocks`. `fallback` draws a neutral profile, dashed. `layout` is the layout in words or its id.
#[component]
pub fn BlockView(
    blocks: Vec<BlockStrength>,
    #[prop(default = Vec::new())] outside: Vec<OutsideStrength>,
    #[prop(default = None)] mean: Option<f64>,
    #[prop(default = None)] variance: Option<f64>,
    #[prop(default = false)] fallback: bool,
    #[prop(default = None)] layout: Option<String>,
    /// Where more measures come from; None: the stored ones are all.
    #[prop(default = None)]
    asked: Option<Asked>,
) -> impl IntoView {
    let kept = mean.zip(variance.map(|v| v.max(0.0).sqrt()));
    let shown = StoredValue::new(Shown { blocks, outside, fallback, kept });
    let measure = RwSignal::new(Measure::default());
    let more = move || asked.and_then(|a| a.more.get());
    let values = Memo::new(move |_| shown.with_value(|s| stats::values(&s.blocks, measure.get(), more().as_deref())));
    let look = Look { measure, values };
    let tab = RwSignal::new("bars".to_owned());
    let has_blocks = shown.with_value(|s| !s.blocks.is_empty());
    let measured = shown.with_value(|s| s.blocks.iter().any(|b| b.present && b.frobenius > 0.0));
    let present = shown.with_value(|s| s.blocks.iter().filter(|b| b.present).count());
    let axis = Memo::new(move |_| shown.with_value(Shown::axis));
    // Some layouts have no shape that is known: they have bars and a table.
    let mapped = axis.with_untracked(|axis| !map::plan(axis).nodes.is_empty());
    let forms = [("bars", "Bars"), ("map", "Map"), ("table", "Table")].into_iter().filter(|(key, _)| mapped || *key != "map").collect();
    let csv = Signal::derive(move || shown.with_value(|s| stats::csv(&s.blocks, &s.outside, more().as_deref())));
    view! {
        <section class="block-view" aria-label="Strength by block">
            <header class="block-head">
                <h2>"Blocks"</h2>
                <p class="block-facts">
                    {layout.map(|layout| view! { <span class="num">{layout}</span> })}
                    {(has_blocks && !fallback).then(|| view! {
                        <span><span class="num">{present}</span>" of "<span class="num">{shown.with_value(|s| s.blocks.len())}</span>" present"</span>
                    })}
                    <SpreadNumbers shown look/>
                </p>
                {has_blocks.then(|| view! {
                    <div class="block-tools">
                        <Show when=move || measured>
                            <MeasureSelect measure asked/>
                        </Show>
                        <Tabs id="blocks" label="Form" tabs=forms value=tab/>
                        <CopyButton text=csv what="as CSV"/>
                    </div>
                })}
            </header>
            {fallback.then(|| view! {
                <Notice tone=Tone::Dashed>
                    "Neutral profile. This file alone does not tell how strong each block is, so every block counts as 1."
                </Notice>
            })}
            {asked.filter(|_| measured).map(|asked| view! { <AskedFor measure asked/> })}
            {if has_blocks {
                view! {
                    <TabPanel id="blocks" key="bars" value=tab><Chart shown look axis/></TabPanel>
                    {mapped.then(|| view! { <TabPanel id="blocks" key="map" value=tab><StrengthMap shown look axis/></TabPanel> })}
                    <TabPanel id="blocks" key="table" value=tab>{move || view! { <BlockTable shown more=more()/> }}</TabPanel>
                }.into_any()
            } else {
                view! { <p class="block-none">"No block strengths are known of this file yet. They appear here once it has been measured."</p> }.into_any()
            }}
            <Outside shown/>
        </section>
    }
}

/// The measures to choose from.
#[component]
fn MeasureSelect(measure: RwSignal<Measure>, asked: Option<Asked>) -> impl IntoView {
    let known = Measure::ALL.into_iter().filter(|m| asked.is_some() || !m.is_more());
    let options: Vec<_> = known.map(|m| (m.key().to_owned(), m.label().to_owned())).collect();
    let choose = move |key: String| {
        let Some(chosen) = Measure::ALL.into_iter().find(|m| m.key() == key) else { return };
        measure.set(chosen);
        if let Some(asked) = asked.filter(|a| chosen.is_more() && !untrack(|| a.has(chosen))) {
            if chosen.is_relative() { asked.beside.run(None) } else { asked.ask.run(()) }
        }
    };
    view! { <Select label="Measure" options value=Signal::derive(move || measure.get().key().to_owned()) on_change=choose/> }
}

/// What the chosen measure tells; its value for the whole, or how far the measuring is.
#[component]
fn AskedFor(measure: RwSignal<Measure>, asked: Asked) -> impl IntoView {
    let relative = move || measure.get().is_relative();
    let nowhere = move || relative() && asked.checkpoints.with(|all| all.as_ref().is_some_and(Vec::is_empty));
    let coming = move || measure.get().is_more() && !asked.has(measure.get()) && !nowhere();
    let whole = move || {
        let value = asked.more.with(|m| m.as_ref().and_then(|m| measure.get().of(&m.whole)))?;
        measure.get().is_more().then(|| measure.get().write(value))
    };
    view! {
        <Show when=move || measure.get() != Measure::default()>
            <p class="form-help measure-help" role="status">
                {move || measure.get().help()}
                {move || whole().map(|value| view! { " Of the whole: "<b class="num">{value}</b>"." })}
            </p>
        </Show>
        <Show when=relative>
            <Beside asked/>
        </Show>
        <Show when=move || coming() && asked.error.with(Option::is_none)>
            <Show when=move || asked.job.with(Option::is_some) fallback=|| view! { <Skeleton class="skeleton-note"/> }>
                <div class="measuring"><JobProgress job=asked.job/></div>
            </Show>
        </Show>
        {move || asked.error.get().filter(|_| coming()).map(|error| view! { <ProblemView error/> })}
    }
}

/// The checkpoint that sizes are held against.
#[component]
fn Beside(asked: Asked) -> impl IntoView {
    let options = Signal::derive(move || {
        let all = asked.checkpoints.get().unwrap_or_default();
        all.into_iter().map(|(id, name)| (id.to_string(), name)).collect::<Vec<_>>()
    });
    let value = Signal::derive(move || asked.checkpoint.get().map(|id| id.to_string()).unwrap_or_default());
    let choose = move |key: String| asked.beside.run(key.parse().ok());
    let none = move || asked.checkpoints.with(|all| all.as_ref().is_some_and(Vec::is_empty));
    view! {
        <Show
            when=none
            fallback=move || view! { <Select label="Beside" show_label=true options value on_change=choose/> }
        >
            <Notice tone=Tone::Dashed>"No checkpoint in your folders fits this adapter. Add the folder that holds the model it was made for in the "<a class="link" href="/">"library"</a>"."</Notice>
        </Show>
    }
}

/// "mean 0.412 · σ 0.18 · variance 0.031".
#[component]
fn SpreadNumbers(shown: StoredValue<Shown>, look: Look) -> impl IntoView {
    move || {
        let measure = look.measure.get();
        look.values.with(|v| shown.with_value(|s| s.spread(measure, v))).filter(|(mean, _)| *mean > 0.0).map(|(mean, deviation)| {
            view! {
                <span>"mean "<span class="num">{format::strength(mean)}</span></span>
                <span>"σ "<span class="num">{format::strength(deviation)}</span></span>
                <span>"variance "<span class="num">{format::strength(deviation * deviation)}</span></span>
            }
        })
    }
}
