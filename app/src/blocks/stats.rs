//! What the block view computes from the strengths of one adapter: which measure is shown, its mean and spread, shares, CSV.

use weft_domain::BlockStrength;
use weft_domain::adapter::OutsideStrength;

/// Which number stands for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Measure {
    /// ‖ΔW‖ of the block: its whole change.
    #[default]
    Frobenius,
    /// Root mean square of ΔW's elements: comparable among blocks of different size.
    Rms,
}

impl Measure {
    /// Short name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Frobenius => "Frobenius",
            Self::Rms => "RMS",
        }
    }

    /// The block's number.
    #[must_use]
    pub const fn of(self, block: &BlockStrength) -> f64 {
        match self {
            Self::Frobenius => block.frobenius,
            Self::Rms => block.rms,
        }
    }
}

/// Mean and standard deviation over the blocks that are present; None without any.
#[must_use]
pub fn spread(blocks: &[BlockStrength], measure: Measure) -> Option<(f64, f64)> {
    let values: Vec<f64> = blocks.iter().filter(|b| b.present).map(|b| measure.of(b)).collect();
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

/// The table as comma-separated values, full precision.
#[must_use]
pub fn csv(blocks: &[BlockStrength], outside: &[OutsideStrength]) -> String {
    let total = energy(blocks, outside);
    let mut text = "slot,group,present,frobenius,rms,share\n".to_owned();
    for b in blocks {
        text += &format!("{},{},{},{},{},{}\n", b.label, b.group, b.present, b.frobenius, b.rms, share(b.frobenius, total));
    }
    for o in outside {
        text += &format!("{},outside,true,{},,{}\n", o.group, o.frobenius, share(o.frobenius, total));
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
        assert_eq!(spread(&blocks, Measure::Frobenius), Some((2.0, 1.0)));
        assert_eq!(spread(&blocks[1..2], Measure::Rms), None);
    }

    #[test]
    fn the_shares_of_the_table_account_for_the_whole() {
        let blocks = [block("B00", true, 3.0), block("B01", false, 0.0)];
        let outside = [OutsideStrength { group: "TE1".into(), frobenius: 4.0, modules: 2 }];
        let total: f64 = csv(&blocks, &outside).lines().skip(1).filter_map(|l| l.rsplit(',').next()?.parse::<f64>().ok()).sum();
        assert!((total - 1.0).abs() < 1e-12);
    }
}
