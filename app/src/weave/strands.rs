//! The strands: one row per adapter with its weight and profile.

use super::loom::Loom;
use super::profile::PresetSelect;
use super::state::{MAX_STRANDS, WeaveState};
use crate::blocks::colour;
use crate::dom;
use crate::kit::{Button, Glyph, Icon, IconButton, Slider, Toasts};
use leptos::prelude::*;
use weft_domain::parameter::WEIGHT;
use weft_domain::{AdapterCard, AdapterId, FileState};

/// All strands and the way to more.
#[component]
pub(super) fn Strands(
    /// The window that chooses adapters.
    choosing: RwSignal<bool>,
) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let ids = Memo::new(move |_| loom.state.with(WeaveState::ids));
    let full = Memo::new(move |_| ids.with(|ids| ids.len() >= MAX_STRANDS));
    view! {
        <p class="label">"Strands"</p>
        <ol class="strands">
            <For each=move || ids.get() key=|id| *id let:id>
                <StrandRow id/>
            </For>
        </ol>
        <TameRow/>
        <Button icon=Glyph::Plus disabled=full on:click=move |_| choosing.set(true)>"Add a strand"</Button>
    }
}

/// "Flux.1 · LoRA · r16".
fn facts(card: &AdapterCard) -> String {
    let kind = match card.kind.as_str() {
        "lora" => "LoRA",
        "locon" => "LoCon",
        "loha" => "LoHa",
        "lokr" => "LoKr",
        "dora" => "DoRA",
        other => other,
    };
    [Some(card.family_label.clone()), Some(kind.to_owned()), card.rank_label()].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

#[component]
fn StrandRow(id: AdapterId) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let card = Memo::new(move |_| loom.card(id));
    let name = Memo::new(move |_| loom.name(id));
    let tone = Memo::new(move |_| loom.state.with(|s| s.strand(id).map_or(0, |s| s.colour)));
    let weight = Memo::new(move |_| loom.state.with(|s| s.strand(id).map_or(0.0, |s| s.weight)));
    let muted = Memo::new(move |_| loom.state.with(|s| s.strand(id).is_some_and(|s| s.muted)));
    let solo = Memo::new(move |_| loom.state.with(|s| s.strand(id).is_some_and(|s| s.solo)));
    let heard = Memo::new(move |_| loom.state.with(|s| s.strand(id).is_some_and(|x| s.is_heard(x))));
    let away = Memo::new(move |_| card.with(|c| c.as_ref().is_some_and(|c| c.state == FileState::Missing)));
    let keys = move |event: leptos::ev::KeyboardEvent| {
        if event.alt_key() && matches!(event.key().as_str(), "ArrowUp" | "ArrowDown") {
            event.prevent_default();
            shift(loom, id, event.key() == "ArrowUp");
        }
    };
    view! {
        <li class=move || format!("strand {}{}", colour(tone.get()), if heard.get() { "" } else { " silent" }) on:keydown=keys>
            <div class="strand-head">
                <a class="strand-pic" href=format!("/adapters/{id}") tabindex="-1" aria-hidden="true">
                    {move || card.with(|c| c.as_ref().map(|c| view! { <img src=c.preview_url(160) width="44" height="47" alt="" loading="lazy"/> }))}
                </a>
                <div class="strand-text">
                    <a class="strand-name" href=format!("/adapters/{id}")>{name}</a>
                    <span class="strand-facts">{move || card.with(|c| c.as_ref().map(facts))}</span>
                </div>
                <StrandTools id name muted solo/>
            </div>
            <Slider
                spec=WEIGHT
                label=Signal::derive(move || format!("Weight of {}", name.get()))
                value=weight
                on_input=move |v: f64| loom.edit_strand("weight", id, |s| s.weight = (v * 100.0).round() / 100.0)
                class=Signal::derive(move || colour(tone.get()))
            />
            <div class="strand-profile">
                <PresetSelect id name/>
            </div>
            <Show when=move || away.get()>
                <p class="strand-note"><Icon glyph=Glyph::Missing/>"The file is not where it was. It can be looked at, not woven."</p>
            </Show>
        </li>
    }
}

