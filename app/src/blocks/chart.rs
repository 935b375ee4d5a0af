//! The bars of the block view.

use super::Shown;
use super::axis::{Axis, group_label, nice_top};
use super::format;
use super::plot::{AxisLabels, Cursor, Picker, Scale, number, push_line, push_rect};
use super::stats::{Measure, energy, share};
use leptos::prelude::*;

/// Height of the plot in pixels.
const HEIGHT: f64 = 200.0;
/// Height of a neutral bar, as a share of the plot.
const NEUTRAL: f64 = 0.5;

/// Bars in layout order with mean, spread and a line of exact values.
#[component]
pub(super) fn Chart(shown: StoredValue<Shown>, measure: RwSignal<Measure>) -> impl IntoView {
    let axis = Memo::new(move |_| shown.with_value(|s| Axis::new(s.blocks.iter().map(|b| (b.label.clone(), b.group.clone())))));
    let active = RwSignal::new(None);
    let top = Memo::new(move |_| shown.with_value(|s| top(s, measure.get())));
    let ticks = Signal::derive(move || {
        let top = top.get();
        if shown.with_value(|s| s.fallback) { Vec::new() } else { vec![(top, 6.0), (top / 2.0, HEIGHT / 2.0), (0.0, HEIGHT - 2.0)] }
    });
    let text = Callback::new(move |at| shown.with_value(|s| words(s, at)));
    view! {
        <div class="chart">
            <Scale ticks/>
            <Picker axis active label="Strength by block" text>
                <svg class="area" viewBox="0 0 1000 200" preserveAspectRatio="none" aria-hidden="true">
                    <path class="grid" d="M0 .5h1000M0 100h1000"></path>
                    <Cursor axis active height=HEIGHT/>
                    {move || band(shown, measure.get(), top.get())}
                    {move || bars(shown, measure.get(), top.get(), &axis.read())}
                    <path class="base" d="M0 199.5h1000"></path>
                </svg>
                <AxisLabels axis/>
            </Picker>
        </div>
        <Readout shown active/>
    }
}

/// Exact values of the block that is pointed at; keeps its place when there is none.
#[component]
fn Readout(shown: StoredValue<Shown>, active: RwSignal<Option<usize>>) -> impl IntoView {
    view! {
        <p class="readout">
            {move || match active.get() {
                Some(at) => shown.with_value(|s| values(s, at)).into_any(),
                None => view! { <span class="hint">"Point at a block, or focus the chart and use the arrow keys, for exact values."</span> }.into_any(),
            }}
        </p>
    }
}

fn values(shown: &Shown, at: usize) -> impl IntoView + use<> {
    let block = shown.blocks.get(at)?.clone();
    let part = share(block.frobenius, energy(&shown.blocks, &shown.outside));
    let numbers = if shown.fallback {
        view! { <span class="hint">"neutral, counts as 1"</span> }.into_any()
    } else if block.present {
        view! {
            <span>"Frobenius "<b class="num">{format::strength(block.frobenius)}</b></span>
            <span>"RMS "<b class="num">{format::strength(block.rms)}</b></span>
            <span>"share "<b class="num">{format::percent(part)}</b></span>
        }
        .into_any()
    } else {
        view! { <span class="hint">"absent: the file has nothing in this block"</span> }.into_any()
    };
    Some(view! {
        <b class=format!("slot g-{}", block.group)>{block.label}</b>
        <span class="hint">{group_label(&block.group).to_owned()}</span>
        {numbers}
    })
}

/// The same in words, for assistive technology.
fn words(shown: &Shown, at: usize) -> String {
    let Some(block) = shown.blocks.get(at) else { return String::new() };
    if shown.fallback {
        return format!("{}: neutral", block.label);
    }
    if !block.present {
        return format!("{}: absent", block.label);
    }
    let part = share(block.frobenius, energy(&shown.blocks, &shown.outside));
    format!(
        "{}: Frobenius {}, RMS {}, share {}",
        block.label,
        format::strength(block.frobenius),
        format::strength(block.rms),
        format::percent(part)
    )
}

/// Top of the scale: above every bar and the upper edge of the band.
fn top(shown: &Shown, measure: Measure) -> f64 {
    let bars = shown.blocks.iter().map(|b| measure.of(b)).fold(0.0, f64::max);
    let band = shown.spread(measure).map_or(0.0, |(mean, deviation)| mean + deviation);
    nice_top(bars.max(band))
}

fn band(shown: StoredValue<Shown>, measure: Measure, top: f64) -> impl IntoView {
    let (mean, deviation) = shown.with_value(|s| s.spread(measure))?;
    let y = |value: f64| HEIGHT - (value / top).clamp(0.0, 1.0) * HEIGHT;
    let (upper, lower) = (y(mean + deviation), y(mean - deviation));
    Some(view! {
        <rect class="band" x="0" width="1000" y=number(upper) height=number(lower - upper)></rect>
        <path class="mean" d=format!("M0 {}h1000", number(y(mean)))></path>
    })
}

/// One path for every group, one for the blocks that are absent.
fn bars(shown: StoredValue<Shown>, measure: Measure, top: f64, axis: &Axis) -> impl IntoView + use<> {
    shown.with_value(|s| {
        let mut absent = String::new();
        let runs = axis.runs.iter().map(|run| {
            let mut d = String::new();
            for at in run.start..run.end {
                let (Some(block), (x, width)) = (s.blocks.get(at), axis.bar(at)) else { continue };
                if s.fallback {
                    push_rect(&mut d, x, HEIGHT * NEUTRAL, width, HEIGHT * (1.0 - NEUTRAL));
                } else if block.present {
                    // Something that is there is at least a hairline.
                    let height = (measure.of(block) / top * HEIGHT).max(1.0);
                    push_rect(&mut d, x, HEIGHT - height, width, height);
                } else {
                    push_line(&mut absent, x, HEIGHT - 4.0, width);
                }
            }
            view! { <path class=format!("bars g-{}", run.group) class:neutral=s.fallback d=d></path> }
        });
        let runs = runs.collect_view();
        view! { {runs} <path class="absent" d=absent></path> }
    })
}
