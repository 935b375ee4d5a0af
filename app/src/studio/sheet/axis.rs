//! What an axis can be, and its values as text. Plain data.

use super::super::form::Form;
use super::super::numbers;
use weft_domain::generation::parameter::{GENERATION, STEPS};
use weft_domain::generation::{Axis, Defaults, Sampler, Schedule};
use weft_domain::parameter::{BLOCK, Number, WEIGHT};

/// Most values of one axis.
pub const MOST: usize = 24;

/// The word of an axis in the menu; two of one kind for two strands differ by their number.
#[must_use]
pub fn word(axis: &Axis) -> String {
    match axis {
        Axis::Checkpoint { .. } => "checkpoint".to_owned(),
        Axis::Adapter { strand, .. } => format!("adapter {strand}"),
        Axis::Weight { strand, .. } => format!("weight {strand}"),
        Axis::Block { strand, .. } => format!("block {strand}"),
        Axis::Profile { strand, .. } => format!("profile {strand}"),
        Axis::Sampler { .. } => "sampler".to_owned(),
        Axis::Schedule { .. } => "schedule".to_owned(),
        Axis::Seed { .. } => "seed".to_owned(),
        Axis::Number { name, .. } => format!("number {name}"),
        Axis::Words { .. } => "words".to_owned(),
    }
}

/// What can be an axis for this form: word and name for people. `name` knows the strands.
#[must_use]
pub fn menu(form: &Form, defaults: &Defaults, name: impl Fn(usize) -> String) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for strand in 0..form.strands.len() {
        let who = name(strand);
        for (kind, text) in
            [("weight", "Weight of"), ("profile", "Profile of"), ("block", "One block of"), ("adapter", "Another in place of")]
        {
            out.push((format!("{kind} {strand}"), format!("{text} {who}")));
        }
    }
    out.push(("seed".to_owned(), "Seed".to_owned()));
    out.push(("sampler".to_owned(), "Sampler".to_owned()));
    out.push(("schedule".to_owned(), "Schedule".to_owned()));
    for number in numbers_of(form, defaults) {
        out.push((format!("number {}", number.name), number.label.to_owned()));
    }
    out.push(("words".to_owned(), "Words of the prompt".to_owned()));
    out.push(("checkpoint".to_owned(), "Checkpoint".to_owned()));
    out
}

/// Numbers that matter for the form.
fn numbers_of(form: &Form, defaults: &Defaults) -> Vec<Number> {
    let sampler = form.sampler.unwrap_or(defaults.sampler);
    let mut list = numbers::first(&defaults.family);
    list.extend(numbers::more(&defaults.family, sampler));
    list.extend(form.start.is_some().then_some(weft_domain::generation::parameter::DENOISE));
    list
}

/// An axis of that word with values to begin with.
#[must_use]
pub fn begun(word: &str, form: &Form, defaults: &Defaults) -> Option<Axis> {
    let (kind, rest) = word.split_once(' ').unwrap_or((word, ""));
    let strand = || rest.parse::<usize>().ok().filter(|at| *at < form.strands.len());
    Some(match kind {
        "checkpoint" => Axis::Checkpoint { values: form.checkpoint.or(defaults.checkpoint).into_iter().collect() },
        "adapter" => {
            let strand = strand()?;
            Axis::Adapter { strand, values: vec![form.strands[strand].adapter] }
        }
        "weight" => Axis::Weight { strand: strand()?, values: vec![0.0, 0.25, 0.5, 0.75, 1.0] },
        "block" => Axis::Block { strand: strand()?, slot: String::new(), values: vec![0.0, 0.5, 1.0, 1.5] },
        "profile" => Axis::Profile { strand: strand()?, values: Vec::new() },
        "sampler" => Axis::Sampler { values: vec![form.sampler.unwrap_or(defaults.sampler)] },
        "schedule" => Axis::Schedule { values: vec![form.schedule.unwrap_or(defaults.schedule)] },
        "seed" => {
            let first = form.seed.unwrap_or(1);
            Axis::Seed { values: (0..4).map(|n| first.wrapping_add(n)).collect() }
        }
        "number" => {
            let spec = GENERATION.into_iter().find(|n| n.name == rest)?;
            let own = numbers::get(&form.numbers, rest).or_else(|| numbers::get(&defaults.numbers, rest)).unwrap_or(spec.default);
            let values = match spec.name {
                name if name == STEPS.name => vec![10.0, 20.0, 30.0],
                _ => [0.5, 1.0, 1.5].map(|f| snapped(own * f, spec)).to_vec(),
            };
            Axis::Number { name: rest.to_owned(), values: without_twins(values) }
        }
        "words" => Axis::Words { find: String::new(), values: Vec::new() },
        _ => return None,
    })
}

fn snapped(value: f64, spec: Number) -> f64 {
    let value = ((value / spec.step).round() * spec.step).clamp(spec.min, spec.max);
    (value * 1000.0).round() / 1000.0
}

fn without_twins(values: Vec<f64>) -> Vec<f64> {
    let mut out: Vec<f64> = Vec::new();
    for value in values {
        if !out.contains(&value) {
            out.push(value);
        }
    }
    out
}

