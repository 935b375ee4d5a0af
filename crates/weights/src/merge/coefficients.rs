//! Methods whose result is Σ cᵢ·ΔWᵢ with coefficients from the inputs' inner products alone: slerp, karcher, norm_equal, the average over those
//! that have a module, and the budget per block. The coefficients are put into the weights of the parts; the rest of the merge is that of a sum.
//!
//! Below vᵢ = wᵢ·ΔWᵢ (profile included), wᵢ the input's own weight, ûᵢ = vᵢ/‖vᵢ‖ and Lᵢ = ‖vᵢ‖/|wᵢ|, the length of the input at weight 1.

use super::compute::Context;
use super::dense::Voice;
use super::plan::{MergeError, MergePlan, Method};
use super::targets::{Group, Named};
use crate::adapter::Component;
use crate::layout::SlotRef;
use crate::linalg::tiles::{Rows, fold};
use crate::linalg::{Stack, inner, par_map};
use crate::progress::{Cancelled, Progress};
use std::collections::BTreeMap;
use weft_domain::merge::{Divisor, Scope};

/// Steps of the search for the mean on the sphere; it gains about two digits in each.
const STEPS: usize = 200;

/// Sines below this: the directions are equal or opposite, and the great circle is none or any.
const FLAT: f64 = 1e-7;

/// Which modules share their coefficients.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Module(usize),
    Block(Component, Option<SlotRef>),
    Whole(Component),
}

/// Inner products ⟨vᵢ, vⱼ⟩ of all inputs, N×N.
type Gram = Vec<f64>;

/// True where the weights depend on what is in the files.
pub(super) fn wanted(plan: &MergePlan) -> bool {
    plan.options.tame.is_some() || plan.divides_by_present() || matches!(plan.method, Method::Slerp | Method::Karcher | Method::NormEqual)
}

/// Puts the coefficients into the groups' weights.
pub(super) fn settle(context: &Context<'_>, files: &[Named<'_>], groups: &mut [Group], progress: &dyn Progress) -> Result<(), MergeError> {
    let plan = context.plan;
    let count = plan.inputs.len();
    let measured = plan.options.tame.is_some() || !matches!(plan.method, Method::Average);
    let grams: Vec<Gram> = if measured {
        let found = par_map(groups, |group| if group.vector { Ok(Vec::new()) } else { gram(context, group, count, progress) });
        found.into_iter().collect::<Result<_, _>>()?
    } else {
        groups.iter().map(|_| Vec::new()).collect()
    };
    let mut factors: Vec<Vec<f64>> = groups.iter().map(|group| plain(plan, group)).collect();
    if matches!(plan.method, Method::Slerp | Method::Karcher | Method::NormEqual) {
        let places = places(plan.options.scope, files, groups);
        for members in collect(&places).values() {
            let gram = summed(&grams, members, count);
            let Some(gram) = gram else { continue };
            let component = groups[members[0]].target.component;
            let found = coefficients(plan, &gram, &weights(plan, component));
            members.iter().filter(|g| !groups[**g].vector).for_each(|g| factors[*g].clone_from(&found));
        }
    }
    if let Some(limit) = plan.options.tame {
        tame(limit, &places(Scope::Block, files, groups), &grams, &mut factors, count);
    }
    for (group, factors) in groups.iter_mut().zip(&factors) {
        group.parts.iter_mut().for_each(|p| p.weight *= factors[p.member]);
    }
    Ok(())
}

/// Own weight of every input for a component.
fn weights(plan: &MergePlan, component: Component) -> Vec<f64> {
    let weight = |i: &super::MergeInput| if component == Component::Denoiser { i.weight } else { i.te_weight.unwrap_or(i.weight) };
    plan.inputs.iter().map(weight).collect()
}

/// What stands before the parts without a look at the files' values: 1, or the inverse of the divisor where the method is a mean.
fn plain(plan: &MergePlan, group: &Group) -> Vec<f64> {
    let weights = weights(plan, group.target.component);
    let present: f64 = (0..weights.len()).filter(|i| group.parts.iter().any(|p| p.member == *i)).map(|i| weights[i].abs()).sum();
    let all: f64 = weights.iter().map(|w| w.abs()).sum();
    let divisor = match (plan.method, plan.options.divisor) {
        // The average over all inputs has its divisor in the context already.
        (Method::Average, Divisor::Weights) => 1.0,
        (Method::Average | Method::Slerp | Method::Karcher, Divisor::Present) => present,
        (Method::Slerp | Method::Karcher, Divisor::Weights) => all,
        _ => 1.0,
    };
    vec![if divisor > 0.0 { 1.0 / divisor } else { 1.0 }; weights.len()]
}

