//! Where two changes pull single values in opposite directions: on a seeded sample of rows.

use super::products::{Detail, Loaded, add_rows};
use super::weights::Weight;
use crate::adapter::Component;
use crate::linalg::random::mix;
use std::collections::BTreeSet;

/// Σ min(|a|, |b|) of a sample, scaled up to the whole weight.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Conflict {
    /// Over elements of opposite sign.
    pub(crate) opposed: f64,
    /// Over all elements.
    pub(crate) all: f64,
}

/// Compares the signs of two files on the sampled rows of one weight. None without a sample.
pub(super) fn conflict(weight: &Weight, loaded: &[Loaded], (a, b): (usize, usize), detail: &Detail<'_>) -> Option<Conflict> {
    let rows = sample(weight, detail);
    if rows.is_empty() {
        return None;
    }
    let share = weight.m as f64 / rows.len() as f64;
    let mut sum = Conflict::default();
    let (mut x, mut y) = (vec![0f32; weight.n], vec![0f32; weight.n]);
    for row in rows {
        for (member, to) in [(a, &mut x), (b, &mut y)] {
            to.fill(0.0);
            loaded.iter().filter(|l| l.part.member == member).for_each(|l| add_rows(l, row..row + 1, weight.n, to));
        }
        for (x, y) in x.iter().zip(&y) {
            let least = f64::from(x.abs().min(y.abs()));
            sum.all += least;
            // A product would lose the sign of tiny values.
            sum.opposed += if x.is_sign_negative() == y.is_sign_negative() { 0.0 } else { least };
        }
    }
    Some(Conflict { opposed: sum.opposed * share, all: sum.all * share })
}

/// Different rows of one weight, chosen by the seed and the weight alone (Floyd's method): the same for every set of files.
fn sample(weight: &Weight, detail: &Detail<'_>) -> BTreeSet<usize> {
    let component = match weight.component {
        Component::Denoiser => 0,
        Component::TextEncoder(n) => u64::from(n) + 1,
    };
    let mut state = step(detail.seed ^ step(component));
    for byte in weight.path.bytes() {
        state = step(state ^ u64::from(byte));
    }
    state = step(state ^ weight.first as u64);
    let count = detail.sample_rows.min(weight.m);
    let mut rows = BTreeSet::new();
    for last in weight.m - count..weight.m {
        state = step(state);
        let row = (state % (last as u64 + 1)) as usize;
        if !rows.insert(row) {
            rows.insert(last);
        }
    }
    rows
}

/// One step of SplitMix64 (Steele, Lea and Flood 2014).
fn step(x: u64) -> u64 {
    mix(x.wrapping_add(0x9E37_79B9_7F4A_7C15))
}
