//! What the block view computes from the strengths of one adapter: which measure is shown, its mean and spread, shares, CSV.

use super::format;
use std::collections::BTreeMap;
use weft_domain::BlockStrength;
use weft_domain::adapter::OutsideStrength;
use weft_domain::measure::{AdapterMeasures, Measures, Spread};

/// Which number stands for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Measure {
    /// ‖ΔW‖ of the block: its whole change.
    #[default]
    Frobenius,
    /// Root mean square of ΔW's elements: comparable among blocks of different size.
    Rms,
    /// Largest singular value.
    Spectral,
    /// Σσ²/σ₁².
    StableRank,
    /// exp of the entropy of σ/Σσ.
    EffectiveRank,
    /// Fewest singular values that hold 90 % of the energy.
    Rank90,
    Rank95,
    Rank99,
    /// ‖ΔW‖/‖W‖ beside a checkpoint.
    Relative,
}

impl Measure {
    /// All, in menu order.
    pub const ALL: [Self; 9] = [
        Self::Frobenius,
        Self::Rms,
        Self::Spectral,
        Self::StableRank,
        Self::EffectiveRank,
        Self::Rank90,
        Self::Rank95,
        Self::Rank99,
        Self::Relative,
    ];

    /// The word in a menu's value.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Frobenius => "frobenius",
            Self::Rms => "rms",
            Self::Spectral => "spectral",
            Self::StableRank => "stable_rank",
            Self::EffectiveRank => "effective_rank",
            Self::Rank90 => "rank_90",
            Self::Rank95 => "rank_95",
            Self::Rank99 => "rank_99",
            Self::Relative => "relative",
        }
    }

    /// Short name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Frobenius => "Frobenius",
            Self::Rms => "RMS",
            Self::Spectral => "Spectral norm",
            Self::StableRank => "Stable rank",
            Self::EffectiveRank => "Effective rank",
            Self::Rank90 => "Rank for 90 %",
            Self::Rank95 => "Rank for 95 %",
            Self::Rank99 => "Rank for 99 %",
            Self::Relative => "Beside a checkpoint",
        }
    }

    /// What it tells, in one sentence.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Frobenius => "The whole change of a block.",
            Self::Rms => "The change of an average weight: fair among blocks of different size.",
            Self::Spectral => "The strongest single direction of a block: what burns first when the weight is turned up.",
            Self::StableRank => "In how many directions of the strongest one's size the change is spread. 1: all of it in one.",
            Self::EffectiveRank => "How many directions are really used, weak ones counted less.",
            Self::Rank90 => "Directions that hold 90 % of the energy: a resize to this rank loses the rest.",
            Self::Rank95 => "Directions that hold 95 % of the energy: a resize to this rank loses the rest.",
            Self::Rank99 => "Directions that hold 99 % of the energy: a resize to this rank loses hardly anything.",
            Self::Relative => "The change as a part of the checkpoint's own weights: which blocks are really turned round.",
        }
    }

    /// The library does not keep it: it has to be asked for.
    #[must_use]
    pub const fn is_more(self) -> bool {
        !matches!(self, Self::Frobenius | Self::Rms)
    }

    /// It has a value only beside a checkpoint.
    #[must_use]
    pub const fn is_relative(self) -> bool {
        matches!(self, Self::Relative)
    }

    /// The number among those that were asked for; None where a spectrum could not be had.
    #[must_use]
    pub fn of(self, m: &Measures) -> Option<f64> {
        let rank = |pick: fn(&Spread) -> u32| m.spectrum.as_ref().map(|s| f64::from(pick(s)));
        match self {
            Self::Frobenius => Some(m.frobenius),
            Self::Rms => Some(m.rms),
            Self::Spectral => Some(m.spectral),
            Self::StableRank => Some(m.stable_rank),
            Self::EffectiveRank => m.spectrum.as_ref().map(|s| s.effective_rank),
            Self::Rank90 => rank(|s| s.rank_90),
            Self::Rank95 => rank(|s| s.rank_95),
            Self::Rank99 => rank(|s| s.rank_99),
            Self::Relative => m.relative,
        }
    }

    /// As people read it: ranks are whole, strengths have four digits.
    #[must_use]
    pub fn write(self, value: f64) -> String {
        match self {
            Self::Rank90 | Self::Rank95 | Self::Rank99 => format!("{value:.0}"),
            Self::StableRank | Self::EffectiveRank => format!("{value:.2}"),
            Self::Frobenius | Self::Rms | Self::Spectral => format::strength(value),
            Self::Relative => format!("{:.2} %", value * 100.0),
        }
    }
}

/// What was asked for, by slot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct More {
    pub whole: Measures,
    pub slots: BTreeMap<String, Measures>,
}

impl More {
    pub(crate) fn new(measures: &AdapterMeasures) -> Self {
        let slots = measures.slots.iter().map(|part| (part.label.clone(), part.measures.clone())).collect();
        Self { whole: measures.denoiser.clone(), slots }
    }

    /// They were taken beside a checkpoint that has some of the weights.
    #[must_use]
    pub fn has_relative(&self) -> bool {
        self.whole.relative.is_some() || self.slots.values().any(|m| m.relative.is_some())
    }
}

/// The measures that were asked for and came, in menu order.
pub(crate) fn asked(more: Option<&More>) -> impl Iterator<Item = Measure> {
    let (some, relative) = (more.is_some(), more.is_some_and(More::has_relative));
    Measure::ALL.into_iter().filter(move |m| m.is_more() && some && (relative || !m.is_relative()))
}

