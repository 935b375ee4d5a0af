//! Combined strength by block, and how the strands agree, live while a slider moves.

use super::compute::{Block, Combined};
use super::loom::Loom;
use super::shapes::{HEIGHT, Shapes, shapes};
use crate::blocks::axis::group_label;
use crate::blocks::colour;
use crate::blocks::format;
use crate::blocks::heat::{HeatStrip, agreement};
use crate::blocks::legend::Key;
use crate::blocks::plot::{AxisLabels, Cursor, Picker, Scale};
use leptos::prelude::*;

/// The chart: stacked bars, ticks of the single strands, labels, agreement strip. One tab stop.
#[component]
pub(super) fn CombinedChart() -> impl IntoView {
    let loom = expect_context::<Loom>();
    let (axis, active) = (loom.axis, loom.active);
    let drawn = Memo::new(move |_| {
        loom.combined.with(|c| c.as_deref().map(|c| axis.with(|axis| shapes(c, axis, loom.range.get()))).unwrap_or_default())
    });
    let ticks = Signal::derive(move || {
        let range = loom.range.get();
        let mut ticks = vec![(range.top, range.y(range.top)), (range.top / 2.0, range.y(range.top / 2.0)), (0.0, range.y(0.0))];
        if range.below > 0.0 {
            ticks.push((-range.below, range.y(-range.below) - 4.0));
        }
        ticks
    });
    let grid = move || {
        let range = loom.range.get();
        format!("M0 {:.1}h1000M0 {:.1}h1000", range.y(range.top), range.y(range.top / 2.0))
    };
    let base = move || format!("M0 {:.1}h1000", loom.range.get().y(0.0));
    view! {
        <div class="chart weave-chart">
            <Scale ticks/>
            <Picker axis active label="Combined strength by block" text=Callback::new(move |at| words(loom, at))>
                <svg class="area" viewBox="0 0 1000 240" preserveAspectRatio="none" aria-hidden="true">
                    <path class="grid" d=grid></path>
                    <Cursor axis active height=HEIGHT/>
                    <path class="cut" d=move || drawn.with(|d| d.cut.clone())></path>
                    <Layers drawn/>
                    <path class="absent" d=move || drawn.with(|d| d.absent.clone())></path>
                    <path class="base" d=base></path>
                    <path class="over" d=move || drawn.with(|d| d.over.clone())></path>
                </svg>
                <AxisLabels axis/>
                <AgreementStrip/>
            </Picker>
        </div>
        <Readout/>
        <Legend drawn/>
    }
}

/// Colours of the strands, in their order.
fn colours(loom: Loom) -> Memo<Vec<usize>> {
    Memo::new(move |_| loom.state.with(|s| s.strands.iter().map(|s| s.colour).collect::<Vec<_>>()))
}

/// Three paths per strand; only their data changes while a slider moves.
#[component]
fn Layers(drawn: Memo<Shapes>) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let colours = colours(loom);
    let data = move |pick: fn(&Shapes) -> &Vec<String>, at: usize| drawn.with(|d| pick(d).get(at).cloned().unwrap_or_default());
    let each = move |draw: fn(&str) -> String, pick: fn(&Shapes) -> &Vec<String>| {
        colours
            .get()
            .into_iter()
            .enumerate()
            .map(|(at, c)| {
                view! { <path class=draw(&colour(c)) d=move || data(pick, at)></path> }
            })
            .collect_view()
    };
    move || {
        view! {
            {each(|c| format!("brings {c}"), |d| &d.brings)}
            {each(|c| format!("takes {c}"), |d| &d.takes)}
            {each(|_| "hatching".to_owned(), |d| &d.takes)}
            {each(|_| "alone-under".to_owned(), |d| &d.alone)}
            {each(|c| format!("alone {c}"), |d| &d.alone)}
        }
    }
}

/// Cells by agreement: steps of colour, apart ones hatched.
#[component]
fn AgreementStrip() -> impl IntoView {
    let loom = expect_context::<Loom>();
    let cells = Signal::derive(move || {
        loom.combined.with(|c| c.iter().flat_map(|c| c.blocks.iter().map(|block| block.agreement.map(agreement))).collect::<Vec<_>>())
    });
    let several = Memo::new(move |_| loom.state.with(|s| s.strands.len() > 1));
    view! {
        <div class="agreement" hidden=move || !several.get()>
            <p class="label">"Agreement by block"</p>
            <HeatStrip axis=loom.axis cells/>
        </div>
    }
}

