//! From the products of every weight to relations of blocks and files.

use super::products::PairProducts;
use super::signs::Conflict;
use super::subspace::Spaces;
use super::{CompareOptions, Comparison, Growth, ModuleRelation, Overlap, PairRelation, Products, Relation, SlotRelation, Weight, verdict};
use crate::adapter::{Adapter, Component};
use crate::delta::needs_base;
use crate::gram::{GramSet, packed};
use crate::layout::Layout;
use crate::merge::Member;
use crate::relations::{Place, assemble, compatible_with};
use crate::text::shown;
use std::collections::BTreeMap;

pub(super) fn report(
    members: &[Member<'_>],
    names: Vec<String>,
    weights: &[Weight],
    found: &[Products],
    options: &CompareOptions<'_>,
) -> Comparison {
    let adapters: Vec<(&str, &Adapter)> = names.iter().map(String::as_str).zip(members.iter().map(|m| m.adapter)).collect();
    let layout = members.iter().find_map(|m| m.adapter.detection.layout);
    let gram = assemble(layout, members.len(), weights, found);
    let (growth, total_growth) = growth(&gram);
    let n = members.len();
    let pairs: Vec<PairRelation> =
        (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).map(|(a, b)| pair((a, b), &names, layout, weights, found)).collect();
    let sentences = verdict::sentences(&names, &pairs, &growth, &total_growth);
    Comparison {
        verdict: compatible_with(&adapters, options.base.is_some()),
        notes: notes(members, &names, found),
        names,
        gram,
        pairs,
        growth,
        total_growth,
        sentences,
        seed: options.seed,
        sample_rows: options.sample_rows,
    }
}

fn growth(gram: &GramSet) -> (Vec<Growth>, Growth) {
    let ones = vec![vec![1.0; gram.slots.len()]; gram.members];
    let slots = gram.combined(&ones);
    let one = |(slot, c): (&crate::gram::GramSlot, &crate::gram::SlotCombination)| {
        let at_work = c.singles.iter().filter(|s| **s > 0.0).count();
        let strongest = c.singles.iter().copied().fold(0.0, f64::max);
        (at_work > 1).then(|| Growth { slot: slot.label.clone(), norm: c.norm, strongest, growth: c.growth })
    };
    let total = gram.summary(&slots, f64::INFINITY);
    let strongest = if total.growth > 0.0 { total.total / total.growth } else { 0.0 };
    let whole = Growth { slot: "all".into(), norm: total.total, strongest, growth: total.growth };
    (gram.slots.iter().zip(&slots).filter_map(one).collect(), whole)
}

/// Sums over weights of one pair.
#[derive(Debug, Clone, Default)]
struct Sum {
    shared: usize,
    only_a: usize,
    only_b: usize,
    energy_a: f64,
    energy_b: f64,
    inner: f64,
    /// Σ‖A‖²‖B‖²/mn.
    chance: f64,
    distance: f64,
    input: Mean,
    output: Mean,
    conflict: Option<Conflict>,
}

/// A weighted mean of overlaps.
#[derive(Debug, Clone, Default)]
struct Mean {
    weight: f64,
    overlap: f64,
    chance: f64,
    cosines: Vec<f64>,
}

impl Mean {
    fn add(&mut self, weight: f64, cosines: &[f64], (q, r): (usize, usize), dimension: usize) {
        let smaller = q.min(r).max(1) as f64;
        self.weight += weight;
        self.overlap += weight * cosines.iter().map(|c| c * c).sum::<f64>() / smaller;
        self.chance += weight * (q.max(r) as f64 / dimension as f64).min(1.0);
        self.cosines = cosines.to_vec();
    }

    fn overlap(&self, single: bool) -> Option<Overlap> {
        let cosines = if single { self.cosines.clone() } else { Vec::new() };
        (self.weight > 0.0).then(|| Overlap { mean: self.overlap / self.weight, chance: self.chance / self.weight, cosines })
    }
}

impl Sum {
    /// `a2` and `b2` are None where a file does not change the weight.
    fn add(&mut self, weight: &Weight, a2: Option<f64>, b2: Option<f64>, inner: f64, both: Option<&PairProducts>) {
        self.energy_a += a2.unwrap_or(0.0);
        self.energy_b += b2.unwrap_or(0.0);
        match (a2, b2) {
            (Some(a), Some(b)) => {
                self.shared += 1;
                self.inner += inner;
                self.chance += a * b / (weight.m as f64 * weight.n as f64);
                self.distance += both.map_or(a + b, |p| p.distance);
                self.detail(weight, (a * b).sqrt(), both);
            }
            (Some(a), None) => (self.only_a, self.distance) = (self.only_a + 1, self.distance + a),
            (None, Some(b)) => (self.only_b, self.distance) = (self.only_b + 1, self.distance + b),
            (None, None) => {}
        }
    }

    fn detail(&mut self, weight: &Weight, size: f64, both: Option<&PairProducts>) {
        let Some(both) = both else { return };
        if let Some(Spaces { input, output, ranks }) = &both.spaces {
            self.input.add(size, input, *ranks, weight.n);
            self.output.add(size, output, *ranks, weight.m);
        }
        if let Some(c) = both.conflict {
            let sum = self.conflict.get_or_insert_default();
            (sum.opposed, sum.all) = (sum.opposed + c.opposed, sum.all + c.all);
        }
    }

    fn relation(&self, single: bool) -> Relation {
        let (norm_a, norm_b) = (self.energy_a.max(0.0).sqrt(), self.energy_b.max(0.0).sqrt());
        let sizes = norm_a * norm_b;
        let distance = self.distance.max(0.0).sqrt();
        let larger = norm_a.max(norm_b);
        Relation {
            shared: self.shared,
            only_a: self.only_a,
            only_b: self.only_b,
            norm_a,
            norm_b,
            inner: self.inner,
            cosine: (sizes > 0.0).then(|| (self.inner / sizes).clamp(-1.0, 1.0)),
            chance: (sizes > 0.0).then(|| self.chance.sqrt() / sizes),
            distance,
            relative_distance: if larger > 0.0 { distance / larger } else { 0.0 },
            input: self.input.overlap(single),
            output: self.output.overlap(single),
            sign_conflict: self.conflict.filter(|c| c.all > 0.0).map(|c| c.opposed / c.all),
        }
    }
}

fn pair((a, b): (usize, usize), names: &[String], layout: Option<&'static Layout>, weights: &[Weight], found: &[Products]) -> PairRelation {
    let n = names.len();
    let blocks = layout.map_or(0, |l| l.slots.len());
    let mut slots: BTreeMap<Place, Sum> = BTreeMap::new();
    let (mut denoiser, mut text) = (Sum::default(), Sum::default());
    let mut modules = Vec::new();
    for (weight, products) in weights.iter().zip(found) {
        let energy = |i: usize| products.present[i].then(|| products.gram[packed(n, i, i)]);
        let (a2, b2) = (energy(a), energy(b));
        if a2.is_none() && b2.is_none() {
            continue;
        }
        let inner = products.gram[packed(n, a, b)];
        let both = products.pairs.iter().find(|p| (p.a, p.b) == (a, b));
        let place = Place::of(weight.slot, blocks);
        let component = if weight.component == Component::Denoiser { &mut denoiser } else { &mut text };
        component.add(weight, a2, b2, inner, both);
        slots.entry(place.clone()).or_default().add(weight, a2, b2, inner, both);
        if a2.is_some() && b2.is_some() {
            let mut sum = Sum::default();
            sum.add(weight, a2, b2, inner, both);
            modules.push(ModuleRelation {
                target: weight.path.clone(),
                rows: weight.window.then_some((weight.first, weight.m)),
                slot: place.label(layout).to_owned(),
                shape: (weight.m, weight.n),
                relation: sum.relation(true),
            });
        }
    }
    let slots: Vec<SlotRelation> = slots
        .into_iter()
        .map(|(place, sum)| {
            let block = matches!(place, Place::Block(_));
            SlotRelation { slot: place.label(layout).to_owned(), block, relation: sum.relation(false) }
        })
        .collect();
    let text_encoders = (text.shared + text.only_a + text.only_b > 0).then(|| text.relation(false));
    let denoiser = denoiser.relation(false);
    // Files that change text encoders only are judged by these.
    let judged = text_encoders.as_ref().filter(|_| denoiser.norm_a == 0.0 && denoiser.norm_b == 0.0).unwrap_or(&denoiser);
    let kinship = verdict::kinship(judged);
    let sentences = verdict::of_pair((&names[a], &names[b]), kinship, judged, &slots);
    PairRelation { a, b, kinship, sentences, denoiser, text_encoders, slots, modules }
}

/// What could not be loaded, once for each file.
fn notes(members: &[Member<'_>], names: &[String], found: &[Products]) -> Vec<String> {
    let mut out = Vec::new();
    for (file, name) in names.iter().enumerate() {
        let mut left = found.iter().flat_map(|p| &p.left_out).filter(|(f, ..)| *f == file);
        let Some((_, module, why)) = left.next() else { continue };
        let module = &members[file].adapter.modules[*module];
        let more = left.count();
        out.push(match more {
            0 => format!("{name}: {} is left out: {why}", shown(&module.name)),
            _ if needs_base(module) => {
                format!(
                    "{name}: {} modules are left out; what they do depends on the base model (the kind {}), so give the checkpoint.",
                    more + 1,
                    module.kind.label()
                )
            }
            _ => format!("{name}: {} modules are left out; the first: {why}", more + 1),
        });
    }
    // Modules whose shape nothing tells never came to be loaded.
    for (member, name) in members.iter().zip(names) {
        let shapeless = member.adapter.modules.iter().filter(|m| m.out_dim == 0 || m.in_dim == 0).count();
        if shapeless > 0 {
            out.push(format!("{name}: {shapeless} modules do not tell the shape of the weight they change; they count only where the base model is given and has it."));
        }
    }
    out
}
