//! Block profiles: presets, and the equaliser that is painted over the blocks.

use super::chart::colour;
use super::exchange::{Exchange, carries_files};
use super::loom::Loom;
use super::state::WeaveState;
use crate::blocks::plot::{AxisLabels, Scale, listener, moved, number, pointer_share, push_rect};
use crate::kit::{Button, Glyph, IconButton, Look, NumberField, Select};
use leptos::prelude::*;
use std::collections::BTreeMap;
use weft_domain::AdapterId;
use weft_domain::parameter::BLOCK;
use weft_weights::layout::{Extra, Layout, SlotRef};
use weft_weights::profile::{Profile, presets};

/// Height of the equaliser in pixels.
const HEIGHT: f64 = 120.0;
/// Values this near to 0 or 1 snap to it while painting.
const SNAP: f64 = 0.06;

/// Place of a slot's name in the layout.
fn slot_ref(layout: &Layout, label: &str) -> Option<SlotRef> {
    let block = layout.slot(label).map(|slot| SlotRef::Block(slot.id));
    block.or_else(|| Extra::ALL.into_iter().find(|e| e.label() == label).map(SlotRef::Extra))
}

/// The factors of a profile for the slots at hand; those that are 1 are left out.
pub(super) fn factors(profile: &Profile, labels: &[String]) -> BTreeMap<String, f64> {
    let place = |label: &String| slot_ref(profile.layout(), label).map(|slot| (label.clone(), profile.factor(slot)));
    labels.iter().filter_map(place).filter(|(_, factor)| *factor != 1.0).collect()
}

/// The factors as a profile of the layout; names it does not know are left out.
pub(super) fn profile(layout: &'static Layout, factors: &BTreeMap<String, f64>) -> Profile {
    let mut profile = Profile::neutral(layout);
    for (slot, factor) in factors {
        if let Some(place) = slot_ref(layout, slot) {
            // Factors in the document are inside the range.
            drop(profile.set(place, *factor));
        }
    }
    if let Some(factor) = factors.get("TE1") {
        drop(profile.set_base(*factor));
    }
    profile
}

/// Names of all slots along the charts.
pub(super) fn labels(loom: Loom) -> Vec<String> {
    loom.axis.with_untracked(|axis| axis.cells.iter().map(|c| c.label.clone()).collect())
}

/// The preset of a strand, and the way to its equaliser.
#[component]
pub(super) fn PresetSelect(id: AdapterId, name: Memo<String>) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let layout = Memo::new(move |_| loom.layout().map(|l| l.id));
    let value = Signal::derive(move || {
        loom.state.with(|s| match s.strand(id) {
            Some(s) if s.preset.is_some() => s.preset.clone().unwrap_or_default(),
            Some(s) if !s.factors.is_empty() => "custom".to_owned(),
            _ => "ALL".to_owned(),
        })
    });
    let options = Signal::derive(move || {
        let now = value.get();
        let mut options: Vec<(String, String)> = match layout.get().and_then(Layout::by_id) {
            Some(layout) => presets(layout).iter().map(|p| (p.name.to_owned(), label(p.name))).collect(),
            None => vec![("ALL".to_owned(), label("ALL"))],
        };
        if now == "custom" {
            options.push(("custom".to_owned(), "My own".to_owned()));
        } else if options.iter().all(|(key, _)| *key != now) {
            options.push((now.clone(), now));
        }
        options
    });
    let choose = move |key: String| {
        let Some(preset) = untrack(move || loom.layout()).and_then(|l| presets(l).into_iter().find(|p| p.name == key)) else { return };
        let values = factors(&preset.profile, &labels(loom));
        loom.edit_strand("preset", id, |s| {
            s.preset = (key != "ALL").then_some(key);
            s.factors = values;
        });
    };
    let open = Memo::new(move |_| loom.editing.get() == Some(id));
    view! {
        <Select
            label=format!("Profile of {}", name.get_untracked())
            options
            value
            on_change=choose
            disabled=Signal::derive(move || layout.get().is_none())
        />
        <IconButton
            glyph=Glyph::Sliders
            label=Signal::derive(move || if open.get() { "Close the block sliders".to_owned() } else { "Edit block by block".to_owned() })
            pressed=open
            disabled=Signal::derive(move || layout.get().is_none())
            on:click=move |_| loom.editing.update(|e| *e = if *e == Some(id) { None } else { Some(id) })
        />
    }
}

