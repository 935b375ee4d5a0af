//! Parameters of the methods. Every one has a default, so that a recipe names only what it changes; a method passes over what it does not use.

use super::plan::{MergeError, Method};
use serde::{Deserialize, Serialize};

/// Densities that may be asked for: at least one part in a thousand.
pub const DENSITY_RANGE: std::ops::RangeInclusive<f64> = 0.001..=1.0;
/// Limits of the per-block budget.
pub const TAME_RANGE: std::ops::RangeInclusive<f64> = 0.1..=8.0;
/// Strengths of the soft null-space projection.
pub const MU_RANGE: std::ops::RangeInclusive<f64> = 0.0..=1e6;

/// What an average is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Divisor {
    /// Σ|w| over all inputs: a file without the module counts as a change of zero.
    #[default]
    Weights,
    /// Σ|w| over the inputs that have the module.
    Present,
}

/// How far one set of coefficients reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Each module has its own.
    #[default]
    Module,
    /// Each block of the layout has its own; modules outside of blocks go by their group.
    Block,
    /// One set for the denoiser, one for each text encoder.
    Global,
}

/// How the sign of an element is decided where the inputs differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Elect {
    /// Nobody decides: the elements are added up.
    None,
    /// The sign of the sum; a sum of zero counts as positive.
    Total,
    /// The sign that more inputs have; a draw counts as positive.
    Frequency,
}

/// Whether the weights count when signs are elected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vote {
    /// w·ΔW votes (mergekit's order): a negative weight turns the vote around.
    #[default]
    Weighted,
    /// ΔW votes, the weights come after (PEFT's order).
    Plain,
}

/// What the sum of the elements with the elected sign is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// Their number (the paper's disjoint mean; PEFT).
    #[default]
    Count,
    /// The sum of their |w| (mergekit with `normalize`).
    Weights,
    /// Nothing (mergekit without `normalize`).
    None,
}

/// What is done inside of an aligned space (KnOTS, Core Space).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inner {
    /// TIES.
    #[default]
    Ties,
    /// The plain weighted sum: the space then does not matter.
    Sum,
    /// TSV-Merge: singular vectors of the inputs made orthogonal to each other. Core Space only.
    Tsv,
    /// Iso-C: the sum with a flat spectrum. Core Space only.
    Iso,
}

/// What a module of the result is stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A low-rank pair; whole differences where an exact method meets inputs that have no small rank.
    #[default]
    Lora,
    /// The whole difference, `diff`: as large as the base model's weights, and exact.
    Diff,
}

/// Parameters of the methods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// average, slerp, karcher: what the weights are divided by.
    pub divisor: Divisor,
    /// slerp, karcher, norm_equal: how far one set of coefficients reaches.
    pub scope: Scope,
    /// Part of the elements that is kept, above 0 to 1. None: 0.2 for ties and its kin inside of knots and core, 0.5 for dare and della, 0.9 for
    /// breadcrumbs, 0.5 for magnitude_prune, 1 for sce.
    pub density: Option<f64>,
    /// della: keep probabilities run from density − epsilon (smallest element of a row) to density + epsilon (largest).
    pub epsilon: f64,
    /// breadcrumbs: part of the elements, the largest ones, that is dropped.
    pub gamma: f64,
    /// dare, della: divide what is kept by the probability of keeping it, so that the mean over seeds is the plain sum.
    pub rescale: bool,
    /// Seed of dare and della, and of the randomised decomposition.
    pub seed: u64,
    /// How signs are decided. None: total for ties, dare_ties, della; none for dare, magnitude_prune, breadcrumbs.
    pub elect: Option<Elect>,
    /// Whether the weights count in that.
    pub vote: Vote,
    /// What the agreeing elements are divided by.
    pub share: Share,
    /// knots, core: what is done inside of the aligned space.
    pub inner: Inner,
    /// null_space: 0 is the plain sum; None: infinitely strong, the hard projection.
    pub mu: Option<f64>,
    /// With a method that adds up: scale every block down until its joint norm is at most this many times its strongest input's.
    pub tame: Option<f64>,
    /// With `rank`: the rank is a mean. Modules share the same number of stored values out where they keep most energy.
    pub spread: bool,
    /// What the result is stored as.
    pub form: Form,
    /// Dense methods with a rank: take the exact decomposition (slow on large modules), not the randomised one.
    pub exact: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            divisor: Divisor::default(),
            scope: Scope::default(),
            density: None,
            epsilon: 0.1,
            gamma: 0.01,
            rescale: true,
            seed: 0,
            elect: None,
            vote: Vote::default(),
            share: Share::default(),
            inner: Inner::default(),
            mu: None,
            tame: None,
            spread: false,
            form: Form::default(),
            exact: false,
        }
    }
}

impl Options {
    /// The density that `method` works with.
    #[must_use]
    pub fn density_of(&self, method: Method) -> f64 {
        self.density.unwrap_or(match method {
            Method::Ties | Method::Knots | Method::Core => 0.2,
            Method::Breadcrumbs => 0.9,
            Method::Sce => 1.0,
            _ => 0.5,
        })
    }

    /// The election that `method` holds.
    #[must_use]
    pub fn elect_of(&self, method: Method) -> Elect {
        self.elect.unwrap_or(match method {
            Method::Dare | Method::MagnitudePrune | Method::Breadcrumbs => Elect::None,
            _ => Elect::Total,
        })
    }

    /// Checks the values that `method` uses, `inputs` of them.
    pub(crate) fn validate(&self, method: Method, inputs: usize) -> Result<(), MergeError> {
        let bad = |why: &str| Err(MergeError::Plan(why.to_owned()));
        let density = self.density_of(method);
        if !DENSITY_RANGE.contains(&density) {
            return bad("the density must lie between 0.001 and 1");
        }
        let uncertain = !(0.0..=1.0).contains(&self.epsilon) || density - self.epsilon <= 0.0 || density + self.epsilon > 1.0;
        if method == Method::Della && uncertain {
            return bad("density − epsilon must stay above 0 and density + epsilon must not pass 1: choose a smaller epsilon");
        }
        if method == Method::Breadcrumbs && !(0.0..1.0).contains(&self.gamma) {
            return bad("gamma must lie between 0 and 1");
        }
        if self.mu.is_some_and(|mu| !MU_RANGE.contains(&mu)) {
            return bad("mu must lie between 0 and a million; leave it out for the hard projection");
        }
        if self.tame.is_some_and(|limit| !TAME_RANGE.contains(&limit)) {
            return bad("the budget of a block must lie between 0.1 and 8 times its strongest input");
        }
        if self.tame.is_some() && !method.is_linear() {
            return bad("a budget per block needs a method that adds up: sum, average, concat, svd, slerp, karcher or norm_equal");
        }
        match (method, self.inner) {
            (Method::Slerp, _) if inputs != 2 => bad("slerp goes between exactly two adapters; karcher takes any number"),
            (Method::NullSpace, _) if inputs < 2 => bad("null_space needs the content first and at least one style after it"),
            (Method::Knots, Inner::Tsv | Inner::Iso) => bad("inside of knots there is ties or sum; tsv and iso belong to core"),
            _ => Ok(()),
        }
    }
}
