//! What stands on the page before there is anything to compare: what comparing tells, one action, one example.

use super::address;
use crate::blocks::axis::Axis;
use crate::blocks::heat::{HeatStrip, Step};
use crate::kit::{Button, Glyph, Look};
use leptos::prelude::*;
use weft_domain::AdapterCard;

/// Invented strips that show what one can see: the same training, a fight in some blocks, nothing in common.
const SHOWN: [(&str, [Step; 25]); 3] = [
    ("The same training", [4, 4, 4, 3, 4, 4, 4, 4, 3, 4, 4, 4, 4, 4, 4, 3, 4, 4, 4, 4, 4, 3, 4, 4, 4]),
    ("They fight here", [0, 1, 0, 0, 1, 2, 1, 0, 1, 0, 0, 1, 0, 0, -1, -3, -4, -4, -2, 0, 1, 0, 0, 1, 0]),
    ("Nothing in common", [0, 0, 0, 1, 0, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, -1, 0]),
];

fn blocks() -> Axis {
    let group = |at: usize| match at {
        0..12 => "in",
        12 => "mid",
        _ => "out",
    };
    Axis::new((0..25).map(|at| (at.to_string(), group(at).to_owned())))
}

/// The empty state.
#[component]
pub(super) fn Empty(
    /// Opens the window that chooses adapters.
    choosing: RwSignal<bool>,
    /// Two adapters of the library.
    example: Option<(AdapterCard, AdapterCard)>,
) -> impl IntoView {
    let axis = Signal::stored(blocks());
    let strip = move |(words, steps): (&'static str, [Step; 25])| {
        let cells = Signal::stored(steps.map(Some).to_vec());
        view! { <div class="teach"><HeatStrip axis cells/><span>{words}</span></div> }
    };
    let example = example.map(|(a, b)| {
        view! {
            <div class="weave-example">
                <div class="weave-example-pics" aria-hidden="true">
                    <img src=a.preview_url(160) width="60" height="65" alt=""/>
                    <img src=b.preview_url(160) width="60" height="65" alt=""/>
                </div>
                <div>
                    <p class="label">"An example from your library"</p>
                    <p>{format!("{} with {}", a.name, b.name)}</p>
                </div>
                <a class="btn" href=address(&[a.id, b.id])>"Compare these two"</a>
            </div>
        }
    });
    view! {
        <section class="weave-empty">
            <div class="teaching" aria-hidden="true">{SHOWN.map(strip).collect_view()}</div>
            <h2>"See how adapters relate before you mix them"</h2>
            <p>
                "Weft reads two to eight adapters and says in plain words whether they are the same training, whether they pull together or fight, and in "
                "which blocks; with the numbers behind it, and with what pure chance would give beside each."
            </p>
            <Button look=Look::Primary icon=Glyph::Plus on:click=move |_| choosing.set(true)>"Choose adapters"</Button>
            <p class="hint">"Or select some in the library and press Compare."</p>
            {example}
        </section>
    }
}
