//! The applying itself.

use super::super::compute::Compute;
use super::super::error::{ModelError, Result};
use super::super::layer::{Cell, Changes, Pair, Vector, Weight};
use super::super::load::Model;
use super::super::norm::NormCell;
use super::super::weights::Key;
use super::plan::{AdapterFile, AdapterReport, AdapterUse, Skipped};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use weft_weights::adapter::{Component, Module, Target};
use weft_weights::checkpoint::{Checkpoint, Miss, Place};
use weft_weights::delta::{Base, Delta, Dense, Loader};
use weft_weights::progress::{Cancelled, Progress};
use weft_weights::source::ReadError;

/// Factors up to this share of a weight's size work beside it; larger ones cost more at every step than a changed copy costs once.
const BESIDE: f64 = 0.5;

/// Which module of which adapter.
#[derive(Debug, Clone, Copy)]
struct From {
    user: usize,
    module: usize,
}

/// Factors of one module among the ranks of its layer.
#[derive(Debug)]
struct Factors {
    from: From,
    rank: usize,
    /// α/r.
    unit: f64,
}

/// A ΔW that goes into the copy of a weight.
#[derive(Debug)]
struct Fold {
    from: From,
    delta: Delta,
    /// Rows of the layer that it changes.
    rows: Range<usize>,
    /// The halves of its rows stand in the other order.
    swapped: bool,
}

/// What adapters do to one layer.
#[derive(Debug, Default)]
struct Layer {
    factors: Vec<Factors>,
    /// Row-major ranks × inputs, one adapter under the other.
    down: Vec<f32>,
    /// Row-major outputs × rank, of one adapter each.
    ups: Vec<Vec<f32>>,
    pair: Option<(Weight, Weight)>,
    weight: Vec<Fold>,
    bias: Vec<Fold>,
    /// Strengths that the copies were made with.
    folded_with: Vec<f64>,
}

/// Adapters on a model.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    uses: Vec<AdapterUse>,
    layers: BTreeMap<Key, Layer>,
    reports: Vec<AdapterReport>,
    /// Factor of each use at the step at hand.
    factors: Vec<f64>,
}

impl Model {
    /// Puts exactly these adapters on the model; an empty list takes all off. With the same files as before, in the same order, only strengths
    /// are changed.
    ///
    /// # Errors
    /// [`ModelError::Misfit`] for an adapter of which nothing fits, [`ModelError::Adapter`] for one that cannot be read; the model is then
    /// without adapters.
    pub fn set_adapters(&mut self, uses: &[AdapterUse], progress: &dyn Progress) -> Result<Vec<AdapterReport>> {
        let same = self.applied.uses.len() == uses.len() && self.applied.uses.iter().zip(uses).all(|(a, b)| Arc::ptr_eq(&a.file, &b.file));
        if !same {
            self.take_off();
            let applied = self.read_adapters(uses, progress)?;
            self.applied = applied;
        }
        self.applied.uses = uses.to_vec();
        self.applied.factors = uses.iter().map(|u| u.schedule.factor(0.0)).collect();
        if let Err(error) = self.refresh() {
            self.take_off();
            return Err(error);
        }
        Ok(self.applied.reports.clone())
    }

    /// Brings adapters to their strength at `position` of the steps, 0 to 1. Costs nothing where no schedule changes.
    ///
    /// # Errors
    /// [`ModelError::Tensor`].
    pub fn adapters_at(&mut self, position: f64) -> Result<()> {
        let factors: Vec<f64> = self.applied.uses.iter().map(|u| u.schedule.factor(position)).collect();
        if factors != self.applied.factors {
            self.applied.factors = factors;
            self.refresh()?;
        }
        Ok(())
    }

    fn take_off(&mut self) {
        for key in self.applied.layers.keys() {
            if let Some(cell) = self.registry.cells.get(key) {
                cell.change(Changes::default());
            }
            if let Some(cell) = self.registry.norms.get(key) {
                cell.change(None, None);
            }
        }
        self.applied = Applied::default();
    }

    fn read_adapters(&self, uses: &[AdapterUse], progress: &dyn Progress) -> Result<Applied> {
        let mut applied = Applied::default();
        let total = uses.iter().map(|u| u.file.adapter.modules.len()).sum::<usize>() as u64;
        let mut done = 0;
        for (user, usage) in uses.iter().enumerate() {
            let mut report = AdapterReport { label: usage.file.label.clone(), beside: 0, folded: 0, skipped: Vec::new() };
            for index in 0..usage.file.adapter.modules.len() {
                Cancelled::check(progress)?;
                self.read_module(&usage.file, From { user, module: index }, &mut applied.layers, &mut report)?;
                done += 1;
                progress.step(done, total, "Putting the adapters on");
            }
            if report.beside + report.folded == 0 {
                let first = report.skipped.first();
                let why = first.map_or_else(|| "it has no modules".to_owned(), |s| format!("{}: {}", s.module, s.reason));
                return Err(ModelError::Misfit { file: usage.file.label.clone(), why });
            }
            applied.reports.push(report);
        }
        for (key, layer) in &mut applied.layers {
            if let Some(cell) = self.registry.cells.get(key) {
                layer.join(cell)?;
            }
        }
        Ok(applied)
    }