/// The range of an axis' numbers; None where it has none.
#[must_use]
pub fn range(axis: &Axis) -> Option<Number> {
    match axis {
        Axis::Weight { .. } => Some(WEIGHT),
        Axis::Block { .. } => Some(BLOCK),
        Axis::Number { name, .. } => GENERATION.into_iter().find(|n| n.name == name),
        _ => None,
    }
}

/// `count` values from one number to another.
#[must_use]
pub fn spread(from: f64, to: f64, count: usize, spec: Number) -> Vec<f64> {
    let count = count.clamp(1, MOST);
    let gap = if count > 1 { (to - from) / (count - 1) as f64 } else { 0.0 };
    let round = |v: f64| if spec.digits == 0 { v.round() } else { (v * 1000.0).round() / 1000.0 };
    without_twins((0..count).map(|n| round(from + gap * n as f64)).collect())
}

/// Numbers as a person types them, `0, 0.5, 1`; those out of range or not numbers are named.
pub fn read_numbers(text: &str, spec: Number) -> Result<Vec<f64>, String> {
    let mut out = Vec::new();
    for word in text.split([',', ';', ' ', '\n']).map(str::trim).filter(|w| !w.is_empty()) {
        match word.replace('−', "-").parse::<f64>().ok().filter(|v| spec.check(*v).is_ok()) {
            Some(value) => out.push(value),
            None => return Err(format!("“{word}” is no {} between {} and {}.", spec.label.to_lowercase(), spec.min, spec.max)),
        }
    }
    limited(without_twins(out))
}

/// Seeds as a person types them.
pub fn read_seeds(text: &str) -> Result<Vec<u64>, String> {
    let mut out = Vec::new();
    for word in text.split([',', ';', ' ', '\n']).map(str::trim).filter(|w| !w.is_empty()) {
        match word.parse() {
            Ok(seed) if !out.contains(&seed) => out.push(seed),
            Ok(_) => {}
            Err(_) => return Err(format!("“{word}” is no seed.")),
        }
    }
    limited(out)
}

/// One replacement a line.
pub fn read_words(text: &str) -> Result<Vec<String>, String> {
    limited(text.lines().map(|l| l.trim().to_owned()).filter(|l| !l.is_empty()).collect())
}

fn limited<T>(values: Vec<T>) -> Result<Vec<T>, String> {
    if values.len() > MOST { Err(format!("At most {MOST} values.")) } else { Ok(values) }
}

/// Numbers as text.
#[must_use]
pub fn numbers_text(values: &[f64]) -> String {
    values.iter().map(|v| format!("{}", (v * 1000.0).round() / 1000.0)).collect::<Vec<_>>().join(", ")
}

/// Turns one value of a list on or off; what is on stays in the order of `all`.
pub fn toggle<T: PartialEq + Copy>(values: &mut Vec<T>, value: T, all: &[T]) {
    if values.contains(&value) {
        values.retain(|v| *v != value);
    } else if values.len() < MOST {
        values.push(value);
        let place = |v: &T| all.iter().position(|a| a == v).unwrap_or(usize::MAX);
        values.sort_by_key(place);
    }
}

/// All samplers, and all schedules, for [`toggle`].
pub const SAMPLERS: &[Sampler] = &Sampler::ALL;
pub const SCHEDULES: &[Schedule] = &Schedule::ALL;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spread_and_read_back() {
        assert_eq!(spread(0.0, 1.0, 5, WEIGHT), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(spread(10.0, 12.0, 5, STEPS), [10.0, 11.0, 12.0], "whole numbers, each once");
        assert_eq!(read_numbers(&numbers_text(&[-0.5, 1.25]), WEIGHT), Ok(vec![-0.5, 1.25]));
        assert!(read_numbers("0, 3", WEIGHT).is_err_and(|why| why.contains('3')));
        assert_eq!(read_seeds("1 18446744073709551615, 1"), Ok(vec![1, u64::MAX]));
        assert!(read_seeds("-1").is_err());
        assert_eq!(read_words("a fox\n\n a cat "), Ok(vec!["a fox".to_owned(), "a cat".to_owned()]));
    }

    #[test]
    fn every_entry_of_the_menu_begins_an_axis_of_its_word() {
        let mut form = Form::default();
        assert!(form.add(weft_domain::AdapterId(1)) && form.add(weft_domain::AdapterId(2)));
        let defaults = Defaults {
            checkpoint: None,
            family: "sd1".to_owned(),
            sampler: Sampler::Euler,
            schedule: Schedule::Karras,
            numbers: weft_domain::generation::Numbers::default(),
            width: 64,
            height: 64,
            side_step: 8,
            even_step: 64,
            example: String::new(),
            no_negative: false,
            refused: None,
        };
        let menu = menu(&form, &defaults, |at| format!("adapter {at}"));
        assert!(menu.len() > 14, "{menu:?}");
        for (key, _) in &menu {
            assert_eq!(begun(key, &form, &defaults).as_ref().map(word).as_ref(), Some(key));
        }
    }

    #[test]
    fn choices_keep_the_order_of_the_menu() {
        let mut values = vec![Sampler::Euler];
        toggle(&mut values, Sampler::Dpmpp2m, SAMPLERS);
        assert_eq!(values, [Sampler::Dpmpp2m, Sampler::Euler]);
        toggle(&mut values, Sampler::Euler, SAMPLERS);
        assert_eq!(values, [Sampler::Dpmpp2m]);
    }
}
