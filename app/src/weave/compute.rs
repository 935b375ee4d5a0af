//! The combined strength of a weave: Gram algebra over the strands as they stand. Runs at every movement of a slider.

use super::state::WeaveState;
use weft_domain::AdapterId;
use weft_domain::merge::Method;
use weft_weights::gram::{CombinationSummary, GramSet, SlotCombination};

/// Growth over the strongest single strand from which a block is warned of.
pub const GROWTH_LIMIT: f64 = 1.5;

/// Gram matrices and whose they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Grams {
    /// The adapters behind the members of the set.
    pub members: Vec<AdapterId>,
    pub set: GramSet,
}

/// One slot of the weave, numbers in the order of the strands.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Strength of the result: √(wᵀGw), taming and averaging included.
    pub norm: f64,
    /// What it would be without taming.
    pub untamed: f64,
    /// |w|·‖ΔW‖ of each strand: what it would be alone.
    pub singles: Vec<f64>,
    /// Exact share of each strand: they sum to 1, one that works against the sum is negative.
    pub shares: Vec<f64>,
    /// −1 (cancel) to 1 (add up); None with fewer than two strands at work.
    pub agreement: Option<f64>,
    /// norm / strongest single strand.
    pub growth: f64,
    /// Any strand of the weave has modules here.
    pub present: bool,
}

/// The whole weave.
#[derive(Debug, Clone, PartialEq)]
pub struct Combined {
    pub blocks: Vec<Block>,
    /// Norm over everything.
    pub total: f64,
    /// Over the layout's blocks that are present.
    pub mean: f64,
    pub variance: f64,
    /// total / strongest strand's total.
    pub growth: f64,
}

impl Combined {
    /// Slots that grow over the limit.
    #[must_use]
    pub fn over(&self) -> Vec<usize> {
        (0..self.blocks.len()).filter(|s| self.blocks[*s].growth > GROWTH_LIMIT * (1.0 + 1e-9)).collect()
    }
}

/// Combines the strands. A strand that the matrices do not know yet counts as silent.
#[must_use]
pub fn combine(grams: &Grams, state: &WeaveState) -> Combined {
    let set = &grams.set;
    let mut weights = vec![vec![0.0; set.slots.len()]; set.members];
    let mut order = Vec::with_capacity(state.strands.len());
    for strand in &state.strands {
        let member = grams.members.iter().position(|m| *m == strand.adapter);
        order.push(member);
        let Some(row) = member.and_then(|m| weights.get_mut(m)) else { continue };
        if state.is_heard(strand) {
            for (weight, slot) in row.iter_mut().zip(&set.slots) {
                *weight = strand.weight * WeaveState::factor(strand, &slot.slot);
            }
        }
    }
    let free = set.combined(&weights);
    let loose = set.summary(&free, GROWTH_LIMIT);
    let part = average_part(state);
    let ease: Vec<f64> = set.slots.iter().map(|slot| part * state.tamed(&slot.slot).abs()).collect();
    let tamed: Vec<SlotCombination> =
        free.iter().zip(&ease).map(|(slot, ease)| SlotCombination { norm: slot.norm * ease, ..slot.clone() }).collect();
    let CombinationSummary { total, mean, variance, .. } = set.summary(&tamed, GROWTH_LIMIT);
    let strongest = if loose.growth > 0.0 { loose.total / loose.growth } else { 0.0 };
    let blocks = (0..set.slots.len())
        .map(|s| {
            let pick = |values: &[f64]| order.iter().map(|m| m.and_then(|m| values.get(m)).copied().unwrap_or(0.0)).collect();
            Block {
                norm: tamed[s].norm,
                untamed: free[s].norm * part,
                singles: pick(&free[s].singles),
                shares: pick(&free[s].shares),
                agreement: free[s].agreement,
                growth: free[s].growth * ease[s],
                present: order.iter().flatten().any(|m| set.present.get(s).and_then(|p| p.get(*m)).copied().unwrap_or(false)),
            }
        })
        .collect();
    Combined { blocks, total, mean, variance, growth: if strongest > 0.0 { total / strongest } else { 0.0 } }
}

/// What the sum is multiplied with: 1, or 1 / Σ|w| for an average.
fn average_part(state: &WeaveState) -> f64 {
    let sum: f64 = state.strands.iter().filter(|s| state.is_heard(s)).map(|s| s.weight.abs()).sum();
    if state.method == Method::Average && sum > 0.0 { 1.0 / sum } else { 1.0 }
}

