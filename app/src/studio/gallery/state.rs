//! What the gallery knows: the question, the pictures as their windows come, what is chosen.

use crate::api::{self, ApiError};
use crate::kit::Toasts;
use crate::scrolling::Scrolling;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::collections::HashSet;
use std::time::Duration;
use weft_domain::PictureId;
use weft_domain::generation::{PictureCard, PictureEdit, PicturePage, PictureQuery};

/// Places of one window.
pub const WINDOW: u64 = 60;

/// The gallery's state. Every part is a handle, so it is cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct Gallery {
    pub query: RwSignal<PictureQuery>,
    pub total: RwSignal<u64>,
    /// One place per matching picture, in order; empty until its window has come.
    pub places: RwSignal<Vec<Option<PictureCard>>>,
    pub error: RwSignal<Option<ApiError>>,
    /// In the order of choosing.
    pub selected: RwSignal<Vec<PictureId>>,
    range: RwSignal<(usize, usize)>,
    pub focus: RwSignal<usize>,
    wanting: StoredValue<bool>,
    fresh: RwSignal<u64>,
    anchor: StoredValue<Option<usize>>,
    /// Counts questions; answers to an old one are dropped.
    round: StoredValue<u64>,
    coming: StoredValue<HashSet<u64>>,
    refreshing: StoredValue<bool>,
}

