//! A long list of cards behind a question: its answer comes in windows, as one scrolls; cards change under their readers.
//!
//! The library's adapters and the studio's pictures both stand in one. [`Listed`] says what is asked for, [`Windowed`] knows what has come
//! and what is chosen, [`WindowedGrid`] shows the part of it that is near the window of the browser.

mod coming;
mod grid;
mod scrolling;

pub use grid::WindowedGrid;

use crate::api::ApiError;
use leptos::prelude::*;
use scrolling::Scrolling;
use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

/// A question whose answer is a list of cards.
pub trait Listed: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// One thing of the list.
    type Card: Clone + Debug + PartialEq + Send + Sync + 'static;
    /// What a card keeps through all changes.
    type Id: Copy + Debug + Eq + Hash + Send + Sync + 'static;
    /// What a window may bring beside its cards; `()` where nothing does.
    type Beside: Clone + Debug + Default + Send + Sync + 'static;
    /// Places of one window.
    const WINDOW: u64;

    fn id(card: &Self::Card) -> Self::Id;

    /// The same question about the window that begins at `offset`.
    #[must_use]
    fn at(self, offset: u64) -> Self;

    /// Asks.
    fn fetch(self) -> impl Future<Output = Result<Window<Self>, ApiError>>;
}

/// A window of an answer.
#[derive(Debug)]
pub struct Window<Q: Listed> {
    pub items: Vec<Q::Card>,
    /// All that fit, not just this window.
    pub total: u64,
    pub offset: u64,
    pub beside: Option<Q::Beside>,
}

/// A card that changes under its readers.
pub type Cell<Q> = ArcRwSignal<<Q as Listed>::Card>;

/// The state of the list. Every part is a handle, so it is cheap to copy.
#[derive(Debug)]
pub struct Windowed<Q: Listed> {
    pub query: RwSignal<Q>,
    pub total: RwSignal<u64>,
    pub beside: RwSignal<Q::Beside>,
    pub error: RwSignal<Option<ApiError>>,
    /// In the order of choosing.
    pub selected: RwSignal<Vec<Q::Id>>,
    /// One place per card that fits, in order; empty until its window has come.
    cells: RwSignal<Vec<Option<Cell<Q>>>>,
    /// Places that stand in the page: first and one past the last.
    range: RwSignal<(usize, usize)>,
    /// The place that the Tab key leads to.
    focus: RwSignal<usize>,
    /// The place in `focus` waits for its card, to focus it.
    wanting: StoredValue<bool>,
    /// Counts answers that start at the top.
    fresh: RwSignal<u64>,
    anchor: StoredValue<Option<usize>>,
    /// Counts questions; answers to an old one are dropped.
    round: StoredValue<u64>,
    coming: StoredValue<HashSet<u64>>,
    refreshing: StoredValue<bool>,
}

impl<Q: Listed> Clone for Windowed<Q> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q: Listed> Copy for Windowed<Q> {}

impl<Q: Listed> Windowed<Q> {
    pub fn new(first: Window<Q>, query: Q) -> Self {
        let list = Self {
            query: RwSignal::new(query),
            total: RwSignal::new(0),
            beside: RwSignal::new(Q::Beside::default()),
            error: RwSignal::new(None),
            selected: RwSignal::new(Vec::new()),
            cells: RwSignal::new(Vec::new()),
            range: RwSignal::new((0, 0)),
            focus: RwSignal::new(0),
            wanting: StoredValue::new(false),
            fresh: RwSignal::new(0),
            anchor: StoredValue::new(None),
            round: StoredValue::new(0),
            coming: StoredValue::new(HashSet::new()),
            refreshing: StoredValue::new(false),
        };
        list.take(first, true);
        list
    }

    /// What the list in the page needs to know; `shape` changes whenever places are laid out anew.
    fn scrolling(self, shape: Signal<u64>) -> Scrolling {
        Scrolling {
            count: Signal::derive(move || self.cells.with(Vec::len)),
            shape,
            range: self.range,
            focus: self.focus,
            wanting: self.wanting,
            fresh: self.fresh,
            need: Callback::new(move |()| self.fetch_range(false)),
        }
    }