/// Runs of neighbouring slots in words: "S21 to S24, OUT03".
#[must_use]
pub fn slot_ranges(set: &GramSet, slots: &[usize]) -> Vec<String> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &slot in slots {
        let group = |s: usize| set.slots.get(s).map(|s| s.group.as_str());
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == slot && group(*last) == group(slot) => *last = slot,
            _ => runs.push((slot, slot)),
        }
    }
    let label = |s: usize| set.slots.get(s).map_or("", |s| s.label.as_str());
    let words = |(a, b): (usize, usize)| match b - a {
        0 => label(a).to_owned(),
        1 => format!("{}, {}", label(a), label(b)),
        _ => format!("{} to {}", label(a), label(b)),
    };
    runs.into_iter().map(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_weights::gram::GramSlot;

    /// Two adapters of the same direction in B00, at right angles in B01.
    fn grams() -> Grams {
        let slot = |name: &str| GramSlot { slot: name.into(), label: name.into(), group: "blocks".into(), block: true };
        let set = GramSet {
            layout_id: None,
            layout_version: 0,
            slots: vec![slot("B00"), slot("B01")],
            members: 2,
            gram: vec![vec![1.0, 1.0, 1.0], vec![9.0, 0.0, 16.0]],
            present: vec![vec![true, true], vec![true, true]],
        };
        Grams { members: vec![AdapterId(5), AdapterId(6)], set }
    }

    fn state() -> WeaveState {
        let mut state = WeaveState::default();
        // The other way round than the matrices.
        state.add(AdapterId(6));
        state.add(AdapterId(5));
        state
    }

    #[test]
    fn numbers_come_in_the_order_of_the_strands() {
        let combined = combine(&grams(), &state());
        assert_eq!(combined.blocks[1].singles, [4.0, 3.0]);
        assert!((combined.blocks[1].norm - 5.0).abs() < 1e-12);
        assert!((combined.blocks[1].shares[0] - 16.0 / 25.0).abs() < 1e-12);
        assert_eq!(combined.over(), [0]);
    }

    #[test]
    fn taming_brings_growth_to_the_limit_and_no_further() {
        let mut state = state();
        let growth = combine(&grams(), &state).blocks[0].growth;
        assert!((growth - 2.0).abs() < 1e-12);
        state.tame.insert("B00".into(), GROWTH_LIMIT / growth);
        let combined = combine(&grams(), &state);
        assert!((combined.blocks[0].growth - GROWTH_LIMIT).abs() < 1e-12 && combined.over().is_empty());
        assert!((combined.blocks[0].norm - 1.5).abs() < 1e-12 && (combined.blocks[0].untamed - 2.0).abs() < 1e-12);
        assert!((combined.blocks[0].shares[0] - 0.5).abs() < 1e-12);
    }

    #[test]
    fn an_average_is_never_stronger_than_its_strongest_strand() {
        let mut state = state();
        state.method = Method::Average;
        let combined = combine(&grams(), &state);
        assert!((combined.blocks[0].norm - 1.0).abs() < 1e-12 && (combined.blocks[0].growth - 1.0).abs() < 1e-12);
        assert!((combined.blocks[1].norm - 2.5).abs() < 1e-12 && combined.growth <= 1.0);
    }

    #[test]
    fn a_profile_and_a_muted_strand_count() {
        let mut state = state();
        state.strands[0].factors.insert("B01".to_owned(), 0.0);
        assert!((combine(&grams(), &state).blocks[1].norm - 3.0).abs() < 1e-12);
        state.strands[1].muted = true;
        let combined = combine(&grams(), &state);
        assert_eq!((combined.blocks[1].norm, combined.blocks[0].agreement), (0.0, None));
    }

    #[test]
    fn a_strand_without_matrices_is_silent() {
        let mut state = state();
        state.add(AdapterId(99));
        assert_eq!(combine(&grams(), &state).blocks[0].singles, [1.0, 1.0, 0.0]);
    }

    #[test]
    fn neighbours_are_named_as_a_range() {
        let mut grams = grams();
        let slot = grams.set.slots[0].clone();
        grams.set.slots = (0..6).map(|i| GramSlot { label: format!("B{i:02}"), ..slot.clone() }).collect();
        assert_eq!(slot_ranges(&grams.set, &[0, 1, 2, 4]), ["B00 to B02", "B04"]);
    }
}
