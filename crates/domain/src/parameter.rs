//! The parameter registry: name, range, default and help of every number a user may set, once.
//!
//! The form on the page, the command line's help, the check in the service and the docs are all read from here.

/// A number with its limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number {
    /// Name in requests and on the command line.
    pub name: &'static str,
    /// Name for people.
    pub label: &'static str,
    pub min: f64,
    pub max: f64,
    pub default: f64,
    /// Smallest change a slider makes.
    pub step: f64,
    /// Digits after the point when shown.
    pub digits: usize,
    /// One sentence.
    pub help: &'static str,
}

impl Number {
    /// The value, or why it is refused. NaN and infinities are refused too.
    pub fn check(&self, value: f64) -> Result<f64, crate::Problem> {
        if value.is_finite() && value >= self.min && value <= self.max {
            return Ok(value);
        }
        Err(crate::Problem::invalid(self.name, format!("{} must lie between {} and {}.", self.label, self.min, self.max))
            .detail(format!("It is {value}.")))
    }
}

/// Strength of one adapter in a composition.
pub const WEIGHT: Number = Number {
    name: "weight",
    label: "Weight",
    min: -2.0,
    max: 2.0,
    default: 1.0,
    step: 0.05,
    digits: 2,
    help: "How strongly the adapter pulls. 1 is as trained, 0 leaves it out, negative values pull the other way.",
};

/// Factor of one block in a profile.
pub const BLOCK: Number = Number {
    name: "block",
    label: "Block factor",
    min: -2.0,
    max: 2.0,
    default: 1.0,
    step: 0.05,
    digits: 2,
    help: "Multiplies the weight in this block alone. 1 leaves it as it is, 0 switches the block off.",
};

/// Rank of a compressed merge.
pub const RANK: Number = Number {
    name: "rank",
    label: "Rank",
    min: 1.0,
    max: 1024.0,
    default: 32.0,
    step: 1.0,
    digits: 0,
    help: "Size of the result. A higher rank keeps more of the sum and makes a larger file.",
};

/// Share of the energy a compressed merge keeps.
pub const ENERGY: Number = Number {
    name: "energy",
    label: "Energy kept",
    min: 0.01,
    max: 1.0,
    default: 0.99,
    step: 0.005,
    digits: 3,
    help: "Share of the squared strength that the result keeps; each module gets the rank it needs for it.",
};

/// Smallest singular value that a resize keeps, as a part of the largest: 1 / ratio.
pub const RATIO: Number = Number {
    name: "ratio",
    label: "Ratio",
    min: 1.0,
    max: 1_000_000.0,
    default: 20.0,
    step: 1.0,
    digits: 0,
    help: "Keeps every direction that is stronger than the strongest one divided by this.",
};

/// Factor for a whole adapter when it is edited.
pub const SCALE: Number = Number {
    name: "scale",
    label: "Scale",
    min: -4.0,
    max: 4.0,
    default: 1.0,
    step: 0.05,
    digits: 2,
    help: "Multiplies everything the adapter does. 1 leaves it as it is, 0.5 halves it.",
};

/// Every number of an operation on one adapter, in the order of the form.
pub const OPERATION: [Number; 4] = [RANK, ENERGY, RATIO, SCALE];

/// Part of the elements that a thinning method keeps. Its default depends on the method.
pub const DENSITY: Number = Number {
    name: "density",
    label: "Density",
    min: 0.001,
    max: 1.0,
    default: 0.5,
    step: 0.05,
    digits: 2,
    help: "Share of each adapter's changes that is kept. Less means less interference and less of everything.",
};

/// How far DELLA's keep probabilities reach around the density.
pub const EPSILON: Number = Number {
    name: "epsilon",
    label: "Epsilon",
    min: 0.0,
    max: 1.0,
    default: 0.1,
    step: 0.01,
    digits: 2,
    help: "The smallest change of a row is kept with density minus this, the largest with density plus this.",
};

/// Part of the largest elements that breadcrumbs drops.
pub const GAMMA: Number = Number {
    name: "gamma",
    label: "Gamma",
    min: 0.0,
    max: 0.999,
    default: 0.01,
    step: 0.01,
    digits: 3,
    help: "Share of each adapter's changes, the very largest, that is left out.",
};

/// Strength of the soft null-space projection.
pub const MU: Number = Number {
    name: "mu",
    label: "Mu",
    min: 0.0,
    max: 1_000_000.0,
    default: 1.0,
    step: 0.1,
    digits: 1,
    help: "How strongly the first adapter makes room for the others. 0 is the plain sum; leave it out for the hard projection.",
};

/// Budget of every block.
pub const TAME: Number = Number {
    name: "tame",
    label: "Tame",
    min: 0.1,
    max: 8.0,
    default: 1.2,
    step: 0.05,
    digits: 2,
    help: "Scales a block down until its joint strength is at most this many times that of its strongest adapter.",
};

/// Seed of everything random: the same gives the same bytes.
pub const SEED: Number = Number {
    name: "seed",
    label: "Seed",
    min: 0.0,
    max: 4_294_967_295.0,
    default: 0.0,
    step: 1.0,
    digits: 0,
    help: "Another seed, another draw. The same seed gives the same bytes on every machine.",
};

/// Smallest change that an extraction takes.
pub const THRESHOLD: Number = Number {
    name: "threshold",
    label: "Threshold",
    min: 0.0,
    max: 0.5,
    default: 0.0,
    step: 0.001,
    digits: 3,
    help: "Weights that changed by less than this part of their size count as unchanged. 0 takes every change.",
};

/// Quantile at which an extraction cuts its factors.
pub const CLAMP: Number = Number {
    name: "clamp",
    label: "Clamp",
    min: 0.5,
    max: 1.0,
    default: 1.0,
    step: 0.005,
    digits: 3,
    help: "Cuts the factors' values at this quantile of their size. 1 cuts nothing; other programs cut at 0.99, which changes what was learned.",
};

/// Every number of a bake, in the order of the form.
pub const BAKE: [Number; 3] = [WEIGHT, BLOCK, SEED];

/// Every number of an extraction, in the order of the form.
pub const EXTRACT: [Number; 5] = [RANK, ENERGY, THRESHOLD, CLAMP, SEED];

/// Every number of a merge, in the order of the form.
pub const MERGE: [Number; 10] = [WEIGHT, BLOCK, RANK, ENERGY, DENSITY, EPSILON, GAMMA, MU, TAME, SEED];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_lies_in_its_range() {
        for number in MERGE.into_iter().chain(OPERATION).chain(BAKE).chain(EXTRACT) {
            assert_eq!(number.check(number.default), Ok(number.default), "{}", number.name);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert!(WEIGHT.check(f64::NAN).is_err());
        assert!(WEIGHT.check(2.01).is_err());
        assert_eq!(WEIGHT.check(-2.0), Ok(-2.0));
    }
}