    fn read_module(&self, file: &AdapterFile, from: From, layers: &mut BTreeMap<Key, Layer>, report: &mut AdapterReport) -> Result<()> {
        let module = &file.adapter.modules[from.module];
        let mut skip = |reason: String| report.skipped.push(Skipped { module: module.name.clone(), reason });
        let (checkpoint, place) = match self.find(module) {
            Ok(found) => found,
            Err(miss) => {
                skip(reason(miss));
                return Ok(());
            }
        };
        let base = At { checkpoint, module, place: &place };
        let delta = Loader { adapter: &file.adapter, source: file.source.as_ref(), base: Some(&base) }.load(module);
        let delta = delta.map_err(|source| ModelError::Adapter { file: file.label.clone(), source })?;
        if delta.shape() != (place.rows.len(), place.columns) {
            skip(format!("its change is {:?}, the weight {:?}", delta.shape(), (place.rows.len(), place.columns)));
            return Ok(());
        }
        let component = module.target.component;
        let is_layer = |path: &str| self.registry.cells.contains_key(&(component, path.to_owned()));
        let is_norm = |path: &str| self.registry.norms.contains_key(&(component, path.to_owned()));
        let fold = |delta| Fold { from, delta, rows: place.rows.clone(), swapped: place.swapped };
        if let Some(stem) = place.path.strip_suffix("_bias").filter(|s| is_layer(s) || is_norm(s)) {
            layers.entry((component, stem.to_owned())).or_default().bias.push(fold(delta));
            report.folded += 1;
        } else if let Some(cell) = self.registry.cells.get(&(component, place.path.clone())) {
            let layer = layers.entry((component, place.path.clone())).or_default();
            let most = (BESIDE * (place.rows.len() * place.columns) as f64) as usize / (place.rows.len() + place.columns);
            if layer.beside(&delta, &place, from, cell.n, most) {
                report.beside += 1;
            } else {
                layer.weight.push(fold(delta));
                report.folded += 1;
            }
        } else if is_norm(&place.path) {
            layers.entry((component, place.path.clone())).or_default().weight.push(fold(delta));
            report.folded += 1;
        } else {
            skip("this engine does not use the weight".to_owned());
        }
        Ok(())
    }

    /// The file and place of the weight that a module changes.
    fn find(&self, module: &Module) -> Result<(&Checkpoint, Place), Miss> {
        let mut miss = Miss::Missing;
        for checkpoint in self.files.checkpoints() {
            match checkpoint.places().find(module) {
                Ok(place) => return Ok((checkpoint, place)),
                Err(Miss::Missing) => {}
                Err(other) => miss = other,
            }
        }
        self.files.renumbered(module).ok_or(miss)
    }

    /// Strength of a module at the step at hand.
    fn strength(&self, from: From) -> f64 {
        let usage = &self.applied.uses[from.user];
        let module = &usage.file.adapter.modules[from.module];
        let now = if module.target.component == Component::Denoiser { self.applied.factors[from.user] } else { 1.0 };
        usage.input.weight_of(module) * now
    }

    /// Gives every layer its changes at the strengths at hand.
    fn refresh(&mut self) -> Result<()> {
        let mut layers = std::mem::take(&mut self.applied.layers);
        let result = layers.iter_mut().try_for_each(|(key, layer)| self.refresh_layer(key, layer));
        self.applied.layers = layers;
        result
    }

    fn refresh_layer(&self, key: &Key, layer: &mut Layer) -> Result<()> {
        let strengths: Vec<f64> = layer.weight.iter().chain(&layer.bias).map(|f| self.strength(f.from)).collect();
        let (for_weight, for_bias) = strengths.split_at(layer.weight.len());
        if let Some(cell) = self.registry.cells.get(key) {
            let scale =
                layer.factors.iter().flat_map(|f| std::iter::repeat_n((f.unit * self.strength(f.from)) as f32, f.rank)).collect::<Vec<_>>();
            let live = scale.iter().any(|s| *s != 0.0);
            let pair = layer.pair.clone().filter(|_| live).map(|(down, up)| Pair { down, up, scale });
            let before = cell.changes();
            if strengths == layer.folded_with && !strengths.is_empty() {
                cell.change(Changes { pair, weight: before.weight.clone(), bias: before.bias.clone() });
                return Ok(());
            }
            let weight = if for_weight.iter().any(|s| *s != 0.0) {
                let mut values = cell.original()?;
                add(&layer.weight, for_weight, &mut values);
                Some(Weight::new(&values, (cell.n, cell.channels, cell.kernel), &cell.compute)?)
            } else {
                None
            };
            let original = || cell.original_bias().map_or_else(|| vec![0.0; cell.n], <[f32]>::to_vec);
            cell.change(Changes { pair, weight, bias: changed(&layer.bias, for_bias, original, &cell.compute)? });
        } else if let Some(cell) = self.registry.norms.get(key) {
            refresh_norm(cell, layer, for_weight, for_bias)?;
        }
        layer.folded_with = strengths;
        Ok(())
    }
}