    /// Places in the page, with the card that stands in each.
    fn shown(self) -> Vec<(usize, Option<Q::Id>)> {
        let (first, last) = self.range.get();
        self.cells.with(|cells| (first..last.min(cells.len())).map(|at| (at, id_of::<Q>(&cells[at]))).collect())
    }

    /// A new question: starts at the top.
    pub fn ask(self, query: Q) {
        self.query.set(query);
        self.focus.set(0);
        self.anchor.set_value(None);
        self.fetch_first(true);
    }

    /// The same question again once the dust has settled, without moving what is in sight. Calls until then are one.
    pub fn refresh_in(self, delay: Duration) {
        if self.refreshing.try_get_value() != Some(false) {
            return;
        }
        self.refreshing.set_value(true);
        let run = move || {
            if self.refreshing.try_set_value(false).is_none() {
                self.fetch_first(false);
            }
        };
        set_timeout(run, delay);
    }

    /// The card in a place, as it is now.
    pub fn card(self, at: usize) -> Option<Q::Card> {
        self.cells.with_untracked(|cells| cells.get(at)?.as_ref().map(ArcRwSignal::get_untracked))
    }

    /// All cards that are here, in their order.
    pub fn here(self) -> Vec<Q::Card> {
        self.cells.with_untracked(|cells| cells.iter().flatten().map(ArcRwSignal::get_untracked).collect())
    }

    /// The cards that are here, and whether they are all.
    pub fn known(self) -> (HashSet<Q::Id>, bool) {
        self.cells.with_untracked(|cells| (cells.iter().filter_map(id_of::<Q>).collect(), cells.iter().all(Option::is_some)))
    }

    /// Shows cards as they are now, wherever they stand.
    pub fn put(self, cards: &[Q::Card]) {
        let Some(cells) = self.cells.try_get_untracked() else { return };
        for cell in cells.iter().flatten() {
            let now = cards.iter().find(|card| cell.with_untracked(|old| Q::id(old) == Q::id(card) && old != *card));
            if let Some(card) = now {
                cell.set(card.clone());
            }
        }
    }

    /// Chooses or unchooses; with `through` everything from the last one chosen up to here.
    pub fn select(self, at: usize, through: bool) {
        let id_at = |at: usize| self.cells.with_untracked(|cells| cells.get(at).and_then(id_of::<Q>));
        let Some(id) = id_at(at) else { return };
        match self.anchor.get_value().filter(|_| through) {
            Some(anchor) => {
                let ids: Vec<Q::Id> = (anchor.min(at)..=anchor.max(at)).filter_map(id_at).collect();
                self.selected.update(|selected| {
                    for id in ids {
                        if !selected.contains(&id) {
                            selected.push(id);
                        }
                    }
                });
            }
            None => self.selected.update(|selected| match selected.iter().position(|other| *other == id) {
                Some(at) => drop(selected.remove(at)),
                None => selected.push(id),
            }),
        }
        self.anchor.set_value(Some(at));
    }

    /// True where a card is chosen; tracked.
    pub fn chosen(self, id: Q::Id) -> bool {
        self.selected.with(|ids| ids.contains(&id))
    }

    /// `0` for the place that the Tab key leads to, `-1` for all others; tracked.
    pub fn tab_index(self, at: usize) -> &'static str {
        if self.focus.get() == at { "0" } else { "-1" }
    }

    /// The Tab key leads here from now on.
    pub fn focus_on(self, at: usize) {
        self.focus.set(at);
    }

    /// True once for the place whose card was waited for to be focused.
    pub fn wants_focus(self, at: usize) -> bool {
        let wants = self.wanting.get_value() && self.focus.get_untracked() == at;
        if wants {
            self.wanting.set_value(false);
        }
        wants
    }
}

fn id_of<Q: Listed>(cell: &Option<Cell<Q>>) -> Option<Q::Id> {
    cell.as_ref().map(|cell| cell.with_untracked(Q::id))
}
