//! What the numbers say, in plain sentences.

use super::{Growth, PairRelation, Relation, SlotRelation};
use serde::{Deserialize, Serialize};

/// A cosine counts as a relation from this on, and from five times its chance level.
const RELATED: f64 = 0.02;
/// From this cosine on two files come from one training.
const SAME: f64 = 0.9;
/// From here on one is the other times a number.
const SCALED: f64 = 0.9999;
/// Below this part of the larger norm two files are equal: rounding to bf16 is 2e-3, to f16 3e-4.
const EQUAL: f64 = 3e-3;
/// A block is said to fight or to agree from this cosine on.
const BLOCK: f64 = 0.05;
/// Runs of blocks that are named in one sentence.
const RUNS: usize = 3;

/// How two files are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kinship {
    /// The same change, up to the rounding of stored numbers.
    Equal,
    /// One is the other times a number.
    Scaled,
    /// Two states of one training, or one made from the other.
    SameTraining,
    /// They share part of what they change.
    Related,
    /// No more alike than chance.
    Independent,
    /// They work against each other.
    Opposed,
    /// They change no weight in common.
    Apart,
    /// One of them changes nothing.
    Empty,
}

pub(super) fn kinship(r: &Relation) -> Kinship {
    let (Some(cosine), Some(chance)) = (r.cosine, r.chance) else { return Kinship::Empty };
    let clear = RELATED.max(5.0 * chance);
    match cosine {
        _ if r.shared == 0 => Kinship::Apart,
        _ if r.relative_distance <= EQUAL => Kinship::Equal,
        c if c.abs() >= SCALED => Kinship::Scaled,
        c if c >= SAME => Kinship::SameTraining,
        c if c > clear => Kinship::Related,
        c if c < -clear => Kinship::Opposed,
        _ => Kinship::Independent,
    }
}

/// Sentences on one pair, the verdict first. `judged` is the denoiser, or the text encoders of files without.
pub(super) fn of_pair((a, b): (&str, &str), kinship: Kinship, judged: &Relation, slots: &[SlotRelation]) -> Vec<String> {
    let cosine = judged.cosine.unwrap_or(0.0);
    let chance = judged.chance.unwrap_or(0.0);
    let first = match kinship {
        Kinship::Equal => format!("{a} and {b} hold the same change (distance {} of their size).", percent(judged.relative_distance)),
        Kinship::Scaled => {
            let factor = cosine.signum() * judged.norm_b / judged.norm_a;
            format!("{b} is {a} at {} times the strength (cosine {cosine:.4}).", number(factor))
        }
        Kinship::SameTraining => format!(
            "{a} and {b} are the same training, or one was made from the other (cosine {cosine:.2}, distance {} of the stronger).",
            percent(judged.relative_distance)
        ),
        Kinship::Related => {
            format!("{a} and {b} share part of what they change (cosine {}; unrelated files have 0 ± {}).", signed(cosine), number(chance))
        }
        Kinship::Independent => format!("{a} and {b} are independent (cosine {}, chance level {}).", signed(cosine), number(chance)),
        Kinship::Opposed => {
            format!("{a} and {b} work against each other (cosine {}; unrelated files have 0 ± {}).", signed(cosine), number(chance))
        }
        Kinship::Apart => format!("{a} and {b} change no weight in common."),
        Kinship::Empty => {
            let which = if judged.norm_a == 0.0 { a } else { b };
            format!("{which} changes nothing, so there is nothing to compare.")
        }
    };
    let mut out = vec![first];
    if matches!(kinship, Kinship::Apart | Kinship::Empty | Kinship::Equal | Kinship::Scaled) {
        return out;
    }
    out.extend(fights(slots));
    if kinship != Kinship::SameTraining {
        out.extend(agreements(slots));
        out.extend(common_ground(judged, kinship));
    }
    out.extend(conflict(judged));
    out
}

