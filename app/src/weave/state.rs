//! What a weave is while somebody works on it: strands with weight and profile, and how the result is to be stored. Plain data.

use std::collections::BTreeMap;
use weft_domain::AdapterId;
use weft_domain::merge::{Form, Inner, Method, Options, OutDtype, ProfileValues, Strand, Weave};
use weft_domain::parameter::{ENERGY, RANK, WEIGHT};

/// Most strands at once.
pub const MAX_STRANDS: usize = 12;

/// One adapter in the weave.
#[derive(Debug, Clone, PartialEq)]
pub struct StrandState {
    pub adapter: AdapterId,
    /// −2 to 2.
    pub weight: f64,
    /// Left out for the moment.
    pub muted: bool,
    /// While any strand is solo, only those that are count.
    pub solo: bool,
    /// Factor by slot; slots that are not named count 1.
    pub factors: BTreeMap<String, f64>,
    /// Name of the preset that the factors came from.
    pub preset: Option<String>,
    /// Number of its colour, from 0; kept while the strand lives.
    pub colour: usize,
}

/// Whether the compressed result is given by its rank or by the energy it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SizeBy {
    #[default]
    Rank,
    Energy,
}

/// The whole weave.
#[derive(Debug, Clone, PartialEq)]
pub struct WeaveState {
    pub strands: Vec<StrandState>,
    /// Factors that ease blocks which grow too strong; they multiply every strand.
    pub tame: BTreeMap<String, f64>,
    pub method: Method,
    /// Parameters of the method. What another method set stays, and is left out of the request.
    pub options: Options,
    /// With a method that can be exact: cut the result to a rank or an energy too.
    pub compress: bool,
    pub size_by: SizeBy,
    pub rank: u32,
    pub energy: f64,
    pub dtype: OutDtype,
    /// Empty: named after the strands.
    pub name: String,
}

impl Default for WeaveState {
    fn default() -> Self {
        Self {
            strands: Vec::new(),
            tame: BTreeMap::new(),
            method: Method::default(),
            options: Options::default(),
            compress: false,
            size_by: SizeBy::default(),
            rank: RANK.default as u32,
            energy: ENERGY.default,
            dtype: OutDtype::default(),
            name: String::new(),
        }
    }
}

impl WeaveState {
    /// Adds an adapter at weight 1 in the first free colour; one that is there already, or one too many, changes nothing.
    pub fn add(&mut self, adapter: AdapterId) -> bool {
        if self.strands.len() >= MAX_STRANDS || self.strands.iter().any(|s| s.adapter == adapter) {
            return false;
        }
        let colour = (0..MAX_STRANDS).find(|c| self.strands.iter().all(|s| s.colour != *c)).unwrap_or(0);
        let (weight, factors) = (WEIGHT.default, BTreeMap::new());
        self.strands.push(StrandState { adapter, weight, muted: false, solo: false, factors, preset: None, colour });
        true
    }

    /// The adapters in their order.
    #[must_use]
    pub fn ids(&self) -> Vec<AdapterId> {
        self.strands.iter().map(|s| s.adapter).collect()
    }

    /// The strand of an adapter.
    #[must_use]
    pub fn strand(&self, adapter: AdapterId) -> Option<&StrandState> {
        self.strands.iter().find(|s| s.adapter == adapter)
    }

    /// The same, to change.
    pub fn strand_mut(&mut self, adapter: AdapterId) -> Option<&mut StrandState> {
        self.strands.iter_mut().find(|s| s.adapter == adapter)
    }

    /// True when the strand is heard: not muted, and solo where any is.
    #[must_use]
    pub fn is_heard(&self, strand: &StrandState) -> bool {
        !strand.muted && (strand.solo || self.strands.iter().all(|s| !s.solo))
    }

    /// A strand's factor in a slot, without its weight and without taming.
    #[must_use]
    pub fn factor(strand: &StrandState, slot: &str) -> f64 {
        strand.factors.get(slot).copied().unwrap_or(1.0)
    }

