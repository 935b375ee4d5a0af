//! One adapter of the gallery, as a card or as a row.

use super::state::{Cell, Gallery};
use crate::format;
use crate::kit::{Badge, Glyph, Icon, StarsShown, Tone};
use leptos::{html, prelude::*};
use weft_domain::{AdapterCard, FileState};

/// Kind in words for people.
#[must_use]
pub fn kind_label(kind: &str) -> String {
    match kind {
        "lora" => "LoRA",
        "locon" => "LoCon",
        "loha" => "LoHa",
        "lokr" => "LoKr",
        "dora" => "DoRA",
        "oft" => "OFT",
        "boft" => "BOFT",
        "ia3" => "IA³",
        "full" | "diff" => "Full",
        "glora" => "GLoRA",
        "" | "unknown" => "Unknown",
        other => return other.to_owned(),
    }
    .to_owned()
}

/// What the file's state adds to a card's class.
fn state_class(state: FileState) -> &'static str {
    match state {
        FileState::Ready => "",
        FileState::Missing => " is-missing",
        FileState::Broken => " is-broken",
    }
}

/// The box that selects. Not a tab stop: Space on the card does the same.
#[component]
fn Tick(cell: Cell, index: usize) -> impl IntoView {
    let list = expect_context::<Gallery>().list;
    let id = cell.with_untracked(|card| card.id);
    let pressed = move |event: leptos::ev::MouseEvent| {
        list.select(index, event.shift_key());
    };
    view! {
        <label class="tick">
            <input
                type="checkbox"
                tabindex="-1"
                aria-label=move || format!("Select {}", cell.with(|card| card.name.clone()))
                prop:checked=move || list.chosen(id)
                on:click=pressed
            />
            <span class="tick-box" aria-hidden="true"><Icon glyph=Glyph::Check/></span>
        </label>
    }
}

/// The name as the link that covers the card.
#[component]
fn NameLink(cell: Cell, index: usize) -> impl IntoView {
    let list = expect_context::<Gallery>().list;
    let id = cell.with_untracked(|card| card.id);
    let name = cell.clone();
    let link = NodeRef::<html::A>::new();
    Effect::new(move |_| {
        if let Some(link) = link.get().filter(|_| list.wants_focus(index)) {
            drop(link.focus());
        }
    });
    view! {
        <a
            node_ref=link
            class="card-link"
            href=format!("/adapters/{id}")
            title=move || cell.with(|card| card.file_name.clone())
            tabindex=move || list.tab_index(index)
            on:focus=move |_| list.focus_on(index)
        >
            <bdi>{move || name.with(|card| card.name.clone())}</bdi>
        </a>
    }
}

/// The picture; never a grey box: without one of the user's it is drawn from the block strengths.
#[component]
fn Picture(cell: Cell, width: u32) -> impl IntoView {
    let source = Memo::new(move |_| cell.with(|card| card.preview_url(width)));
    view! { <img src=source width="320" height="344" loading="lazy" decoding="async" alt="" draggable="false"/> }
}

/// An unknown family or kind of a broken file says nothing.
fn known(id: &str) -> bool {
    !id.is_empty() && id != "unknown"
}

/// Badges of a card: family, kind, rank and what is special.
fn badges(card: AdapterCard) -> impl IntoView {
    let special = match card.state {
        FileState::Missing => Some((Tone::Warn, "missing")),
        FileState::Broken => Some((Tone::Bad, "broken")),
        FileState::Ready if card.fallback => Some((Tone::Dashed, "neutral")),
        FileState::Ready => None,
    };
    let (kind, rank) = (kind_label(&card.kind), card.rank_label());
    view! {
        {known(&card.family).then(|| view! { <Badge>{card.family_label}</Badge> })}
        {known(&card.kind).then(|| view! { <Badge>{kind}</Badge> })}
        {rank.map(|rank| view! { <span class="num">{rank}</span> })}
        {special.map(|(tone, text)| view! { <Badge tone>{text}</Badge> })}
        {card.rating.map(|value| view! { <StarsShown value/> })}
    }
}

/// An adapter as a card.
#[component]
pub(super) fn Card(cell: Cell, index: usize) -> impl IntoView {
    let class_of = cell.clone();
    let line = cell.clone();
    let why = cell.clone();
    view! {
        <article class=move || format!("card{}", class_of.with(|card| state_class(card.state)))>
            <div class="card-picture"><Picture cell=cell.clone() width=320/></div>
            <div class="card-meta">
                <h2 class="card-name"><NameLink cell=cell.clone() index/></h2>
                <div class="card-line">{move || badges(line.get())}</div>
                {move || why.with(|card| card.error.clone()).map(|error| view! { <p class="card-why" title=error.clone()><span>{error.clone()}</span></p> })}
            </div>
            <Tick cell=cell.clone() index/>
        </article>
    }
}

/// An adapter as a row of 36 px.
#[component]
pub(super) fn Row(cell: Cell, index: usize) -> impl IntoView {
    let class_of = cell.clone();
    let columns = cell.clone();
    let rest = move || {
        let card = columns.get();
        let (kind, rank) = (kind_label(&card.kind), card.rank_label());
        let tags = card.tags.into_iter().take(4).map(|tag| view! { <Badge>{tag}</Badge> }).collect_view();
        let size = format::bytes(u64::try_from(card.size).unwrap_or(0));
        let state = match (card.state, card.error.clone()) {
            (FileState::Missing, _) => Some((Tone::Warn, "missing".to_owned())),
            (FileState::Broken, error) => Some((Tone::Bad, error.unwrap_or_else(|| "broken".to_owned()))),
            (FileState::Ready, _) => card.fallback.then(|| (Tone::Dashed, "neutral".to_owned())),
        };
        view! {
            <span>{card.family_label}</span>
            <span>{kind}</span>
            <span class="num">{rank}</span>
            <span class="num">{size}</span>
            <span>{card.rating.map(|value| view! { <StarsShown value/> })}</span>
            <span class="row-tags">
                {state.map(|(tone, text)| view! { <Badge tone>{text}</Badge> })}
                {tags}
            </span>
            <span class="num">{format::date(card.modified_ms)}</span>
        }
    };
    view! {
        <article class=move || format!("row{}", class_of.with(|card| state_class(card.state)))>
            <Tick cell=cell.clone() index/>
            <span class="row-picture"><Picture cell=cell.clone() width=160/></span>
            <h2 class="row-name"><NameLink cell=cell.clone() index/></h2>
            {rest}
        </article>
    }
}
