//! The bars of the block view, in a row and on the map of the network.

use super::axis::{Axis, group_label, nice_top};
use super::format;
use super::map::{NetworkMap, Plan};
use super::plot::{AxisLabels, Cursor, Picker, Scale, number, push_line, push_rect};
use super::stats::{Measure, energy, share};
use super::{Look, Shown};
use leptos::prelude::*;

/// Height of the plot in pixels.
const HEIGHT: f64 = 200.0;
/// Height of a neutral bar, as a share of the plot.
const NEUTRAL: f64 = 0.5;

/// Bars in layout order with mean, spread and a line of exact values.
#[component]
pub(super) fn Chart(shown: StoredValue<Shown>, look: Look, axis: Memo<Axis>) -> impl IntoView {
    let active = RwSignal::new(None);
    let top = Memo::new(move |_| shown.with_value(|s| look.values.with(|v| top(s, look.measure.get(), v))));
    let ticks = Signal::derive(move || {
        let top = top.get();
        if shown.with_value(|s| s.fallback) { Vec::new() } else { vec![(top, 6.0), (top / 2.0, HEIGHT / 2.0), (0.0, HEIGHT - 2.0)] }
    });
    let text = Callback::new(move |at| shown.with_value(|s| words(s, look, at)));
    view! {
        <div class="chart">
            <Scale ticks/>
            <Picker axis active label="Strength by block" text>
                <svg class="area" viewBox="0 0 1000 200" preserveAspectRatio="none" aria-hidden="true">
                    <path class="grid" d="M0 .5h1000M0 100h1000"></path>
                    <Cursor axis active height=HEIGHT/>
                    {move || look.values.with(|v| band(shown, look.measure.get(), v, top.get()))}
                    {move || look.values.with(|v| bars(shown, v, top.get(), &axis.read()))}
                    <path class="base" d="M0 199.5h1000"></path>
                </svg>
                <AxisLabels axis/>
            </Picker>
        </div>
        <Readout shown look active/>
    }
}

/// The same strengths in the shape of the network.
#[component]
pub(super) fn StrengthMap(shown: StoredValue<Shown>, look: Look, axis: Memo<Axis>) -> impl IntoView {
    let active = RwSignal::new(None);
    let text = Callback::new(move |at| shown.with_value(|s| words(s, look, at)));
    let layers = move |plan: Memo<Plan>| {
        move || {
            axis.with(|axis| plan.with(|plan| shown.with_value(|s| look.values.with(|v| on_map(s, v, plan, axis)))))
                .into_iter()
                .map(
                    |(group, d)| view! { <path class=format!("bars g-{group}") class:neutral=shown.with_value(|s| s.fallback) d=d></path> },
                )
                .collect_view()
        }
    };
    view! {
        <NetworkMap axis active label="Strength on a map of the network" text layers/>
        <Readout shown look active/>
    }
}

/// One path for every group: its name and its data.
fn on_map(shown: &Shown, values: &[f64], plan: &Plan, axis: &Axis) -> Vec<(String, String)> {
    let top = values.iter().copied().fold(0.0, f64::max);
    let value = |slot: usize| values.get(slot).copied().unwrap_or(0.0);
    let mut paths: Vec<(String, String)> = axis.runs.iter().map(|run| (run.group.clone(), String::new())).collect();
    for node in &plan.nodes {
        let (Some(block), Some(run)) = (shown.blocks.get(node.slot), axis.runs.iter().position(|r| (r.start..r.end).contains(&node.slot)))
        else {
            continue;
        };
        let share = match (shown.fallback, block.present && top > 0.0) {
            (true, _) => NEUTRAL,
            // Something that is there is at least a hairline.
            (false, true) => (value(node.slot) / top).max(1.0 / node.room),
            (false, false) => continue,
        };
        node.push_bar(node.room * share, std::iter::once((&mut paths[run].1, 1.0)));
    }
    paths
}

/// Exact values of the block that is pointed at; keeps its place when there is none.
#[component]
fn Readout(shown: StoredValue<Shown>, look: Look, active: RwSignal<Option<usize>>) -> impl IntoView {
    view! {
        <p class="readout">
            {move || match active.get() {
                Some(at) => shown.with_value(|s| values(s, look, at)).into_any(),
                None => view! { <span class="hint">"Point at a block, or focus the chart and use the arrow keys, for exact values."</span> }.into_any(),
            }}
        </p>
    }
}