/// A preset's name for people: `DOUBLE EARLY` is "Double early".
fn label(name: &str) -> String {
    match name {
        "ALL" => "All blocks".to_owned(),
        "NONE" => "Nothing".to_owned(),
        "INALL" => "All input".to_owned(),
        "OUTALL" => "All output".to_owned(),
        "INS" => "Input, shallow (INS)".to_owned(),
        "IND" => "Input, deep (IND)".to_owned(),
        "MIDD" => "Around the middle (MIDD)".to_owned(),
        "OUTD" => "Output, deep (OUTD)".to_owned(),
        "OUTS" => "Output, shallow (OUTS)".to_owned(),
        "DOUBLE" => "Double stream only".to_owned(),
        "SINGLE" => "Single stream only".to_owned(),
        name => {
            let lower = name.to_lowercase();
            let mut chars = lower.chars();
            chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
        }
    }
}

/// The editor of the strand that was chosen; stands below the chart, block under block.
#[component]
pub(super) fn ProfileEditor() -> impl IntoView {
    let loom = expect_context::<Loom>();
    let id = Memo::new(move |_| loom.editing.get().filter(|id| loom.state.with(|s| s.strand(*id).is_some()) && loom.layout().is_some()));
    move || {
        id.get().map(|id| {
            let chosen = RwSignal::new(0usize);
            let section = NodeRef::<leptos::html::Section>::new();
            Effect::new(move |_| {
                if let Some(section) = section.get() {
                    let options = web_sys::ScrollIntoViewOptions::new();
                    options.set_block(web_sys::ScrollLogicalPosition::Nearest);
                    section.scroll_into_view_with_scroll_into_view_options(&options);
                }
            });
            let tone = loom.state.with_untracked(|s| s.strand(id).map_or(0, |s| s.colour));
            let fill = move |value: Option<f64>| {
                let all = labels(loom);
                loom.edit_strand("fill", id, |s| {
                    s.preset = None;
                    s.factors = value.map(|v| all.into_iter().map(|slot| (slot, v)).collect()).unwrap_or_default();
                });
            };
            let exchange = Exchange::new(loom, id);
            let over = RwSignal::new(false);
            let hover = move |event: web_sys::DragEvent| {
                if carries_files(&event) {
                    event.prevent_default();
                    over.set(true);
                }
            };
            let dropped = move |event: web_sys::DragEvent| {
                over.set(false);
                if carries_files(&event) {
                    event.prevent_default();
                    exchange.take_file(event.data_transfer().and_then(|data| data.files()));
                }
            };
            view! {
                <section
                    node_ref=section
                    class=format!("profile-editor {}", colour(tone))
                    class:dropping=over
                    aria-label="Profile by block"
                    on:dragover=hover
                    on:dragleave=move |_| over.set(false)
                    on:drop=dropped
                >
                    <header>
                        <h3><i class="dot" aria-hidden="true"></i>"Profile of "{move || loom.name(id)}</h3>
                        <div class="profile-tools">
                            <ChosenFactor id chosen/>
                            <Button look=Look::Quiet on:click=move |_| fill(Some(0.0))>"All off"</Button>
                            <Button look=Look::Quiet on:click=move |_| fill(None)>"Reset"</Button>
                            <IconButton glyph=Glyph::Close label="Close the block sliders" on:click=move |_| loom.editing.set(None)/>
                        </div>
                    </header>
                    <Equaliser id chosen/>
                    <super::exchange::Exchanging exchange/>
                </section>
            }
        })
    }
}

