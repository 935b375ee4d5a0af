//! One checkpoint: a line that opens into all that is known of it.

use super::details::Details;
use crate::format;
use crate::kit::{Badge, Glyph, Icon, Tone};
use leptos::html;
use leptos::prelude::*;
use weft_domain::checkpoint::{CheckpointForm, CheckpointPurpose};
use weft_domain::{CheckpointCard, FileState};

/// What the file holds: `denoiser, CLIP-L, VAE`.
pub(super) fn parts(card: &CheckpointCard) -> String {
    let encoder = |n: &u8| match n {
        1 if card.text_encoders.len() == 1 => "text encoder",
        1 => "CLIP-L",
        2 => "OpenCLIP bigG",
        3 => "T5",
        _ => "text encoder",
    };
    let denoiser = card.denoiser.then_some("denoiser");
    denoiser.into_iter().chain(card.text_encoders.iter().map(encoder)).chain(card.vae.then_some("VAE")).collect::<Vec<_>>().join(", ")
}

/// `2.57 billion`, `860 million`.
pub(super) fn parameters(n: i64) -> String {
    match n as f64 {
        v if v >= 1e9 => format!("{:.2} billion", v / 1e9),
        v if v >= 1e6 => format!("{:.0} million", v / 1e6),
        v => format::count(v.max(0.0) as u64),
    }
}

/// A line; its details are fetched when it is opened.
#[component]
pub(super) fn Row(card: CheckpointCard, open: bool) -> impl IntoView {
    let node = NodeRef::<html::Details>::new();
    let opened = RwSignal::new(false);
    Effect::new(move |_| {
        if let Some(details) = node.get().filter(|_| open) {
            opened.set(true);
            let options = web_sys::ScrollIntoViewOptions::new();
            options.set_block(web_sys::ScrollLogicalPosition::Nearest);
            details.scroll_into_view_with_scroll_into_view_options(&options);
        }
    });
    let special = match card.state {
        FileState::Missing => Some((Tone::Warn, "missing".to_owned())),
        FileState::Broken => Some((Tone::Bad, "broken".to_owned())),
        FileState::Ready => card.packing.clone().map(|packing| (Tone::Dashed, packing)),
    };
    let purpose = (card.purpose != CheckpointPurpose::Base).then(|| card.purpose.label());
    let form = (card.form != CheckpointForm::Single).then(|| card.form.label());
    let size = format::bytes(u64::try_from(card.size).unwrap_or(0));
    let known = !card.model.is_empty();
    let held = parts(&card);
    let stored = StoredValue::new(card.clone());
    let class = if card.state == FileState::Ready { "ckpt" } else { "ckpt is-away" };
    let toggled = move |ev: web_sys::Event| {
        if event_target::<web_sys::Element>(&ev).has_attribute("open") {
            opened.set(true);
        }
    };
    view! {
        <li class="ckpt-place">
            <details class=class node_ref=node open=open
                on:toggle=toggled>
                <summary class="ckpt-line">
                    <Icon glyph=Glyph::Checkpoint/>
                    <span class="ckpt-name"><bdi>{card.name.clone()}</bdi><small>{held}</small></span>
                    <span class="ckpt-badges">
                        {known.then(|| view! { <Badge>{card.model.clone()}</Badge> })}
                        {purpose.map(|p| view! { <Badge>{p}</Badge> })}
                        {form.map(|f| view! { <Badge>{f}</Badge> })}
                        {special.map(|(tone, text)| view! { <Badge tone>{text}</Badge> })}
                    </span>
                    <span class="num ckpt-type">{card.dtypes.first().cloned()}</span>
                    <span class="num ckpt-size">{size}</span>
                    <Icon glyph=Glyph::ChevronRight/>
                </summary>
                <Show when=move || opened.get()><Details card=stored.get_value()/></Show>
            </details>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_as_people_know_them() {
        let card = CheckpointCard { denoiser: true, text_encoders: vec![1, 2], vae: true, ..CheckpointCard::default() };
        assert_eq!(parts(&card), "denoiser, CLIP-L, OpenCLIP bigG, VAE");
        assert_eq!(parts(&CheckpointCard { text_encoders: vec![1], ..CheckpointCard::default() }), "text encoder");
        assert_eq!([parameters(2_567_463_684), parameters(859_520_964), parameters(12)], ["2.57 billion", "860 million", "12"]);
    }
}
