//! How windows come: which are asked for, and where their cards go.

use super::{Cell, Listed, Window, Windowed};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::collections::{HashMap, HashSet};

/// A count of places. One that no memory could hold saturates.
fn place(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

impl<Q: Listed> Windowed<Q> {
    /// Asks from the start; `moved`: it is another question, read from its top.
    pub(super) fn fetch_first(self, moved: bool) {
        self.round.update_value(|n| *n += 1);
        self.coming.update_value(HashSet::clear);
        let round = self.round.get_value();
        let query = self.query.get_untracked().at(0);
        spawn_local(async move {
            let answer = query.fetch().await;
            if self.round.try_get_value() != Some(round) {
                return;
            }
            match answer {
                Ok(window) => {
                    self.error.set(None);
                    self.take(window, moved);
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
    pub(super) fn take(self, window: Window<Q>, anew: bool) {
        let Window { items, total, offset, beside } = window;
        if let Some(beside) = beside {
            self.beside.set(beside);
        }
        self.cells.update(|cells| {
            let old = cells.clone();
            if anew {
                cells.clear();
            }
            cells.resize(place(total), None);
            keep::<Q>(cells, &old, place(offset), items);
        });
        if self.total.get_untracked() != total {
            self.total.set(total);
        }
        let range = self.range.get_untracked();
        let kept = follow(range, anew, place(total), place(Q::WINDOW));
        if kept != range {
            self.range.set(kept);
        }
    }

    /// Empties the places far from the window: they may have moved. They are fetched again when they come near.
    fn forget_far(self) {
        let (first, last) = self.range.get_untracked();
        let size = place(Q::WINDOW);
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
        let size = place(Q::WINDOW);
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
        let query = self.query.get_untracked().at(offset);
        spawn_local(async move {
            let answer = query.fetch().await;
            if self.round.try_get_value() != Some(round) {
                return;
            }
            self.coming.update_value(|set| {
                set.remove(&offset);
            });
            match answer {
                Ok(window) => self.take(window, false),
                Err(error) => self.error.set(Some(error)),
            }
        });
    }
}

/// The range of places in the page once there are `end` of them: never empty while there is a card, as the window is measured by a card.
fn follow((first, last): (usize, usize), anew: bool, end: usize, window: usize) -> (usize, usize) {
    let size = (last - first).max(window);
    if anew || first >= end {
        (0, end.min(size))
    } else if last > end || last == first {
        (first, end.min(first + size))
    } else {
        (first, last)
    }
}

/// Fills the places from `offset` on. A card that was here keeps its cell, so that what shows it is changed, not rebuilt.
fn keep<Q: Listed>(cells: &mut [Option<Cell<Q>>], old: &[Option<Cell<Q>>], offset: usize, items: Vec<Q::Card>) {
    let known: HashMap<Q::Id, &Cell<Q>> = old.iter().flatten().map(|cell| (cell.with_untracked(Q::id), cell)).collect();
    for (place, card) in cells.iter_mut().skip(offset).zip(items) {
        let cell = match known.get(&Q::id(&card)) {
            Some(cell) => {
                if cell.with_untracked(|old| *old != card) {
                    cell.set(card);
                }
                (*cell).clone()
            }
            None => Cell::<Q>::new(card),
        };
        *place = Some(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ApiError;
    use leptos::reactive::owner::Owner;

    /// All there is, in windows of 60.
    #[derive(Debug, Clone, PartialEq)]
    struct All(u64);

    impl Listed for All {
        type Card = (u32, &'static str);
        type Id = u32;
        type Beside = ();
        const WINDOW: u64 = 60;

        fn id(card: &Self::Card) -> u32 {
            card.0
        }

        fn at(self, offset: u64) -> Self {
            Self(offset)
        }

        async fn fetch(self) -> Result<Window<Self>, ApiError> {
            Ok(window(self.0, 0, Vec::new()))
        }
    }

    fn window(offset: u64, total: u64, items: Vec<(u32, &'static str)>) -> Window<All> {
        Window { items, total, offset, beside: None }
    }

    fn names(cells: &[Option<Cell<All>>]) -> Vec<Option<&'static str>> {
        cells.iter().map(|cell| cell.as_ref().map(|cell| cell.get_untracked().1)).collect()
    }

    #[test]
    fn a_known_card_keeps_its_cell_where_it_moves() {
        let mut cells = vec![None; 3];
        keep::<All>(&mut cells, &[], 1, vec![(1, "a"), (2, "b")]);
        assert_eq!(names(&cells), [None, Some("a"), Some("b")]);
        let old = cells.clone();
        let held = old[1].clone();
        let mut cells = vec![None; 3];
        keep::<All>(&mut cells, &old, 0, vec![(3, "c"), (1, "A")]);
        assert_eq!(names(&cells), [Some("c"), Some("A"), None]);
        assert_eq!(held.map(|cell| cell.get_untracked().1), Some("A"), "who reads the old cell sees the change");
    }

    #[test]
    fn more_cards_than_places_do_no_harm() {
        let mut cells = vec![None; 1];
        keep::<All>(&mut cells, &[], 0, vec![(1, "a"), (2, "b")]);
        assert_eq!(cells.len(), 1);
    }

    #[test]
    fn the_range_is_empty_only_without_cards() {
        assert_eq!(follow((0, 0), false, 24, 60), (0, 24), "the first cards of an empty list");
        assert_eq!(follow((0, 24), false, 0, 60), (0, 0));
        assert_eq!(follow((935, 995), false, 100, 60), (0, 60), "everything in sight is gone");
        assert_eq!(follow((5, 65), false, 64, 60), (5, 64));
        assert_eq!(follow((5, 65), false, 3000, 60), (5, 65), "what is in sight stays");
        assert_eq!(follow((935, 995), true, 3000, 60), (0, 60), "a new question starts at the top");
    }

    #[test]
    fn windows_fill_their_places_and_a_new_answer_empties_the_others() {
        let owner = Owner::new();
        owner.with(|| {
            let list = Windowed::new(window(0, 3, vec![(1, "a"), (2, "b")]), All(0));
            list.take(window(2, 3, vec![(3, "c")]), false);
            assert_eq!(list.here(), [(1, "a"), (2, "b"), (3, "c")]);
            assert!(list.known().1);
            list.put(&[(2, "B"), (9, "nobody")]);
            assert_eq!(list.card(1), Some((2, "B")));
            list.take(window(0, 4, vec![(2, "B")]), true);
            assert_eq!((list.here(), list.total.get_untracked()), (vec![(2, "B")], 4));
            assert!(!list.known().1, "three places wait for their cards");
        });
    }

    #[test]
    fn what_is_chosen_keeps_its_order() {
        let owner = Owner::new();
        owner.with(|| {
            let list = Windowed::new(window(0, 5, vec![(1, "a"), (2, "b"), (3, "c"), (4, "d")]), All(0));
            list.select(2, false);
            list.select(0, true);
            assert_eq!(list.selected.get_untracked(), [3, 1, 2], "from the last one through to here, none twice");
            list.select(2, false);
            list.select(4, false);
            assert_eq!(list.selected.get_untracked(), [1, 2], "once more is no longer, and an empty place is none");
        });
    }
}
