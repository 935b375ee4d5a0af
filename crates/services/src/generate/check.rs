//! What a request may ask for, as far as no file has to be looked at.

use weft_domain::generation::parameter::{DENOISE, GENERATION, VARIATION};
use weft_domain::generation::{AdapterUse, Axis, GenerationRequest, MAX_ADAPTERS, MAX_PICTURES, MAX_PROMPT, Numbers};
use weft_domain::merge::ProfileValues;
use weft_domain::parameter::{BLOCK, Number, WEIGHT};
use weft_domain::{Problem, ProblemKind};

/// Longest mask that is read, in characters of its address.
const MAX_MASK: usize = 16 << 20;
/// Largest side of a picture, in pixels.
pub(super) const MAX_SIDE: u32 = 8192;

/// Pictures that a request gives. Counts beyond what may be are told apart from overflow by [`check`].
pub(super) fn total(request: &GenerationRequest) -> usize {
    if request.axes.is_empty() {
        return request.count.max(1) as usize;
    }
    request.axes.iter().fold(1, |n, axis| n.saturating_mul(axis.len()))
}

/// Refuses more styles than a prompt can have.
pub(super) fn styles(names: &[String]) -> Result<(), Problem> {
    if names.len() > 64 {
        return Err(Problem::invalid("styles", "At most 64 styles can be put around a prompt."));
    }
    Ok(())
}

/// Refuses what breaks a rule.
pub(super) fn check(request: &GenerationRequest) -> Result<(), Problem> {
    for (field, text) in [("prompt", &request.prompt), ("negative", &request.negative)] {
        if text.len() > MAX_PROMPT {
            let kib = |n: usize| n.div_ceil(1024);
            return Err(Problem::invalid(field, format!("A prompt has at most {} KiB.", kib(MAX_PROMPT)))
                .detail(format!("This one has {} KiB.", kib(text.len()))));
        }
    }
    styles(&request.styles)?;
    if request.adapters.len() > MAX_ADAPTERS {
        return Err(Problem::invalid("adapters", format!("At most {MAX_ADAPTERS} adapters work on one picture.")));
    }
    request.adapters.iter().try_for_each(adapter)?;
    numbers(&request.numbers)?;
    if let Some(variation) = request.variation {
        VARIATION.check(variation.strength)?;
    }
    if let Some(start) = &request.start {
        DENOISE.check(start.denoise)?;
        if start.mask.as_ref().is_some_and(|mask| mask.len() > MAX_MASK) {
            return Err(Problem::invalid("mask", "The mask is too large."));
        }
    }
    sides(request.width, request.height)?;
    axes(request)?;
    let pictures = total(request);
    if pictures > MAX_PICTURES {
        return Err(Problem::invalid("count", format!("At most {MAX_PICTURES} pictures are painted at once."))
            .detail(format!("These would be {pictures}."))
            .hint("Ask for fewer, or take values out of an axis."));
    }
    Ok(())
}

fn sides(width: Option<u32>, height: Option<u32>) -> Result<(), Problem> {
    if width.is_some() != height.is_some() {
        return Err(Problem::invalid("width", "Give width and height, or none of them."));
    }
    for (field, side) in [("width", width), ("height", height)] {
        if let Some(side) = side.filter(|s| !(1..=MAX_SIDE).contains(s)) {
            return Err(
                Problem::invalid(field, format!("A side of a picture has 1 to {MAX_SIDE} pixels.")).detail(format!("This one has {side}."))
            );
        }
    }
    Ok(())
}

/// The nearest size that a checkpoint can paint, when `width` × `height` is none.
pub(super) fn multiples(width: u32, height: u32, step: u32) -> Result<(), Problem> {
    let step = step.max(1);
    if width.is_multiple_of(step) && height.is_multiple_of(step) && width > 0 && height > 0 {
        return Ok(());
    }
    let near = |side: u32| (side.saturating_add(step / 2) / step * step).clamp(step, MAX_SIDE / step * step);
    Err(Problem::invalid("width", format!("This checkpoint paints pictures whose sides are multiples of {step} pixels."))
        .detail(format!("{width}×{height} is not."))
        .hint(format!("The nearest size is {}×{}.", near(width), near(height))))
}

