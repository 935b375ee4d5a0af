//! The numbers of a picture by their names: read, set, and which of them matter for a family and a sampler.

use weft_domain::generation::parameter::{CFG, CFG_RESCALE, CLIP_SKIP, ETA, GENERATION, GUIDANCE, S_CHURN, S_NOISE, SHIFT, STEPS};
use weft_domain::generation::{Defaults, Numbers, Sampler};
use weft_domain::parameter::Number;

/// The default of a number of the registry; 0 for a name it does not have.
#[must_use]
pub fn default(name: &str) -> f64 {
    GENERATION.iter().find(|n| n.name == name).map_or(0.0, |n| n.default)
}

/// A number by its name; None where the default holds.
#[must_use]
pub fn get(numbers: &Numbers, name: &str) -> Option<f64> {
    match name {
        "steps" => numbers.steps.map(f64::from),
        "cfg" => numbers.cfg,
        "cfg_rescale" => numbers.cfg_rescale,
        "guidance" => numbers.guidance,
        "clip_skip" => numbers.clip_skip.map(f64::from),
        "eta" => numbers.eta,
        "s_noise" => numbers.s_noise,
        "s_churn" => numbers.s_churn,
        "shift" => numbers.shift,
        _ => None,
    }
}

/// Sets a number by its name.
pub fn set(numbers: &mut Numbers, name: &str, value: Option<f64>) {
    // The registry's ranges lie inside those of u32; casts saturate.
    let whole = value.map(|v| v.round() as u32);
    match name {
        "steps" => numbers.steps = whole,
        "cfg" => numbers.cfg = value,
        "cfg_rescale" => numbers.cfg_rescale = value,
        "guidance" => numbers.guidance = value,
        "clip_skip" => numbers.clip_skip = whole,
        "eta" => numbers.eta = value,
        "s_noise" => numbers.s_noise = value,
        "s_churn" => numbers.s_churn = value,
        "shift" => numbers.shift = value,
        _ => {}
    }
}

/// The registry's entry with the default that holds for this checkpoint and sampler.
#[must_use]
pub fn spec(number: Number, defaults: &Defaults, sampler: Sampler) -> Number {
    let own = if number.name == ETA.name { Some(sampler.eta()) } else { get(&defaults.numbers, number.name) };
    Number { default: own.unwrap_or(number.default), ..number }
}

/// Noise levels follow a flow, not a diffusion.
fn flows(family: &str) -> bool {
    !family.starts_with("sd") || family == "sd3"
}

/// Those that everybody turns.
#[must_use]
pub fn first(family: &str) -> Vec<Number> {
    if flows(family) { vec![STEPS, GUIDANCE] } else { vec![STEPS, CFG] }
}

/// Those for people who know what they are.
#[must_use]
pub fn more(family: &str, sampler: Sampler) -> Vec<Number> {
    let mut list = if flows(family) { vec![CFG, SHIFT] } else { vec![CLIP_SKIP, CFG_RESCALE] };
    list.extend(sampler.has_eta().then_some(ETA));
    list.extend((sampler.is_random() || sampler.has_churn()).then_some(S_NOISE));
    list.extend(sampler.has_churn().then_some(S_CHURN));
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_set_and_read_back_by_its_name() {
        for number in GENERATION.into_iter().filter(|n| !matches!(n.name, "denoise" | "variation")) {
            let mut numbers = Numbers::default();
            set(&mut numbers, number.name, Some(number.max));
            assert_eq!(get(&numbers, number.name), Some(number.max), "{}", number.name);
            assert_ne!(numbers, Numbers::default());
        }
    }

    #[test]
    fn only_what_matters_is_shown() {
        let names = |list: Vec<Number>| list.into_iter().map(|n| n.name).collect::<Vec<_>>();
        assert_eq!(names(first("flux1")), ["steps", "guidance"]);
        assert_eq!(names(more("sd1", Sampler::Dpmpp2m)), ["clip_skip", "cfg_rescale"]);
        assert_eq!(names(more("sdxl", Sampler::EulerA)), ["clip_skip", "cfg_rescale", "eta", "s_noise"]);
    }
}
