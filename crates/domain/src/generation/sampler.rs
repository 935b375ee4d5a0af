//! The ways from noise to a picture.

use super::{Schedule, plain};
use serde::{Deserialize, Serialize};

/// How one noise level becomes the next. docs/sampling.md has formulas and when to take which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// Straight lines.
    Euler,
    /// Straight lines a little too far, noise added back.
    EulerA,
    /// Mean of the slopes at both ends.
    Heun,
    /// Slope in the middle.
    #[serde(rename = "dpm2")]
    Dpm2,
    /// Slope in the middle, noise added back.
    #[serde(rename = "dpm2_a")]
    Dpm2A,
    /// Second order in one step, noise added back.
    #[serde(rename = "dpmpp_2s_a")]
    Dpmpp2sA,
    /// Second order from the last two steps.
    #[default]
    #[serde(rename = "dpmpp_2m")]
    Dpmpp2m,
    /// Second order in one step of the stochastic equation.
    DpmppSde,
    /// Second order from the last two steps of the stochastic equation.
    #[serde(rename = "dpmpp_2m_sde")]
    Dpmpp2mSde,
    /// Third order from the last three steps of the stochastic equation.
    #[serde(rename = "dpmpp_3m_sde")]
    Dpmpp3mSde,
    /// Implicit: without noise at eta 0, as Euler a at eta 1.
    Ddim,
    /// Predictor and corrector of third order, first kind of step function.
    UniPc,
    /// Predictor and corrector of third order, second kind of step function.
    #[serde(rename = "uni_pc_bh2")]
    UniPcBh2,
    /// For models distilled to few steps: clean picture, new noise.
    Lcm,
    /// A polynomial through the last four slopes.
    Lms,
    /// Fixed weights of the last four slopes.
    Ipndm,
}

impl Sampler {
    /// Every sampler in menu order: those that people use most first.
    pub const ALL: [Self; 16] = [
        Self::Dpmpp2m,
        Self::EulerA,
        Self::Euler,
        Self::Dpmpp2mSde,
        Self::DpmppSde,
        Self::Dpmpp3mSde,
        Self::UniPc,
        Self::UniPcBh2,
        Self::Heun,
        Self::Dpm2,
        Self::Dpm2A,
        Self::Dpmpp2sA,
        Self::Ddim,
        Self::Lcm,
        Self::Lms,
        Self::Ipndm,
    ];