fn adapter(used: &AdapterUse) -> Result<(), Problem> {
    WEIGHT.check(used.weight)?;
    used.text_weight.map(|w| WEIGHT.check(w)).transpose()?;
    used.profile.as_ref().map_or(Ok(()), profile)?;
    let share = |v: f64| (0.0..=1.0).contains(&v);
    if !share(used.start) || !share(used.stop) || used.start >= used.stop {
        return Err(Problem::invalid("start", "An adapter works from one share of the steps to a later one, both between 0 and 1.")
            .detail(format!("These are {} and {}.", used.start, used.stop)));
    }
    Ok(())
}

fn profile(values: &ProfileValues) -> Result<(), Problem> {
    for (slot, value) in &values.slots {
        BLOCK.check(*value).map_err(|p| p.detail(format!("{} is {value}.", slot.chars().take(40).collect::<String>())))?;
    }
    Ok(())
}

/// The entry of the registry with this name.
pub(super) fn registered(name: &str) -> Result<Number, Problem> {
    GENERATION.into_iter().find(|number| number.name == name).ok_or_else(|| {
        let names: Vec<&str> = GENERATION.iter().map(|number| number.name).collect();
        Problem::invalid("axes", "There is no such number.").detail(format!("Known are {}.", names.join(", ")))
    })
}

fn numbers(numbers: &Numbers) -> Result<(), Problem> {
    let given = [
        ("steps", numbers.steps.map(f64::from)),
        ("cfg", numbers.cfg),
        ("cfg_rescale", numbers.cfg_rescale),
        ("guidance", numbers.guidance),
        ("clip_skip", numbers.clip_skip.map(f64::from)),
        ("eta", numbers.eta),
        ("s_noise", numbers.s_noise),
        ("s_churn", numbers.s_churn),
        ("shift", numbers.shift),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            registered(name)?.check(value)?;
        }
    }
    Ok(())
}

fn axes(request: &GenerationRequest) -> Result<(), Problem> {
    if request.axes.len() > 2 {
        return Err(Problem::invalid("axes", "A sheet has at most two axes."));
    }
    request.axes.iter().try_for_each(|axis| check_axis(axis, request))
}

fn check_axis(axis: &Axis, request: &GenerationRequest) -> Result<(), Problem> {
    if axis.is_empty() {
        return Err(Problem::invalid("axes", "An axis needs at least one value."));
    }
    if axis.len() > MAX_PICTURES {
        return Err(Problem::invalid("axes", format!("An axis has at most {MAX_PICTURES} values.")));
    }
    let strand = |strand: usize| {
        request.adapters.get(strand).map(drop).ok_or_else(|| {
            Problem::invalid("axes", "An axis changes an adapter that the request does not have.")
                .detail(format!("It names place {strand} of {}, counted from 0.", request.adapters.len()))
        })
    };
    match axis {
        Axis::Adapter { strand: at, .. } => strand(*at),
        Axis::Weight { strand: at, values } => {
            strand(*at)?;
            values.iter().try_for_each(|v| WEIGHT.check(*v).map(drop))
        }
        Axis::Block { strand: at, slot, values } => {
            strand(*at)?;
            if slot.is_empty() || slot.len() > 40 {
                return Err(Problem::invalid("axes", "A block has a name such as IN04."));
            }
            values.iter().try_for_each(|v| BLOCK.check(*v).map(drop))
        }
        Axis::Profile { strand: at, values } => {
            strand(*at)?;
            values.iter().try_for_each(profile)
        }
        Axis::Number { name, values } => {
            let number = registered(name)?;
            if name == DENOISE.name && request.start.is_none() {
                return Err(Problem::invalid("axes", "Denoise changes nothing without a picture to begin with."));
            }
            values.iter().try_for_each(|v| number.check(*v).map(drop))
        }
        Axis::Words { find, values } => words(find, values, request),
        Axis::Checkpoint { .. } | Axis::Sampler { .. } | Axis::Schedule { .. } | Axis::Seed { .. } => Ok(()),
    }
}

