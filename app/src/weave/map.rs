//! The combined strength on the map of the network.
//!
//! Length is the combined strength; the colours divide it among the strands that add to it. Exact shares are in the line below.

use super::chart::{Readout, words};
use super::compute::Combined;
use super::loom::Loom;
use crate::blocks::colour;
use crate::blocks::map::{NetworkMap, Plan};
use leptos::prelude::*;

/// Path data by strand.
fn bars(plan: &Plan, combined: &Combined) -> Vec<String> {
    let strands = combined.blocks.first().map_or(0, |b| b.shares.len());
    let top = combined.blocks.iter().map(|b| b.norm).fold(0.0, f64::max);
    let mut out = vec![String::new(); strands];
    for node in &plan.nodes {
        let Some(block) = combined.blocks.get(node.slot).filter(|b| b.present && top > 0.0) else { continue };
        let adding: f64 = block.shares.iter().filter(|s| **s > 0.0).sum();
        let parts = out.iter_mut().zip(&block.shares).filter(|(_, share)| **share > 0.0).map(|(d, share)| (d, share / adding));
        node.push_bar(node.room * block.norm / top, parts);
    }
    out
}

/// The map of the network with the strengths of the weave on it.
#[component]
pub(super) fn WeaveMap() -> impl IntoView {
    let loom = expect_context::<Loom>();
    let colours = Memo::new(move |_| loom.state.with(|s| s.strands.iter().map(|s| s.colour).collect::<Vec<_>>()));
    let layers = move |plan: Memo<Plan>| {
        let drawn = Memo::new(move |_| loom.combined.with(|c| c.as_deref().map(|c| plan.with(|p| bars(p, c))).unwrap_or_default()));
        move || {
            colours.get().into_iter().enumerate().map(|(at, c)| {
                view! { <path class=format!("brings {}", colour(c)) d=move || drawn.with(|d| d.get(at).cloned().unwrap_or_default())></path> }
            }).collect_view()
        }
    };
    let text = Callback::new(move |at| words(loom, at));
    view! {
        <NetworkMap axis=loom.axis active=loom.active label="Combined strength on a map of the network" text layers/>
        <Readout/>
    }
}
