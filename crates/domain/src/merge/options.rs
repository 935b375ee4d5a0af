//! Parameters of the methods. Every one has a default, so that a recipe names only what it changes; a method passes over what it does not use.

use super::Method;
use serde::{Deserialize, Serialize};

/// What an average is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    /// Nothing was changed.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The density that `method` works with.
    #[must_use]
    pub fn density_of(&self, method: Method) -> f64 {
        self.density.unwrap_or(method.density())
    }

    /// The election that `method` holds.
    #[must_use]
    pub fn elect_of(&self, method: Method) -> Elect {
        self.elect.unwrap_or(method.elect())
    }
}

/// The words of a choice: for REST and the command line, and for people.
macro_rules! words {
    ($choice:ident { $($variant:ident $word:literal $label:literal,)+ }) => {
        impl $choice {
            /// Every value in menu order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word that REST, the command line and the recipe use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Words for people.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }

            /// The value of a word.
            #[must_use]
            pub fn by_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }
    };
}

words!(Divisor { Weights "weights" "All adapters", Present "present" "Those with the module", });
words!(Scope { Module "module" "Each module", Block "block" "Each block", Global "global" "The whole", });
words!(Elect { Total "total" "The larger sum", Frequency "frequency" "The majority", None "none" "Nobody", });
words!(Vote { Weighted "weighted" "Weighted", Plain "plain" "Unweighted", });
words!(Share { Count "count" "Their number", Weights "weights" "Their weights", None "none" "Nothing", });
words!(Inner { Ties "ties" "TIES", Tsv "tsv" "TSV", Iso "iso" "Iso-C", Sum "sum" "Sum", });
words!(Form { Lora "lora" "Low-rank pairs", Diff "diff" "Whole differences", });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_recipe() {
        fn same<T: serde::Serialize + Copy>(all: &[T], word: impl Fn(T) -> &'static str) {
            for value in all {
                assert_eq!(serde_json::to_value(value).expect("a word"), word(*value));
            }
        }
        same(Divisor::ALL, Divisor::as_str);
        same(Scope::ALL, Scope::as_str);
        same(Elect::ALL, Elect::as_str);
        same(Vote::ALL, Vote::as_str);
        same(Share::ALL, Share::as_str);
        same(Inner::ALL, Inner::as_str);
        same(Form::ALL, Form::as_str);
        assert_eq!(Inner::by_word("tsv"), Some(Inner::Tsv));
    }

    #[test]
    fn a_request_names_only_what_it_changes() {
        let options: Options = serde_json::from_str(r#"{"density":0.3}"#).expect("options");
        assert_eq!(options, Options { density: Some(0.3), ..Options::default() });
    }
}
