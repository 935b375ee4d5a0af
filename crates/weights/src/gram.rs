//! Gram matrices of several adapters and what follows from them: the exact strength of any weighted sum, without the files.
//!
//! For one slot of the layout let ΔW_i be the change of member i, all modules of the slot together. With G_ij = ⟨ΔW_i, ΔW_j⟩ (Frobenius inner
//! product) and weights w, ‖Σ wᵢΔWᵢ‖ = √(wᵀGw). The matrices are tiny, so the page computes this on every movement of a slider.

use serde::{Deserialize, Serialize};

/// One place of the network: a block of the layout, or a group outside of its blocks (`TE1`, `IN`, `OUT`, `OTHER`…).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GramSlot {
    /// Stable id of the slot.
    pub slot: String,
    /// Label shown to people.
    pub label: String,
    /// Display group.
    pub group: String,
    /// True for a block of the layout, false for an extra group.
    pub block: bool,
}

/// Inner products of N adapters, slot by slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GramSet {
    /// Layout that all members share; None when it is unknown.
    pub layout_id: Option<String>,
    /// Version of that layout; 0 when it is unknown.
    pub layout_version: u16,
    /// Blocks in layout order, then the extra groups that any member has.
    pub slots: Vec<GramSlot>,
    /// N.
    pub members: usize,
    /// Per slot the upper triangle of G, row by row: G_00 G_01 … G_0N G_11 … (N(N+1)/2 values).
    pub gram: Vec<Vec<f64>>,
    /// Per slot and member: has the member any module here? Absent is not zero.
    pub present: Vec<Vec<bool>>,
}

/// The weighted sum of all members in one slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotCombination {
    /// ‖Σ wᵢΔWᵢ‖.
    pub norm: f64,
    /// |wᵢ|·‖ΔWᵢ‖ per member.
    pub singles: Vec<f64>,
    /// wᵢ(Gw)ᵢ / wᵀGw per member: the exact part of the energy that each brings. They sum to 1; one is negative where a member works against
    /// the sum. All zero where the sum is zero.
    pub shares: Vec<f64>,
    /// Mean cosine of all pairs, weighted by the product of their strengths, −1 (cancel) to 1 (add up). None with fewer than two members at work.
    pub agreement: Option<f64>,
    /// norm / strongest single one; 0 where nothing is at work. Above 1 the members add up, below 1 they cancel.
    pub growth: f64,
}

/// The weighted sum over the whole network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CombinationSummary {
    /// Norm over every slot, extra groups included.
    pub total: f64,
    /// Mean norm of the layout's blocks that any member has.
    pub mean: f64,
    /// Population variance of the same.
    pub variance: f64,
    /// total / the strongest member's total.
    pub growth: f64,
    /// Indices of slots whose growth is above the threshold.
    pub over: Vec<usize>,
}

impl GramSet {
    /// G_ij of a slot; 0 outside of the table.
    #[must_use]
    pub fn at(&self, slot: usize, i: usize, j: usize) -> f64 {
        let (i, j) = (i.min(j), i.max(j));
        self.gram.get(slot).and_then(|g| g.get(packed(self.members, i, j))).copied().unwrap_or(0.0)
    }

    /// Combines every slot. `weights[i][s]` is member i's weight in slot s, profile already multiplied in; a missing entry counts as 0.
    #[must_use]
    pub fn combined(&self, weights: &[Vec<f64>]) -> Vec<SlotCombination> {
        (0..self.slots.len()).map(|s| self.combined_slot(s, weights)).collect()
    }

    fn combined_slot(&self, slot: usize, weights: &[Vec<f64>]) -> SlotCombination {
        let n = self.members;
        let w: Vec<f64> =
            (0..n).map(|i| weights.get(i).and_then(|w| w.get(slot)).copied().filter(|w| w.is_finite()).unwrap_or(0.0)).collect();
        let singles: Vec<f64> = (0..n).map(|i| w[i].abs() * self.at(slot, i, i).max(0.0).sqrt()).collect();
        let parts: Vec<f64> = (0..n).map(|i| w[i] * (0..n).map(|j| self.at(slot, i, j) * w[j]).sum::<f64>()).collect();
        let scale: f64 = singles.iter().map(|s| s * s).sum();
        let energy = clamp(parts.iter().sum(), scale);
        let shares = if energy > 0.0 { parts.iter().map(|p| p / energy).collect() } else { vec![0.0; n] };
        let norm = energy.sqrt();
        let strongest = singles.iter().copied().fold(0.0, f64::max);
        let growth = if strongest > 0.0 { norm / strongest } else { 0.0 };
        SlotCombination { norm, agreement: agreement(&w, &singles, |i, j| self.at(slot, i, j)), singles, shares, growth }
    }