fn places(scope: Scope, files: &[Named<'_>], groups: &[Group]) -> Vec<Place> {
    let place = |(index, group): (usize, &Group)| {
        let component = group.target.component;
        let slot = group.parts.first().and_then(|p| files[p.member].module(p).slot);
        match scope {
            Scope::Module => Place::Module(index),
            Scope::Block => Place::Block(component, slot),
            Scope::Global => Place::Whole(component),
        }
    };
    groups.iter().enumerate().map(place).collect()
}

fn collect(places: &[Place]) -> BTreeMap<&Place, Vec<usize>> {
    let mut out: BTreeMap<&Place, Vec<usize>> = BTreeMap::new();
    places.iter().enumerate().for_each(|(i, p)| out.entry(p).or_default().push(i));
    out
}

/// Sum of the Gram matrices of several groups; None where none of them was measured.
fn summed(grams: &[Gram], members: &[usize], count: usize) -> Option<Gram> {
    let mut sum = vec![0.0; count * count];
    let mut any = false;
    for gram in members.iter().map(|g| &grams[*g]).filter(|g| !g.is_empty()) {
        sum.iter_mut().zip(gram).for_each(|(s, v)| *s += v);
        any = true;
    }
    any.then_some(sum)
}

/// ⟨vᵢ, vⱼ⟩ of one group: through the factors where all parts have some, else by tiles.
fn gram(context: &Context<'_>, group: &Group, count: usize, progress: &dyn Progress) -> Result<Gram, MergeError> {
    Cancelled::check(progress)?;
    let mut out = vec![0.0; count * count];
    if group.stacked().is_some() {
        let mut stack = Stack::new(group.m, group.n);
        let mut spans = Vec::with_capacity(group.parts.len());
        for part in &group.parts {
            let loaded = context.readers[part.member].load(part)?;
            let start = stack.rank();
            stack.push(&loaded.b, &loaded.a, part.row0, loaded.scale * part.weight);
            spans.push((part.member, start..start + loaded.rank));
        }
        let (gb, ga) = stack.grams();
        for (i, rows) in &spans {
            for (j, columns) in &spans {
                out[i * count + j] += inner(&gb, &ga, rows.clone(), columns.clone());
            }
        }
        return Ok(out);
    }
    let voices = context.voices(group)?;
    let Some(first) = voices.first() else { return Ok(out) };
    let dots = fold(
        first,
        16,
        progress,
        || vec![0.0; voices.len() * voices.len()],
        |sums: &mut Vec<f64>, range, tile| {
            let tiles: Vec<Vec<f32>> = voices.iter().map(|v| of(v, range.clone(), tile.len())).collect();
            for (i, x) in tiles.iter().enumerate() {
                for (j, y) in tiles.iter().enumerate().skip(i) {
                    sums[i * voices.len() + j] += x.iter().zip(y).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
                }
            }
        },
    )?;
    for sums in dots {
        for i in 0..voices.len() {
            for j in 0..voices.len() {
                let dot = sums[i.min(j) * voices.len() + i.max(j)];
                out[voices[i].member * count + voices[j].member] += dot * voices[i].weight * voices[j].weight;
            }
        }
    }
    Ok(out)
}

fn of(voice: &Voice, rows: std::ops::Range<usize>, len: usize) -> Vec<f32> {
    let mut out = vec![0f32; len];
    voice.rows(rows, &mut out);
    out
}

/// Factors on the weighted inputs: the result is Σ kᵢ·vᵢ.
fn coefficients(plan: &MergePlan, gram: &[f64], weights: &[f64]) -> Vec<f64> {
    let n = weights.len();
    let norms: Vec<f64> = (0..n).map(|i| gram[i * n + i].max(0.0).sqrt()).collect();
    let live: Vec<usize> = (0..n).filter(|i| norms[*i] > 0.0 && weights[*i] != 0.0).collect();
    let length = |i: usize| norms[i] / weights[i].abs();
    let mut out = vec![0.0; n];
    if plan.method == Method::NormEqual {
        let mean = live.iter().map(|i| length(*i)).sum::<f64>() / live.len().max(1) as f64;
        live.iter().for_each(|i| out[*i] = mean / length(*i));
        return out;
    }
    let present: f64 = live.iter().map(|i| weights[*i].abs()).sum();
    let divisor = if plan.options.divisor == Divisor::Present { present } else { weights.iter().map(|w| w.abs()).sum() };
    if live.is_empty() || divisor == 0.0 {
        return out;
    }
    let shares: Vec<f64> = live.iter().map(|i| weights[*i].abs() / present).collect();
    let cosine = |i: usize, j: usize| (gram[live[i] * n + live[j]] / (norms[live[i]] * norms[live[j]])).clamp(-1.0, 1.0);
    let direction = match (plan.method, live.len()) {
        (_, 1) => vec![1.0],
        (Method::Slerp, 2) => slerp(cosine(0, 1), shares[1]),
        _ => karcher(&cosine, &shares),
    };
    let size = live.iter().map(|i| norms[*i]).sum::<f64>() / divisor;
    live.iter().zip(direction).for_each(|(i, c)| out[*i] = size * c / norms[*i]);
    out
}

/// Coefficients of the unit vector at the part `t` of the way (Shoemake 1985). Where the two are equal or opposite: the straight line.
fn slerp(cosine: f64, t: f64) -> Vec<f64> {
    let angle = cosine.acos();
    let sine = angle.sin();
    if sine < FLAT { vec![1.0 - t, t] } else { vec![((1.0 - t) * angle).sin() / sine, (t * angle).sin() / sine] }
}

/// Coefficients of the weighted mean on the sphere (Karcher 1977): the point x at which Σ ωᵢ·log_x(ûᵢ) = 0, found by walking along that sum.
/// Everything is known from the cosines: x = Σ cᵢûᵢ, ⟨x, ûᵢ⟩ = Σⱼ cⱼ·cosine(i, j).
fn karcher(cosine: &dyn Fn(usize, usize) -> f64, shares: &[f64]) -> Vec<f64> {
    let n = shares.len();
    let along = |c: &[f64]| -> Vec<f64> { (0..n).map(|i| (0..n).map(|j| c[j] * cosine(i, j)).sum()).collect() };
    let length = |c: &[f64]| -> f64 { c.iter().zip(along(c)).map(|(c, a)| c * a).sum::<f64>().max(0.0).sqrt() };
    let mut x = shares.to_vec();
    let start = length(&x);
    if start < FLAT {
        // They cancel each other: every direction is as good, and their plain mean is next to nothing.
        return x;
    }
    x.iter_mut().for_each(|c| *c /= start);
    for _ in 0..STEPS {
        let mut step = vec![0.0; n];
        for (i, cos) in along(&x).into_iter().enumerate() {
            let angle = cos.clamp(-1.0, 1.0).acos();
            let sine = angle.sin();
            let reach = if sine < FLAT { 1.0 } else { angle / sine };
            // log_x(û) = angle / sin(angle) · (û − cos·x)
            step[i] += shares[i] * reach;
            x.iter().zip(&mut step).for_each(|(c, s)| *s -= shares[i] * reach * cos * c);
        }
        let size = length(&step);
        if size < 1e-14 {
            break;
        }
        let (cos, sine) = (size.cos(), size.sin() / size);
        x.iter_mut().zip(&step).for_each(|(c, s)| *c = cos * *c + sine * s);
        let norm = length(&x);
        x.iter_mut().for_each(|c| *c /= norm);
    }
    x
}

/// Scales blocks down until ‖Σ kᵢvᵢ‖ ≤ limit · max ‖kᵢvᵢ‖.
fn tame(limit: f64, places: &[Place], grams: &[Gram], factors: &mut [Vec<f64>], count: usize) {
    for members in collect(places).values() {
        let (mut joint, mut singles) = (0.0, vec![0.0; count]);
        for g in members.iter().filter(|g| !grams[**g].is_empty()) {
            let k = &factors[*g];
            for i in 0..count {
                singles[i] += k[i] * k[i] * grams[*g][i * count + i];
                joint += (0..count).map(|j| k[i] * k[j] * grams[*g][i * count + j]).sum::<f64>();
            }
        }
        let strongest = singles.iter().copied().fold(0.0, f64::max).sqrt();
        let growth = if strongest > 0.0 { joint.max(0.0).sqrt() / strongest } else { 0.0 };
        if growth > limit {
            members.iter().for_each(|g| factors[*g].iter_mut().for_each(|k| *k *= limit / growth));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_two_is_the_point_on_their_arc() {
        for cosine in [0.9f64, 0.0, -0.7, 0.999_999] {
            for t in [0.5, 0.2] {
                let arc = slerp(cosine, t);
                let mean = karcher(&|i, j| if i == j { 1.0 } else { cosine }, &[1.0 - t, t]);
                for (a, m) in arc.iter().zip(&mean) {
                    assert!((a - m).abs() < 1e-7, "{cosine} {t}: {arc:?} {mean:?}");
                }
            }
        }
    }

    #[test]
    fn the_mean_on_the_sphere_is_where_the_pulls_cancel() {
        // Three orthogonal directions of equal share: the diagonal.
        let mean = karcher(&|i, j| f64::from(u8::from(i == j)), &[1.0 / 3.0; 3]);
        mean.iter().for_each(|c| assert!((c - 1.0 / 3f64.sqrt()).abs() < 1e-12, "{mean:?}"));
        // Opposites leave nothing to choose from.
        assert_eq!(karcher(&|i, j| if i == j { 1.0 } else { -1.0 }, &[0.5, 0.5]), [0.5, 0.5]);
        assert_eq!(slerp(-1.0, 0.25), [0.75, 0.25]);
    }
}
