//! More than two: the cosine of every pair as a table of heat, and every pair block by block. Both choose the pair that is shown below.

use super::numbers::{Compared, cosine_step};
use crate::blocks::colour;
use crate::blocks::format::cosine;
use crate::blocks::heat::{HeatStrip, class};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// Table and strips.
#[component]
pub(super) fn Overview(compared: StoredValue<Compared>, chosen: RwSignal<usize>) -> impl IntoView {
    view! {
        <section class="panel overview" aria-label="All pairs">
            <div>
                <h2 class="label">"How alike each two are"</h2>
                <Matrix compared chosen/>
            </div>
            <div>
                <h2 class="label">"Every pair, block by block"</h2>
                <Strips compared chosen/>
            </div>
        </section>
    }
}

/// The place in the table that an arrow key leads to.
fn moved(key: &str, (row, column): (usize, usize), count: usize) -> Option<(usize, usize)> {
    let last = count.checked_sub(1)?;
    let to = match key {
        "ArrowRight" => (row, (column + 1).min(last)),
        "ArrowLeft" => (row, column.saturating_sub(1)),
        "ArrowDown" => ((row + 1).min(last), column),
        "ArrowUp" => (row.saturating_sub(1), column),
        _ => return None,
    };
    // Over the diagonal to what lies behind it, where something does.
    let to = match (to.0 == to.1, key) {
        (false, _) => to,
        (true, "ArrowRight") => (to.0, to.1 + 1),
        (true, "ArrowLeft") => (to.0, to.1.checked_sub(1)?),
        (true, "ArrowDown") => (to.0 + 1, to.1),
        (true, _) => (to.0.checked_sub(1)?, to.1),
    };
    (to.0 <= last && to.1 <= last).then_some(to)
}

/// One tab stop; arrows move, and what they reach is chosen.
#[component]
fn Matrix(compared: StoredValue<Compared>, chosen: RwSignal<usize>) -> impl IntoView {
    let count = compared.with_value(|c| c.cards.len());
    let at = RwSignal::new(compared.with_value(|c| c.comparison.pairs.get(c.strongest()).map_or((0, 1), |p| (p.a, p.b))));
    let choose = move |place: (usize, usize)| {
        if let Some(pair) = compared.with_value(|c| c.pair_of(place.0, place.1)) {
            at.set(place);
            chosen.set(pair);
        }
    };
    let keys = move |event: leptos::ev::KeyboardEvent| {
        if let Some(next) = moved(&event.key(), at.get_untracked(), count) {
            event.prevent_default();
            choose(next);
            let button = document().get_element_by_id(&format!("cell-{}-{}", next.0, next.1));
            if let Some(button) = button.and_then(|b| b.dyn_into::<web_sys::HtmlElement>().ok()) {
                drop(button.focus());
            }
        }
    };
    let cell = move |row: usize, column: usize| {
        let Some(pair) = compared.with_value(|c| c.pair_of(row, column)) else {
            return view! { <td class="diagonal"><span class="sr-only">"the same"</span></td> }.into_any();
        };
        let (value, step, names) = compared.with_value(|c| {
            let whole = &c.comparison.pairs[pair].whole;
            (whole.cosine.map_or_else(|| "–".to_owned(), cosine), cosine_step(whole), format!("{} and {}", c.name(row), c.name(column)))
        });
        view! {
            <td>
                <button
                    type="button"
                    id=format!("cell-{row}-{column}")
                    class=format!("cell num {}", class(step))
                    aria-label=format!("{names}: cosine {value}")
                    aria-pressed=move || if chosen.get() == pair { "true" } else { "false" }
                    tabindex=move || if at.get() == (row, column) { "0" } else { "-1" }
                    title=names
                    on:click=move |_| choose((row, column))
                >
                    {value.clone()}
                </button>
            </td>
        }
        .into_any()
    };
    let head = move |at: usize| {
        let name = compared.with_value(|c| c.name(at));
        let spoken = name.clone();
        view! { <th scope="col" title=name><i class=format!("dot {}", colour(at)) aria-hidden="true"></i><span class="sr-only">{spoken}</span></th> }
    };
    let row = move |at: usize| {
        let name = compared.with_value(|c| c.name(at));
        let shown = name.clone();
        view! {
            <tr>
                <th scope="row" title=name><i class=format!("dot {}", colour(at)) aria-hidden="true"></i><span class="clip"><bdi>{shown}</bdi></span></th>
                {(0..count).map(|column| cell(at, column)).collect_view()}
            </tr>
        }
    };
    view! {
        <div class="table-scroll" on:keydown=keys>
            <table class="matrix">
                <caption class="sr-only">"Cosine of every pair"</caption>
                <thead><tr><td></td>{(0..count).map(head).collect_view()}</tr></thead>
                <tbody>{(0..count).map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

/// One strip per pair, those that agree or fight most first.
#[component]
fn Strips(compared: StoredValue<Compared>, chosen: RwSignal<usize>) -> impl IntoView {
    let axis = Signal::stored(compared.with_value(|c| c.axis.clone()));
    let mut order: Vec<usize> = (0..compared.with_value(|c| c.comparison.pairs.len())).collect();
    compared.with_value(|c| {
        let size = |at: usize| c.comparison.pairs[at].whole.cosine.unwrap_or(0.0).abs();
        order.sort_by(|a, b| size(*b).total_cmp(&size(*a)));
    });
    let strip = move |at: usize| {
        let (a, b, names) = compared.with_value(|c| {
            let pair = &c.comparison.pairs[at];
            (pair.a, pair.b, format!("{} and {}", c.name(pair.a), c.name(pair.b)))
        });
        let cells =
            Signal::stored(compared.with_value(|c| c.relations(at).iter().map(|r| r.as_ref().and_then(cosine_step)).collect::<Vec<_>>()));
        view! {
            <li>
                <button type="button" class="pair-strip" aria-label=names.clone() title=names aria-pressed=move || if chosen.get() == at { "true" } else { "false" } on:click=move |_| chosen.set(at)>
                    <i class=format!("dot {}", colour(a)) aria-hidden="true"></i>
                    <i class=format!("dot {}", colour(b)) aria-hidden="true"></i>
                    <HeatStrip axis cells/>
                </button>
            </li>
        }
    };
    view! { <ul class="pair-strips">{order.into_iter().map(strip).collect_view()}</ul> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_step_over_the_diagonal_and_stay_inside() {
        assert_eq!(moved("ArrowRight", (1, 0), 3), Some((1, 2)));
        assert_eq!(moved("ArrowDown", (0, 1), 3), Some((2, 1)));
        assert_eq!(moved("ArrowLeft", (0, 1), 3), None, "nothing lies behind");
        assert_eq!(moved("ArrowRight", (1, 2), 3), Some((1, 2)));
        assert_eq!(moved("ArrowUp", (1, 0), 3), None);
        assert_eq!(moved("Enter", (1, 0), 3), None);
    }
}
