//! A pair as a table of exact numbers.

use super::numbers::{Compared, growth, met};
use crate::blocks::format::{cosine, percent, strength};
use crate::kit::Table;
use leptos::prelude::*;
use weft_domain::compare::{Pair, Relation};

/// Whole, text encoders, then every block.
fn rows(pair: &Pair) -> Vec<(String, Relation)> {
    let whole = ("Whole".to_owned(), pair.whole.clone());
    let te = pair.text_encoders.clone().map(|r| ("Text encoders".to_owned(), r));
    let slots = pair.slots.iter().map(|s| (s.slot.clone(), s.relation.clone()));
    std::iter::once(whole).chain(te).chain(slots).collect()
}

/// One row per slot.
#[component]
pub(super) fn PairTable(compared: StoredValue<Compared>, chosen: RwSignal<usize>) -> impl IntoView {
    let or = |value: Option<f64>, write: fn(f64) -> String| value.map_or_else(|| "–".to_owned(), write);
    let with_chance = move |value: Option<f64>, chance: Option<f64>| match (value, chance) {
        (Some(v), Some(c)) => view! { {percent(v)}<span class="dim">{format!(" ({})", percent(c))}</span> }.into_any(),
        (v, _) => or(v, percent).into_any(),
    };
    let row = move |(slot, r): (String, Relation)| {
        view! {
            <tr class:off=!met(&r)>
                <th scope="row" class="num">{slot}</th>
                <td class="num right">{or(r.cosine, cosine)}</td>
                <td class="num right dim">{or(r.chance, strength)}</td>
                <td class="num right">{percent(r.relative_distance)}</td>
                <td class="num right">{with_chance(r.input_overlap, r.input_chance)}</td>
                <td class="num right">{with_chance(r.output_overlap, r.output_chance)}</td>
                <td class="num right">{or(r.sign_conflict, percent)}</td>
                <td class="num right">{or(growth(&r), |g| format!("{g:.2}×"))}</td>
                <td class="num right">{strength(r.norm_a)}</td>
                <td class="num right">{strength(r.norm_b)}</td>
            </tr>
        }
    };
    let pair = move || compared.with_value(|c| c.comparison.pairs.get(chosen.get()).map(rows)).unwrap_or_default();
    view! {
        <Table caption="The pair by block">
            <thead>
                <tr>
                    <th scope="col">"Slot"</th>
                    <th scope="col" class="right">"Cosine"</th>
                    <th scope="col" class="right">"± by chance"</th>
                    <th scope="col" class="right">"Difference"</th>
                    <th scope="col" class="right">"Shared input (chance)"</th>
                    <th scope="col" class="right">"Shared output (chance)"</th>
                    <th scope="col" class="right">"Opposed signs"</th>
                    <th scope="col" class="right">"Together"</th>
                    <th scope="col" class="right">"First"</th>
                    <th scope="col" class="right">"Second"</th>
                </tr>
            </thead>
            <tbody>{move || pair().into_iter().map(row).collect_view()}</tbody>
        </Table>
    }
}

/// The same numbers as comma-separated values, full precision.
pub(super) fn csv(compared: &Compared, chosen: usize) -> String {
    let mut text =
        "slot,cosine,chance,relative_distance,input_overlap,input_chance,output_overlap,output_chance,sign_conflict,growth,norm_a,norm_b\n"
            .to_owned();
    for (slot, r) in compared.comparison.pairs.get(chosen).map(rows).unwrap_or_default() {
        let numbers = [
            r.cosine,
            r.chance,
            Some(r.relative_distance),
            r.input_overlap,
            r.input_chance,
            r.output_overlap,
            r.output_chance,
            r.sign_conflict,
            growth(&r),
            Some(r.norm_a),
            Some(r.norm_b),
        ];
        let cells = numbers.map(|n| n.map(|n| n.to_string()).unwrap_or_default());
        text += &format!("{slot},{}\n", cells.join(","));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_domain::compare::{Comparison, SlotRelation};

    #[test]
    fn every_line_has_as_many_cells_as_the_head() {
        let slots = vec![SlotRelation { slot: "IN04".to_owned(), block: true, relation: Relation::default() }];
        let pair = Pair { a: 0, b: 1, sentences: Vec::new(), whole: Relation::default(), text_encoders: Some(Relation::default()), slots };
        let text = csv(&Compared::new(Comparison { pairs: vec![pair], ..Comparison::default() }, Vec::new()), 0);
        let counts: Vec<usize> = text.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(counts, [12; 4], "{text}");
    }
}
