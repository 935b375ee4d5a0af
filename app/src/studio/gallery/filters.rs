//! Search, filters and order of the gallery. Their state stands in the address.

use super::super::desk::Desk;
use crate::api;
use crate::format;
use crate::kit::{Chip, Glyph, Menu, SearchField, Select};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;
use weft_domain::AdapterId;
use weft_domain::generation::{PictureAdapter, PictureAdapters, PictureQuery, PictureSort, PictureSource};

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

/// Sources, checkpoints and adapters in one menu.
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
    let source = move |source: PictureSource| {
        let on = Signal::derive(move || query.with(|q| q.source.contains(&source)));
        view! { <Chip label=source.label() on on:click=move |_| toggle(&|q| toggled(&mut q.source, source))/> }
    };
    let adapters = Adapters::new(desk);
    let pick = Callback::new(move |id| toggle(&|q| toggled(&mut q.adapter, id)));
    view! {
        <div class="filter-more" on:focusin=move |_| adapters.open() on:pointerenter=move |_| adapters.open()>
            <Menu label class="chip chip-menu" icon=Glyph::Filter>
                <div class="filter-menu">
                    <p class="label">"Made by"</p>
                    <div class="chips">{PictureSource::ALL.into_iter().map(source).collect_view()}</div>
                    <Show when=move || desk.checkpoints.with(|c| !c.is_empty())>
                        <p class="label">"Checkpoint"</p>
                        <div class="chips">{checkpoints}</div>
                    </Show>
                    <AdapterChips adapters pick/>
                </div>
            </Menu>
        </div>
    }
}

/// Adapters that pictures were made with, as far as they were asked for.
#[derive(Debug, Clone, Copy)]
struct Adapters {
    desk: Desk,
    text: RwSignal<String>,
    found: RwSignal<Option<PictureAdapters>>,
    turn: StoredValue<u64>,
    /// The menu was looked at; from then on it follows the trash and what is painted.
    seen: RwSignal<bool>,
}

impl Adapters {
    fn new(desk: Desk) -> Self {
        let this = Self {
            desk,
            text: RwSignal::new(String::new()),
            found: RwSignal::new(None),
            turn: StoredValue::new(0),
            seen: RwSignal::new(false),
        };
        let trash = Memo::new(move |_| desk.gallery.query.with(|q| q.trash));
        Effect::new(move |before: Option<(bool, bool)>| {
            let now = (this.seen.get(), trash.get());
            desk.gallery.total.track();
            // Once one is chosen they keep their places under the pointer.
            let loose = desk.gallery.query.with_untracked(|q| q.adapter.is_empty());
            if now.0 && (loose || before != Some(now)) {
                this.ask();
            }
            now
        });
        this
    }

    fn open(self) {
        if !self.seen.get_untracked() {
            self.seen.set(true);
        }
    }

    fn typed(self, value: String) {
        self.text.set(value.clone());
        let later = move || {
            if self.text.try_get_untracked().as_ref() == Some(&value) {
                self.ask();
            }
        };
        set_timeout(later, PAUSE);
    }

    fn ask(self) {
        let Some(turn) = self.turn.try_update_value(|n| {
            *n += 1;
            *n
        }) else {
            return;
        };
        let text = self.text.get_untracked();
        let (with, trash) = self.desk.gallery.query.with_untracked(|q| (q.adapter.clone(), q.trash));
        spawn_local(async move {
            let answer = api::picture_adapters(text, with, trash).await;
            if self.turn.try_get_value() == Some(turn)
                // Unanswered, what was found before stays.
                && let Ok(answer) = answer
            {
                self.found.set(Some(answer));
            }
        });
    }

    /// Those to show: what was found, and what the question names besides.
    fn shown(self) -> Vec<PictureAdapter> {
        let mut items = self.found.with(|f| f.as_ref().map(|f| f.items.clone()).unwrap_or_default());
        let asked = self.desk.gallery.query.with(|q| q.adapter.clone());
        for id in asked.into_iter().rev() {
            if items.iter().all(|a| a.id != id) {
                items.insert(0, PictureAdapter { id, name: self.desk.name(id), count: 0 });
            }
        }
        items
    }
}

/// The adapters as chips with their pictures counted, searched for as one types.
#[component]
fn AdapterChips(adapters: Adapters, pick: Callback<AdapterId>) -> impl IntoView {
    let shown = Memo::new(move |_| adapters.shown());
    let more = move || adapters.found.with(|f| f.as_ref().map_or(0, |f| f.total.saturating_sub(f.items.len() as u64)));
    let searching = Memo::new(move |_| adapters.text.with(|t| !t.trim().is_empty()));
    // Few are found at a glance.
    let many = Memo::new(move |_| searching.get() || shown.with(Vec::len) > 6);
    let chip = move |adapter: PictureAdapter| {
        let id = adapter.id;
        let on = Signal::derive(move || adapters.desk.gallery.query.with(|q| q.adapter.contains(&id)));
        let count = Signal::derive(move || shown.with(|list| list.iter().find(|a| a.id == id).map(|a| a.count)));
        view! { <Chip label=adapter.name on count on:click=move |_| pick.run(id)/> }
    };
    view! {
        <Show when=move || searching.get() || shown.with(|list| !list.is_empty())>
            <p class="label">"With the adapter"</p>
            <Show when=move || many.get()>
                <SearchField label="Search adapters" value=adapters.text on_input=move |value| adapters.typed(value) placeholder="Search adapters"/>
            </Show>
            <div class="chips" role="group" aria-label="With the adapter">
                <For each=move || shown.get() key=|a| (a.id, a.name.clone()) children=chip/>
            </div>
            {move || (more() > 0).then(|| view! { <p class="hint">{format!("{} more: search for them.", format::count(more()))}</p> })}
            {move || shown.with(Vec::is_empty).then(|| view! { <p class="hint">"No picture was made with such an adapter."</p> })}
        </Show>
    }
}
