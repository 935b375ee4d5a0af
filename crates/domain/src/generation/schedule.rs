//! How the steps are spread over the noise levels.

use super::plain;
use serde::{Deserialize, Serialize};

/// The rule that picks the noise levels of the steps. docs/sampling.md has formulas and when to take which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Evenly in the model's own time steps, the last one at its smallest level.
    #[default]
    Normal,
    /// Evenly in σ^(1/7): many small steps at the end.
    Karras,
    /// Evenly in log σ.
    Exponential,
    /// Evenly in time steps, without the smallest level.
    SgmUniform,
    /// Every n-th entry of the model's table.
    Simple,
    /// Quantiles of Beta(0.6, 0.6): denser at both ends.
    Beta,
    /// Every n-th entry of the model's table from the small end, as the first DDIM programs did.
    DdimUniform,
}

impl Schedule {
    /// Every schedule in menu order.
    pub const ALL: [Self; 7] =
        [Self::Karras, Self::Normal, Self::Exponential, Self::SgmUniform, Self::Simple, Self::Beta, Self::DdimUniform];

    /// The word that REST and the command line use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Karras => "karras",
            Self::Exponential => "exponential",
            Self::SgmUniform => "sgm_uniform",
            Self::Simple => "simple",
            Self::Beta => "beta",
            Self::DdimUniform => "ddim_uniform",
        }
    }

    /// Name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Karras => "Karras",
            Self::Exponential => "Exponential",
            Self::SgmUniform => "SGM uniform",
            Self::Simple => "Simple",
            Self::Beta => "Beta",
            Self::DdimUniform => "DDIM uniform",
        }
    }

    /// One line for a person who chooses.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Normal => "Even steps through the model's own time. The plain choice.",
            Self::Karras => "More of the steps on fine detail. A good default for SD 1.5 and SDXL.",
            Self::Exponential => "Each step removes the same share of the noise.",
            Self::SgmUniform => "Even steps that stop above the smallest noise: for Lightning, Hyper and Turbo models.",
            Self::Simple => "Even steps picked from the model's table. The usual choice for Flux.",
            Self::Beta => "More steps at the start and at the end, fewer between. Good with Flux and few steps.",
            Self::DdimUniform => "The spacing of the first DDIM programs, for old recipes.",
        }
    }

    /// The schedule of that name as A1111, ComfyUI or Weft write it. `Automatic` is no schedule: it is `None` too.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match plain(name).as_str() {
            "normal" | "uniform" => Some(Self::Normal),
            "karras" => Some(Self::Karras),
            "exponential" => Some(Self::Exponential),
            "sgmuniform" => Some(Self::SgmUniform),
            "simple" => Some(Self::Simple),
            "beta" => Some(Self::Beta),
            "ddimuniform" | "ddim" => Some(Self::DdimUniform),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_is_in_the_menu_once_and_is_read_back_by_word_and_label() {
        for (at, schedule) in Schedule::ALL.into_iter().enumerate() {
            assert!(!Schedule::ALL[..at].contains(&schedule), "{schedule:?}");
            assert_eq!(serde_json::to_value(schedule).expect("a word"), schedule.as_str());
            assert_eq!(Schedule::parse(schedule.as_str()), Some(schedule));
            assert_eq!(Schedule::parse(schedule.label()), Some(schedule));
        }
    }
}