/// The chosen block's factor as a number.
#[component]
fn ChosenFactor(id: AdapterId, chosen: RwSignal<usize>) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let slot = Memo::new(move |_| loom.axis.with(|a| a.cells.get(chosen.get()).map(|c| c.label.clone()).unwrap_or_default()));
    let value = Memo::new(move |_| factor(loom, id, &slot.get()));
    view! {
        <span class="slot num">{slot}</span>
        <NumberField
            spec=BLOCK
            label=Signal::derive(move || format!("Factor of {}", slot.get()))
            value
            on_change=move |v: f64| loom.edit_strand("factor", id, |s| s.set_factor(&slot.get_untracked(), v))
        />
    }
}

fn factor(loom: Loom, id: AdapterId, slot: &str) -> f64 {
    loom.state.with(|s| s.strand(id).map_or(1.0, |s| WeaveState::factor(s, slot)))
}

/// Upright sliders over all blocks, one tab stop: the pointer paints across them, the arrow keys choose and change.
#[component]
fn Equaliser(id: AdapterId, chosen: RwSignal<usize>) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let axis = loom.axis;
    let painting = StoredValue::new(None::<(usize, f64)>);
    let y = |value: f64| (BLOCK.max - value) / (BLOCK.max - BLOCK.min) * HEIGHT;
    let bars = Memo::new(move |_| {
        let mut d = String::new();
        axis.with(|axis| {
            loom.state.with(|s| {
                let Some(strand) = s.strand(id) else { return };
                for (at, cell) in axis.cells.iter().enumerate() {
                    let value = WeaveState::factor(strand, &cell.label);
                    let (x, width) = axis.bar(at);
                    let (top, bottom) = (y(value.max(0.0)), y(value.min(0.0)));
                    push_rect(&mut d, x, top - 0.75, width, (bottom - top) + 1.5);
                }
            });
        });
        d
    });
    let paint = move |ev: &web_sys::PointerEvent| {
        let Some(element) = listener(ev) else { return };
        let (x, y) = pointer_share(ev, &element);
        let Some(at) = axis.with_untracked(|a| a.nearest(x)) else { return };
        let value = snapped(BLOCK.max - y.clamp(0.0, 1.0) * (BLOCK.max - BLOCK.min));
        let from = painting.get_value().unwrap_or((at, value));
        painting.set_value(Some((at, value)));
        chosen.set(at);
        loom.active.set(Some(at));
        let names = labels(loom);
        loom.edit_strand("paint", id, |s| {
            for (slot, value) in stroke(from, (at, value)) {
                if let Some(name) = names.get(slot) {
                    s.set_factor(name, value);
                }
            }
        });
    };
    let on_down = move |ev: web_sys::PointerEvent| {
        if ev.button() == 0 {
            painting.set_value(None);
            if let Some(element) = listener(&ev) {
                // Without capture the stroke ends at the edge; nothing else is lost.
                drop(element.set_pointer_capture(ev.pointer_id()));
            }
            paint(&ev);
        }
    };
    let on_move = move |ev: web_sys::PointerEvent| {
        if ev.buttons() & 1 == 1 {
            paint(&ev);
        } else if let Some((x, _)) = listener(&ev).map(|e| pointer_share(&ev, &e)) {
            loom.active.set(axis.with_untracked(|a| a.nearest(x)));
        }
    };
    let on_key = move |ev: web_sys::KeyboardEvent| {
        let slot = axis.with_untracked(|a| a.cells.get(chosen.get_untracked()).map(|c| c.label.clone())).unwrap_or_default();
        let now = untrack(|| factor(loom, id, &slot));
        let step = if ev.shift_key() { 0.25 } else { BLOCK.step };
        let next = match ev.key().as_str() {
            "ArrowUp" => now + step,
            "ArrowDown" => now - step,
            "0" | "Delete" | "Backspace" => 0.0,
            "1" => 1.0,
            "2" => 2.0,
            key => {
                if let Some(at) = axis.with_untracked(|a| moved(key, Some(chosen.get_untracked()), a)) {
                    ev.prevent_default();
                    chosen.set(at);
                    loom.active.set(Some(at));
                }
                return;
            }
        };
        ev.prevent_default();
        loom.edit_strand(&format!("factor {slot}"), id, |s| s.set_factor(&slot, next));
    };
    let name = move || axis.with(|a| a.cells.get(chosen.get()).map(|c| c.label.clone()).unwrap_or_default());
    let now = move || factor(loom, id, &name());
    let frame = Memo::new(move |_| axis.with(|a| a.cells.get(chosen.get()).map_or((0.0, 0.0), |c| (c.x, a.pitch))));
    view! {
        <div class="chart equaliser">
            <Scale ticks=Signal::derive(move || [2.0, 1.0, 0.0, -1.0, -2.0].map(|v| (v, y(v).clamp(5.0, HEIGHT - 5.0))).to_vec())/>
            <div
                class="plot"
                tabindex="0"
                role="slider"
                aria-roledescription="block sliders"
                aria-orientation="vertical"
                aria-label="Factor by block. Left and right choose a block, up and down change it."
                aria-valuemin=BLOCK.min
                aria-valuemax=BLOCK.max
                aria-valuenow=move || number(now())
                aria-valuetext=move || format!("{}: {}", name(), number(now()))
                on:pointerdown=on_down
                on:pointermove=on_move
                on:pointerleave=move |_| loom.active.set(None)
                on:keydown=on_key
            >
                <svg class="area" viewBox="0 0 1000 120" preserveAspectRatio="none" aria-hidden="true">
                    <path class="grid" d="M0 .5h1000M0 30h1000M0 90h1000M0 119.5h1000"></path>
                    <rect class="chosen" x=move || number(frame.get().0) width=move || number(frame.get().1) y="0" height="120"></rect>
                    <path class="brings" d=bars></path>
                    <path class="base" d="M0 60h1000"></path>
                    <path class="one" d="M0 30h1000"></path>
                </svg>
                <AxisLabels axis/>
            </div>
        </div>
    }
}