    /// The word that REST and the command line use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Euler => "euler",
            Self::EulerA => "euler_a",
            Self::Heun => "heun",
            Self::Dpm2 => "dpm2",
            Self::Dpm2A => "dpm2_a",
            Self::Dpmpp2sA => "dpmpp_2s_a",
            Self::Dpmpp2m => "dpmpp_2m",
            Self::DpmppSde => "dpmpp_sde",
            Self::Dpmpp2mSde => "dpmpp_2m_sde",
            Self::Dpmpp3mSde => "dpmpp_3m_sde",
            Self::Ddim => "ddim",
            Self::UniPc => "uni_pc",
            Self::UniPcBh2 => "uni_pc_bh2",
            Self::Lcm => "lcm",
            Self::Lms => "lms",
            Self::Ipndm => "ipndm",
        }
    }

    /// Name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Euler => "Euler",
            Self::EulerA => "Euler a",
            Self::Heun => "Heun",
            Self::Dpm2 => "DPM2",
            Self::Dpm2A => "DPM2 a",
            Self::Dpmpp2sA => "DPM++ 2S a",
            Self::Dpmpp2m => "DPM++ 2M",
            Self::DpmppSde => "DPM++ SDE",
            Self::Dpmpp2mSde => "DPM++ 2M SDE",
            Self::Dpmpp3mSde => "DPM++ 3M SDE",
            Self::Ddim => "DDIM",
            Self::UniPc => "UniPC",
            Self::UniPcBh2 => "UniPC bh2",
            Self::Lcm => "LCM",
            Self::Lms => "LMS",
            Self::Ipndm => "iPNDM",
        }
    }

    /// One line for a person who chooses.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Euler => "Plain and steady; the usual choice for Flux.",
            Self::EulerA => "Lively: adds noise at every step, so more steps change the picture instead of settling it.",
            Self::Heun => "Euler with every step checked: twice the time, fewer steps needed.",
            Self::Dpm2 => "Looks ahead to the middle of every step: twice the time.",
            Self::Dpm2A => "DPM2 with noise added at every step.",
            Self::Dpmpp2sA => "Second order with noise added at every step: twice the time.",
            Self::Dpmpp2m => "Sharp in 20 to 30 steps at the price of Euler. A good default.",
            Self::DpmppSde => "Rich detail in few steps; twice the time.",
            Self::Dpmpp2mSde => "Rich detail at the price of Euler; wants 25 steps or more.",
            Self::Dpmpp3mSde => "As DPM++ 2M SDE with longer memory; wants 30 steps or more.",
            Self::Ddim => "The classic. Without noise it always goes the same way.",
            Self::UniPc => "Settles in 8 to 15 steps.",
            Self::UniPcBh2 => "UniPC for strong guidance.",
            Self::Lcm => "For LCM and Turbo models and adapters: 4 to 8 steps, cfg scale near 1.",
            Self::Lms => "Euler with memory of four steps. Old, smooth, unsteady at few steps.",
            Self::Ipndm => "Euler with fixed memory of four steps; good with even schedules.",
        }
    }

    /// Adds noise on its way, so that another step count is another picture.
    #[must_use]
    pub const fn is_random(self) -> bool {
        self.has_eta() && !matches!(self, Self::Ddim) || matches!(self, Self::Lcm)
    }

    /// Listens to `eta`.
    #[must_use]
    pub const fn has_eta(self) -> bool {
        matches!(self, Self::EulerA | Self::Dpm2A | Self::Dpmpp2sA | Self::DpmppSde | Self::Dpmpp2mSde | Self::Dpmpp3mSde | Self::Ddim)
    }

    /// Listens to `s_churn`.
    #[must_use]
    pub const fn has_churn(self) -> bool {
        matches!(self, Self::Euler | Self::Heun | Self::Dpm2)
    }

    /// Share of ancestral noise unless told otherwise.
    #[must_use]
    pub const fn eta(self) -> f64 {
        if matches!(self, Self::Ddim) { 0.0 } else { 1.0 }
    }

    /// Calls of the model in one step; the last step of each takes one.
    #[must_use]
    pub const fn calls(self) -> usize {
        if matches!(self, Self::Heun | Self::Dpm2 | Self::Dpm2A | Self::Dpmpp2sA | Self::DpmppSde) { 2 } else { 1 }
    }

    /// The last step but one is left out, where steps would be too small for the method (as in ComfyUI and A1111).
    #[must_use]
    pub const fn skips_penultimate(self) -> bool {
        matches!(self, Self::Dpm2 | Self::Dpm2A | Self::UniPc | Self::UniPcBh2)
    }

    /// The sampler of a name as A1111, ComfyUI, InvokeAI, NovelAI or diffusers write it, and the schedule where the name holds one
    /// (`DPM++ 2M Karras`).
    #[must_use]
    pub fn parse(name: &str) -> Option<(Self, Option<Schedule>)> {
        let word = plain(name);
        if let Some(sampler) = Self::of_plain(&word) {
            return Some((sampler, None));
        }
        for (suffix, schedule) in [("karras", Schedule::Karras), ("exponential", Schedule::Exponential), ("k", Schedule::Karras)] {
            if let Some(sampler) = word.strip_suffix(suffix).and_then(Self::of_plain) {
                return Some((sampler, Some(schedule)));
            }
        }
        None
    }

    /// `word` as [`plain`] makes it.
    fn of_plain(word: &str) -> Option<Self> {
        let word = word.strip_suffix("gpu").unwrap_or(word);
        let word = word.strip_suffix("scheduler").unwrap_or(word);
        let bare = word.strip_prefix('k').or_else(|| word.strip_prefix("sample")).unwrap_or(word);
        Some(match bare {
            "euler" | "eulerdiscrete" | "flowmatcheulerdiscrete" | "flowmatcheuler" => Self::Euler,
            "eulera" | "eulerancestral" | "eulerancestraldiscrete" | "ddpm" => Self::EulerA,
            "heun" | "heundiscrete" | "flowmatchheundiscrete" | "flowmatchheun" => Self::Heun,
            "dpm2" | "dpm2discrete" => Self::Dpm2,
            "dpm2a" | "dpm2ancestral" | "dpm2ancestraldiscrete" => Self::Dpm2A,
            "dpmpp2sa" | "dpmpp2sancestral" | "dpmpp2s" => Self::Dpmpp2sA,
            "dpmpp2m" | "dpmsolvermultistep" => Self::Dpmpp2m,
            "dpmppsde" | "dpmsolversde" => Self::DpmppSde,
            "dpmpp2msde" => Self::Dpmpp2mSde,
            "dpmpp3msde" => Self::Dpmpp3mSde,
            "ddim" => Self::Ddim,
            "unipc" | "unipcmultistep" => Self::UniPc,
            "unipcbh2" => Self::UniPcBh2,
            "lcm" => Self::Lcm,
            "lms" | "lmsdiscrete" => Self::Lms,
            "ipndm" => Self::Ipndm,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sampler_is_in_the_menu_once_and_is_read_back_by_word_and_label() {
        for (at, sampler) in Sampler::ALL.into_iter().enumerate() {
            assert!(!Sampler::ALL[..at].contains(&sampler), "{sampler:?}");
            assert_eq!(serde_json::to_value(sampler).expect("a word"), sampler.as_str());
            assert_eq!(Sampler::parse(sampler.as_str()), Some((sampler, None)));
            assert_eq!(Sampler::parse(sampler.label()), Some((sampler, None)));
        }
    }

    #[test]
    fn names_of_other_programs() {
        let karras = Some(Schedule::Karras);
        for (name, want) in [
            ("DPM++ 2M Karras", (Sampler::Dpmpp2m, karras)),
            ("DPM++ 2M SDE Exponential", (Sampler::Dpmpp2mSde, Some(Schedule::Exponential))),
            ("dpmpp_2m_sde_gpu", (Sampler::Dpmpp2mSde, None)),
            ("dpm_2_ancestral", (Sampler::Dpm2A, None)),
            ("LMS Karras", (Sampler::Lms, karras)),
            ("k_euler_ancestral", (Sampler::EulerA, None)),
            ("dpmpp_2m_k", (Sampler::Dpmpp2m, karras)),
            ("UniPCMultistepScheduler", (Sampler::UniPc, None)),
            ("KDPM2DiscreteScheduler", (Sampler::Dpm2, None)),
            ("KDPM2AncestralDiscreteScheduler", (Sampler::Dpm2A, None)),
            ("FlowMatchEulerDiscreteScheduler", (Sampler::Euler, None)),
        ] {
            assert_eq!(Sampler::parse(name), Some(want), "{name}");
        }
        for name in ["", "k", "karras", "DPM adaptive", "euler b", "🙂"] {
            assert_eq!(Sampler::parse(name), None, "{name}");
        }
    }
}
