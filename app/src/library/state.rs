//! What the gallery knows: the question, the answer's windows as they come, what is chosen.

use crate::api::{self, ApiError};
use crate::format;
use crate::scrolling::Scrolling;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::collections::HashSet;
use std::time::Duration;
use weft_domain::{AdapterCard, AdapterId, Facets, LibraryPage, LibraryQuery};

/// A card that changes under its readers.
pub(super) type Cell = ArcRwSignal<AdapterCard>;

/// What stands below the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Cards,
    NoResults,
    EmptyLibrary,
}

/// How cards are laid out. The word is kept in local storage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Layout {
    #[default]
    Grid,
    Dense,
    List,
}

impl Layout {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Dense => "dense",
            Self::List => "list",
        }
    }

    pub(super) fn parse(word: &str) -> Self {
        match word {
            "dense" => Self::Dense,
            "list" => Self::List,
            _ => Self::Grid,
        }
    }
}

/// The gallery's state, from context. Every part is a handle, so it is cheap to copy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gallery {
    pub query: RwSignal<LibraryQuery>,
    pub total: RwSignal<u64>,
    pub facets: RwSignal<Facets>,
    /// One place per matching adapter, in order; empty until its window has come.
    pub cells: RwSignal<Vec<Option<Cell>>>,
    pub error: RwSignal<Option<ApiError>>,
    pub layout: RwSignal<Layout>,
    /// In the order of choosing: the order of the strands.
    pub selected: RwSignal<Vec<AdapterId>>,
    /// Rows of the list that stand in the page: first and one past the last place.
    pub range: RwSignal<(usize, usize)>,
    /// The place that the Tab key leads to.
    pub focus: RwSignal<usize>,
    /// The place in `focus` waits for its card, to focus it.
    pub wanting: StoredValue<bool>,
    /// Counts answers that start at the top.
    pub fresh: RwSignal<u64>,
    anchor: StoredValue<Option<usize>>,
    /// Counts questions; answers to an old one are dropped.
    round: StoredValue<u64>,
    coming: StoredValue<HashSet<u64>>,
    refreshing: StoredValue<bool>,
    dirty: StoredValue<HashSet<AdapterId>>,
}

/// Rows of one window.
const WINDOW: u64 = LibraryQuery::DEFAULT_LIMIT;

