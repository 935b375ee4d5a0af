//! Blocks made stronger, weaker or left out, in a copy.

use super::super::save::Saving;
use super::make::Make;
use crate::blocks::axis::{Axis, group_label};
use crate::blocks::format;
use crate::kit::{Chip, Select, Slider};
use crate::profile::{Change, Editor, Factors, Profiled, labels, preset, preset_options};
use leptos::prelude::*;
use weft_domain::AdapterDetails;
use weft_domain::merge::ProfileValues;
use weft_domain::operation::Operation;
use weft_domain::parameter::SCALE;
use weft_weights::layout::{Extra, Layout};

/// A part that can be left out in one press: its name for people and the names that the operation knows it by.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    label: String,
    drop: Vec<String>,
}

/// All blocks, then the parts outside that the file has.
fn axis(details: &AdapterDetails) -> Axis {
    let blocks = details.blocks.iter().map(|b| (b.label.clone(), b.group.clone()));
    let known = |name: &str| Extra::ALL.into_iter().any(|e| e.label() == name);
    let extras = details.outside.iter().filter(|o| known(&o.group)).map(|o| (o.group.clone(), "extra".to_owned()));
    Axis::new(blocks.chain(extras))
}

/// Text encoders and whole groups of blocks.
fn parts(axis: &Axis) -> Vec<Part> {
    let mut parts = Vec::new();
    let te: Vec<String> = axis.cells.iter().filter(|c| c.group == "extra" && c.label.starts_with("TE")).map(|c| c.label.clone()).collect();
    if !te.is_empty() {
        parts.push(Part { label: "Text encoders".to_owned(), drop: te });
    }
    let blocks: Vec<_> = axis.runs.iter().filter(|run| run.group != "extra").collect();
    // With one group alone nothing would be left.
    if blocks.len() > 1 {
        for run in blocks {
            let drop = axis.cells[run.start..run.end].iter().map(|c| c.label.clone()).collect();
            parts.push(Part { label: format!("{} blocks", group_label(&run.group)), drop });
        }
    }
    parts
}

/// Strength of the whole after the edit: √Σ(factor·‖ΔW‖)².
fn strength(details: &AdapterDetails, scale: f64, factors: &Factors, dropped: &[String]) -> f64 {
    let factor = |slot: &str| {
        if dropped.iter().any(|d| d == slot) { 0.0 } else { scale * factors.get(slot).copied().unwrap_or(1.0) }
    };
    let blocks = details.blocks.iter().map(|b| b.frobenius * factor(&b.label));
    let outside = details.outside.iter().map(|o| o.frobenius * factor(&o.group));
    blocks.chain(outside).map(|x| x * x).sum::<f64>().sqrt()
}

