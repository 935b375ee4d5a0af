//! The weave as a table of exact numbers.

use super::compute::Block;
use super::loom::Loom;
use crate::blocks::format;
use crate::kit::Table;
use leptos::prelude::*;

/// One row per slot; cells follow the sliders.
#[component]
pub(super) fn WeaveTable() -> impl IntoView {
    let loom = expect_context::<Loom>();
    let strands = Memo::new(move |_| loom.state.with(super::state::WeaveState::ids));
    let cell = move |at: usize, show: Box<dyn Fn(&Block) -> String + Send + Sync>| {
        move || {
            loom.combined.with(|c| c.as_deref().and_then(|c| c.blocks.get(at)).map(|b| if b.present { show(b) } else { "–".to_owned() }))
        }
    };
    let row = move |(at, label): (usize, String)| {
        let shares = strands
            .get()
            .into_iter()
            .enumerate()
            .map(|(i, _)| {
                view! {
                    <td class="num right">{cell(at, Box::new(move |b| b.shares.get(i).map(|s| format::percent(*s)).unwrap_or_default()))}</td>
                    <td class="num right dim">{cell(at, Box::new(move |b| b.singles.get(i).map(|s| format::strength(*s)).unwrap_or_default()))}</td>
                }
            })
            .collect_view();
        view! {
            <tr>
                <th scope="row" class="num">{label}</th>
                <td class="num right">{cell(at, Box::new(|b| format::strength(b.norm)))}</td>
                <td class="num right">{cell(at, Box::new(|b| format!("{:.2}×", b.growth)))}</td>
                <td class="num right">{cell(at, Box::new(|b| b.agreement.map_or_else(|| "–".to_owned(), format::cosine)))}</td>
                {shares}
            </tr>
        }
    };
    view! {
        <Table caption="Combined strength by block">
            <thead>
                <tr>
                    <th scope="col">"Slot"</th>
                    <th scope="col" class="right">"Combined"</th>
                    <th scope="col" class="right">"Growth"</th>
                    <th scope="col" class="right">"Agreement"</th>
                    {move || strands.get().into_iter().map(|id| view! {
                        <th scope="col" class="right"><span class="clip">{loom.name(id)}</span>" share"</th>
                        <th scope="col" class="right dim">"alone"</th>
                    }).collect_view()}
                </tr>
            </thead>
            <tbody>
                {move || loom.axis.with(|axis| axis.cells.iter().map(|c| c.label.clone()).enumerate().collect::<Vec<_>>()).into_iter().map(row).collect_view()}
            </tbody>
        </Table>
    }
}

/// The same numbers as comma-separated values, full precision.
pub(super) fn csv(loom: Loom) -> String {
    let ids = loom.state.with(super::state::WeaveState::ids);
    let mut text = "slot,group,present,combined,growth,agreement".to_owned();
    for id in &ids {
        // A name may hold quotes, commas and line breaks.
        let name = loom.name(*id).replace('"', "\"\"");
        text += &format!(",\"{name} share\",\"{name} alone\"");
    }
    text.push('\n');
    loom.combined.with(|c| {
        loom.axis.with(|axis| {
            for (cell, b) in axis.cells.iter().zip(c.iter().flat_map(|c| &c.blocks)) {
                let agreement = b.agreement.map(|a| a.to_string()).unwrap_or_default();
                text += &format!("{},{},{},{},{},{agreement}", cell.label, cell.group, b.present, b.norm, b.growth);
                for (share, single) in b.shares.iter().zip(&b.singles) {
                    text += &format!(",{share},{single}");
                }
                text.push('\n');
            }
        });
    });
    text
}