/// Exact values of the block that is pointed at; its place stays when there is none.
#[component]
pub(super) fn Readout() -> impl IntoView {
    let loom = expect_context::<Loom>();
    view! {
        <div class="readout weave-readout">
            {move || match loom.active.get().and_then(|at| block(loom, at)) {
                Some((label, group, block)) => values(loom, &label, &group, &block).into_any(),
                None => view! { <span class="hint">"Point at a block, or focus the chart and use the arrow keys, for exact values."</span> }.into_any(),
            }}
        </div>
    }
}

fn block(loom: Loom, at: usize) -> Option<(String, String, Block)> {
    let (label, group) = loom.axis.with(|axis| axis.cells.get(at).map(|c| (c.label.clone(), c.group.clone())))?;
    let block = loom.combined.with(|c| c.as_deref().and_then(|c: &Combined| c.blocks.get(at).cloned()))?;
    Some((label, group, block))
}

fn values(loom: Loom, label: &str, group: &str, block: &Block) -> impl IntoView + use<> {
    let head = view! { <b class="slot">{label.to_owned()}</b><span class="hint">{group_label(group).to_owned()}</span> };
    if !block.present {
        return view! { {head}<span class="hint">"no strand has anything here"</span> }.into_any();
    }
    let strands = loom.state.with(|s| s.strands.iter().map(|s| (s.adapter, s.colour)).collect::<Vec<_>>());
    let parts = strands
        .into_iter()
        .enumerate()
        .map(|(i, (adapter, c))| {
            let (share, single) = (block.shares.get(i).copied().unwrap_or(0.0), block.singles.get(i).copied().unwrap_or(0.0));
            view! {
                <span class=format!("part {}", colour(c)) title=loom.name(adapter)>
                    <i class="dot" aria-hidden="true"></i>
                    <b class="num">{format::percent(share)}</b>
                    <span class="num hint">"alone "{format::strength(single)}</span>
                </span>
            }
        })
        .collect_view();
    view! {
        {head}
        <span>"combined "<b class="num">{format::strength(block.norm)}</b></span>
        <span>"growth "<b class="num">{format!("{:.2}×", block.growth)}</b></span>
        {block.agreement.map(|a| view! { <span>"agreement "<b class="num">{format::cosine(a)}</b></span> })}
        {parts}
    }
    .into_any()
}

/// A block in words, for assistive technology.
pub(super) fn words(loom: Loom, at: usize) -> String {
    let Some((label, _, block)) = block(loom, at) else { return String::new() };
    if !block.present {
        return format!("{label}: no strand has anything here");
    }
    let mut text = format!("{label}: combined {}, growth {:.2}", format::strength(block.norm), block.growth);
    if let Some(agreement) = block.agreement {
        text += &format!(", agreement {}", format::cosine(agreement));
    }
    let ids = loom.state.with(super::state::WeaveState::ids);
    for (i, id) in ids.into_iter().enumerate() {
        let (share, single) = (block.shares.get(i).copied().unwrap_or(0.0), block.singles.get(i).copied().unwrap_or(0.0));
        text += &format!("; {} {}, alone {}", loom.name(id), format::percent(share), format::strength(single));
    }
    text
}

/// What the marks mean; only those that are there.
#[component]
fn Legend(drawn: Memo<Shapes>) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let several = Memo::new(move |_| loom.state.with(|s| s.strands.len() > 1));
    let takes = Memo::new(move |_| drawn.with(|d| d.takes.iter().any(|d| !d.is_empty())));
    let cut = Memo::new(move |_| drawn.with(|d| !d.cut.is_empty()));
    let over = Memo::new(move |_| drawn.with(|d| !d.over.is_empty()));
    view! {
        <ul class="chart-legend">
            <Show when=move || several.get()>
                <Key mark="key-tick" words="a strand alone" shape="M1 5h12" class="key-alone"/>
                <Key mark="agree together a4" words="pull together"/>
                <Key mark="agree apart a4" words="pull apart" hatched=true/>
                <Key mark="agree unrelated" words="unrelated"/>
            </Show>
            <Show when=move || takes.get()><Key mark="takes" words="below the line: works against the sum" hatched=true/></Show>
            <Show when=move || cut.get()><Key mark="cut" words="tamed away"/></Show>
            <Show when=move || over.get()><Key mark="over" words="grows over 1.5×" shape="M2 2h10L7 9z"/></Show>
        </ul>
    }
}
