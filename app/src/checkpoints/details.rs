//! All that is known of one checkpoint, and what can be done with it.

use super::extract::Extract;
use super::row::parameters;
use crate::api::{ApiError, checkpoint_details};
use crate::format;
use crate::kit::{Button, CopyButton, Glyph, Icon, Notice, ProblemView, Skeleton, Tone};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::{CheckpointCard, CheckpointDetails, FileState};

/// Files that are listed; the rest is counted.
const FILES: usize = 12;

/// Actions at once, facts when they have come.
#[component]
pub(super) fn Details(card: CheckpointCard) -> impl IntoView {
    let id = card.id;
    let answer = RwSignal::new(None::<Result<CheckpointDetails, ApiError>>);
    Effect::new(move |_| {
        spawn_local(async move {
            let details = checkpoint_details(id).await;
            // The row may be gone by now.
            drop(answer.try_set(Some(details)));
        });
    });
    let extracting = RwSignal::new(false);
    let usable = card.state == FileState::Ready && card.packing.is_none();
    let error = card.error.clone();
    let tuned = StoredValue::new(card);
    view! {
        <div class="ckpt-body">
            {error.map(|error| view! { <Notice tone=Tone::Bad><p>{error}</p></Notice> })}
            {usable.then(|| view! {
                <div class="ckpt-acts">
                    <a class="btn" href=format!("/weave?into={id}")><Icon glyph=Glyph::Weave/><span>"Bake adapters into a copy"</span></a>
                    <a class="btn" href=format!("/weave?outof={id}")><Icon glyph=Glyph::Undo/><span>"Take adapters out"</span></a>
                    <Button icon=Glyph::Shrink on:click=move |_| extracting.update(|e| *e = !*e) attr:aria-expanded=move || if extracting.get() { "true" } else { "false" }>"Extract an adapter"</Button>
                </div>
                <Show when=move || extracting.get()><Extract tuned=tuned.get_value()/></Show>
            })}
            {move || match answer.get() {
                None => view! { <Skeleton lines=4 class="skeleton-row"/> }.into_any(),
                Some(Err(error)) => view! { <ProblemView error/> }.into_any(),
                Some(Ok(details)) => view! { <Facts details/> }.into_any(),
            }}
        </div>
    }
}

fn facts(d: &CheckpointDetails) -> Vec<(&'static str, String)> {
    let card = &d.card;
    let folder = [d.root_name.as_str(), card.folder.as_str()].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" / ");
    let all: [(&'static str, Option<String>); 12] = [
        ("Model", Some(card.model.clone())),
        ("Variant", card.variant.clone()),
        ("Predicts", card.prediction.clone()),
        ("Parameters", Some(parameters(card.parameters))),
        ("Number types", Some(card.dtypes.join(", "))),
        ("Tensors", Some(format::count(u64::from(card.tensors)))),
        ("Layout of adapters", d.layout_id.clone()),
        ("Input channels", d.in_channels.map(|n| n.to_string())),
        ("Kept as", Some(card.form.label().to_owned())),
        ("Folder", Some(folder)),
        ("File date", Some(format!("{} UTC", format::date_time(card.modified_ms)))),
        ("Path", Some(d.path.clone())),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value.filter(|v| !v.is_empty())?))).collect()
}

#[component]
fn Facts(details: CheckpointDetails) -> impl IntoView {
    let fact = |(name, value): (&'static str, String)| view! { <div class="fact"><dt>{name}</dt><dd><bdi>{value}</bdi></dd></div> };
    let hash = |(name, value): (&'static str, Option<String>)| {
        let value = value?;
        Some(
            view! { <div class="fact"><dt>{name}</dt><dd class="hash"><code>{value.clone()}</code><CopyButton text=value what=name/></dd></div> },
        )
    };
    let hashes =
        [("SHA-256", details.hashes.sha256.clone()), ("AutoV2", details.hashes.autov2.clone())].into_iter().filter_map(hash).collect_view();
    let sure = format!("{}, {:.0} % sure", details.card.model, details.family_confidence * 100.0);
    let rest = details.files.len().saturating_sub(FILES);
    let several = details.files.len() > 1;
    let file = |f: weft_domain::checkpoint::CheckpointFile| {
        view! { <li><code class="wrap">{f.name}</code><span class="num hint">{format::bytes(u64::try_from(f.size).unwrap_or(0))}</span></li> }
    };
    view! {
        {details.warnings.clone().into_iter().map(|w| view! { <Notice tone=Tone::Warn><p>{w}</p></Notice> }).collect_view()}
        <div class="ckpt-facts">
            <dl class="facts">{facts(&details).into_iter().map(fact).collect_view()}{hashes}</dl>
            <div>
                <h3 class="label">"How the model is known"</h3>
                <p class="evidence-sum">{sure}</p>
                <ul class="evidence">{details.evidence.clone().into_iter().map(|text| view! { <li>{text}</li> }).collect_view()}</ul>
                {several.then(|| view! {
                    <h3 class="label">"Files"</h3>
                    <ul class="ckpt-files">
                        {details.files.into_iter().take(FILES).map(file).collect_view()}
                        {(rest > 0).then(|| view! { <li class="hint">{format!("and {rest} more")}</li> })}
                    </ul>
                })}
            </div>
        </div>
    }
}