fn place(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

impl Gallery {
    pub fn new(page: PicturePage, query: PictureQuery) -> Self {
        let gallery = Self {
            query: RwSignal::new(query),
            total: RwSignal::new(0),
            places: RwSignal::new(Vec::new()),
            error: RwSignal::new(None),
            selected: RwSignal::new(Vec::new()),
            range: RwSignal::new((0, 0)),
            focus: RwSignal::new(0),
            wanting: StoredValue::new(false),
            fresh: RwSignal::new(0),
            anchor: StoredValue::new(None),
            round: StoredValue::new(0),
            coming: StoredValue::new(HashSet::new()),
            refreshing: StoredValue::new(false),
        };
        gallery.take(page, true);
        gallery
    }

    /// What the list in the page needs to know.
    pub fn scrolling(self) -> Scrolling {
        Scrolling {
            count: Signal::derive(move || self.places.with(Vec::len)),
            shape: Signal::derive(|| 0),
            range: self.range,
            focus: self.focus,
            wanting: self.wanting,
            fresh: self.fresh,
            need: Callback::new(move |()| self.fetch_range(false)),
        }
    }

    /// Places in the page with the picture that stands in each.
    pub fn shown(self) -> Vec<(usize, Option<PictureId>)> {
        let (first, last) = self.range.get();
        self.places.with(|places| (first..last.min(places.len())).map(|i| (i, places[i].as_ref().map(|c| c.id))).collect())
    }

    /// All pictures that are here, in their order.
    pub fn here(self) -> Vec<PictureCard> {
        self.places.with_untracked(|places| places.iter().flatten().cloned().collect())
    }

    /// A new question: starts at the top.
    pub fn ask(self, query: PictureQuery) {
        self.query.set(query);
        self.focus.set(0);
        self.anchor.set_value(None);
        self.selected.set(Vec::new());
        self.fetch_first(true);
    }

    /// The same question again once the dust has settled, without moving what is in sight.
    pub fn refresh_soon(self) {
        if self.refreshing.try_get_value() != Some(false) {
            return;
        }
        self.refreshing.set_value(true);
        let run = move || {
            if self.refreshing.try_set_value(false).is_none() {
                self.fetch_first(false);
            }
        };
        set_timeout(run, Duration::from_millis(250));
    }

    /// These came or changed.
    pub fn touched(self, _ids: &[PictureId]) {
        self.refresh_soon();
    }

    fn fetch_first(self, moved: bool) {
        self.round.update_value(|n| *n += 1);
        self.coming.update_value(HashSet::clear);
        let round = self.round.get_value();
        let query = PictureQuery { offset: 0, limit: WINDOW, ..self.query.get_untracked() };
        spawn_local(async move {
            let answer = api::picture_query(query).await;
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
                    }
                    self.fetch_range(!moved);
                }
                Err(error) => self.error.set(Some(error)),
            }
        });
    }

    /// Puts a window into its places. With `anew` all others are emptied: they may have moved.
    fn take(self, page: PicturePage, anew: bool) {
        let PicturePage { items, total, offset } = page;
        let end = place(total);
        self.places.update(|places| {
            if anew {
                places.clear();
            }
            places.resize(end, None);
            for (slot, card) in places.iter_mut().skip(place(offset)).zip(items) {
                *slot = Some(card);
            }
        });
        if self.total.get_untracked() != total {
            self.total.set(total);
        }
        // Never empty while there is a picture: the window is measured by one.
        let (first, last) = self.range.get_untracked();
        let size = (last - first).max(place(WINDOW));
        let kept = if first >= end { (0, end.min(size)) } else { (first, end.min(first + size)) };
        if kept != (first, last) {
            self.range.set(kept);
        }
    }

    /// Empties the places far from the window: they may have moved. They are fetched again when they come near.
    fn forget_far(self) {
        let (first, last) = self.range.get_untracked();
        let size = place(WINDOW);
        let near = (first / size * size)..(last.div_ceil(size) * size);
        self.places.update(|places| {
            for (index, slot) in places.iter_mut().enumerate().skip(size) {
                if !near.contains(&index) {
                    *slot = None;
                }
            }
        });
    }

    /// Fetches the windows that the places in sight still lack; `again` fetches them even if they are there.
    fn fetch_range(self, again: bool) {
        let (first, last) = self.range.get_untracked();
        if last <= first {
            return;
        }
        let size = place(WINDOW);
        for window in (first / size)..=((last - 1) / size) {
            let offset = window * size;
            let lacking = self.places.with_untracked(|places| places.iter().skip(offset).take(size).any(Option::is_none));
            if (lacking || (again && window > 0)) && self.coming.try_update_value(|set| set.insert(offset as u64)) == Some(true) {
                self.fetch_window(offset as u64);
            }
        }
    }

    fn fetch_window(self, offset: u64) {
        let round = self.round.get_value();
        let query = PictureQuery { offset, limit: WINDOW, ..self.query.get_untracked() };
        spawn_local(async move {
            let answer = api::picture_query(query).await;
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

    /// Shows a card as it is now, wherever it stands.
    pub fn put(self, cards: &[PictureCard]) {
        let _gone = self.places.try_update(|places| {
            for card in cards {
                if let Some(old) = places.iter_mut().flatten().find(|old| old.id == card.id) {
                    *old = card.clone();
                }
            }
        });
    }

    /// Chooses or unchooses; with `through` everything from the last one chosen up to here.
    pub fn select(self, index: usize, through: bool) {
        let id_at = |i: usize| self.places.with_untracked(|places| places.get(i)?.as_ref().map(|card| card.id));
        let Some(id) = id_at(index) else { return };
        match self.anchor.get_value().filter(|_| through) {
            Some(anchor) => {
                let ids: Vec<PictureId> = (anchor.min(index)..=anchor.max(index)).filter_map(id_at).collect();
                self.selected.update(|selected| selected.extend(ids.into_iter().filter(|id| !selected.contains(id)).collect::<Vec<_>>()));
            }
            None => self.selected.update(|selected| match selected.iter().position(|other| *other == id) {
                Some(at) => drop(selected.remove(at)),
                None => selected.push(id),
            }),
        }
        self.anchor.set_value(Some(index));
    }

    /// Changes pictures; a change that can be taken back says so.
    pub fn edit(self, ids: Vec<PictureId>, edit: PictureEdit, toasts: Toasts) {
        spawn_local(async move {
            match api::picture_edit(ids.clone(), edit.clone()).await {
                Ok(cards) => {
                    self.put(&cards);
                    if let Some(deleted) = edit.deleted {
                        self.refresh_soon();
                        say_deleted(self, ids, deleted, toasts);
                    }
                }
                Err(error) => toasts.problem(&error),
            }
        });
    }
}

fn say_deleted(gallery: Gallery, ids: Vec<PictureId>, deleted: bool, toasts: Toasts) {
    if !deleted {
        toasts.say(if ids.len() == 1 { "The picture is back." } else { "The pictures are back." });
        return;
    }
    let text = if ids.len() == 1 { "Picture deleted.".to_owned() } else { format!("{} pictures deleted.", ids.len()) };
    toasts.undo(text, move || gallery.edit(ids.clone(), PictureEdit { deleted: Some(false), ..PictureEdit::default() }, toasts));
}