#[component]
fn StrandTools(id: AdapterId, name: Memo<String>, muted: Memo<bool>, solo: Memo<bool>) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let toasts = expect_context::<Toasts>();
    let place = Memo::new(move |_| loom.state.with(|s| s.strands.iter().position(|x| x.adapter == id).unwrap_or(0)));
    let last = Memo::new(move |_| loom.state.with(|s| s.strands.len().saturating_sub(1)));
    let remove = move |_| {
        let at = place.get_untracked();
        let Some(strand) = loom.state.with_untracked(|s| s.strand(id).cloned()) else { return };
        loom.edit("remove", |s| s.strands.retain(|x| x.adapter != id));
        if loom.editing.get_untracked() == Some(id) {
            loom.editing.set(None);
        }
        let text = format!("{} is out of the weave.", name.get_untracked());
        let back = move || {
            // The toast outlives the page; without its weave there is nothing to bring back to.
            if loom.state.try_with_untracked(|_| ()).is_none() {
                return;
            }
            let strand = strand.clone();
            loom.edit("bring back", move |s| {
                if s.strand(id).is_none() {
                    s.strands.insert(at.min(s.strands.len()), strand);
                }
            });
        };
        toasts.undo(text, back);
        dom::focus(".weave-strands .btn");
    };
    view! {
        <div class="strand-tools" role="group" aria-label=move || format!("Actions for {}", name.get())>
            <IconButton
                glyph=Glyph::Mute
                label=Signal::derive(move || if muted.get() { "Unmute".to_owned() } else { "Mute: leave it out for the moment".to_owned() })
                pressed=Signal::derive(move || muted.get())
                on:click=move |_| loom.edit_strand("mute", id, |s| s.muted = !s.muted)
            />
            <IconButton
                glyph=Glyph::Solo
                label=Signal::derive(move || if solo.get() { "Hear all again".to_owned() } else { "Solo: hear only this one".to_owned() })
                pressed=Signal::derive(move || solo.get())
                on:click=move |_| loom.edit_strand("solo", id, |s| s.solo = !s.solo)
            />
            <IconButton
                glyph=Glyph::ArrowUp
                label="Move up (Alt+Up)"
                disabled=Signal::derive(move || place.get() == 0)
                on:click=move |_| shift(loom, id, true)
            />
            <IconButton
                glyph=Glyph::ArrowDown
                label="Move down (Alt+Down)"
                disabled=Signal::derive(move || place.get() >= last.get())
                on:click=move |_| shift(loom, id, false)
            />
            <IconButton glyph=Glyph::Close label="Remove from the weave" on:click=remove/>
        </div>
    }
}

fn shift(loom: Loom, id: AdapterId, up: bool) {
    loom.edit("order", |s| {
        let Some(at) = s.strands.iter().position(|x| x.adapter == id) else { return };
        let to = if up { at.saturating_sub(1) } else { (at + 1).min(s.strands.len() - 1) };
        s.strands.swap(at, to);
    });
}

/// What taming does, where it is seen and taken back.
#[component]
fn TameRow() -> impl IntoView {
    let loom = expect_context::<Loom>();
    let slots = Memo::new(move |_| loom.state.with(|s| s.tame.iter().map(|(k, v)| (k.clone(), *v)).collect::<Vec<_>>()));
    let least = move || slots.with(|s| s.iter().map(|(_, v)| *v).fold(1.0, f64::min));
    let named = move || {
        slots.with(|s| {
            let names: Vec<&str> = s.iter().take(4).map(|(k, _)| k.as_str()).collect();
            let more = s.len().saturating_sub(4);
            if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
        })
    };
    view! {
        <Show when=move || slots.with(|s| !s.is_empty())>
            <div class="tame-row">
                <Icon glyph=Glyph::Sliders/>
                <span>
                    <b>"Tamed"</b>
                    " "
                    {named}
                    <span class="hint">" all strands, down to ×"{move || format!("{:.2}", least())}</span>
                </span>
                <IconButton glyph=Glyph::Close label="Take the taming away" on:click=move |_| loom.edit("untame", |s| s.tame.clear())/>
            </div>
        </Show>
    }
}
