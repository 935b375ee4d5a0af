//! How many singular values to keep.

use crate::ops::OpError;
use serde::{Deserialize, Serialize};

/// The rule. The numbers' meaning stands in the module's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// A rank, 1 or more.
    Rank(usize),
    /// A share of Σσ², above 0 and at most 1.
    Energy(f64),
    /// σ₀/x is the smallest that is kept; x is 1 or more.
    Ratio(f64),
    /// A share of √Σσ², above 0 and at most 1.
    Frobenius(f64),
    /// A share of Σσ, above 0 and at most 1.
    Cumulative(f64),
}

impl Keep {
    pub(super) fn check(self) -> Result<(), OpError> {
        let bad = |why: &str| Err(OpError::Options(why.into()));
        match self {
            Self::Rank(0) => bad("the rank must be at least 1"),
            Self::Energy(t) | Self::Frobenius(t) | Self::Cumulative(t) if !(t > 0.0 && t <= 1.0) => {
                bad("the share to keep must be above 0 and at most 1")
            }
            Self::Ratio(x) if !(x >= 1.0 && x.is_finite()) => bad("the ratio must be 1 or more"),
            _ => Ok(()),
        }
    }

    /// Number of the descending singular values to keep: at least 1 where there is any.
    pub(super) fn count(self, sigma: &[f64]) -> usize {
        let largest = sigma.first().copied().unwrap_or(0.0);
        let count = match self {
            Self::Rank(k) => k,
            Self::Energy(t) => fewest(sigma, t, |s| s * s),
            Self::Frobenius(t) => fewest(sigma, t * t, |s| s * s),
            Self::Cumulative(t) => fewest(sigma, t, |s| s),
            Self::Ratio(x) => sigma.iter().take_while(|s| **s * x > largest).count(),
        };
        count.max(1).min(sigma.len())
    }
}

/// The fewest values whose sum reaches the share. What is left is summed from the small end, where rounding is least.
fn fewest(sigma: &[f64], share: f64, weight: impl Fn(f64) -> f64) -> usize {
    let total: f64 = sigma.iter().rev().map(|s| weight(*s)).sum();
    let mut tail = 0.0;
    let mut needed = sigma.len();
    while needed > 0 {
        tail += weight(sigma[needed - 1]);
        // A rounding of the share itself must not cost a rank.
        if tail > (1.0 - share) * total * (1.0 + 1e-12) {
            break;
        }
        needed -= 1;
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGMA: [f64; 5] = [4.0, 3.0, 2.0, 1.0, 0.5];

    #[test]
    fn the_rules_count_as_written() {
        // Σσ² = 30.25, Σσ = 10.5.
        for (keep, count) in [
            (Keep::Rank(3), 3),
            (Keep::Rank(9), 5),
            (Keep::Energy(16.0 / 30.25), 1),
            (Keep::Energy(0.53), 2),
            (Keep::Energy(1.0), 5),
            (Keep::Frobenius((25.0f64 / 30.25).sqrt()), 2),
            (Keep::Frobenius(1.0), 5),
            (Keep::Cumulative(7.0 / 10.5), 2),
            (Keep::Cumulative(0.67), 3),
            (Keep::Cumulative(0.99), 5),
            (Keep::Ratio(2.0), 2),
            (Keep::Ratio(2.1), 3),
            (Keep::Ratio(1.0), 1),
            (Keep::Ratio(1e9), 5),
        ] {
            assert_eq!(keep.count(&SIGMA), count, "{keep:?}");
        }
        assert_eq!(Keep::Rank(3).count(&[]), 0);
    }

    #[test]
    fn the_last_value_can_be_kept() {
        // kohya's script ends its counts at n − 1.
        assert_eq!(Keep::Cumulative(1.0).count(&[1.0, 1.0]), 2);
        assert_eq!(Keep::Ratio(10.0).count(&[1.0, 0.9]), 2);
        assert_eq!(Keep::Energy(0.9).count(&[1.0]), 1);
    }

    #[test]
    fn senseless_numbers_are_refused() {
        for bad in
            [Keep::Rank(0), Keep::Energy(0.0), Keep::Energy(1.1), Keep::Cumulative(f64::NAN), Keep::Ratio(0.5), Keep::Ratio(f64::INFINITY)]
        {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
