//! The page's working state: one document, its history, and all that follows from it. Copied freely; lives as long as the page.

use super::address;
use super::compute::{Combined, GROWTH_LIMIT, Grams, combine};
use super::save::SaveAs;
use super::shapes::Range;
use super::state::{History, StrandState, WeaveState};
use crate::api::{ApiError, Together, library_cards, weave_together};
use crate::blocks::axis::Axis;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::collections::BTreeSet;
use std::sync::Arc;
use weft_domain::merge::Verdict;
use weft_domain::{AdapterCard, AdapterId};
use weft_weights::layout::Layout;

/// What the server said of some adapters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    pub cards: Vec<AdapterCard>,
    pub verdict: Verdict,
    pub grams: Option<Arc<Grams>>,
    pub layout: Option<String>,
    /// The adapters this was asked for.
    pub ids: Vec<AdapterId>,
}

impl Known {
    /// Puts together what the server said of `ids`.
    #[must_use]
    pub fn new(ids: Vec<AdapterId>, cards: Vec<AdapterCard>, together: Option<Together>) -> Self {
        let members = present(&ids, &cards);
        let Some(Together { verdict, gram, layout }) = together else { return Self { cards, ids, ..Self::default() } };
        Self { cards, verdict, grams: gram.map(|set| Arc::new(Grams { members, set })), layout, ids }
    }
}

/// Those that the library still has, in the order in which the matrices are asked for.
fn present(ids: &[AdapterId], cards: &[AdapterCard]) -> Vec<AdapterId> {
    ids.iter().copied().filter(|id| cards.iter().any(|c| c.id == *id)).collect()
}

/// Asks the server for everything about these adapters.
pub async fn ask(ids: &[AdapterId]) -> Result<(Vec<AdapterCard>, Option<Together>), ApiError> {
    if ids.is_empty() {
        return Ok((Vec::new(), None));
    }
    let cards = library_cards(ids.to_vec()).await?;
    let found = present(ids, &cards);
    let together = if found.is_empty() { None } else { Some(weave_together(found).await?) };
    Ok((cards, together))
}

/// The working state.
#[derive(Debug, Clone, Copy)]
pub struct Loom {
    /// The document.
    pub state: RwSignal<WeaveState>,
    history: RwSignal<History>,
    /// As it was opened or last saved.
    clean: RwSignal<WeaveState>,
    /// What the server said of the strands, as far as it is here.
    pub known: RwSignal<Known>,
    /// An answer is on its way.
    pub asking: RwSignal<bool>,
    /// Why there is none.
    pub trouble: RwSignal<Option<ApiError>>,
    /// Slot under pointer or keys.
    pub active: RwSignal<Option<usize>>,
    /// Strand whose profile is being edited.
    pub editing: RwSignal<Option<AdapterId>>,
    /// Slots whose warning was waved away.
    pub ignored: RwSignal<BTreeSet<String>>,
    /// What the weave becomes.
    pub target: RwSignal<SaveAs>,
    /// All slots along the charts.
    pub axis: Memo<Axis>,
    /// The combined strength; None while nothing is known.
    pub combined: Memo<Option<Arc<Combined>>>,
    /// Scale of the chart.
    pub range: Memo<Range>,
}

impl Loom {
    /// A loom with the state of the address and what the server said of it. A `resumed` draft counts as unsaved from the start.
    #[must_use]
    pub fn new(mut start: WeaveState, known: Known, resumed: bool) -> Self {
        // What is no longer in the library cannot be woven.
        start.strands.retain(|s| known.cards.iter().any(|c| c.id == s.adapter));
        let state = RwSignal::new(start.clone());
        let known = RwSignal::new(known);
        let grams = Memo::new(move |_| known.with(|k| k.grams.clone()));
        let axis = Memo::new(move |_| grams.with(|g| g.as_deref().map(slots).unwrap_or_default()));
        let combined = Memo::new(move |_| grams.with(|g| g.as_deref().map(|g| state.with(|s| Arc::new(combine(g, s))))));
        let range = Memo::new(move |former: Option<&Range>| {
            combined.with(|c| c.as_deref().map_or(Range { top: 1.0, below: 0.0 }, |c| Range::new(c, former.copied())))
        });
        Self {
            state,
            history: RwSignal::new(History::default()),
            clean: RwSignal::new(if resumed { WeaveState::default() } else { start }),
            known,
            asking: RwSignal::new(false),
            trouble: RwSignal::new(None),
            active: RwSignal::new(None),
            editing: RwSignal::new(None),
            ignored: RwSignal::new(BTreeSet::new()),
            target: RwSignal::new(SaveAs::Adapter),
            axis,
            combined,
            range,
        }
    }

    /// Changes the document. Changes of the same `what` in quick succession are one step back. Only in the browser.
    pub fn edit(self, what: &str, change: impl FnOnce(&mut WeaveState)) {
        // An undo that is pressed after the page is gone has nothing to change.
        let Some(before) = self.state.try_get_untracked() else { return };
        let mut after = before.clone();
        change(&mut after);
        if after != before {
            self.history.update(|h| h.before(what, &before, js_sys::Date::now()));
            self.state.set(after);
        }
    }

    /// Changes one strand.
    pub fn edit_strand(self, what: &str, adapter: AdapterId, change: impl FnOnce(&mut StrandState)) {
        self.edit(&format!("{what} {adapter}"), |state| {
            if let Some(strand) = state.strand_mut(adapter) {
                change(strand);
            }
        });
    }

    /// One step back.
    pub fn undo(self) {
        self.travel(History::undo);
    }

    /// One step forward.
    pub fn redo(self) {
        self.travel(History::redo);
    }