fn words(find: &str, values: &[String], request: &GenerationRequest) -> Result<(), Problem> {
    if find.is_empty() || !(request.prompt.contains(find) || request.negative.contains(find)) {
        return Err(Problem::invalid("axes", "The words to replace are not in the prompt.")
            .hint("Letters' case counts. Put a word into the prompt that the axis can replace."));
    }
    let longest = values.iter().map(String::len).max().unwrap_or(0);
    let count = request.prompt.matches(find).count().max(request.negative.matches(find).count());
    if longest.saturating_mul(count).saturating_add(request.prompt.len().max(request.negative.len())) > MAX_PROMPT {
        return Err(Problem::new(ProblemKind::Invalid, "A prompt of this sheet would be too long."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_domain::AdapterId;
    use weft_domain::generation::Variation;

    fn asked(change: impl FnOnce(&mut GenerationRequest)) -> Result<(), Problem> {
        let mut request = GenerationRequest { prompt: "a fox".to_owned(), ..GenerationRequest::default() };
        change(&mut request);
        check(&request)
    }

    #[test]
    fn a_prompt_alone_is_fine_and_what_breaks_a_rule_names_its_field() {
        assert_eq!(asked(|_| {}), Ok(()));
        let refused: [(&str, Result<(), Problem>); 12] = [
            ("prompt", asked(|r| r.prompt = "x".repeat(1 << 20))),
            ("negative", asked(|r| r.negative = "x".repeat(MAX_PROMPT + 1))),
            ("width", asked(|r| r.width = Some(512))),
            ("width", asked(|r| (r.width, r.height) = (Some(100_000), Some(100_000)))),
            ("height", asked(|r| (r.width, r.height) = (Some(64), Some(0)))),
            ("count", asked(|r| r.count = 257)),
            ("steps", asked(|r| r.numbers.steps = Some(0))),
            ("cfg", asked(|r| r.numbers.cfg = Some(f64::NAN))),
            ("variation", asked(|r| r.variation = Some(Variation { seed: 1, strength: 1.5 }))),
            ("axes", asked(|r| r.axes = vec![Axis::Seed { values: Vec::new() }])),
            ("axes", asked(|r| r.axes = vec![Axis::Weight { strand: 0, values: vec![1.0] }])),
            ("axes", asked(|r| r.axes = vec![Axis::Words { find: "cat".to_owned(), values: vec![String::new()] }])),
        ];
        for (field, answer) in refused {
            let problem = answer.expect_err(field);
            assert_eq!((problem.field.as_deref(), problem.kind), (Some(field), ProblemKind::Invalid), "{problem}");
        }
    }

    #[test]
    fn adapters_have_ranges() {
        let used = AdapterUse { adapter: AdapterId(1), weight: 1.0, text_weight: None, profile: None, start: 0.0, stop: 1.0 };
        assert_eq!(asked(|r| r.adapters = vec![used.clone()]), Ok(()));
        assert!(asked(|r| r.adapters = vec![AdapterUse { weight: 3.0, ..used.clone() }]).is_err());
        assert!(asked(|r| r.adapters = vec![AdapterUse { start: 0.7, stop: 0.3, ..used.clone() }]).is_err());
        assert!(asked(|r| r.adapters = vec![used.clone(); 33]).is_err());
    }

    #[test]
    fn two_long_axes_are_too_many_pictures() {
        let axis = |n: u64| Axis::Seed { values: (0..n).collect() };
        assert_eq!(asked(|r| r.axes = vec![axis(16), axis(16)]), Ok(()));
        let problem = asked(|r| r.axes = vec![axis(16), axis(17)]).expect_err("272");
        assert!(problem.to_string().contains("272"), "{problem}");
        assert!(asked(|r| r.axes = vec![axis(1), axis(1), axis(1)]).is_err());
    }

    #[test]
    fn the_nearest_size_is_proposed() {
        assert_eq!(multiples(512, 768, 64), Ok(()));
        for ((w, h), near) in [((1, 1), "64×64"), ((500, 770), "512×768"), ((8190, 31), "8192×64")] {
            let problem = multiples(w, h, 64).expect_err("no multiple");
            assert!(problem.to_string().contains(near), "{problem}");
        }
    }
}
