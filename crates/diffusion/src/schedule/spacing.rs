//! The levels that a picture visits.

use super::levels::spread;
use super::quantile::quantile;
use super::{Levels, Path};
use weft_domain::generation::{Sampler, Schedule};

/// Karras et al. 2022, equation 5.
const RHO: f64 = 7.0;

/// The levels of `steps` steps, falling, the last one 0: `steps` + 1 numbers, except that no level is visited twice (fewer when there are
/// many steps, first of all with `beta`) and `ddim_uniform` goes through the table in whole strides (up to a few more). No steps, no levels.
///
/// The rules are ComfyUI's, which for `normal`, `karras` and `exponential` are k-diffusion's; see docs/sampling.md.
#[must_use]
pub fn sigmas(levels: &Levels, schedule: Schedule, steps: usize) -> Vec<f64> {
    if steps == 0 {
        return Vec::new();
    }
    let mut sigmas = match schedule {
        Schedule::Normal => normal(levels, steps),
        Schedule::SgmUniform => even(levels, steps + 1).take(steps).collect(),
        Schedule::Karras => spread(levels.max().powf(1.0 / RHO), levels.min().powf(1.0 / RHO), steps).map(|r| r.powf(RHO)).collect(),
        Schedule::Exponential => spread(levels.max().ln(), levels.min().ln(), steps).map(f64::exp).collect(),
        Schedule::Simple => simple(levels.table(), steps),
        Schedule::Beta => beta(levels.table(), steps),
        Schedule::DdimUniform => strides(levels.table(), steps),
    };
    sigmas.push(0.0);
    // More steps than entries: a level twice is no step.
    sigmas.dedup_by(|next, sigma| *next >= *sigma);
    sigmas
}

/// `n` levels evenly spaced in time steps from the largest to the smallest.
fn even(levels: &Levels, n: usize) -> impl Iterator<Item = f64> {
    spread(levels.timestep(levels.max()), levels.timestep(levels.min()), n).map(|t| levels.sigma(t))
}

/// Even in time steps; where the last of them is 0 already (a flow's table may begin there), one more is made in its stead.
fn normal(levels: &Levels, steps: usize) -> Vec<f64> {
    let ends_at_zero = levels.path() == Path::Flow && levels.sigma(levels.timestep(levels.min())) < 1e-5;
    even(levels, steps + usize::from(ends_at_zero)).take(steps).collect()
}

fn simple(table: &[f64], steps: usize) -> Vec<f64> {
    let stride = table.len() as f64 / steps as f64;
    (0..steps).map(|i| table[table.len() - 1 - ((i as f64 * stride) as usize).min(table.len() - 1)]).collect()
}

fn beta(table: &[f64], steps: usize) -> Vec<f64> {
    let last = (table.len() - 1) as f64;
    let mut entries: Vec<usize> =
        (0..steps).map(|i| (quantile(1.0 - i as f64 * (1.0 / steps as f64)) * last).round_ties_even() as usize).collect();
    entries.dedup();
    entries.into_iter().map(|entry| table[entry]).collect()
}

/// From the second entry upwards. The first is left out; where the second is 0 it is the last level itself.
fn strides(table: &[f64], steps: usize) -> Vec<f64> {
    let zero = usize::from(table[1] < 1e-5);
    let stride = (table.len() / (steps + zero)).max(1);
    let mut sigmas: Vec<f64> = table.iter().copied().skip(1).step_by(stride).skip(zero).collect();
    sigmas.reverse();
    sigmas
}

/// The levels of a request, falling: of a whole picture, or of the last part of one for image to image.
///
/// `denoise` under 1 takes ComfyUI's rule: the schedule is made for steps / denoise steps and its last `steps` are run, so that as many
/// steps are run as were asked for. (A1111 makes it for `steps` and runs denoise × steps of them.) 0 gives no levels: nothing is to do.
/// For samplers that [skip the last level but one](Sampler::skips_penultimate) that level is left out.
#[must_use]
pub fn plan(levels: &Levels, schedule: Schedule, sampler: Sampler, steps: usize, denoise: f64) -> Vec<f64> {
    /// More steps than any model has levels; keeps a tiny `denoise` from asking for a billion.
    const MOST: f64 = 100_000.0;
    if denoise.is_nan() || denoise <= 0.0 || steps == 0 {
        return Vec::new();
    }
    let whole = if denoise > 0.9999 { steps } else { (steps as f64 / denoise).min(MOST) as usize };
    let skip = sampler.skips_penultimate();
    let mut levels = sigmas(levels, schedule, whole + usize::from(skip));
    if skip && levels.len() > 2 {
        levels.remove(levels.len() - 2);
    }
    levels.split_off(levels.len().saturating_sub(if whole == steps { usize::MAX } else { steps + 1 }))
}
