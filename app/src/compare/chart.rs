//! A pair by block: its cosine as bars around zero, with what chance gives in grey, and strips of the other measures below.

use super::numbers::{Compared, Strip, growth, met};
use crate::blocks::axis::{Axis, group_label, nice_top};
use crate::blocks::format::{cosine, percent, strength};
use crate::blocks::heat::HeatStrip;
use crate::blocks::legend::Key;
use crate::blocks::outside::outside_label;
use crate::blocks::plot::{AxisLabels, Cursor, Picker, Scale, push_rect};
use leptos::prelude::*;
use weft_domain::compare::Relation;

/// Height of the bars in pixels.
const HEIGHT: f64 = 160.0;

/// What the bars are drawn from.
#[derive(Debug, Clone, PartialEq, Default)]
struct Drawn {
    relations: Vec<Option<Relation>>,
    /// Top of the scale; its bottom is the same below zero.
    top: f64,
    together: String,
    apart: String,
    /// Where unrelated adapters lie.
    chance: String,
    /// Bars that stay inside of that: they say nothing.
    within: String,
    absent: String,
}

fn draw(axis: &Axis, relations: Vec<Option<Relation>>) -> Drawn {
    let known = || relations.iter().flatten().filter(|r| met(r));
    let most = known().filter_map(|r| r.cosine).map(f64::abs).fold(0.0, f64::max);
    let noise = known().filter_map(|r| r.chance).fold(0.0, f64::max);
    let top = nice_top(most.max(3.0 * noise).max(1e-4)).min(1.0);
    let mut out = Drawn { top, ..Drawn::default() };
    let middle = HEIGHT / 2.0;
    for (at, relation) in relations.iter().enumerate() {
        let (x, width) = axis.bar(at);
        let Some(relation) = relation.as_ref().filter(|r| met(r)) else {
            push_rect(&mut out.absent, x, middle - 1.0, width, 2.0);
            continue;
        };
        // Two deviations: what unrelated adapters stay inside of, 19 times in 20.
        let noise = (2.0 * relation.chance.unwrap_or(0.0) / top).min(1.0) * middle;
        push_rect(&mut out.chance, x, middle - noise, width, 2.0 * noise);
        let height = (relation.cosine.unwrap_or(0.0) / top).clamp(-1.0, 1.0) * middle;
        let (y, size) = if height >= 0.0 { (middle - height.max(0.75), height.max(0.75)) } else { (middle, (-height).max(0.75)) };
        let bars = match height {
            h if h.abs() <= noise => &mut out.within,
            h if h > 0.0 => &mut out.together,
            _ => &mut out.apart,
        };
        push_rect(bars, x, y, width, size);
    }
    out.relations = relations;
    out
}

/// Bars and strips, one tab stop.
#[component]
pub(super) fn PairChart(compared: StoredValue<Compared>, chosen: RwSignal<usize>) -> impl IntoView {
    let active = RwSignal::new(None);
    let axis = Signal::stored(compared.with_value(|c| c.axis.clone()));
    let drawn = Memo::new(move |_| compared.with_value(|c| draw(&c.axis, c.relations(chosen.get()))));
    let top = move || drawn.with(|d| d.top);
    let ticks = Signal::derive(move || vec![(top(), 6.0), (0.0, HEIGHT / 2.0), (-top(), HEIGHT - 4.0)]);
    let text = Callback::new(move |at| drawn.with(|d| words(&axis.read(), &d.relations, at)));
    let strip = move |strip: Strip| {
        let cells =
            Signal::derive(move || drawn.with(|d| d.relations.iter().map(|r| r.as_ref().and_then(|r| strip.step(r))).collect::<Vec<_>>()));
        let none = move || cells.with(|c| c.iter().all(Option::is_none));
        view! {
            <div class="agreement" class:heat-grows=strip == Strip::Growth hidden=none>
                <p class="label">{strip.label()}</p>
                <HeatStrip axis cells/>
            </div>
        }
    };
    view! {
        <div class="chart pair-chart">
            <Scale ticks/>
            <Picker axis active label="Agreement by block" text>
                <svg class="area" viewBox="0 0 1000 160" preserveAspectRatio="none" aria-hidden="true">
                    <path class="grid" d="M0 .5h1000M0 159.5h1000"></path>
                    <Cursor axis active height=HEIGHT/>
                    <path class="chance" d=move || drawn.with(|d| d.chance.clone())></path>
                    <path class="within" d=move || drawn.with(|d| d.within.clone())></path>
                    <path class="agree together a4" d=move || drawn.with(|d| d.together.clone())></path>
                    <path class="agree apart a4" d=move || drawn.with(|d| d.apart.clone())></path>
                    <path class="hatching" d=move || drawn.with(|d| d.apart.clone())></path>
                    <path class="agree unrelated" d=move || drawn.with(|d| d.absent.clone())></path>
                    <path class="base" d="M0 80h1000"></path>
                </svg>
                <AxisLabels axis/>
                {Strip::ALL.map(strip).collect_view()}
            </Picker>
        </div>
        <div class="readout pair-readout">
            {move || match active.get() {
                Some(at) => drawn.with(|d| values(&axis.read(), &d.relations, at)).into_any(),
                None => view! { <span class="hint">"Point at a block, or focus the chart and use the arrow keys, for exact values."</span> }.into_any(),
            }}
        </div>
        <Legend/>
    }
}