/// Blocks in which the two work against each other, neighbours together.
fn fights(slots: &[SlotRelation]) -> Option<String> {
    let found = runs(slots, |cosine| -cosine);
    (!found.is_empty()).then(|| format!("They fight in {}.", listed(&found)))
}

/// Blocks in which the two agree more than elsewhere.
fn agreements(slots: &[SlotRelation]) -> Option<String> {
    let found = runs(slots, |cosine| cosine);
    (!found.is_empty()).then(|| format!("They pull together in {}.", listed(&found)))
}

/// A run of neighbouring blocks.
struct Run {
    labels: (String, String),
    inner: f64,
    energies: (f64, f64),
}

impl Run {
    fn cosine(&self) -> f64 {
        self.inner / (self.energies.0 * self.energies.1).sqrt()
    }
}

/// Neighbouring blocks whose cosine, signed by `toward`, is clearly above chance; the strongest runs first.
fn runs(slots: &[SlotRelation], toward: impl Fn(f64) -> f64) -> Vec<Run> {
    let clear = |r: &Relation| match (r.cosine, r.chance) {
        (Some(cosine), Some(chance)) => toward(cosine) > BLOCK.max(5.0 * chance),
        _ => false,
    };
    let mut out: Vec<Run> = Vec::new();
    let mut open = false;
    for slot in slots {
        let r = &slot.relation;
        let part = (r.inner, r.norm_a.powi(2), r.norm_b.powi(2));
        match out.last_mut() {
            _ if !clear(r) => open = false,
            Some(run) if open && slot.block => {
                run.labels.1.clone_from(&slot.slot);
                run.inner += part.0;
                run.energies = (run.energies.0 + part.1, run.energies.1 + part.2);
            }
            _ => {
                out.push(Run { labels: (slot.slot.clone(), slot.slot.clone()), inner: part.0, energies: (part.1, part.2) });
                open = slot.block;
            }
        }
    }
    out.sort_by(|x, y| y.inner.abs().total_cmp(&x.inner.abs()));
    out
}

fn listed(runs: &[Run]) -> String {
    let one = |r: &Run| {
        let (first, last) = &r.labels;
        let name = if first == last { first.clone() } else { format!("{first}–{last}") };
        format!("{name} (cosine {})", signed(r.cosine()))
    };
    let mut text = runs.iter().take(RUNS).map(one).collect::<Vec<_>>().join(", ");
    if runs.len() > RUNS {
        text.push_str(&format!(" and {} more places", runs.len() - RUNS));
    }
    text
}

/// Directions that are shared far beyond chance although the changes are not.
fn common_ground(r: &Relation, kinship: Kinship) -> Option<String> {
    let shared = |o: &super::Overlap| o.mean > 0.1 && o.mean > 10.0 * o.chance;
    let input = r.input.as_ref().filter(|o| shared(o));
    let output = r.output.as_ref().filter(|o| shared(o));
    let text = |o: &super::Overlap| format!("{:.2}, by chance {}", o.mean, number(o.chance));
    match (input, output) {
        (Some(i), Some(o)) => {
            Some(format!("They read and write the same directions (input overlap {}; output overlap {}).", text(i), text(o)))
        }
        (Some(i), None) if kinship == Kinship::Independent => {
            Some(format!("They read the same input directions (overlap {}): trained from one random start, or on inputs alike.", text(i)))
        }
        (Some(i), None) => Some(format!("They read the same input directions (overlap {}).", text(i))),
        (None, Some(o)) => Some(format!("They write the same output directions (overlap {}).", text(o))),
        (None, None) => None,
    }
}

fn conflict(r: &Relation) -> Option<String> {
    let share = r.sign_conflict?;
    let side = if share > 0.52 { "more than by chance" } else { return None };
    Some(format!("Of what both change, {} pulls in opposite directions, {side} (50 %).", percent(share)))
}

