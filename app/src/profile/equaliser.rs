//! Upright sliders over all blocks.

use super::Profiled;
use crate::blocks::plot::{AxisLabels, Scale, listener, moved, number, pointer_share, push_rect};
use leptos::prelude::*;
use weft_domain::parameter::BLOCK;

/// Height of the equaliser in pixels.
const HEIGHT: f64 = 120.0;
/// Values this near to 0 or 1 snap to it while painting.
const SNAP: f64 = 0.06;

/// One tab stop: the pointer paints across the blocks, the arrow keys choose and change.
#[component]
pub(super) fn Equaliser(profiled: Profiled, chosen: RwSignal<usize>) -> impl IntoView {
    let Profiled { axis, active, .. } = profiled;
    let painting = StoredValue::new(None::<(usize, f64)>);
    let y = |value: f64| (BLOCK.max - value) / (BLOCK.max - BLOCK.min) * HEIGHT;
    let bars = Memo::new(move |_| {
        let mut d = String::new();
        axis.with(|axis| {
            profiled.factors.with(|factors| {
                for (at, cell) in axis.cells.iter().enumerate() {
                    let value = factors.get(&cell.label).copied().unwrap_or(1.0);
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
        active.set(Some(at));
        profiled.set("paint", stroke(from, (at, value)));
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
            active.set(axis.with_untracked(|a| a.nearest(x)));
        }
    };
    let on_key = move |ev: web_sys::KeyboardEvent| {
        let at = chosen.get_untracked();
        let slot = untrack(|| profiled.slot(at));
        let now = untrack(|| profiled.factor(&slot));
        let step = if ev.shift_key() { 0.25 } else { BLOCK.step };
        let next = match ev.key().as_str() {
            "ArrowUp" => now + step,
            "ArrowDown" => now - step,
            "0" | "Delete" | "Backspace" => 0.0,
            "1" => 1.0,
            "2" => 2.0,
            key => {
                if let Some(at) = axis.with_untracked(|a| moved(key, Some(at), a)) {
                    ev.prevent_default();
                    chosen.set(at);
                    active.set(Some(at));
                }
                return;
            }
        };
        ev.prevent_default();
        profiled.set(&format!("factor {slot}"), [(at, next)]);
    };
    let name = move || profiled.slot(chosen.get());
    let now = move || profiled.factor(&name());
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
                on:pointerleave=move |_| active.set(None)
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
}
