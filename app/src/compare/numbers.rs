//! What the page computes from the server's answer: where blocks stand, how much a pair grows, which pair says most.

use crate::blocks::axis::Axis;
use crate::blocks::heat::{Step, above_chance, agreement};
use std::collections::BTreeMap;
use weft_domain::AdapterCard;
use weft_domain::compare::{Comparison, Pair, Relation};

/// The answer, the adapters in its order, and the blocks that any of them changes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Compared {
    pub comparison: Comparison,
    pub cards: Vec<AdapterCard>,
    pub axis: Axis,
}

impl Compared {
    pub(super) fn new(comparison: Comparison, cards: Vec<AdapterCard>) -> Self {
        // In the order of the answer: the columns of every number.
        let cards = comparison.adapters.iter().filter_map(|id| cards.iter().find(|c| c.id == *id).cloned()).collect();
        let mut slots = BTreeMap::new();
        for slot in comparison.pairs.iter().flat_map(|p| &p.slots) {
            slots.entry(place(&slot.slot, slot.block)).or_insert_with(|| slot.slot.clone());
        }
        let axis = Axis::new(slots.into_iter().map(|((_, group, ..), slot)| (slot, group.to_owned())));
        Self { comparison, cards, axis }
    }

    /// Name of an adapter by its position.
    pub(super) fn name(&self, at: usize) -> String {
        self.comparison.names.get(at).cloned().unwrap_or_default()
    }

    /// Position of the pair of two adapters, in either order.
    pub(super) fn pair_of(&self, a: usize, b: usize) -> Option<usize> {
        self.comparison.pairs.iter().position(|p| (p.a, p.b) == (a, b) || (p.a, p.b) == (b, a))
    }

    /// The pair that agrees or fights most.
    pub(super) fn strongest(&self) -> usize {
        let size = |p: &Pair| p.whole.cosine.unwrap_or(0.0).abs();
        (0..self.comparison.pairs.len())
            .max_by(|a, b| size(&self.comparison.pairs[*a]).total_cmp(&size(&self.comparison.pairs[*b])))
            .unwrap_or(0)
    }

    /// A pair's relation by block, in the order of the axis; None where neither changes anything.
    pub(super) fn relations(&self, pair: usize) -> Vec<Option<Relation>> {
        let Some(pair) = self.comparison.pairs.get(pair) else { return Vec::new() };
        self.axis.cells.iter().map(|cell| pair.slots.iter().find(|s| s.slot == cell.label).map(|s| s.relation.clone())).collect()
    }
}

/// Where a slot stands: (order of its group, group, number, name). `IN` is a part outside, `IN04` a block.
fn place(slot: &str, block: bool) -> (u8, &'static str, u32, String) {
    let digits = slot.find(|c: char| c.is_ascii_digit()).unwrap_or(slot.len());
    let (stem, number) = slot.split_at(digits);
    let (order, group) = match (block, stem) {
        (true, "IN") => (0, "in"),
        (true, "M") => (1, "mid"),
        (true, "OUT") => (2, "out"),
        (true, "D") => (3, "double"),
        (true, "S") => (4, "single"),
        (true, "B") => (5, "blocks"),
        (true, _) => (6, "refiner"),
        (false, "TE") => (7, "extra"),
        (false, _) => (8, "extra"),
    };
    (order, group, number.parse().unwrap_or(0), slot.to_owned())
}

/// Both change something here, so that there is something to compare.
pub(super) fn met(r: &Relation) -> bool {
    r.norm_a > 0.0 && r.norm_b > 0.0
}

/// ‖A + B‖/max(‖A‖, ‖B‖): how much stronger both at weight 1 are than the stronger alone.
pub(super) fn growth(r: &Relation) -> Option<f64> {
    let most = r.norm_a.max(r.norm_b);
    let inner = r.cosine.unwrap_or(0.0) * r.norm_a * r.norm_b;
    (most > 0.0).then(|| (r.norm_a * r.norm_a + r.norm_b * r.norm_b + 2.0 * inner).max(0.0).sqrt() / most)
}

/// A cosine from which two are one training.
pub(super) const SAME: f64 = 0.9;
/// A cosine from which two have to do with each other at all.
const RELATED: f64 = 0.02;

/// "15 pairs: 1 the same training, 2 related, 12 independent." None for a single pair, whose own sentence says more.
pub(super) fn tally(comparison: &Comparison) -> Option<String> {
    let all = comparison.pairs.len();
    if all < 2 {
        return None;
    }
    let (mut same, mut related, mut opposed, mut independent) = (0, 0, 0, 0);
    for r in comparison.pairs.iter().map(|p| &p.whole) {
        let noise = 3.0 * r.chance.unwrap_or(0.0);
        match r.cosine {
            Some(c) if c >= SAME => same += 1,
            Some(c) if c >= RELATED.max(noise) => related += 1,
            Some(c) if c <= -RELATED.max(noise) => opposed += 1,
            _ => independent += 1,
        }
    }
    if independent == all {
        return Some(format!("All {} are independent of each other.", comparison.names.len()));
    }
    let words = [(same, "the same training"), (related, "related"), (opposed, "working against each other"), (independent, "independent")];
    let parts: Vec<String> = words.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    Some(format!("{all} pairs: {}.", parts.join(", ")))
}

/// One strip of heat below the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strip {
    Input,
    Output,
    Signs,
    Growth,
}