/// Exact values of a block, as (name, value, what chance gives).
fn facts(r: &Relation) -> Vec<(&'static str, String, Option<String>)> {
    let by_chance = |c: Option<f64>| c.map(|c| format!("by chance {}", percent(c)));
    let all = [
        r.cosine.map(|c| ("cosine", cosine(c), r.chance.map(|s| format!("± {}", strength(s))))),
        r.input_overlap.map(|o| ("input", percent(o), by_chance(r.input_chance))),
        r.output_overlap.map(|o| ("output", percent(o), by_chance(r.output_chance))),
        r.sign_conflict.map(|s| ("opposed signs", percent(s), None)),
        growth(r).map(|g| ("together", format!("{g:.2}×"), None)),
        Some(("strengths", format!("{} and {}", strength(r.norm_a), strength(r.norm_b)), None)),
    ];
    all.into_iter().flatten().collect()
}

fn values(axis: &Axis, relations: &[Option<Relation>], at: usize) -> impl IntoView + use<> {
    let (label, group) = axis.cells.get(at).map(|c| (c.label.clone(), c.group.clone()))?;
    let place = if group == "extra" { outside_label(&label).to_owned() } else { group_label(&group).to_owned() };
    let rest = match relations.get(at).cloned().flatten() {
        None => view! { <span class="hint">"neither changes anything here"</span> }.into_any(),
        Some(r) if !met(&r) => view! { <span class="hint">"only one of the two changes anything here"</span> }.into_any(),
        Some(r) => facts(&r)
            .into_iter()
            .map(|(name, value, beside)| view! { <span>{name}" "<b class="num">{value}</b>{beside.map(|b| view! { <span class="hint">{format!(" {b}")}</span> })}</span> })
            .collect_view()
            .into_any(),
    };
    Some(view! { <b class="slot">{label}</b><span class="hint">{place}</span>{rest} })
}

/// The same in words, for assistive technology.
fn words(axis: &Axis, relations: &[Option<Relation>], at: usize) -> String {
    let Some(label) = axis.cells.get(at).map(|c| c.label.clone()) else { return String::new() };
    match relations.get(at).and_then(Option::as_ref) {
        None => format!("{label}: neither changes anything here"),
        Some(r) if !met(r) => format!("{label}: only one of the two changes anything here"),
        Some(r) => {
            let facts = facts(r)
                .into_iter()
                .map(|(name, value, beside)| [name.to_owned(), value, beside.unwrap_or_default()].join(" ").trim_end().to_owned());
            format!("{label}: {}", facts.collect::<Vec<_>>().join(", "))
        }
    }
}

/// What the marks mean.
#[component]
fn Legend() -> impl IntoView {
    view! {
        <ul class="chart-legend">
            <Key mark="agree together a4" words="pull together"/>
            <Key mark="agree apart a4" words="pull apart" hatched=true/>
            <Key mark="agree unrelated" words="unrelated"/>
            <Key mark="chance" words="where unrelated adapters lie, 19 times in 20"/>
            <Key mark="within" words="a bar inside of that says nothing"/>
            <Key mark="agree together a4" words="grows, darkest over 1.5×" class="heat-grows"/>
            <Key mark="agree alone" words="only one of them"/>
        </ul>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(cosine: f64) -> Option<Relation> {
        Some(Relation { norm_a: 1.0, norm_b: 1.0, cosine: Some(cosine), chance: Some(0.001), ..Relation::default() })
    }

    #[test]
    fn bars_stand_on_their_side_of_zero() {
        let axis = Axis::new((0..4).map(|i| (format!("B{i:02}"), "blocks".to_owned())));
        let drawn = draw(&axis, vec![relation(0.5), relation(-0.25), None, relation(0.0)]);
        let rects = |d: &str| d.matches('z').count();
        assert_eq!((rects(&drawn.together), rects(&drawn.apart), rects(&drawn.within)), (1, 1, 1));
        assert_eq!((rects(&drawn.absent), rects(&drawn.chance)), (1, 3));
        assert!((drawn.top - 0.5).abs() < 1e-12, "the largest reaches the top");
        assert!(drawn.apart.contains("80.00"), "below the middle: {}", drawn.apart);
    }

    #[test]
    fn a_block_is_told_in_words() {
        let axis = Axis::new([("IN04".to_owned(), "in".to_owned())]);
        assert!(words(&axis, &[relation(0.5)], 0).starts_with("IN04: cosine +0.500 ± 0.0010"));
        assert_eq!(words(&axis, &[None], 0), "IN04: neither changes anything here");
    }
}