    /// How much a slot is eased.
    #[must_use]
    pub fn tamed(&self, slot: &str) -> f64 {
        self.tame.get(slot).copied().unwrap_or(1.0)
    }

    /// The request that makes this weave, with the profiles of `layout`. Strands that are not heard are left out; weights of 0 too.
    #[must_use]
    pub fn request(&self, layout: &str) -> Weave {
        let heard = self.strands.iter().filter(|s| self.is_heard(s) && s.weight != 0.0);
        let sized = self.is_sized();
        Weave {
            strands: heard.map(|s| Strand { adapter: s.adapter, weight: s.weight, profile: self.profile(s, layout) }).collect(),
            method: self.method,
            rank: (sized && self.size_by == SizeBy::Rank).then_some(self.rank),
            energy: (sized && self.size_by == SizeBy::Energy).then_some(self.energy),
            dtype: self.dtype,
            options: self.options_in_use(),
        }
    }

    /// The result is cut to a rank or an energy.
    #[must_use]
    pub fn is_sized(&self) -> bool {
        self.method == Method::Svd || (self.method.takes_size() && self.compress && self.options_in_use().form == Form::Lora)
    }

    /// The parameters that the method has; the others stay at their defaults.
    #[must_use]
    pub fn options_in_use(&self) -> Options {
        let (m, set, own) = (self.method, &self.options, Options::default());
        let mean = matches!(m, Method::Average | Method::Slerp | Method::Karcher);
        Options {
            divisor: if mean { set.divisor } else { own.divisor },
            scope: if matches!(m, Method::Slerp | Method::Karcher | Method::NormEqual) { set.scope } else { own.scope },
            density: set.density.filter(|_| m.has_density()),
            epsilon: if m == Method::Della { set.epsilon } else { own.epsilon },
            gamma: if m == Method::Breadcrumbs { set.gamma } else { own.gamma },
            seed: if m.is_random() { set.seed } else { own.seed },
            elect: set.elect.filter(|_| m.is_dense() && m != Method::Sce),
            vote: if m.is_dense() { set.vote } else { own.vote },
            share: if m.is_dense() { set.share } else { own.share },
            inner: match (m, set.inner) {
                (Method::Core, inner) | (Method::Knots, inner @ (Inner::Ties | Inner::Sum)) => inner,
                _ => own.inner,
            },
            mu: set.mu.filter(|_| m == Method::NullSpace),
            form: if m.is_dense() { set.form } else { own.form },
            ..own
        }
    }

    fn profile(&self, strand: &StrandState, layout: &str) -> Option<ProfileValues> {
        let mut slots = strand.factors.clone();
        for (slot, ease) in &self.tame {
            *slots.entry(slot.clone()).or_insert(1.0) *= ease;
        }
        slots.retain(|_, factor| *factor != 1.0);
        let name = match (&strand.preset, self.tame.is_empty()) {
            (Some(name), true) => Some(name.clone()),
            (Some(name), false) => Some(format!("{name}, tamed")),
            (None, true) => None,
            (None, false) => Some("tamed".to_owned()),
        };
        (!slots.is_empty()).then(|| ProfileValues { layout: layout.to_owned(), slots, name })
    }
}

/// Steps back and forward. Changes of the same thing that follow each other closely are one step.
#[derive(Debug, Clone, Default)]
pub struct History {
    past: Vec<WeaveState>,
    future: Vec<WeaveState>,
    /// What was changed last, and when (ms).
    last: Option<(String, f64)>,
}

impl History {
    const LIMIT: usize = 200;
    /// Two changes of the same thing within this many ms are one step.
    const TOGETHER_MS: f64 = 900.0;

    /// Call before a change of `what`, with the state as it is.
    pub fn before(&mut self, what: &str, state: &WeaveState, now_ms: f64) {
        let together = self.last.as_ref().is_some_and(|(w, at)| w == what && now_ms - at < Self::TOGETHER_MS);
        self.last = Some((what.to_owned(), now_ms));
        self.future.clear();
        if !together {
            if self.past.len() >= Self::LIMIT {
                self.past.remove(0);
            }
            self.past.push(state.clone());
        }
    }

