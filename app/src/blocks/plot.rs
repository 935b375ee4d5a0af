//! Pieces that every block chart shares: the cursor that pointer and keyboard move, the labels below, the scale at the side.

use super::axis::{Axis, group_label, group_short};
use super::format;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// Where in an element the pointer is, as a share of its width and height.
pub(crate) fn pointer_share(ev: &web_sys::PointerEvent, element: &web_sys::Element) -> (f64, f64) {
    let rect = element.get_bounding_client_rect();
    let share = |at: f64, start: f64, size: f64| if size > 0.0 { (at - start) / size } else { 0.0 };
    (share(f64::from(ev.client_x()), rect.left(), rect.width()), share(f64::from(ev.client_y()), rect.top(), rect.height()))
}

/// The element that carries the listener.
pub(crate) fn listener(ev: &web_sys::PointerEvent) -> Option<web_sys::Element> {
    ev.current_target().and_then(|target| target.dyn_into().ok())
}

/// The cell a key moves to, or None for keys that do not move.
pub(crate) fn moved(key: &str, at: Option<usize>, axis: &Axis) -> Option<usize> {
    let last = axis.count().checked_sub(1)?;
    let start = |at: usize| axis.runs.iter().rev().find(|run| run.start < at).map_or(0, |run| run.start);
    let next = |at: usize| axis.runs.iter().find(|run| run.start > at).map_or(last, |run| run.start);
    Some(match (key, at) {
        ("ArrowRight" | "ArrowLeft", None) => 0,
        ("ArrowRight", Some(at)) => (at + 1).min(last),
        ("ArrowLeft", Some(at)) => at.saturating_sub(1),
        ("PageDown", at) => next(at.unwrap_or(0)),
        ("PageUp", at) => start(at.unwrap_or(0)),
        ("Home", _) => 0,
        ("End", _) => last,
        _ => return None,
    })
}

/// One tab stop over a chart. The pointer or the arrow keys choose a block; its exact values are read out as the value of a slider, which is
/// what choosing along a line is.
#[component]
pub fn Picker(
    #[prop(into)] axis: Signal<Axis>,
    /// The block that is pointed at.
    active: RwSignal<Option<usize>>,
    /// Name of the chart for assistive technology.
    #[prop(into)]
    label: Signal<String>,
    /// Exact values of a block in words.
    #[prop(into)]
    text: Callback<usize, String>,
    /// Up and down move too, and the pointer is followed by the chart's own parts: for charts that are no row of bars.
    #[prop(optional)]
    free: bool,
    children: Children,
) -> impl IntoView {
    let on_move = move |ev: web_sys::PointerEvent| {
        if let Some(element) = listener(&ev).filter(|_| !free) {
            let (x, _) = pointer_share(&ev, &element);
            let next = axis.with_untracked(|axis| axis.nearest(x));
            if active.get_untracked() != next {
                active.set(next);
            }
        }
    };
    let on_leave = move |ev: web_sys::PointerEvent| {
        if ev.pointer_type() == "mouse" {
            active.set(None);
        }
    };
    let on_key = move |ev: web_sys::KeyboardEvent| {
        let key = match ev.key().as_str() {
            "ArrowDown" if free => "ArrowRight".to_owned(),
            "ArrowUp" if free => "ArrowLeft".to_owned(),
            key => key.to_owned(),
        };
        if key == "Escape" {
            active.set(None);
        } else if let Some(next) = axis.with_untracked(|axis| moved(&key, active.get_untracked(), axis)) {
            ev.prevent_default();
            active.set(Some(next));
        }
    };
    let valuetext = move || match active.get() {
        Some(at) => text.run(at),
        None => "Use the arrow keys to read the blocks.".to_owned(),
    };
    view! {
        <div
            class="plot"
            tabindex="0"
            role="slider"
            aria-roledescription="block chart"
            aria-label=move || label.get()
            aria-valuemin="1"
            aria-valuemax=move || axis.with(|axis| axis.count().max(1).to_string())
            aria-valuenow=move || (active.get().unwrap_or(0) + 1).to_string()
            aria-valuetext=valuetext
            on:pointermove=on_move
            on:pointerdown=on_move
            on:pointerleave=on_leave
            on:keydown=on_key
            on:blur=move |_| active.set(None)
        >
            {children()}
        </div>
    }
}

