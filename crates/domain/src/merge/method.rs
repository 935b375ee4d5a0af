//! The ways to make one adapter of several.

use super::options::Elect;
use serde::{Deserialize, Serialize};

/// How the inputs become one. docs/merging.md has formulas, sources and when to take which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Σ w·ΔW at its numerical rank, or compressed where a rank or an energy is given.
    Sum,
    /// The sum divided by Σ|w|.
    Average,
    /// Σ w·ΔW with the factors stacked as they are.
    Concat,
    /// Σ w·ΔW compressed to a rank or an energy: one of the two must be given.
    #[default]
    Svd,
    /// Along the great circle between two.
    Slerp,
    /// The mean on the sphere of any number.
    Karcher,
    /// The sum of inputs brought to one norm.
    NormEqual,
    /// Trim, elect signs, mean of those that agree.
    Ties,
    /// Random elements dropped, the rest scaled up, added.
    Dare,
    /// Random elements dropped, the rest scaled up, then signs elected as in TIES.
    DareTies,
    /// As DARE with TIES, but small elements of a row are dropped more often.
    Della,
    /// Only the largest elements of each input, added.
    MagnitudePrune,
    /// Without the largest and the smallest elements of each input, added.
    Breadcrumbs,
    /// Select by variance, weigh by energy, erase the minority.
    Sce,
    /// Inputs aligned by one singular value decomposition, merged there.
    Knots,
    /// Inputs expressed in one small common space, merged there.
    Core,
    /// The first input without what the others look at, plus the others.
    NullSpace,
}

impl Method {
    /// Every method in menu order: sums, means, those in the space of the factors, those that work element by element.
    pub const ALL: [Self; 17] = [
        Self::Svd,
        Self::Concat,
        Self::Sum,
        Self::Average,
        Self::Slerp,
        Self::Karcher,
        Self::NormEqual,
        Self::NullSpace,
        Self::Core,
        Self::Knots,
        Self::Ties,
        Self::DareTies,
        Self::Dare,
        Self::Della,
        Self::MagnitudePrune,
        Self::Breadcrumbs,
        Self::Sce,
    ];

    /// The word that REST, the command line and the recipe use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Average => "average",
            Self::Concat => "concat",
            Self::Svd => "svd",
            Self::Slerp => "slerp",
            Self::Karcher => "karcher",
            Self::NormEqual => "norm_equal",
            Self::Ties => "ties",
            Self::Dare => "dare",
            Self::DareTies => "dare_ties",
            Self::Della => "della",
            Self::MagnitudePrune => "magnitude_prune",
            Self::Breadcrumbs => "breadcrumbs",
            Self::Sce => "sce",
            Self::Knots => "knots",
            Self::Core => "core",
            Self::NullSpace => "null_space",
        }
    }

    /// Name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Svd => "SVD",
            Self::Concat => "Concatenate",
            Self::Sum => "Sum",
            Self::Average => "Average",
            Self::Slerp => "SLERP",
            Self::Karcher => "Karcher mean",
            Self::NormEqual => "Equal strength",
            Self::NullSpace => "Null space",
            Self::Core => "Core Space",
            Self::Knots => "KnOTS",
            Self::Ties => "TIES",
            Self::DareTies => "DARE + TIES",
            Self::Dare => "DARE",
            Self::Della => "DELLA",
            Self::MagnitudePrune => "Magnitude prune",
            Self::Breadcrumbs => "Breadcrumbs",
            Self::Sce => "SCE",
        }
    }

    /// One line for a person who chooses.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Svd => "Weighted sum compressed to a rank you choose: the best file of that size.",
            Self::Concat => "Exact weighted sum with the factors stacked. Fast; the ranks add up.",
            Self::Sum => "Exact weighted sum, stored at the smallest rank that holds it.",
            Self::Average => "Weighted sum divided by the sum of the weights: never stronger than its strongest strand.",
            Self::Slerp => "Half-way between two adapters along the arc, without losing strength on the way.",
            Self::Karcher => "The mean of any number of adapters on the sphere: keeps the strength that a plain average loses.",
            Self::NormEqual => "Every strand brought to the same strength first, so that none drowns the others.",
            Self::NullSpace => "The first strand without what the others look at, plus the others: a subject in a style.",
            Self::Core => "Merges in the small space that all strands share; TSV inside separates them best.",
            Self::Knots => "Turns all strands into one common frame before TIES: less interference between them.",
            Self::Ties => "Keeps each strand's largest changes, lets them vote on signs, and averages those that agree.",
            Self::DareTies => "As DARE, then signs are voted on as in TIES.",
            Self::Dare => "Drops changes at random and scales up the rest: thins strands out before they are added.",
            Self::Della => "As DARE with TIES, but small changes are dropped more often than large ones.",
            Self::MagnitudePrune => "Keeps each strand's largest changes only, and adds them.",
            Self::Breadcrumbs => "Leaves out each strand's largest and smallest changes, and adds the rest.",
            Self::Sce => "Selects where strands differ most, weighs them by their energy there, erases the minority.",
        }
    }

    /// The result is Σ cᵢ·ΔWᵢ with coefficients that depend on the inputs as wholes.
    #[must_use]
    pub const fn is_linear(self) -> bool {
        matches!(self, Self::Sum | Self::Average | Self::Concat | Self::Svd | Self::Slerp | Self::Karcher | Self::NormEqual)
    }

    /// Works element by element on the dense difference. Its result has full rank, so it is cut to a rank or stored whole.
    #[must_use]
    pub const fn is_dense(self) -> bool {
        matches!(self, Self::Ties | Self::Dare | Self::DareTies | Self::Della | Self::MagnitudePrune | Self::Breadcrumbs | Self::Sce)
    }

    /// Its result may be cut to a rank or an energy.
    #[must_use]
    pub const fn takes_size(self) -> bool {
        !matches!(self, Self::Concat)
    }

    /// Thins its inputs out, to a density.
    #[must_use]
    pub const fn has_density(self) -> bool {
        self.is_dense() || matches!(self, Self::Knots | Self::Core)
    }

    /// Draws at random.
    #[must_use]
    pub const fn is_random(self) -> bool {
        matches!(self, Self::Dare | Self::DareTies | Self::Della)
    }

    /// The density it works with unless told otherwise.
    #[must_use]
    pub const fn density(self) -> f64 {
        match self {
            Self::Ties | Self::Knots | Self::Core => 0.2,
            Self::Breadcrumbs => 0.9,
            Self::Sce => 1.0,
            _ => 0.5,
        }
    }

    /// The election it holds unless told otherwise.
    #[must_use]
    pub const fn elect(self) -> Elect {
        match self {
            Self::Dare | Self::MagnitudePrune | Self::Breadcrumbs => Elect::None,
            _ => Elect::Total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_in_the_menu_once_and_its_word_is_that_of_the_recipe() {
        for (at, method) in Method::ALL.into_iter().enumerate() {
            assert!(!Method::ALL[..at].contains(&method), "{method:?}");
            assert_eq!(serde_json::to_value(method).expect("a word"), method.as_str());
        }
    }
}
