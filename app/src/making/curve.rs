//! Energy kept against rank, as a small plot to choose from.

use crate::blocks::format;
use crate::blocks::plot::{listener, number, pointer_share};
use leptos::prelude::*;
use weft_domain::merge::{MergeEstimate, RankPoint};

/// Size of the plot in its own units; it stretches in width.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 110.0;

/// What the plot shows, as places between 0 and 1.
#[derive(Debug, Clone, PartialEq)]
struct Frame {
    points: Vec<RankPoint>,
    /// Energy at the bottom.
    floor: f64,
    last: f64,
}

impl Frame {
    fn new(estimate: &MergeEstimate) -> Option<Self> {
        let points = estimate.curve.clone();
        let last = f64::from(points.last()?.rank.max(2)).log2();
        let least = points.iter().map(|p| p.energy).fold(1.0, f64::min);
        // Whole tenths below the lowest point, so that the axis can be named.
        Some(Self { points, floor: ((least * 10.0).floor() / 10.0).clamp(0.0, 0.9), last })
    }

    fn place(&self, point: &RankPoint) -> (f64, f64) {
        let x = f64::from(point.rank.max(1)).log2() / self.last;
        (x.clamp(0.0, 1.0), 1.0 - ((point.energy - self.floor) / (1.0 - self.floor)).clamp(0.0, 1.0))
    }

    fn path(&self) -> String {
        let at = |p: &RankPoint| {
            let (x, y) = self.place(p);
            format!("{} {}", number(x * WIDTH), number(y * HEIGHT))
        };
        self.points.iter().enumerate().map(|(i, p)| format!("{}{}", if i == 0 { 'M' } else { 'L' }, at(p))).collect()
    }

    fn nearest(&self, x: f64) -> Option<RankPoint> {
        self.points.iter().copied().min_by(|a, b| (self.place(a).0 - x).abs().total_cmp(&(self.place(b).0 - x).abs()))
    }
}

/// The curve. A press takes the rank of the nearest point; the exact rank is typed beside it.
#[component]
pub fn Curve(
    #[prop(into)] estimate: Signal<Option<MergeEstimate>>,
    /// The numbers belong to an earlier question.
    #[prop(into)]
    stale: Signal<bool>,
    #[prop(into)] on_rank: Callback<u32>,
) -> impl IntoView {
    let frame = Memo::new(move |_| estimate.with(|e| e.as_ref().and_then(Frame::new)));
    let over = RwSignal::new(None::<RankPoint>);
    let chosen = move || estimate.with(|e| e.as_ref().and_then(|e| e.chosen));
    let found = move |ev: &web_sys::PointerEvent| {
        let (x, _) = pointer_share(ev, &listener(ev)?);
        frame.with_untracked(|f| f.as_ref().and_then(|f| f.nearest(x)))
    };
    let dot = move |point: Option<RankPoint>| {
        frame.with(|f| {
            point.and_then(|p| f.as_ref().map(|f| f.place(&p))).map(|(x, y)| (format!("{}%", number(x * 100.0)), number(y * HEIGHT)))
        })
    };
    let told = move || {
        chosen().map_or_else(
            || "Energy kept by rank".to_owned(),
            |p| format!("Energy kept by rank. Rank {} keeps {} in {}.", p.rank, format::percent(p.energy), crate::format::bytes(p.bytes)),
        )
    };
    view! {
        <figure class="curve" class:stale=move || stale.get() hidden=move || frame.with(Option::is_none)>
            <div
                class="curve-plot"
                role="img"
                aria-label=told
                on:pointermove=move |ev| over.set(found(&ev))
                on:pointerleave=move |_| over.set(None)
                on:click=move |_| if let Some(p) = over.get_untracked() { on_rank.run(p.rank) }
            >
                <svg class="line" viewBox="0 0 300 110" preserveAspectRatio="none" aria-hidden="true">
                    <path class="grid" d="M0 .5h300M0 55h300M0 109.5h300"></path>
                    <path class="under" d=move || frame.with(|f| f.as_ref().map(|f| format!("{}V110H0z", f.path())))></path>
                    <path class="edge" d=move || frame.with(|f| f.as_ref().map(Frame::path))></path>
                </svg>
                <svg class="dots" aria-hidden="true">
                    {move || dot(over.get()).map(|(x, y)| view! { <circle class="over" cx=x cy=y r="4"></circle> })}
                    {move || dot(chosen()).map(|(x, y)| view! {
                        <line class="drop" x1=x.clone() x2=x.clone() y1=y.clone() y2="110"></line>
                        <circle class="chosen" cx=x cy=y r="4.5"></circle>
                    })}
                </svg>
            </div>
            <figcaption class="num">
                <span>"rank 1"</span>
                <span class="curve-say">{move || over.get().map(|p| format!("rank {}: {}, {}", p.rank, format::percent(p.energy), crate::format::bytes(p.bytes)))}</span>
                <span>{move || frame.with(|f| f.as_ref().and_then(|f| f.points.last().map(|p| format!("rank {}", p.rank))))}</span>
            </figcaption>
        </figure>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_runs_from_corner_to_corner() {
        let point = |rank, energy| RankPoint { rank, energy, bytes: 1 };
        let estimate = MergeEstimate { curve: vec![point(1, 0.5), point(4, 0.8), point(64, 1.0)], ..Default::default() };
        let Some(frame) = Frame::new(&estimate) else { return assert!(!estimate.curve.is_empty(), "a frame") };
        assert_eq!(frame.path(), "M0 110L100 44L300 0");
        assert_eq!(frame.nearest(0.4).map(|p| p.rank), Some(4));
        assert!(Frame::new(&MergeEstimate::default()).is_none());
    }
}
