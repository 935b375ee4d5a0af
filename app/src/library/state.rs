//! What the library knows: its list of adapters, how it is laid out, what is fetched anew as files change.

use crate::api::{self, ApiError};
use crate::format;
use crate::windowed::{self, Listed, Window, Windowed};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::collections::HashSet;
use std::time::Duration;
use weft_domain::{AdapterCard, AdapterId, Facets, LibraryPage, LibraryQuery};

/// Pause before the list is asked for again: while a scan runs, changes come many times a second.
const SOON: Duration = Duration::from_millis(700);
/// In a long library a stranger is most likely only out of sight.
const LATER: Duration = Duration::from_millis(2500);
/// Pause before cards that changed are fetched.
const DUST: Duration = Duration::from_millis(350);

/// A card that changes under its readers.
pub(super) type Cell = windowed::Cell<LibraryQuery>;

impl Listed for LibraryQuery {
    type Card = AdapterCard;
    type Id = AdapterId;
    type Beside = Facets;
    const WINDOW: u64 = Self::DEFAULT_LIMIT;

    fn id(card: &AdapterCard) -> AdapterId {
        card.id
    }

    fn at(self, offset: u64) -> Self {
        Self { offset, limit: Self::WINDOW, ..self }
    }

    async fn fetch(self) -> Result<Window<Self>, ApiError> {
        api::library_query(self).await.map(window)
    }
}

fn window(page: LibraryPage) -> Window<LibraryQuery> {
    let LibraryPage { items, total, offset, facets, .. } = page;
    Window { items, total, offset, beside: facets }
}

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

/// The library's state, from context. Every part is a handle, so it is cheap to copy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gallery {
    /// What is chosen in it is in the order of the strands.
    pub list: Windowed<LibraryQuery>,
    pub layout: RwSignal<Layout>,
    /// Cards that changed and are not fetched yet.
    dirty: StoredValue<HashSet<AdapterId>>,
}

impl Gallery {
    pub(super) fn new(page: LibraryPage, query: LibraryQuery) -> Self {
        Self { list: Windowed::new(window(page), query), layout: RwSignal::new(Layout::default()), dirty: StoredValue::new(HashSet::new()) }
    }

    /// Cards, or why there are none.
    pub(super) fn shown(self) -> Shown {
        if self.list.total.get() > 0 {
            Shown::Cards
        } else if self.list.query.with(LibraryQuery::is_narrowed) {
            Shown::NoResults
        } else {
            Shown::EmptyLibrary
        }
    }

    /// For the live region.
    pub(super) fn spoken(self) -> String {
        match self.list.total.get() {
            0 => "No adapters".to_owned(),
            n => format::plural(n, "adapter"),
        }
    }

    /// Asks again once the dust has settled.
    pub(super) fn refresh_soon(self) {
        self.list.refresh_in(SOON);
    }

    /// These adapters changed: cards in sight are fetched anew; a stranger means that the answer itself changed.
    pub(super) fn touched(self, ids: Vec<AdapterId>) {
        let (known, all) = self.list.known();
        if ids.iter().any(|id| !known.contains(id)) {
            self.list.refresh_in(if all { SOON } else { LATER });
        }
        let start = self.dirty.with_value(HashSet::is_empty);
        self.dirty.update_value(|dirty| dirty.extend(ids.into_iter().filter(|id| known.contains(id))));
        if start {
            set_timeout(move || self.fetch_dirty(), DUST);
        }
    }

    fn fetch_dirty(self) {
        let Some(ids) = self.dirty.try_update_value(std::mem::take) else { return };
        if ids.is_empty() {
            return;
        }
        spawn_local(async move {
            // Unanswered, the cards stay as they are until the next event.
            if let Ok(cards) = api::library_cards(ids.into_iter().collect()).await {
                self.list.put(&cards);
            }
        });
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
        self.list.selected.with(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_survive_local_storage() {
        for layout in [Layout::Grid, Layout::Dense, Layout::List] {
            assert_eq!(Layout::parse(layout.as_str()), layout);
        }
    }
}