/// The sentences of all pairs, and what becomes of all files together.
pub(super) fn sentences(names: &[String], pairs: &[PairRelation], growth: &[Growth], total: &Growth) -> Vec<String> {
    let mut out: Vec<String> = pairs.iter().flat_map(|p| p.sentences.iter().cloned()).collect();
    if total.strongest > 0.0 {
        let all = if names.len() == 2 { "both" } else { "all" };
        let mut text = format!("At weight 1 {all} together are {:.2} times as strong as the strongest of them", total.growth);
        let most = growth.iter().max_by(|a, b| a.growth.total_cmp(&b.growth));
        if let Some(most) = most.filter(|m| m.growth > 1.05 * total.growth) {
            text.push_str(&format!(", most in {} ({:.2})", most.slot, most.growth));
        }
        out.push(text + ".");
    }
    out
}

fn percent(x: f64) -> String {
    let p = 100.0 * x;
    if p >= 9.95 || p == 0.0 { format!("{p:.0} %") } else { format!("{} %", number(p)) }
}

/// Two digits that count; no minus before a zero.
fn number(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        a if a < 1e-3 => format!("{x:.1e}"),
        a if a < 0.01 => format!("{x:.4}"),
        a if a < 0.1 => format!("{x:.3}"),
        _ => format!("{x:.2}"),
    }
}

/// With a true minus sign, as in print.
fn signed(x: f64) -> String {
    number(x).replacen('-', "−", usize::from(x < 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(cosine: f64) -> Relation {
        Relation {
            shared: 1,
            only_a: 0,
            only_b: 0,
            norm_a: 1.0,
            norm_b: 2.0,
            inner: 2.0 * cosine,
            cosine: Some(cosine),
            chance: Some(3e-4),
            distance: 1.0,
            relative_distance: 0.5,
            input: None,
            output: None,
            sign_conflict: None,
        }
    }

    fn slot(label: &str, cosine: f64) -> SlotRelation {
        SlotRelation { slot: label.into(), block: label != "IN", relation: relation(cosine) }
    }

    #[test]
    fn kinship_follows_the_cosine() {
        let of = |c| kinship(&relation(c));
        assert_eq!(
            [0.98, 0.3, 0.01, -0.01, -0.3, 0.99999].map(of),
            [Kinship::SameTraining, Kinship::Related, Kinship::Independent, Kinship::Independent, Kinship::Opposed, Kinship::Scaled]
        );
        assert_eq!(kinship(&Relation { shared: 0, ..relation(0.0) }), Kinship::Apart);
        assert_eq!(kinship(&Relation { relative_distance: 1e-4, ..relation(1.0) }), Kinship::Equal);
        assert_eq!(kinship(&Relation { cosine: None, chance: None, ..relation(0.0) }), Kinship::Empty);
    }

    #[test]
    fn neighbours_are_named_together() {
        let slots =
            [slot("OUT02", 0.0), slot("OUT03", -0.3), slot("OUT04", -0.4), slot("OUT05", -0.2), slot("OUT06", 0.01), slot("OUT08", -0.1)];
        assert_eq!(fights(&slots).as_deref(), Some("They fight in OUT03–OUT05 (cosine −0.30), OUT08 (cosine −0.10)."));
        assert_eq!(agreements(&slots), None);
        let parts = [slot("S37", 0.2), slot("IN", 0.2)];
        assert_eq!(agreements(&parts).map(|t| t.contains("S37 (") && t.contains("IN (")), Some(true));
    }

    #[test]
    fn sentences_carry_their_numbers() {
        let text = |c: f64| of_pair(("a", "b"), kinship(&relation(c)), &relation(c), &[])[0].clone();
        assert_eq!(
            text(0.98),
            "a and b are the same training, or one was made from the other (cosine 0.98, distance 50 % of the stronger)."
        );
        assert_eq!(text(0.004), "a and b are independent (cosine 0.0040, chance level 3.0e-4).");
        assert_eq!(text(-1.0), "b is a at -2.00 times the strength (cosine -1.0000).");
    }
}