/// The form.
#[component]
pub(super) fn Edit() -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let layout = Memo::new(move |_| details.with(|d| d.layout_id.as_deref().and_then(Layout::by_id).map(|l| l.id)));
    let layout = Signal::derive(move || layout.get().and_then(Layout::by_id));
    let axis = Memo::new(move |_| details.with(axis));
    let scale = RwSignal::new(SCALE.default);
    let factors = RwSignal::new(Factors::new());
    let chosen = RwSignal::new(None::<String>);
    let dropped = RwSignal::new(Vec::<String>::new());
    let name = Signal::derive(move || details.with(|d| d.card.name.clone()));
    let apply = Callback::new(move |change: Change| {
        chosen.set(change.preset);
        factors.set(change.factors);
    });
    let profiled = Profiled { layout, axis: axis.into(), factors: factors.into(), name, active: RwSignal::new(None), on_change: apply };
    let operation = Memo::new(move |_| {
        let (scale, slots, drop) = (scale.get(), factors.get(), dropped.get());
        if scale == 1.0 && slots.is_empty() && drop.is_empty() {
            return None;
        }
        let profile =
            layout.get().filter(|_| !slots.is_empty()).map(|l| ProfileValues { layout: l.id.to_owned(), slots, name: chosen.get() });
        Some(Operation::Edit { scale, te_scale: None, profile, drop })
    });
    let parts = Memo::new(move |_| axis.with(parts));
    let chip = move |part: Part| {
        let Part { label, drop } = part;
        let mine = drop.clone();
        let on = Signal::derive(move || dropped.with(|d| mine.iter().all(|slot| d.contains(slot))));
        let toggle = move |_| {
            let off = on.get_untracked();
            dropped.update(|d| {
                d.retain(|slot| !drop.contains(slot));
                if !off {
                    d.extend(drop.iter().cloned());
                }
            });
        };
        view! { <Chip label on on:click=toggle/> }
    };
    let sliders = Memo::new(move |_| layout.get().is_some() && axis.with(|a| a.count() > 0));
    let whole =
        move || details.with(|d| (strength(d, 1.0, &Factors::new(), &[]), strength(d, scale.get(), &factors.read(), &dropped.read())));
    let suggested = Signal::derive(move || format!("{} edited", name.get()));
    view! {
        <div class="tool-form tool-wide">
            <p class="tool-lead">"Only the strength of each part changes; what it was trained to do stays. 0 takes a block out of the file."</p>
            <div class="tool-number"><span class="form-label">{SCALE.label}</span><Slider spec=SCALE label=SCALE.label value=scale on_input=move |v: f64| scale.set((v * 100.0).round() / 100.0)/></div>
            <Show when=move || parts.with(|p| !p.is_empty())>
                <div class="tool-row">
                    <span class="form-label">"Leave out"</span>
                    <div class="chips">{move || parts.get().into_iter().map(chip).collect_view()}</div>
                </div>
            </Show>
            <Show
                when=move || sliders.get()
                fallback=|| view! { <p class="form-help">"The blocks of this model are not known, so it can only be scaled as a whole."</p> }
            >
                <Presets profiled chosen=chosen.into()/>
                <Editor profiled class="c1" id="edit-profile"/>
            </Show>
            <p class="outlook num" role="status">
                {move || {
                    let (before, after) = whole();
                    (before > 0.0).then(|| view! {
                        <span class="hint">"Strength ‖ΔW‖ "</span>{format::strength(before)}" → "<b>{format::strength(after)}</b>
                        <span class="hint">{format!(" ({})", format::percent(after / before))}</span>
                    })
                }}
            </p>
        </div>
        <Make operation suggested button="Save an edited copy"/>
    }
}

/// Presets of the layout.
#[component]
fn Presets(profiled: Profiled, chosen: Signal<Option<String>>) -> impl IntoView {
    let value = Signal::derive(move || match chosen.get() {
        Some(name) => name,
        None if profiled.factors.with(Factors::is_empty) => "ALL".to_owned(),
        None => "custom".to_owned(),
    });
    let options = Signal::derive(move || {
        let mut options = preset_options(profiled.layout.get());
        let now = value.get();
        if now == "custom" {
            options.push((now, "My own".to_owned()));
        } else if options.iter().all(|(key, _)| *key != now) {
            options.push((now.clone(), now));
        }
        options
    });
    let choose = move |key: String| {
        let names = labels(&profiled.axis.read_untracked());
        if let Some(change) = profiled.layout.get_untracked().and_then(|layout| preset(layout, &key, &names)) {
            profiled.on_change.run(change);
        }
    };
    view! { <Select label="Preset" show_label=true options value on_change=choose/> }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_axis(groups: &[(&str, &str)]) -> Axis {
        Axis::new(groups.iter().map(|(label, group)| ((*label).to_owned(), (*group).to_owned())))
    }

    #[test]
    fn groups_can_be_left_out_only_where_another_stays() {
        let labels = |axis: &Axis| parts(axis).into_iter().map(|p| p.label).collect::<Vec<_>>();
        assert_eq!(
            labels(&some_axis(&[("D00", "double"), ("S00", "single"), ("TE1", "extra")])),
            ["Text encoders", "Double stream blocks", "Single stream blocks"]
        );
        assert!(labels(&some_axis(&[("B00", "blocks"), ("B01", "blocks"), ("OTHER", "extra")])).is_empty());
    }
}