/// The chosen measure of a block, where it is one that was asked for.
fn asked(look: Look, at: usize) -> Option<(&'static str, String)> {
    let measure = look.measure.get();
    let value = look.values.with(|v| v.get(at).copied()).filter(|v| *v > 0.0)?;
    measure.is_more().then(|| (measure.label(), measure.write(value)))
}

fn values(shown: &Shown, look: Look, at: usize) -> impl IntoView + use<> {
    let block = shown.blocks.get(at)?.clone();
    let part = share(block.frobenius, energy(&shown.blocks, &shown.outside));
    let numbers = if shown.fallback {
        view! { <span class="hint">"neutral, counts as 1"</span> }.into_any()
    } else if block.present {
        view! {
            {asked(look, at).map(|(label, value)| view! { <span>{label}" "<b class="num">{value}</b></span> })}
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
fn words(shown: &Shown, look: Look, at: usize) -> String {
    let Some(block) = shown.blocks.get(at) else { return String::new() };
    if shown.fallback {
        return format!("{}: neutral", block.label);
    }
    if !block.present {
        return format!("{}: absent", block.label);
    }
    let part = share(block.frobenius, energy(&shown.blocks, &shown.outside));
    let asked = asked(look, at).map(|(label, value)| format!("{label} {value}, ")).unwrap_or_default();
    format!(
        "{}: {asked}Frobenius {}, RMS {}, share {}",
        block.label,
        format::strength(block.frobenius),
        format::strength(block.rms),
        format::percent(part)
    )
}

/// Top of the scale: above every bar and the upper edge of the band.
fn top(shown: &Shown, measure: Measure, values: &[f64]) -> f64 {
    let bars = values.iter().copied().fold(0.0, f64::max);
    let band = shown.spread(measure, values).map_or(0.0, |(mean, deviation)| mean + deviation);
    nice_top(bars.max(band))
}

fn band(shown: StoredValue<Shown>, measure: Measure, values: &[f64], top: f64) -> impl IntoView + use<> {
    let (mean, deviation) = shown.with_value(|s| s.spread(measure, values))?;
    let y = |value: f64| HEIGHT - (value / top).clamp(0.0, 1.0) * HEIGHT;
    let (upper, lower) = (y(mean + deviation), y(mean - deviation));
    Some(view! {
        <rect class="band" x="0" width="1000" y=number(upper) height=number(lower - upper)></rect>
        <path class="mean" d=format!("M0 {}h1000", number(y(mean)))></path>
    })
}

/// One path for every group, one for the blocks that are absent.
fn bars(shown: StoredValue<Shown>, values: &[f64], top: f64, axis: &Axis) -> impl IntoView + use<> {
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
                    let height = (values.get(at).copied().unwrap_or(0.0) / top * HEIGHT).max(1.0);
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

#[cfg(test)]
mod tests {
    use super::super::map::plan;
    use super::*;
    use weft_domain::BlockStrength;

    #[test]
    fn the_map_shows_what_is_present_and_nothing_else() {
        let block = |at: usize, group: &str| BlockStrength {
            slot: format!("{group}{at:02}"),
            label: format!("{group}{at:02}"),
            group: group.to_owned(),
            present: at != 1,
            frobenius: at as f64,
            rms: 0.5,
        };
        let blocks = (0..3).map(|at| block(at, "double")).chain((0..4).map(|at| block(at, "single"))).collect();
        let shown = Shown { blocks, ..Shown::default() };
        let axis = shown.axis();
        let values = |shown: &Shown| super::super::stats::values(&shown.blocks, Measure::Frobenius, None);
        let paths = on_map(&shown, &values(&shown), &plan(&axis), &axis);
        let rects = |d: &str| d.matches('z').count();
        assert_eq!(paths.iter().map(|(group, d)| (group.as_str(), rects(d))).collect::<Vec<_>>(), [("double", 2), ("single", 3)]);
        let neutral = Shown { fallback: true, ..shown };
        assert_eq!(on_map(&neutral, &values(&neutral), &plan(&axis), &axis).iter().map(|(_, d)| rects(d)).sum::<usize>(), 7);
    }
}