fn place(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

impl Gallery {
    pub(super) fn new(page: LibraryPage, query: LibraryQuery) -> Self {
        let gallery = Self {
            query: RwSignal::new(query),
            total: RwSignal::new(0),
            facets: RwSignal::new(Facets::default()),
            cells: RwSignal::new(Vec::new()),
            error: RwSignal::new(None),
            layout: RwSignal::new(Layout::default()),
            selected: RwSignal::new(Vec::new()),
            range: RwSignal::new((0, 0)),
            focus: RwSignal::new(0),
            wanting: StoredValue::new(false),
            fresh: RwSignal::new(0),
            anchor: StoredValue::new(None),
            round: StoredValue::new(0),
            coming: StoredValue::new(HashSet::new()),
            refreshing: StoredValue::new(false),
            dirty: StoredValue::new(HashSet::new()),
        };
        gallery.take(page, true);
        gallery.range.set((0, gallery.cells.with_untracked(Vec::len).min(place(WINDOW))));
        gallery
    }

    /// What the list in the page needs to know.
    pub(super) fn scrolling(self) -> Scrolling {
        Scrolling {
            count: Signal::derive(move || self.cells.with(Vec::len)),
            shape: Signal::derive(move || self.layout.get() as u64),
            range: self.range,
            focus: self.focus,
            wanting: self.wanting,
            fresh: self.fresh,
            need: Callback::new(move |()| self.fetch_range(false)),
        }
    }

    /// Cards, or why there are none.
    pub(super) fn shown(self) -> Shown {
        if self.total.get() > 0 {
            Shown::Cards
        } else if self.query.with(LibraryQuery::is_narrowed) {
            Shown::NoResults
        } else {
            Shown::EmptyLibrary
        }
    }

    /// For the live region.
    pub(super) fn spoken(self) -> String {
        match self.total.get() {
            0 => "No adapters".to_owned(),
            n => format::plural(n, "adapter"),
        }
    }

    /// A new question: starts at the top.
    pub(super) fn ask(self, query: LibraryQuery) {
        self.query.set(query);
        self.focus.set(0);
        self.anchor.set_value(None);
        self.fetch_first(true);
    }

    /// The same question again, without moving what is in sight.
    fn refresh(self) {
        self.fetch_first(false);
    }

    /// Refreshes once the dust has settled: while a scan runs, changes come many times a second.
    pub(super) fn refresh_soon(self) {
        self.refresh_in(Duration::from_millis(700));
    }

    fn refresh_in(self, delay: Duration) {
        if self.refreshing.get_value() {
            return;
        }
        self.refreshing.set_value(true);
        let run = move || {
            if self.refreshing.try_set_value(false).is_none() {
                self.refresh();
            }
        };
        set_timeout(run, delay);
    }

    /// These adapters changed: cards in sight are fetched anew; a stranger means that the answer itself changed.
    pub(super) fn touched(self, ids: Vec<AdapterId>) {
        let known: HashSet<AdapterId> =
            self.cells.with_untracked(|cells| cells.iter().flatten().map(|cell| cell.with_untracked(|card| card.id)).collect());
        if ids.iter().any(|id| !known.contains(id)) {
            // In a long library a stranger is most likely only out of sight.
            let all_known = self.cells.with_untracked(|cells| cells.iter().all(Option::is_some));
            self.refresh_in(Duration::from_millis(if all_known { 700 } else { 2500 }));
        }
        let start = self.dirty.with_value(HashSet::is_empty);
        self.dirty.update_value(|dirty| dirty.extend(ids.into_iter().filter(|id| known.contains(id))));
        if start {
            set_timeout(move || self.fetch_dirty(), Duration::from_millis(350));
        }
    }

    fn fetch_dirty(self) {
        let Some(ids) = self.dirty.try_update_value(std::mem::take) else { return };
        if ids.is_empty() {
            return;
        }
        spawn_local(async move {
            // Unanswered, the cards stay as they are until the next event.
            let Ok(cards) = api::library_cards(ids.into_iter().collect()).await else { return };
            let Some(cells) = self.cells.try_get_untracked() else { return };
            for cell in cells.iter().flatten() {
                let fresh = cards.iter().find(|card| cell.with_untracked(|old| old.id == card.id && *old != **card));
                if let Some(card) = fresh {
                    cell.set(card.clone());
                }
            }
        });
    }

    fn fetch_first(self, moved: bool) {
        self.round.update_value(|n| *n += 1);
        self.coming.update_value(HashSet::clear);
        let round = self.round.get_value();
        let query = LibraryQuery { offset: 0, limit: WINDOW, ..self.query.get_untracked() };
        spawn_local(async move {
            let answer = api::library_query(query).await;
            if self.round.try_get_value() != Some(round) {
                return;
            }
            match answer {
                Ok(page) => {
                    self.error.set(None);
                    self.take(page, moved);
                    if moved {
                        self.fresh.update(|n| *n += 1);
                    } else {
                        self.forget_far();
                        self.fetch_range(true);
                    }
                }
                Err(error) => self.error.set(Some(error)),
            }
        });
    }

    /// Puts a window into its places. With `anew` all other places are emptied, else only their number follows the total.
    fn take(self, page: LibraryPage, anew: bool) {
        let LibraryPage { items, total, offset, facets } = page;
        if let Some(facets) = facets {
            self.facets.set(facets);
        }
        self.cells.update(|cells| {
            if anew {
                let old = std::mem::take(cells);
                cells.resize(place(total), None);
                keep(cells, &old, place(offset), items);
            } else {
                cells.resize(place(total), None);
                let old = cells.clone();
                keep(cells, &old, place(offset), items);
            }
        });
        if self.total.get_untracked() != total {
            self.total.set(total);
        }
        let range = self.range.get_untracked();
        let kept = follow(range, anew, place(total));
        if kept != range {
            self.range.set(kept);
        }
    }

    /// Empties the places far from the window: they may have moved. They are fetched again when they come near.
    fn forget_far(self) {
        let (first, last) = self.range.get_untracked();
        let size = place(WINDOW);
        let near = (first / size * size)..(last.div_ceil(size) * size);
        self.cells.update(|cells| {
            for (index, cell) in cells.iter_mut().enumerate().skip(size) {
                if !near.contains(&index) {
                    *cell = None;
                }
            }
        });
    }

    /// Fetches the windows that the places in sight still lack; `again` fetches them even if they are there.
    pub(super) fn fetch_range(self, again: bool) {
        let (first, last) = self.range.get_untracked();
        if last <= first {
            return;
        }
        let size = place(WINDOW);
        for window in (first / size)..=((last - 1) / size) {
            let offset = window * size;
            let lacking = self.cells.with_untracked(|cells| cells.iter().skip(offset).take(size).any(Option::is_none));
            if (lacking || (again && window > 0)) && self.coming.try_update_value(|set| set.insert(offset as u64)) == Some(true) {
                self.fetch_window(offset as u64);
            }
        }
    }

    fn fetch_window(self, offset: u64) {
        let round = self.round.get_value();
        let query = LibraryQuery { offset, limit: WINDOW, ..self.query.get_untracked() };
        spawn_local(async move {
            let answer = api::library_query(query).await;
            if self.round.try_get_value() != Some(round) {
                return;
            }
            self.coming.update_value(|set| {
                set.remove(&offset);
            });
            match answer {
                Ok(page) => self.take(page, false),
                Err(error) => self.error.set(Some(error)),
            }
        });
    }

    /// The card in a place, once it is there.
    pub(super) fn cell(self, index: usize) -> Option<Cell> {
        self.cells.with(|cells| cells.get(index).cloned().flatten())
    }

    fn id_at(self, index: usize) -> Option<AdapterId> {
        self.cells.with_untracked(|cells| cells.get(index)?.as_ref().map(|cell| cell.with_untracked(|card| card.id)))
    }

    /// Chooses or unchooses; with `through` everything from the last one chosen up to here.
    pub(super) fn select(self, index: usize, through: bool) {
        let Some(id) = self.id_at(index) else { return };
        match self.anchor.get_value().filter(|_| through) {
            Some(anchor) => {
                let ids: Vec<AdapterId> = (anchor.min(index)..=anchor.max(index)).filter_map(|i| self.id_at(i)).collect();
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
        self.anchor.set_value(Some(index));
    }

    /// Where the chosen ones are woven.
    pub(super) fn weave_url(self) -> String {
        format!("/weave?ids={}", self.chosen_ids())
    }

    /// Where the chosen ones are compared.
    pub(super) fn compare_url(self) -> String {
        format!("/compare?a={}", self.chosen_ids())
    }

    fn chosen_ids(self) -> String {
        self.selected.with(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
    }
}

/// The range of places in the page once there are `end` of them: never empty while there is a card, as the window is measured by a card.
fn follow((first, last): (usize, usize), anew: bool, end: usize) -> (usize, usize) {
    let size = (last - first).max(place(WINDOW));
    if anew || first >= end {
        (0, end.min(size))
    } else if last > end || last == first {
        (first, end.min(first + size))
    } else {
        (first, last)
    }
}

/// Fills the places from `offset` on. An adapter that had a cell keeps it, so that its card in the page is changed, not rebuilt.
fn keep(cells: &mut [Option<Cell>], old: &[Option<Cell>], offset: usize, items: Vec<AdapterCard>) {
    let known: std::collections::HashMap<AdapterId, &Cell> =
        old.iter().flatten().map(|cell| (cell.with_untracked(|card| card.id), cell)).collect();
    for (place, card) in cells.iter_mut().skip(offset).zip(items) {
        let cell = match known.get(&card.id) {
            Some(cell) => {
                if cell.with_untracked(|old| *old != card) {
                    cell.set(card);
                }
                (*cell).clone()
            }
            None => Cell::new(card),
        };
        *place = Some(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_domain::adapter::PreviewKind;
    use weft_domain::{FileState, RootId};

    fn card(id: i64, name: &str) -> AdapterCard {
        AdapterCard {
            id: AdapterId(id),
            name: name.to_owned(),
            file_name: String::new(),
            folder: String::new(),
            root: RootId(1),
            state: FileState::Ready,
            error: None,
            family: String::new(),
            family_label: String::new(),
            kind: String::new(),
            rank_min: None,
            rank_max: None,
            size: 0,
            tags: Vec::new(),
            rating: None,
            has_block_weights: false,
            fallback: false,
            preview: PreviewKind::Portrait,
            preview_version: String::new(),
            modified_ms: 0,
            added_ms: 0,
        }
    }

    fn names(cells: &[Option<Cell>]) -> Vec<Option<String>> {
        cells.iter().map(|cell| cell.as_ref().map(|cell| cell.get_untracked().name)).collect()
    }

    #[test]
    fn a_known_adapter_keeps_its_cell_where_it_moves() {
        let mut cells = vec![None; 3];
        keep(&mut cells, &[], 1, vec![card(1, "a"), card(2, "b")]);
        assert_eq!(names(&cells), [None, Some("a".to_owned()), Some("b".to_owned())]);
        let old = cells.clone();
        let held = old[1].clone();
        let mut cells = vec![None; 3];
        keep(&mut cells, &old, 0, vec![card(3, "c"), card(1, "A")]);
        assert_eq!(names(&cells), [Some("c".to_owned()), Some("A".to_owned()), None]);
        assert_eq!(held.map(|cell| cell.get_untracked().name), Some("A".to_owned()), "who reads the old cell sees the change");
    }

    #[test]
    fn more_cards_than_places_do_no_harm() {
        let mut cells = vec![None; 1];
        keep(&mut cells, &[], 0, vec![card(1, "a"), card(2, "b")]);
        assert_eq!(cells.len(), 1);
    }

    #[test]
    fn the_range_is_empty_only_without_cards() {
        assert_eq!(follow((0, 0), false, 24), (0, 24), "the first cards of an empty library");
        assert_eq!(follow((0, 24), false, 0), (0, 0));
        assert_eq!(follow((935, 995), false, 100), (0, 60), "everything in sight is gone");
        assert_eq!(follow((5, 65), false, 64), (5, 64));
        assert_eq!(follow((5, 65), false, 3000), (5, 65), "what is in sight stays");
        assert_eq!(follow((935, 995), true, 3000), (0, 60), "a new question starts at the top");
    }

    #[test]
    fn layouts_survive_local_storage() {
        for layout in [Layout::Grid, Layout::Dense, Layout::List] {
            assert_eq!(Layout::parse(layout.as_str()), layout);
        }
    }
}
