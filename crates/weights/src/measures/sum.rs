//! Sums over the modules of a block, a group or a file.

use std::collections::BTreeMap;

use super::{Measures, PartMeasures, Spread, place};
use crate::adapter::{Component, Module};
use crate::layout::{Layout, SlotRef};

/// What one module contributes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct One {
    pub(crate) elements: f64,
    /// ‖ΔW‖².
    pub(crate) energy: f64,
    /// Largest singular value.
    pub(crate) largest: f64,
    /// Singular values of ΔW; None where they were not computed.
    pub(crate) sigma: Option<Vec<f64>>,
    /// ‖W₀‖².
    pub(crate) base: Option<f64>,
}

impl One {
    pub(crate) fn measures(&self) -> Measures {
        let mut sum = Sum::default();
        sum.add(self);
        sum.measures()
    }
}

/// The block-diagonal matrix of several modules.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum {
    pub(super) modules: usize,
    elements: f64,
    energy: f64,
    largest: f64,
    sigma: Vec<f64>,
    /// A module without a spectrum is among them.
    incomplete: bool,
    /// (Σ‖ΔW‖², Σ‖W₀‖², modules) where W₀ is known.
    relative: (f64, f64, usize),
}

impl Sum {
    pub(super) fn add(&mut self, one: &One) {
        self.modules += 1;
        self.elements += one.elements;
        self.energy += one.energy;
        self.largest = self.largest.max(one.largest);
        match &one.sigma {
            Some(sigma) => self.sigma.extend(sigma),
            None => self.incomplete = true,
        }
        if let Some(base) = one.base {
            let (change, weight, modules) = self.relative;
            self.relative = (change + one.energy, weight + base, modules + 1);
        }
    }

    pub(super) fn measures(&self) -> Measures {
        let frobenius = self.energy.max(0.0).sqrt();
        let (change, weight, relative_modules) = self.relative;
        Measures {
            modules: self.modules,
            elements: self.elements,
            frobenius,
            rms: if self.elements > 0.0 { frobenius / self.elements.sqrt() } else { 0.0 },
            spectral: self.largest,
            stable_rank: if self.largest > 0.0 { (frobenius / self.largest).powi(2) } else { 0.0 },
            spectrum: (!self.incomplete).then(|| spread(&self.sigma)),
            relative: (weight > 0.0).then(|| (change / weight).sqrt()),
            relative_modules,
        }
    }
}

/// All zero for a change of zero: nothing has a rank there.
fn spread(sigma: &[f64]) -> Spread {
    let mut sorted: Vec<f64> = sigma.iter().copied().filter(|s| *s > 0.0).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let spectral = sorted.first().copied().unwrap_or(0.0);
    if spectral == 0.0 {
        return Spread { effective_rank: 0.0, effective_rank_energy: 0.0, rank: 0, rank_90: 0, rank_95: 0, rank_99: 0 };
    }
    // Relative to the largest: squares stay inside of the range of f64.
    sorted.iter_mut().for_each(|s| *s /= spectral);
    let energies: Vec<f64> = sorted.iter().map(|s| s * s).collect();
    let total: f64 = energies.iter().sum();
    let holds = |part: f64| {
        // From the small end, so that nothing is lost beside the large ones.
        let mut rest = 0.0;
        let dropped = energies.iter().rev().take_while(|e| {
            rest += **e;
            // A hair of room: 90 % of ten equal values is nine of them, not ten.
            rest <= (1.0 - part) * total * (1.0 + 1e-12)
        });
        energies.len() - dropped.count()
    };
    Spread {
        effective_rank: perplexity(&sorted),
        effective_rank_energy: perplexity(&energies),
        rank: sorted.len(),
        rank_90: holds(0.90),
        rank_95: holds(0.95),
        rank_99: holds(0.99),
    }
}

/// exp(−Σ p ln p) of p = x/Σx.
fn perplexity(x: &[f64]) -> f64 {
    let total: f64 = x.iter().sum();
    (-x.iter().map(|v| v / total).filter(|p| *p > 0.0).map(|p| p * p.ln()).sum::<f64>()).exp()
}

/// Sums of one file by block, group and component.
#[derive(Debug, Default)]
pub(super) struct Sums {
    slots: BTreeMap<SlotRef, Sum>,
    /// By the first block of the group, for the order.
    groups: BTreeMap<u16, (&'static str, Sum)>,
    pub(super) denoiser: Sum,
    pub(super) text: Sum,
}

impl Sums {
    pub(super) fn add(&mut self, module: &Module, layout: Option<&'static Layout>, one: &One) {
        let place = place(module);
        self.slots.entry(place).or_default().add(one);
        if let (SlotRef::Block(i), Some(layout)) = (place, layout)
            && let Some(slot) = layout.slots.get(usize::from(i))
        {
            let first = layout.group(slot.group).start;
            self.groups.entry(first).or_insert_with(|| (slot.group.id(), Sum::default())).1.add(one);
        }
        if module.target.component == Component::Denoiser { self.denoiser.add(one) } else { self.text.add(one) }
    }

    pub(super) fn slots(&self, layout: Option<&'static Layout>) -> Vec<PartMeasures> {
        let part = |(slot, sum): (&SlotRef, &Sum)| PartMeasures {
            label: crate::relations::label(*slot, layout).to_owned(),
            measures: sum.measures(),
        };
        self.slots.iter().map(part).collect()
    }

    pub(super) fn groups(&self) -> Vec<PartMeasures> {
        self.groups.values().map(|(id, sum)| PartMeasures { label: (*id).to_owned(), measures: sum.measures() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sigma: &[f64]) -> Spread {
        spread(sigma)
    }

    #[test]
    fn equal_values_have_full_rank_by_every_measure() {
        let s = of(&[2.0; 10]);
        assert!((s.effective_rank - 10.0).abs() < 1e-9 && (s.effective_rank_energy - 10.0).abs() < 1e-9);
        assert!((Measures::of(&[2.0; 10], 1.0).stable_rank - 10.0).abs() < 1e-12);
        assert_eq!((s.rank, s.rank_90, s.rank_95, s.rank_99), (10, 9, 10, 10));
    }

    #[test]
    fn one_strong_direction() {
        let s = of(&[10.0, 1.0, 1.0]);
        assert_eq!((s.rank_90, s.rank_95, s.rank_99), (1, 1, 2));
        let whole = Measures::of(&[1.0, 10.0, 1.0], 6.0);
        assert!((whole.stable_rank - 1.02).abs() < 1e-12 && whole.spectral == 10.0 && (whole.rms - 17f64.sqrt()).abs() < 1e-12);
        let p: [f64; 3] = [10.0 / 12.0, 1.0 / 12.0, 1.0 / 12.0];
        assert!((s.effective_rank.ln() + p.iter().map(|p| p * p.ln()).sum::<f64>()).abs() < 1e-12);
    }

    #[test]
    fn nothing_has_no_rank() {
        let s = of(&[0.0, 0.0]);
        assert_eq!((s.effective_rank, s.rank, s.rank_99), (0.0, 0, 0));
        assert_eq!((Measures::of(&[], 4.0).stable_rank, Measures::of(&[0.0], 0.0).rms), (0.0, 0.0));
        assert_eq!(of(&[]), s);
    }

    #[test]
    fn tiny_and_huge_values_stay_in_range() {
        let (small, large) = (of(&[1e-200, 5e-201]), of(&[1e200, 5e199]));
        assert_eq!((small.rank_90, small.rank), (2, 2));
        assert!((small.effective_rank - large.effective_rank).abs() < 1e-12);
    }
}