impl Strip {
    pub(super) const ALL: [Self; 4] = [Self::Input, Self::Output, Self::Signs, Self::Growth];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Input => "Shared input directions",
            Self::Output => "Shared output directions",
            Self::Signs => "Signs that agree",
            Self::Growth => "Growth together",
        }
    }

    /// Colour of one block; None where there is nothing to compare.
    pub(super) fn step(self, r: &Relation) -> Option<Step> {
        if !met(r) {
            return None;
        }
        match self {
            Self::Input => Some(above_chance(r.input_overlap?, r.input_chance.unwrap_or(0.0))),
            Self::Output => Some(above_chance(r.output_overlap?, r.output_chance.unwrap_or(0.0))),
            Self::Signs => {
                let lean = 1.0 - 2.0 * r.sign_conflict?;
                Some(if lean < 0.0 { -above_chance(-lean, 0.0) } else { above_chance(lean, 0.0) })
            }
            Self::Growth => Some(grows(growth(r)?)),
        }
    }
}

/// From −4 (they cancel) over 0 (as strong as the stronger) to 4 (over 1.5×).
fn grows(growth: f64) -> Step {
    let more = [0.02, 0.2, 0.42, 0.5].into_iter().filter(|limit| growth - 1.0 >= *limit).count() as i8;
    let less = [0.02, 0.1, 0.3, 0.6].into_iter().filter(|limit| 1.0 - growth >= *limit).count() as i8;
    more - less
}

/// Colour of a cosine.
pub(super) fn cosine_step(r: &Relation) -> Option<Step> {
    r.cosine.filter(|_| met(r)).map(agreement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_domain::AdapterId;
    use weft_domain::compare::SlotRelation;

    fn relation(a: f64, b: f64, cosine: f64) -> Relation {
        Relation { norm_a: a, norm_b: b, cosine: Some(cosine), ..Relation::default() }
    }

    fn slot(name: &str, block: bool) -> SlotRelation {
        SlotRelation { slot: name.to_owned(), block, relation: relation(1.0, 1.0, 0.0) }
    }

    fn pair(a: usize, b: usize, cosine: f64, slots: Vec<SlotRelation>) -> Pair {
        Pair { a, b, sentences: Vec::new(), whole: relation(1.0, 1.0, cosine), text_encoders: None, slots }
    }

    #[test]
    fn blocks_of_all_pairs_stand_in_the_order_of_the_network() {
        let pairs = vec![
            pair(0, 1, 0.1, vec![slot("IN04", true), slot("M00", true), slot("OUT", false)]),
            pair(0, 2, -0.7, vec![slot("OUT03", true), slot("IN10", true), slot("TE1", false)]),
            pair(1, 2, 0.2, vec![slot("OUT03", true)]),
        ];
        let comparison = Comparison { adapters: [1, 2, 3].map(AdapterId).to_vec(), pairs, ..Comparison::default() };
        let compared = Compared::new(comparison, Vec::new());
        let labels: Vec<&str> = compared.axis.cells.iter().map(|c| c.label.as_str()).collect();
        assert_eq!(labels, ["IN04", "IN10", "M00", "OUT03", "TE1", "OUT"]);
        assert_eq!((compared.strongest(), compared.pair_of(2, 1), compared.pair_of(1, 1)), (1, Some(2), None));
        assert_eq!(compared.relations(2).iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, false, true, false, false]);
    }

    #[test]
    fn unrelated_ones_of_one_strength_grow_by_the_root_of_two() {
        assert!((growth(&relation(2.0, 2.0, 0.0)).unwrap_or(0.0) - 2f64.sqrt()).abs() < 1e-12);
        assert_eq!(growth(&relation(2.0, 2.0, 1.0)), Some(2.0));
        assert_eq!(growth(&relation(2.0, 2.0, -1.0)), Some(0.0));
        assert_eq!((growth(&relation(0.0, 3.0, 0.0)), growth(&relation(0.0, 0.0, 0.0))), (Some(1.0), None));
    }

    #[test]
    fn many_pairs_are_counted_by_what_they_are() {
        let of = |cosines: &[f64]| {
            let pairs = cosines.iter().enumerate().map(|(i, c)| pair(0, i + 1, *c, Vec::new())).collect();
            tally(&Comparison { names: vec![String::new(); 3], pairs, ..Comparison::default() })
        };
        assert_eq!(
            of(&[0.97, 0.3, -0.2, 0.001]).as_deref(),
            Some("4 pairs: 1 the same training, 1 related, 1 working against each other, 1 independent.")
        );
        assert_eq!(of(&[0.0, 0.01, -0.01]).as_deref(), Some("All 3 are independent of each other."));
        assert_eq!(of(&[0.5]), None);
    }

    #[test]
    fn steps_have_a_direction() {
        assert_eq!([0.1, 0.99, 1.0, 1.41, 1.43, 1.6].map(grows), [-4, 0, 0, 2, 3, 4]);
        let with = |sign_conflict| Relation { sign_conflict: Some(sign_conflict), ..relation(1.0, 1.0, 0.0) };
        assert_eq!([0.5, 0.2, 0.9].map(|v| Strip::Signs.step(&with(v))), [Some(0), Some(4), Some(-4)]);
        assert_eq!(Strip::Growth.step(&relation(0.0, 1.0, 0.0)), None, "nothing met");
    }
}