    fn travel(self, go: fn(&mut History, &WeaveState) -> Option<WeaveState>) {
        let now = self.state.get_untracked();
        if let Some(Some(then)) = self.history.try_update(|h| go(h, &now)) {
            self.state.set(then);
        }
    }

    /// There is a step back.
    pub fn can_undo(self) -> bool {
        self.history.with(History::can_undo)
    }

    /// There is a step forward.
    pub fn can_redo(self) -> bool {
        self.history.with(History::can_redo)
    }

    /// The document differs from what was opened or saved.
    pub fn unsaved(self) -> bool {
        self.state.with(|s| self.clean.with(|c| s != c && !s.strands.is_empty()))
    }

    /// The document as it stands is kept somewhere.
    pub fn mark_clean(self) {
        self.clean.set(self.state.get_untracked());
    }

    /// The card of a strand.
    pub fn card(self, adapter: AdapterId) -> Option<AdapterCard> {
        self.known.with(|k| k.cards.iter().find(|c| c.id == adapter).cloned())
    }

    /// Name of a strand.
    pub fn name(self, adapter: AdapterId) -> String {
        self.known.with(|k| k.cards.iter().find(|c| c.id == adapter).map_or_else(|| format!("Adapter {adapter}"), |c| c.name.clone()))
    }

    /// The layout that the strands share.
    pub fn layout(self) -> Option<&'static Layout> {
        self.known.with(|k| k.layout.as_deref().and_then(Layout::by_id))
    }

    /// Name for the result where the user gave none: the strands, joined.
    pub fn suggested_name(self) -> String {
        let ids = self.state.with(|s| s.strands.iter().filter(|x| s.is_heard(x)).map(|x| x.adapter).collect::<Vec<_>>());
        let names: Vec<String> = ids.into_iter().map(|id| self.name(id)).collect();
        names.join(" + ").chars().take(120).collect()
    }

    /// Eases every block that grows over the limit to the limit, as a visible profile.
    pub fn tame(self, slots: &[usize]) {
        let Some(combined) = self.combined.get_untracked() else { return };
        let names: Vec<(String, f64)> = self.known.with_untracked(|k| {
            let all = k.grams.as_ref().map(|g| &g.set.slots);
            slots.iter().filter_map(|s| Some((all?.get(*s)?.slot.clone(), combined.blocks.get(*s)?.growth))).collect()
        });
        self.edit("tame", |state| {
            for (slot, growth) in names {
                // Rounded down, so that the block is surely below the limit.
                let ease = (state.tamed(&slot) * GROWTH_LIMIT / growth * 1e4).floor() / 1e4;
                state.tame.insert(slot, ease);
            }
        });
    }

    /// Adds an adapter whose card is at hand.
    pub fn add(self, card: AdapterCard) {
        let id = card.id;
        self.known.update(|k| {
            if k.cards.iter().all(|c| c.id != id) {
                k.cards.push(card);
            }
        });
        self.edit(&format!("add {id}"), |state| {
            state.add(id);
        });
    }

    /// Keeps `known` in step with the strands: asks anew whenever the set of adapters changes. Call once, in the browser or not.
    pub fn keep_asking(self) {
        let wanted = Memo::new(move |_| {
            let mut ids = self.state.with(WeaveState::ids);
            ids.sort_unstable();
            ids
        });
        let latest = StoredValue::new(0u64);
        Effect::new(move |_| {
            let ids = wanted.get();
            let mut here = self.known.with_untracked(|k| k.ids.clone());
            here.sort_unstable();
            let turn = latest.try_update_value(|n| {
                *n += 1;
                *n
            });
            if ids == here && self.trouble.with_untracked(Option::is_none) {
                self.asking.set(false);
                return;
            }
            self.asking.set(true);
            spawn_local(async move {
                let answer = ask(&ids).await;
                // A later question, or a page that is gone, makes this answer worthless.
                if latest.try_get_value() == turn {
                    self.take(ids, answer);
                }
            });
        });
    }

    fn take(self, ids: Vec<AdapterId>, answer: Result<(Vec<AdapterCard>, Option<Together>), ApiError>) {
        self.asking.set(false);
        match answer {
            Ok((cards, together)) => {
                let known = Known::new(ids, cards, together);
                self.trouble.set(None);
                self.known.update(|k| {
                    // Cards of strands that undo may bring back stay known.
                    let mut cards = known.cards;
                    cards.extend(k.cards.drain(..).filter(|old| !known.ids.contains(&old.id)));
                    *k = Known { cards, ..known };
                });
            }
            Err(error) => self.trouble.set(Some(error)),
        }
    }

    /// Asks again after trouble.
    pub fn retry(self) {
        let ids = self.state.with_untracked(WeaveState::ids);
        self.asking.set(true);
        spawn_local(async move {
            let answer = ask(&ids).await;
            if self.state.try_get_untracked().is_some() {
                self.take(ids, answer);
            }
        });
    }

    /// The address of the Studio with these strands on it.
    pub fn studio(self) -> String {
        let layout = self.layout().map(|l| format!("&layout={}", l.id)).unwrap_or_default();
        self.state.with(|s| format!("/studio?{}{layout}", address::write(s)))
    }

    /// The address of the document.
    pub fn address(self) -> String {
        self.state.with(|s| match address::write(s) {
            query if query.is_empty() => "/weave".to_owned(),
            query => format!("/weave?{query}"),
        })
    }
}

fn slots(grams: &Grams) -> Axis {
    let group = |s: &weft_weights::gram::GramSlot| if s.block { s.group.clone() } else { "extra".to_owned() };
    Axis::new(grams.set.slots.iter().map(|s| (s.label.clone(), group(s))))
}
