//! Search, filters and order of the gallery. Their state stands in the address.

use super::super::desk::Desk;
use crate::kit::{Chip, Glyph, Menu, SearchField, Select};
use leptos::prelude::*;
use std::time::Duration;
use weft_domain::generation::{PictureQuery, PictureSort, PictureSource};

/// Pause after the last key before the gallery is asked.
const PAUSE: Duration = Duration::from_millis(180);

/// Asks the gallery and writes the question into the address.
pub(super) fn go(desk: Desk, query: PictureQuery) {
    desk.gallery.look_for(query);
    desk.remember();
}

fn toggled<T: PartialEq>(list: &mut Vec<T>, value: T) {
    match list.iter().position(|v| *v == value) {
        Some(at) => drop(list.remove(at)),
        None => list.push(value),
    }
}

/// The row of them.
#[component]
pub(super) fn Filters() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let query = desk.gallery.query;
    let text = RwSignal::new(query.with_untracked(|q| q.text.clone()));
    let change = move |change: &dyn Fn(&mut PictureQuery)| {
        let mut next = query.get_untracked();
        change(&mut next);
        go(desk, next);
    };
    let typed = move |value: String| {
        text.set(value.clone());
        let later = move || {
            if text.try_get_untracked().as_ref() == Some(&value) && query.with_untracked(|q| q.text != value) {
                change(&|q| q.text.clone_from(&value));
            }
        };
        set_timeout(later, PAUSE);
    };
    let favourite = Signal::derive(move || query.with(|q| q.favourite));
    let trash = Signal::derive(move || query.with(|q| q.trash));
    let orders = [(PictureSort::Newest, "Newest"), (PictureSort::Oldest, "Oldest"), (PictureSort::Rating, "Best rated")];
    let orders: Vec<(String, String)> = orders.into_iter().map(|(s, label)| (s.as_str().to_owned(), label.to_owned())).collect();
    let ratings: Vec<(String, String)> =
        std::iter::once((String::new(), "Any rating".to_owned())).chain((1..=5).map(|n| (n.to_string(), format!("{n}★ and up")))).collect();
    view! {
        <SearchField label="Search pictures" value=text on_input=typed placeholder="Search prompts and names"/>
        <div class="chips">
            <Chip label="Favourites" on=favourite on:click=move |_| change(&|q| q.favourite = !q.favourite)/>
            <Chip label="Trash" on=trash on:click=move |_| change(&|q| q.trash = !q.trash)/>
            <More change=Callback::new(move |next: PictureQuery| go(desk, next))/>
        </div>
        <Select
            label="At least"
            options=ratings
            value=Signal::derive(move || query.with(|q| q.rating.map(|n| n.to_string()).unwrap_or_default()))
            on_change=move |word: String| change(&|q| q.rating = word.parse().ok())
        />
        <Select
            label="Order"
            options=orders
            value=Signal::derive(move || query.with(|q| q.sort.as_str().to_owned()))
            on_change=move |word: String| change(&|q| q.sort = PictureSort::parse(&word).unwrap_or_default())
        />
    }
}

/// Checkpoints, adapters of the composition and sources in one menu.
#[component]
fn More(change: Callback<PictureQuery>) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let query = desk.gallery.query;
    let count = move || query.with(|q| q.checkpoint.len() + q.adapter.len() + q.source.len());
    let label = Signal::derive(move || match count() {
        0 => "Filter".to_owned(),
        n => format!("Filter · {n}"),
    });
    let toggle = move |with: &dyn Fn(&mut PictureQuery)| {
        let mut next = query.get_untracked();
        with(&mut next);
        change.run(next);
    };
    let checkpoints = move || {
        let card = |card: weft_domain::CheckpointCard| {
            let id = card.id;
            let on = Signal::derive(move || query.with(|q| q.checkpoint.contains(&id)));
            view! { <Chip label=card.name on on:click=move |_| toggle(&|q| toggled(&mut q.checkpoint, id))/> }
        };
        desk.checkpoints.get().into_iter().map(card).collect_view()
    };
    // Adapters of the composition, and those that the question names already.
    let adapters = Memo::new(move |_| {
        let mut ids = query.with(|q| q.adapter.clone());
        desk.form.with(|f| ids.extend(f.strands.iter().map(|s| s.adapter)));
        ids.sort_unstable();
        ids.dedup();
        ids
    });
    let adapter = move |id: weft_domain::AdapterId| {
        let on = Signal::derive(move || query.with(|q| q.adapter.contains(&id)));
        let name = Signal::derive(move || desk.name(id));
        view! { <Chip label=name on on:click=move |_| toggle(&|q| toggled(&mut q.adapter, id))/> }
    };
    let source = move |source: PictureSource| {
        let on = Signal::derive(move || query.with(|q| q.source.contains(&source)));
        view! { <Chip label=source.label() on on:click=move |_| toggle(&|q| toggled(&mut q.source, source))/> }
    };
    view! {
        <Menu label class="chip chip-menu" icon=Glyph::Filter>
            <div class="filter-menu">
                <p class="label">"Made by"</p>
                <div class="chips">{PictureSource::ALL.into_iter().map(source).collect_view()}</div>
                <Show when=move || desk.checkpoints.with(|c| !c.is_empty())>
                    <p class="label">"Checkpoint"</p>
                    <div class="chips">{checkpoints}</div>
                </Show>
                <Show when=move || adapters.with(|a| !a.is_empty())>
                    <p class="label">"With the adapter"</p>
                    <div class="chips">{move || adapters.get().into_iter().map(adapter).collect_view()}</div>
                </Show>
            </div>
        </Menu>
    }
}