    /// Totals of a combination. `threshold` is the growth from which a slot is listed in `over`.
    #[must_use]
    pub fn summary(&self, slots: &[SlotCombination], threshold: f64) -> CombinationSummary {
        let total = slots.iter().map(|s| s.norm * s.norm).sum::<f64>().sqrt();
        let strongest =
            (0..self.members).map(|i| slots.iter().filter_map(|s| s.singles.get(i)).map(|v| v * v).sum::<f64>().sqrt()).fold(0.0, f64::max);
        let blocks: Vec<f64> = slots.iter().enumerate().filter(|(s, _)| self.is_present_block(*s)).map(|(_, c)| c.norm).collect();
        let count = blocks.len().max(1) as f64;
        let mean = blocks.iter().sum::<f64>() / count;
        let variance = blocks.iter().map(|b| (b - mean) * (b - mean)).sum::<f64>() / count;
        let growth = if strongest > 0.0 { total / strongest } else { 0.0 };
        let over = slots.iter().enumerate().filter(|(_, s)| s.growth > threshold).map(|(i, _)| i).collect();
        CombinationSummary { total, mean, variance, growth, over }
    }

    /// True when `slot` is a block of the layout that at least one member has.
    #[must_use]
    pub fn is_present_block(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|s| s.block) && self.present.get(slot).is_some_and(|p| p.contains(&true))
    }
}

/// Factors (at most 1) that bring every slot's growth down to `threshold`: multiply all members' weights in the slot by it.
#[must_use]
pub fn tame(slots: &[SlotCombination], threshold: f64) -> Vec<f64> {
    slots.iter().map(|s| if s.growth > threshold && threshold > 0.0 { threshold / s.growth } else { 1.0 }).collect()
}

/// Position of (i, j), i ≤ j, in a packed upper triangle of an n×n matrix.
#[must_use]
pub fn packed(n: usize, i: usize, j: usize) -> usize {
    i * n - i * (i + 1) / 2 + j
}

/// Rounding leaves tiny values of either sign where the members cancel exactly: they count as zero.
fn clamp(energy: f64, scale: f64) -> f64 {
    if energy > scale * 1e-13 { energy } else { 0.0 }
}

fn agreement(w: &[f64], singles: &[f64], at: impl Fn(usize, usize) -> f64) -> Option<f64> {
    let (mut inner, mut sizes) = (0.0, 0.0);
    for i in 0..w.len() {
        for j in i + 1..w.len() {
            inner += w[i] * w[j] * at(i, j);
            sizes += singles[i] * singles[j];
        }
    }
    (sizes > 0.0).then(|| (inner / sizes).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two slots, two members: first slot ΔW = (3, 0) and (0, 4), second only member 0.
    fn set() -> GramSet {
        let slot = |s: &str, block| GramSlot { slot: s.into(), label: s.into(), group: "g".into(), block };
        GramSet {
            layout_id: Some("x".into()),
            layout_version: 1,
            slots: vec![slot("B00", true), slot("B01", true), slot("TE1", false)],
            members: 2,
            gram: vec![vec![9.0, 0.0, 16.0], vec![4.0, 0.0, 0.0], vec![1.0, 1.0, 1.0]],
            present: vec![vec![true, true], vec![true, false], vec![true, true]],
        }
    }

    #[test]
    fn orthogonal_members_add_by_pythagoras() {
        let c = set().combined(&[vec![1.0, 1.0, 1.0], vec![1.0, 1.0, -1.0]]);
        assert!((c[0].norm - 5.0).abs() < 1e-12);
        assert_eq!(c[0].agreement, Some(0.0));
        assert!((c[0].shares[0] - 9.0 / 25.0).abs() < 1e-12);
        assert_eq!(c[1].agreement, None);
        assert_eq!((c[2].norm, c[2].growth, c[2].agreement), (0.0, 0.0, Some(-1.0)));
        assert_eq!(c[2].shares, vec![0.0, 0.0]);
    }

    #[test]
    fn summary_and_tame_agree() {
        let set = set();
        let weights = [vec![1.0, 1.0, 1.0], vec![1.0, 1.0, 1.0]];
        let c = set.combined(&weights);
        let s = set.summary(&c, 1.5);
        assert_eq!(s.over, vec![2]);
        assert!((s.total - (25.0f64 + 4.0 + 4.0).sqrt()).abs() < 1e-12);
        assert!((s.mean - 3.5).abs() < 1e-12 && (s.variance - 2.25).abs() < 1e-12);
        let f = tame(&c, 1.5);
        let tamed: Vec<Vec<f64>> = weights.iter().map(|w| w.iter().zip(&f).map(|(a, b)| a * b).collect()).collect();
        assert!((set.combined(&tamed)[2].norm - 1.5).abs() < 1e-12);
    }

    #[test]
    fn packed_runs_row_by_row() {
        let mut k = 0;
        for i in 0..5 {
            for j in i..5 {
                assert_eq!(packed(5, i, j), k);
                k += 1;
            }
        }
    }
}