/// The column behind the block that is pointed at. Stands inside a stretched `svg`.
#[component]
pub fn Cursor(#[prop(into)] axis: Signal<Axis>, active: RwSignal<Option<usize>>, height: f64) -> impl IntoView {
    let place = Memo::new(move |_| {
        let at = active.get()?;
        axis.with(|axis| axis.cells.get(at).map(|cell| (cell.x, axis.pitch)))
    });
    view! {
        <rect
            class="cursor"
            class:off=move || place.get().is_none()
            x=move || number(place.get().map_or(0.0, |p| p.0))
            width=move || number(place.get().map_or(0.0, |p| p.1))
            y="0"
            height=number(height)
        />
    }
}

/// Labels of the blocks and their groups below a plot.
#[component]
pub fn AxisLabels(#[prop(into)] axis: Signal<Axis>) -> impl IntoView {
    move || {
        axis.with(|axis| {
            let ticks = (0..axis.count())
                .map(|at| {
                    let class = format!("tick l{}", axis.label_level(at));
                    view! { <text class=class x=place(axis.middle(at)) y="12">{axis.cells[at].label.clone()}</text> }
                })
                .collect_view();
            let groups = axis
                .runs
                .iter()
                .map(|run| {
                    let (left, right) = axis.span(run);
                    let wide = right - left > 0.16;
                    let name = if wide { group_label(&run.group) } else { group_short(&run.group) };
                    view! {
                        <line class=format!("run g-{}", run.group) x1=place(left) x2=place(right) y1="21" y2="21"></line>
                        <text class="group" x=place((left + right) / 2.0) y="36">{name.to_owned()}</text>
                    }
                })
                .collect_view();
            view! { <svg class=format!("labels {}", axis.density()) aria-hidden="true">{ticks}{groups}</svg> }
        })
    }
}

/// Numbers at the side: `(value, place from the top in pixels)`.
#[component]
pub fn Scale(#[prop(into)] ticks: Signal<Vec<(f64, f64)>>) -> impl IntoView {
    view! {
        <svg class="scale" aria-hidden="true">
            {move || {
                ticks
                    .get()
                    .into_iter()
                    .map(|(value, y)| view! { <text x="100%" y=number(y + 3.5)>{format::tick(value)}</text> })
                    .collect_view()
            }}
        </svg>
    }
}

/// A coordinate with two digits at most.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A share of the width as a percentage.
pub(crate) fn place(share: f64) -> String {
    format!("{}%", number(share * 100.0))
}

/// Adds a rectangle to the data of a path.
pub(crate) fn push_rect(d: &mut String, x: f64, y: f64, width: f64, height: f64) {
    use std::fmt::Write as _;
    let _ = write!(d, "M{x:.2} {y:.2}h{width:.2}v{height:.2}h{:.2}z", -width);
}

/// Adds a horizontal line to the data of a path.
pub(crate) fn push_line(d: &mut String, x: f64, y: f64, width: f64) {
    use std::fmt::Write as _;
    let _ = write!(d, "M{x:.2} {y:.2}h{width:.2}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_walk_the_blocks_and_their_groups() {
        let axis = Axis::new((0..6).map(|i| (i.to_string(), if i < 2 { "in" } else { "out" }.to_owned())));
        let go = |key, at| moved(key, at, &axis);
        assert_eq!((go("ArrowRight", None), go("ArrowRight", Some(5)), go("ArrowLeft", Some(0))), (Some(0), Some(5), Some(0)));
        assert_eq!((go("PageDown", Some(0)), go("PageUp", Some(4)), go("End", None), go("x", None)), (Some(2), Some(2), Some(5), None));
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!([1.0, 0.5, 33.333].map(number), ["1", "0.5", "33.33"]);
    }
}