/// To the step that is shown, with 0 and 1 a little sticky.
fn snapped(value: f64) -> f64 {
    match value {
        v if v.abs() < SNAP => 0.0,
        v if (v - 1.0).abs() < SNAP => 1.0,
        v => (v / BLOCK.step).round() * BLOCK.step,
    }
}

/// All blocks between two places of the pointer, with the values between: a fast stroke leaves no gap.
fn stroke(from: (usize, f64), to: (usize, f64)) -> Vec<(usize, f64)> {
    let (a, b) = (from.0 as f64, to.0 as f64);
    let (low, high) = (from.0.min(to.0), from.0.max(to.0));
    (low..=high)
        .filter(|at| *at != from.0 || from.0 == to.0)
        .map(|at| {
            let part = if from.0 == to.0 { 1.0 } else { (at as f64 - a) / (b - a) };
            (at, from.1 + (to.1 - from.1) * part)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_stroke_leaves_no_gap() {
        assert_eq!(stroke((2, 0.0), (5, 1.5)), [(3, 0.5), (4, 1.0), (5, 1.5)]);
        assert_eq!(stroke((5, 1.0), (3, 0.0)), [(3, 0.0), (4, 0.5)]);
        assert_eq!(stroke((4, 1.0), (4, 0.25)), [(4, 0.25)]);
    }

    #[test]
    fn zero_and_one_are_sticky() {
        assert_eq!([0.05, 0.97, 1.04, 0.5, -0.04].map(snapped), [0.0, 1.0, 1.0, 0.5, 0.0]);
    }

    #[test]
    fn presets_and_text_reach_the_slots_by_name() {
        let Some(layout) = Layout::by_id("flux_unet_57") else { return assert_eq!("no layout", "") };
        let names: Vec<String> = layout.slots.iter().map(|s| s.label.to_owned()).chain(["TE1".to_owned()]).collect();
        let Some(single) = presets(layout).into_iter().find(|p| p.name == "SINGLE") else { return assert_eq!("no preset", "") };
        let values = factors(&single.profile, &names);
        assert_eq!((values.len(), values.get("D00"), values.get("S00"), values.get("TE1")), (19, Some(&0.0), None, None));
        let back = profile(layout, &values);
        assert_eq!(factors(&back, &names), values);
    }

    #[test]
    fn preset_names_are_words() {
        assert_eq!(
            (label("DOUBLE EARLY"), label("ALL"), label("LATE")),
            ("Double early".to_owned(), "All blocks".to_owned(), "Late".to_owned())
        );
    }
}
