//! What a form begins with, family by family.

use super::generator::Able;
use weft_domain::CheckpointId;
use weft_domain::generation::parameter::{CFG, GUIDANCE, STEPS};
use weft_domain::generation::{Defaults, GenerationRequest, Numbers, Sampler, Schedule};

/// Defaults of a checkpoint.
pub(super) fn of(id: Option<CheckpointId>, able: &Able) -> Defaults {
    let flux = able.family == "flux1";
    let (sampler, schedule) = match (flux, able.quick) {
        (true, _) => (Sampler::Euler, Schedule::Simple),
        (false, true) => (Sampler::Euler, Schedule::SgmUniform),
        (false, false) => (Sampler::Dpmpp2m, Schedule::Karras),
    };
    let steps = match (able.quick, able.family.as_str()) {
        (true, "flux1") => 4,
        (true, _) => 8,
        (false, "sdxl") => 25,
        (false, _) => STEPS.default as u32,
    };
    let cfg = match (flux, able.quick, able.family.as_str()) {
        (true, ..) => 1.0,
        (_, true, _) => 1.5,
        (_, _, "sdxl") => 6.0,
        _ => able.cfg.unwrap_or(CFG.default),
    };
    let numbers = Numbers { steps: Some(steps), cfg: Some(cfg), guidance: able.guided.then_some(GUIDANCE.default), ..Numbers::default() };
    Defaults {
        checkpoint: id,
        family: able.family.clone(),
        sampler,
        schedule,
        numbers,
        width: able.size.0,
        height: able.size.1,
        side_step: able.side_step,
        even_step: able.even_step,
        example: able.example.clone().unwrap_or_default(),
        no_negative: flux,
        refused: able.refused.as_ref().map(ToString::to_string),
    }
}

/// A form without a checkpoint that could paint.
pub(super) fn none(checkpoint: Option<CheckpointId>, refused: Option<String>) -> Defaults {
    Defaults {
        checkpoint,
        family: String::new(),
        sampler: Sampler::default(),
        schedule: Schedule::Karras,
        numbers: Numbers { steps: Some(STEPS.default as u32), cfg: Some(CFG.default), ..Numbers::default() },
        width: 512,
        height: 512,
        side_step: 8,
        even_step: 64,
        example: String::new(),
        no_negative: false,
        refused,
    }
}

/// Gives a request what it left open.
pub(super) fn fill(request: &mut GenerationRequest, defaults: &Defaults) {
    request.width.get_or_insert(defaults.width);
    request.height.get_or_insert(defaults.height);
    request.sampler.get_or_insert(defaults.sampler);
    request.schedule.get_or_insert(defaults.schedule);
    let (numbers, usual) = (&mut request.numbers, &defaults.numbers);
    numbers.steps = numbers.steps.or(usual.steps);
    numbers.cfg = numbers.cfg.or(usual.cfg);
    numbers.guidance = numbers.guidance.or(usual.guidance);
    request.count = if request.axes.is_empty() { request.count.max(1) } else { 1 };
}
