//! The block view as a table.

use super::axis::group_label;
use super::outside::outside_label;
use super::stats::{Measure, More, asked, energy, share};
use super::{Shown, format};
use crate::kit::Table;
use leptos::prelude::*;
use std::sync::Arc;

/// Every block with its exact numbers, then the parts outside, then the whole.
#[component]
pub(super) fn BlockTable(
    shown: StoredValue<Shown>,
    /// What was asked for beyond the stored strengths.
    more: Option<Arc<More>>,
) -> impl IntoView {
    let Shown { blocks, outside, fallback, .. } = shown.get_value();
    let total = energy(&blocks, &outside);
    let number = |present: bool, value: f64| if present && !fallback { format::strength(value) } else { "–".to_owned() };
    let asked = || asked(more.as_deref());
    let cells = |label: &str| {
        let of = |m: Measure| more.as_ref().and_then(|all| all.slots.get(label)).and_then(|all| m.of(all)).map(|v| m.write(v));
        asked().map(|m| view! { <td class="num right">{of(m).unwrap_or_else(|| "–".to_owned())}</td> }).collect_view()
    };
    let heads = asked().map(|m| view! { <th scope="col" class="right">{m.label()}</th> }).collect_view();
    let wholes = asked()
        .map(|m| view! { <td class="num right">{more.as_ref().and_then(|all| m.of(&all.whole)).map_or_else(|| "–".to_owned(), |v| m.write(v))}</td> })
        .collect_view();
    let rows = blocks
        .iter()
        .map(|b| {
            let part = if b.present && !fallback { format::percent(share(b.frobenius, total)) } else { "–".to_owned() };
            view! {
                <tr class:off=!b.present>
                    <th scope="row" class="num">{b.label.clone()}</th>
                    <td>{group_label(&b.group).to_owned()}</td>
                    <td>{if fallback { "neutral" } else if b.present { "yes" } else { "absent" }}</td>
                    <td class="num right">{number(b.present, b.frobenius)}</td>
                    <td class="num right">{number(b.present, b.rms)}</td>
                    <td class="num right">{part}</td>
                    {cells(&b.label)}
                </tr>
            }
        })
        .collect_view();
    let outside = outside
        .iter()
        .map(|o| {
            view! {
                <tr>
                    <th scope="row" class="num">{o.group.clone()}</th>
                    <td>{outside_label(&o.group).to_owned()}</td>
                    <td>"yes"</td>
                    <td class="num right">{format::strength(o.frobenius)}</td>
                    <td class="num right">"–"</td>
                    <td class="num right">{format::percent(share(o.frobenius, total))}</td>
                    {cells(&o.group)}
                </tr>
            }
        })
        .collect_view();
    view! {
        <Table caption="Strength by block">
            <thead>
                <tr>
                    <th scope="col">"Slot"</th>
                    <th scope="col">"Group"</th>
                    <th scope="col">"Present"</th>
                    <th scope="col" class="right">"Frobenius"</th>
                    <th scope="col" class="right">"RMS"</th>
                    <th scope="col" class="right">"Share"</th>
                    {heads}
                </tr>
            </thead>
            <tbody>
                {rows}
                {outside}
                <tr>
                    <th scope="row">"Whole"</th>
                    <td></td>
                    <td></td>
                    <td class="num right">{format::strength(total.sqrt())}</td>
                    <td></td>
                    <td class="num right">{if total > 0.0 { "100 %" } else { "–" }}</td>
                    {wholes}
                </tr>
            </tbody>
        </Table>
    }
}