    /// The state before the last step.
    pub fn undo(&mut self, now: &WeaveState) -> Option<WeaveState> {
        let then = self.past.pop()?;
        self.future.push(now.clone());
        self.last = None;
        Some(then)
    }

    /// The state after the step that was undone last.
    pub fn redo(&mut self, now: &WeaveState) -> Option<WeaveState> {
        let then = self.future.pop()?;
        self.past.push(now.clone());
        self.last = None;
        Some(then)
    }

    /// There is a step back.
    #[must_use]
    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    /// There is a step forward.
    #[must_use]
    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> WeaveState {
        let mut state = WeaveState::default();
        state.add(AdapterId(1));
        state.add(AdapterId(2));
        state
    }

    #[test]
    fn an_adapter_comes_once_and_takes_the_first_free_colour() {
        let mut state = two();
        assert!(!state.add(AdapterId(2)));
        state.strands.remove(0);
        assert!(state.add(AdapterId(3)));
        assert_eq!(state.strands.iter().map(|s| s.colour).collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn solo_silences_the_others_and_mute_wins() {
        let mut state = two();
        state.strands[0].solo = true;
        assert_eq!(state.request("x").strands.iter().map(|s| s.adapter.0).collect::<Vec<_>>(), [1]);
        state.strands[0].muted = true;
        assert!(state.request("x").strands.is_empty());
    }

    #[test]
    fn taming_multiplies_every_profile() {
        let mut state = two();
        state.strands[0].factors.insert("D00".to_owned(), 0.5);
        state.tame = [("D00".to_owned(), 0.5), ("D01".to_owned(), 0.8)].into();
        let profiles: Vec<_> = state.request("flux_unet_57").strands.into_iter().filter_map(|s| s.profile).map(|p| p.slots).collect();
        assert_eq!(profiles[0], [("D00".to_owned(), 0.25), ("D01".to_owned(), 0.8)].into());
        assert_eq!(profiles[1], state.tame);
    }

    #[test]
    fn only_what_the_method_has_is_asked_for() {
        let mut state = two();
        state.options = Options { density: Some(0.3), inner: Inner::Tsv, mu: Some(2.0), seed: 7, ..Options::default() };
        state.method = Method::Sum;
        assert!(state.request("x").options.is_default() && state.request("x").rank.is_none());
        state.compress = true;
        assert_eq!(state.request("x").rank, Some(32));
        state.method = Method::Dare;
        assert_eq!(state.request("x").options, Options { density: Some(0.3), seed: 7, ..Options::default() });
        state.method = Method::Knots;
        assert_eq!(state.request("x").options.inner, Inner::Ties, "TSV belongs to Core Space");
        (state.method, state.options.form) = (Method::Ties, Form::Diff);
        assert!(state.request("x").rank.is_none(), "a whole difference has no rank");
        state.method = Method::Concat;
        assert!(state.request("x").rank.is_none());
    }

    #[test]
    fn a_drag_is_one_step() {
        let (mut history, mut state) = (History::default(), two());
        for (at, weight) in [0.9, 0.8, 0.7].into_iter().enumerate() {
            history.before("weight 1", &state, at as f64 * 16.0);
            state.strands[0].weight = weight;
        }
        history.before("weight 2", &state, 60.0);
        state.strands[1].weight = 0.0;
        let back = history.undo(&state).map(|s| (s.strands[0].weight, s.strands[1].weight));
        assert_eq!(back, Some((0.7, 1.0)));
        let back = history.undo(&two()).map(|s| s.strands[0].weight);
        assert_eq!((back, history.can_undo(), history.can_redo()), (Some(1.0), false, true));
    }

    #[test]
    fn a_change_after_undo_forgets_the_future() {
        let (mut history, state) = (History::default(), two());
        history.before("a", &state, 0.0);
        assert!(history.undo(&state).is_some());
        history.before("b", &state, 5000.0);
        assert!(history.redo(&state).is_none());
    }
}
