//! Every number of a picture, in the one registry's form. Seeds are whole 64-bit numbers and have no entry here.

use crate::parameter::Number;

/// Steps from noise to picture.
pub const STEPS: Number = Number {
    name: "steps",
    label: "Steps",
    min: 1.0,
    max: 150.0,
    default: 20.0,
    step: 1.0,
    digits: 0,
    help: "How many steps lead from noise to the picture. More is slower and, past 30, seldom better.",
};

/// Classifier-free guidance.
pub const CFG: Number = Number {
    name: "cfg",
    label: "CFG scale",
    min: 0.0,
    max: 30.0,
    default: 7.0,
    step: 0.5,
    digits: 1,
    help: "How strictly the picture follows the prompt. At 1 the negative prompt is not used and a step takes half the time.",
};

/// Share of the rescaled guidance.
pub const CFG_RESCALE: Number = Number {
    name: "cfg_rescale",
    label: "CFG rescale",
    min: 0.0,
    max: 1.0,
    default: 0.0,
    step: 0.05,
    digits: 2,
    help: "Takes back the contrast that a strong CFG scale adds. 0.7 is usual for v-prediction models.",
};

/// Guidance that distilled models take as an input.
pub const GUIDANCE: Number = Number {
    name: "guidance",
    label: "Guidance",
    min: 0.0,
    max: 30.0,
    default: 3.5,
    step: 0.1,
    digits: 1,
    help: "The guidance that Flux dev was taught to take as a number. Lower is more natural, higher follows the prompt more.",
};

/// Share of ancestral noise. Its default depends on the sampler.
pub const ETA: Number = Number {
    name: "eta",
    label: "Eta",
    min: 0.0,
    max: 2.0,
    default: 1.0,
    step: 0.05,
    digits: 2,
    help: "How much of each step's noise is new. 0 adds none, 1 is what the sampler was made for.",
};

/// Factor of the noise that is added.
pub const S_NOISE: Number = Number {
    name: "s_noise",
    label: "Noise factor",
    min: 0.0,
    max: 2.0,
    default: 1.0,
    step: 0.005,
    digits: 3,
    help: "Multiplies the noise that is added on the way. A little over 1 adds detail, under 1 smooths.",
};

/// Noise that Euler, Heun and DPM2 add before a step.
pub const S_CHURN: Number = Number {
    name: "s_churn",
    label: "Churn",
    min: 0.0,
    max: 100.0,
    default: 0.0,
    step: 1.0,
    digits: 0,
    help: "Noise added before every step of Euler, Heun and DPM2, over all steps together. 0 adds none.",
};

/// Strength of image to image.
pub const DENOISE: Number = Number {
    name: "denoise",
    label: "Denoise",
    min: 0.0,
    max: 1.0,
    default: 1.0,
    step: 0.01,
    digits: 2,
    help: "How far the given picture is dissolved into noise first. 0 keeps it, 1 forgets it.",
};

/// Layers of CLIP that are left out at the end.
pub const CLIP_SKIP: Number = Number {
    name: "clip_skip",
    label: "Clip skip",
    min: 1.0,
    max: 12.0,
    default: 1.0,
    step: 1.0,
    digits: 0,
    help: "Takes the text from this many layers before the end. Anime models of the SD 1.5 family often want 2.",
};

/// Share of the second seed.
pub const VARIATION: Number = Number {
    name: "variation",
    label: "Variation",
    min: 0.0,
    max: 1.0,
    default: 0.0,
    step: 0.01,
    digits: 2,
    help: "How far the noise turns from the seed towards the variation seed. 0.1 gives siblings, 1 another picture.",
};

/// Shift of the noise levels of flow models.
pub const SHIFT: Number = Number {
    name: "shift",
    label: "Shift",
    min: 0.01,
    max: 100.0,
    default: 3.0,
    step: 0.1,
    digits: 2,
    help: "Spends more of the steps on composition (above 1) or on detail (below 1). Flow models only.",
};

/// Every number of a picture, in the order of the form.
pub const GENERATION: [Number; 11] = [STEPS, CFG, CFG_RESCALE, GUIDANCE, DENOISE, CLIP_SKIP, VARIATION, ETA, S_NOISE, S_CHURN, SHIFT];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_lies_in_its_range_and_every_name_is_one() {
        for (at, number) in GENERATION.into_iter().enumerate() {
            assert_eq!(number.check(number.default), Ok(number.default), "{}", number.name);
            assert!(GENERATION[..at].iter().all(|other| other.name != number.name), "{}", number.name);
        }
    }
}