/// The number of every block; 0 for those that are absent or not known.
#[must_use]
pub(crate) fn values(blocks: &[BlockStrength], measure: Measure, more: Option<&More>) -> Vec<f64> {
    let value = |b: &BlockStrength| match measure {
        Measure::Frobenius => Some(b.frobenius),
        Measure::Rms => Some(b.rms),
        asked => more.and_then(|m| m.slots.get(&b.label)).and_then(|m| asked.of(m)),
    };
    blocks.iter().map(|b| value(b).filter(|_| b.present).unwrap_or(0.0)).collect()
}

/// Mean and standard deviation over the blocks that are present; None without any.
#[must_use]
pub(crate) fn spread(blocks: &[BlockStrength], values: &[f64]) -> Option<(f64, f64)> {
    let values: Vec<f64> = blocks.iter().zip(values).filter(|(b, _)| b.present).map(|(_, v)| *v).collect();
    if values.is_empty() {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
    Some((mean, variance.sqrt()))
}

/// ‖ΔW‖² over blocks and everything outside of them: what shares are parts of.
#[must_use]
pub fn energy(blocks: &[BlockStrength], outside: &[OutsideStrength]) -> f64 {
    let inside: f64 = blocks.iter().map(|b| b.frobenius * b.frobenius).sum();
    inside + outside.iter().map(|o| o.frobenius * o.frobenius).sum::<f64>()
}

/// Part of the energy that a strength holds, 0 to 1.
#[must_use]
pub fn share(frobenius: f64, energy: f64) -> f64 {
    if energy > 0.0 { frobenius * frobenius / energy } else { 0.0 }
}

/// The table as comma-separated values, full precision; with what was asked for, where it was.
#[must_use]
pub(crate) fn csv(blocks: &[BlockStrength], outside: &[OutsideStrength], more: Option<&More>) -> String {
    let total = energy(blocks, outside);
    let asked = || asked(more);
    let cells = |label: &str| {
        let of = |m: Measure| more.and_then(|all| all.slots.get(label)).and_then(|all| m.of(all));
        asked().map(|m| format!(",{}", of(m).map(|v| v.to_string()).unwrap_or_default())).collect::<String>()
    };
    let mut text = "slot,group,present,frobenius,rms,share".to_owned();
    text.extend(asked().map(|m| format!(",{}", m.key())));
    text.push('\n');
    for b in blocks {
        let part = share(b.frobenius, total);
        text += &format!("{},{},{},{},{},{part}{}\n", b.label, b.group, b.present, b.frobenius, b.rms, cells(&b.label));
    }
    for o in outside {
        text += &format!("{},outside,true,{},,{}{}\n", o.group, o.frobenius, share(o.frobenius, total), cells(&o.group));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(label: &str, present: bool, frobenius: f64) -> BlockStrength {
        BlockStrength { slot: label.into(), label: label.into(), group: "blocks".into(), present, frobenius, rms: frobenius / 10.0 }
    }

    #[test]
    fn an_absent_block_does_not_pull_the_mean_down() {
        let blocks = [block("B00", true, 1.0), block("B01", false, 0.0), block("B02", true, 3.0)];
        assert_eq!(spread(&blocks, &values(&blocks, Measure::Frobenius, None)), Some((2.0, 1.0)));
        assert_eq!(spread(&blocks[1..2], &[0.0]), None);
    }

    #[test]
    fn the_shares_of_the_table_account_for_the_whole() {
        let blocks = [block("B00", true, 3.0), block("B01", false, 0.0)];
        let outside = [OutsideStrength { group: "TE1".into(), frobenius: 4.0, modules: 2 }];
        let total: f64 = csv(&blocks, &outside, None).lines().skip(1).filter_map(|l| l.rsplit(',').next()?.parse::<f64>().ok()).sum();
        assert!((total - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_was_asked_for_stands_at_its_block() {
        let blocks = [block("B00", true, 3.0), block("B01", true, 1.0)];
        let spectrum = Spread { rank_90: 4, effective_rank: 6.5, ..Spread::default() };
        let measures = Measures { spectral: 2.0, stable_rank: 2.25, spectrum: Some(spectrum), ..Measures::default() };
        let more = More { whole: measures.clone(), slots: [("B00".to_owned(), measures)].into() };
        assert_eq!(values(&blocks, Measure::Rank90, Some(&more)), [4.0, 0.0]);
        assert_eq!(values(&blocks, Measure::StableRank, Some(&more)), [2.25, 0.0]);
        assert_eq!(values(&blocks, Measure::Spectral, None), [0.0, 0.0], "not asked for yet");
        let text = csv(&blocks, &[], Some(&more));
        let counts: Vec<usize> = text.lines().map(|l| l.split(',').count()).collect();
        assert_eq!(counts, [12, 12, 12], "{text}");
        let beside = Measures { relative: Some(0.015), ..Measures::default() };
        let more = More { whole: beside.clone(), slots: [("B01".to_owned(), beside)].into() };
        assert_eq!(values(&blocks, Measure::Relative, Some(&more)), [0.0, 0.015]);
        assert_eq!(Measure::Relative.write(0.015), "1.50 %");
        assert!(csv(&blocks, &[], Some(&more)).starts_with("slot,group,present,frobenius,rms,share,spectral"));
        assert!(csv(&blocks, &[], Some(&more)).lines().next().is_some_and(|head| head.ends_with(",relative")));
        assert!(Measure::ALL.iter().all(|m| Measure::ALL.iter().filter(|o| o.key() == m.key()).count() == 1));
    }
}