fn refresh_norm(cell: &NormCell, layer: &Layer, for_weight: &[f64], for_bias: &[f64]) -> Result<()> {
    let scale = changed(&layer.weight, for_weight, || cell.scale.values.to_vec(), &cell.compute)?;
    let shift = || cell.shift.as_ref().map_or_else(|| vec![0.0; cell.scale.values.len()], |s| s.values.to_vec());
    let shift = changed(&layer.bias, for_bias, shift, &cell.compute)?;
    cell.change(scale, shift);
    Ok(())
}

/// A vector with its changes, or None when nothing changes it.
fn changed(folds: &[Fold], strengths: &[f64], original: impl FnOnce() -> Vec<f32>, compute: &Compute) -> Result<Option<Vector>> {
    if strengths.iter().all(|s| *s == 0.0) {
        return Ok(None);
    }
    let mut values = original();
    add(folds, strengths, &mut values);
    Vector::new(values, compute).map(Some)
}

/// Adds strength·ΔW of every fold to row-major values.
fn add(folds: &[Fold], strengths: &[f64], values: &mut [f32]) {
    let mut buffer = Vec::new();
    for (fold, strength) in folds.iter().zip(strengths).filter(|(_, s)| **s != 0.0) {
        let (m, n) = fold.delta.shape();
        buffer.clear();
        buffer.resize(m * n, 0.0);
        fold.delta.rows(0..m, &mut buffer);
        if fold.swapped {
            buffer.rotate_left(m / 2 * n);
        }
        let to = &mut values[fold.rows.start * n..fold.rows.end * n];
        to.iter_mut().zip(&buffer).for_each(|(t, d)| *t += (*strength * f64::from(*d)) as f32);
    }
}

impl Layer {
    /// Takes the factors of `delta` in, when they are small enough.
    fn beside(&mut self, delta: &Delta, place: &Place, from: From, n: usize, most: usize) -> bool {
        let Some(product) = delta.factors(most) else { return false };
        let mut b = Cow::Borrowed(&product.b[..]);
        if place.swapped {
            b.to_mut().rotate_left(product.m / 2 * product.rank);
        }
        let mut up = vec![0.0; n * product.rank];
        up[place.rows.start * product.rank..place.rows.end * product.rank].copy_from_slice(&b);
        self.factors.push(Factors { from, rank: product.rank, unit: delta.scale });
        self.down.extend_from_slice(&product.a);
        self.ups.push(up);
        true
    }

    /// Brings the factors of all adapters to the device, side by side.
    fn join(&mut self, cell: &Arc<Cell>) -> Result<()> {
        let ranks: usize = self.factors.iter().map(|f| f.rank).sum();
        if ranks == 0 {
            return Ok(());
        }
        let mut up = Vec::with_capacity(cell.n * ranks);
        for row in 0..cell.n {
            self.ups.iter().zip(&self.factors).for_each(|(u, f)| up.extend_from_slice(&u[row * f.rank..(row + 1) * f.rank]));
        }
        let down = Weight::new(&self.down, (ranks, cell.channels, cell.kernel), &cell.compute)?;
        self.pair = Some((down, Weight::new(&up, (cell.n, ranks, (1, 1)), &cell.compute)?));
        (self.down, self.ups) = (Vec::new(), Vec::new());
        Ok(())
    }
}

/// The checkpoint as the base of one module, at the place where the module was found.
struct At<'a> {
    checkpoint: &'a Checkpoint,
    module: &'a Module,
    place: &'a Place,
}

impl Base for At<'_> {
    fn weight(&self, target: &Target, m: usize, n: usize) -> Result<Option<Dense>, ReadError> {
        if *target != self.module.target {
            return self.checkpoint.weight(target, m, n);
        }
        let found = self.checkpoint.weight_at(self.place.component, &self.place.path, Some(self.place.rows.clone()))?;
        let fits = |want: usize, have: usize| want == 0 || want == have;
        Ok(found.filter(|w| fits(m, w.rows) && fits(n, w.columns)).map(|mut w| {
            if self.place.swapped != self.module.swapped_halves {
                w.values.rotate_left(w.rows / 2 * w.columns);
            }
            Dense { m: w.rows, n: w.columns, values: w.values }
        }))
    }
}

fn reason(miss: Miss) -> String {
    match miss {
        Miss::Missing => "the model has no such weight".to_owned(),
        Miss::Packed => "the weight is packed".to_owned(),
        Miss::Shape { rows, columns } => format!("the weight is {rows}×{columns}"),
    }
}
