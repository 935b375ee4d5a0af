//! The file in figures: what it is, how that is known, its hashes.

use super::save::Saving;
use crate::format;
use crate::kit::{CopyButton, Tooltip};
use crate::library::kind_label;
use leptos::prelude::*;
use weft_domain::AdapterDetails;

/// Name and value of every fact that is known.
fn facts(d: &AdapterDetails) -> Vec<(&'static str, String)> {
    let layout = d.layout_id.as_ref().map(|id| d.layout_version.map_or_else(|| id.clone(), |version| format!("{id} v{version}")));
    let share = d.te_frobenius.filter(|te| *te > 0.0);
    let all: [(&'static str, Option<String>); 17] = [
        ("File", Some(d.card.file_name.clone())),
        (
            "Folder",
            Some([d.root_name.as_str(), d.card.folder.as_str()].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" / ")),
        ),
        ("Size", Some(format::bytes(u64::try_from(d.card.size).unwrap_or(0)))),
        ("Kind", Some(kind_label(&d.card.kind))),
        ("Rank", d.card.rank_label().map(|rank| rank.trim_start_matches('r').to_owned())),
        ("Alpha", d.alpha.map(|alpha| format!("{alpha}"))),
        ("Number types", Some(d.dtypes.join(", "))),
        ("Modules", Some(format::count(u64::from(d.modules)))),
        ("Naming", d.naming.clone()),
        ("Layout", layout),
        ("Strength ‖ΔW‖", d.frobenius.map(format::strength)),
        ("… of text encoders", share.map(format::strength)),
        ("Mean of blocks", d.mean.map(format::strength)),
        ("Variance", d.variance.map(format::strength)),
        ("File date", Some(format!("{} UTC", format::date_time(d.card.modified_ms)))),
        ("In the library since", Some(format!("{} UTC", format::date_time(d.card.added_ms)))),
        ("Path", Some(d.path.clone())),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value.filter(|v| !v.is_empty())?))).collect()
}

/// All facts as a list.
#[component]
pub(super) fn Facts() -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let fact = |(name, value): (&'static str, String)| view! { <div class="fact"><dt>{name}</dt><dd><bdi>{value}</bdi></dd></div> };
    view! {
        <section class="panel">
            <h2 class="label">"File"</h2>
            <dl class="facts">{move || details.with(facts).into_iter().map(fact).collect_view()}</dl>
        </section>
    }
}

/// Hashes in use elsewhere, to copy.
#[component]
pub(super) fn HashList() -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let hashes = Memo::new(move |_| details.with(|d| d.hashes.clone()));
    let rows = move || {
        let hashes = hashes.get();
        let row = |(name, value): (&'static str, Option<String>)| {
            let value = value?;
            let shown = value.clone();
            Some(view! {
                <div class="fact">
                    <dt>{name}</dt>
                    <dd class="hash"><code>{shown}</code><CopyButton text=value what=name/></dd>
                </div>
            })
        };
        [("SHA-256", hashes.sha256), ("AutoV2", hashes.autov2), ("AutoV3", hashes.autov3)].into_iter().filter_map(row).collect_view()
    };
    let none = move || hashes.with(|h| h.sha256.is_none() && h.autov3.is_none());
    view! {
        <section class="panel">
            <h2 class="label">"Hashes "<Tooltip id="hash-help" text="The same file elsewhere has the same SHA-256. AutoV3 covers the tensors alone and survives an edit of the metadata."/></h2>
            <dl class="facts">{rows}</dl>
            <Show when=none><p class="hint">"Not computed yet."</p></Show>
        </section>
    }
}

/// Why this family.
#[component]
pub(super) fn Evidence() -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let sure = move || details.with(|d| format!("{}, {:.0} % sure", d.card.family_label, d.family_confidence * 100.0));
    let reason = |text: String| view! { <li>{text}</li> };
    view! {
        <section class="panel">
            <h2 class="label">"How the family is known"</h2>
            <p class="evidence-sum">{sure}</p>
            <ul class="evidence">{move || details.with(|d| d.evidence.clone()).into_iter().map(reason).collect_view()}</ul>
        </section>
    }
}
