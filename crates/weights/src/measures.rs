//! How large and how spread a change is: norms and ranks of ΔW per module, block, group and file.
//!
//! All of it follows from the singular values σ of ΔW, which come from the factors: a pair through two r×r Gram matrices in f64, a LoHa
//! through its Khatri-Rao factors, a LoKr as the products of its sides' values. No m×n matrix is formed for these.
//!
//! | Measure | Of one ΔW, m×n |
//! |---|---|
//! | Frobenius | ‖ΔW‖ = √Σσ² |
//! | RMS | ‖ΔW‖/√(mn): comparable among matrices of different size |
//! | spectral norm | σ₁, the most that a unit input can be changed by |
//! | stable rank | ‖ΔW‖²/σ₁² |
//! | effective rank | exp(−Σ p ln p) with p = σ/Σσ (Roy and Vetterli 2007) |
//! | effective rank of the energy | the same with p = σ²/Σσ² |
//! | rank for 90, 95, 99 % | fewest σ whose squares hold that part of Σσ² |
//! | relative | ‖ΔW‖/‖W₀‖, where the base is given |
//!
//! **A block, a group or a file** counts as the block-diagonal matrix of its modules: its singular values are those of all modules together.
//! So its Frobenius norm is the root of the sum of squares, its spectral norm the largest of its modules, its RMS relates to all their
//! elements, and its ranks are those of the union of the spectra. The Frobenius norm does not depend on whether a projection is stored fused
//! or split; the spectra do (three leaves have three spectra, the fused weight has one).

mod largest;
mod spectrum;
mod sum;

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::adapter::{Adapter, Component, Factors, Kind, Module};
use crate::delta::{Base, DeltaError, Loader, needs_base};
use crate::layout::SlotRef;
use crate::linalg::par_map;
use crate::progress::{Cancelled, Progress};
use crate::source::{ReadError, TensorSource};
use crate::text::shown;

use spectrum::{Spectra, spectra};

/// Why the measures of a whole file could not be had.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// What to compute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MeasureOptions {
    /// Largest m·n·min(m, n) of a matrix without factors (stored differences, base-relative kinds) whose whole spectrum is computed; it takes
    /// several times as many operations. Of larger ones there are norms and the stable rank.
    pub dense_work: f64,
}

impl Default for MeasureOptions {
    /// 3·10⁸: a 640×640 matrix, some tenths of a second.
    fn default() -> Self {
        Self { dense_work: 3e8 }
    }
}

/// Values of the whole matrices that are in memory at a time.
const BATCH: usize = 24 << 20;

/// Norms and spread of one ΔW, or of several as the block-diagonal matrix of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Matrices in it.
    pub modules: usize,
    /// Values of all of them, Σ m·n.
    pub elements: f64,
    pub frobenius: f64,
    pub rms: f64,
    /// Largest singular value.
    pub spectral: f64,
    /// ‖ΔW‖²/σ₁²; 0 for a change of zero.
    pub stable_rank: f64,
    /// None where one of the matrices was too large for its spectrum.
    pub spectrum: Option<Spread>,
    /// ‖ΔW‖/‖W₀‖ over the modules whose weight the base has; None without any.
    pub relative: Option<f64>,
    /// Number of modules behind `relative`.
    pub relative_modules: usize,
}

/// What the singular values tell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// exp of the entropy of σ/Σσ.
    pub effective_rank: f64,
    /// exp of the entropy of σ²/Σσ².
    pub effective_rank_energy: f64,
    /// Singular values above rounding.
    pub rank: usize,
    /// Fewest singular values that hold 90 % of the energy Σσ².
    pub rank_90: usize,
    /// … 95 %.
    pub rank_95: usize,
    /// … 99 %.
    pub rank_99: usize,
}

/// One module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModuleMeasures {
    /// Key stem, as it stands in the file.
    pub name: String,
    /// Canonical path of the weight.
    pub target: String,
    pub component: Component,
    /// Label of its block or part.
    pub slot: String,
    pub kind: Kind,
    /// Rows and columns of ΔW.
    pub shape: (usize, usize),
    /// Stored rank; 0 for kinds without one.
    pub rank: usize,
    /// None with a `problem`.
    pub measures: Option<Measures>,
    /// Why there are no measures, as a plain sentence.
    pub problem: Option<String>,
}

/// A block, or a group of blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartMeasures {
    /// Label of the block or part (`OUT03`, `TE1`), or id of the group (`double`).
    pub label: String,
    pub measures: Measures,
}

/// The measures of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileMeasures {
    /// In the order of the file.
    pub modules: Vec<ModuleMeasures>,
    /// Blocks in layout order, then the parts outside of them. Absent ones are not listed.
    pub slots: Vec<PartMeasures>,
    /// Groups of blocks (`in`, `mid`, `out`, `double`, …) in layout order.
    pub groups: Vec<PartMeasures>,
    /// The whole denoiser, blocks and all outside of them.
    pub denoiser: Measures,
    /// All text encoders together; None without any.
    pub text_encoders: Option<Measures>,
    /// What was left out, as plain sentences.
    pub notes: Vec<String>,
}

impl Measures {
    /// The measures of a matrix of `elements` values with these singular values, in any order.
    #[must_use]
    pub fn of(singular_values: &[f64], elements: f64) -> Self {
        let mut sum = sum::Sum::default();
        let largest = singular_values.iter().copied().fold(0.0, f64::max);
        sum.add(&sum::One { elements, energy: energy(singular_values), largest, sigma: Some(singular_values.to_vec()), base: None });
        sum.measures()
    }
}

fn energy(sigma: &[f64]) -> f64 {
    sigma.iter().map(|s| s * s).sum()
}

/// Measures every module of `adapter`, whose bytes are in `source`. With a `base` the kinds that depend on it are measured too, and every norm
/// is related to that of the weight it changes; each weight of the base is read once for that. What cannot be measured is named.
///
/// # Errors
/// [`MeasureError`] when a file cannot be read or the caller cancels.
pub fn measures(
    adapter: &Adapter,
    source: &dyn TensorSource,
    base: Option<&dyn Base>,
    options: &MeasureOptions,
    progress: &dyn Progress,
) -> Result<FileMeasures, MeasureError> {
    let loader = Loader { adapter, source, base };
    let total = adapter.modules.len() as u64;
    let done = AtomicU64::new(0);
    let one = |index: &usize| -> Result<Outcome, MeasureError> {
        Cancelled::check(progress)?;
        let outcome = outcome(&loader, &adapter.modules[*index], options)?;
        progress.step(done.fetch_add(1, Ordering::Relaxed) + 1, total, "Measuring");
        Ok(outcome)
    };
    // Whole matrices, of the file or of the base, in batches that bound the memory.
    let whole = |m: &Module| base.is_some() || matches!(m.factors, Factors::Other(_));
    let (large, small): (Vec<usize>, Vec<usize>) = (0..adapter.modules.len()).partition(|i| whole(&adapter.modules[*i]));
    let mut outcomes: Vec<Option<Outcome>> = std::iter::repeat_with(|| None).take(adapter.modules.len()).collect();
    for batch in batches(&large, adapter).into_iter().chain([small]) {
        for (index, outcome) in batch.iter().zip(par_map(&batch, one)) {
            outcomes[*index] = Some(outcome?);
        }
    }
    Ok(report(adapter, outcomes.into_iter().flatten().collect()))
}

/// Runs of modules that together have about [`BATCH`] values, at least one in each.
fn batches(indices: &[usize], adapter: &Adapter) -> Vec<Vec<usize>> {
    let mut out: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for &index in indices {
        let size = adapter.modules[index].elements() as usize;
        match out.last_mut() {
            Some(batch) if size <= room => batch.push(index),
            _ => {
                out.push(vec![index]);
                room = BATCH;
            }
        }
        room = room.saturating_sub(size);
    }
    out
}

type Outcome = Result<sum::One, String>;

/// The outer error ends the whole work, the inner one says why this module has no measures.
fn outcome(loader: &Loader<'_>, module: &Module, options: &MeasureOptions) -> Result<Outcome, MeasureError> {
    let delta = match loader.load(module) {
        Ok(delta) => delta,
        Err(DeltaError::Read(e)) => return Err(e.into()),
        Err(other) => return Ok(Err(other.to_string())),
    };
    let (m, n) = delta.shape();
    let base = match loader.base {
        Some(base) => base.weight(&module.target, m, n)?.map(|w| w.values.iter().map(|v| f64::from(*v).powi(2)).sum()),
        None => None,
    };
    let Some(Spectra { largest, sigma }) = spectra(&delta, options.dense_work) else {
        return Ok(Err("its singular values could not be computed".into()));
    };
    let energy = sigma.as_deref().map_or_else(|| delta.frobenius().powi(2), energy);
    Ok(Ok(sum::One { elements: m as f64 * n as f64, energy, largest, sigma, base }))
}

fn report(adapter: &Adapter, outcomes: Vec<Outcome>) -> FileMeasures {
    let layout = adapter.detection.layout;
    let slot_of = |m: &Module| m.slot.map_or("OTHER", |s| crate::relations::label(s, layout)).to_owned();
    let mut sums = sum::Sums::default();
    for (module, outcome) in adapter.modules.iter().zip(&outcomes) {
        if let Ok(one) = outcome {
            sums.add(module, layout, one);
        }
    }
    let notes = notes(adapter, &outcomes);
    let modules = adapter.modules.iter().zip(outcomes).map(|(module, outcome)| {
        let (measures, problem) = match outcome {
            Ok(one) => (Some(one.measures()), None),
            Err(problem) => (None, Some(problem)),
        };
        ModuleMeasures {
            name: module.name.clone(),
            target: module.target.path.clone(),
            component: module.target.component,
            slot: slot_of(module),
            kind: module.kind,
            shape: (module.out_dim, module.in_dim),
            rank: module.rank,
            measures,
            problem,
        }
    });
    FileMeasures {
        modules: modules.collect(),
        slots: sums.slots(layout),
        groups: sums.groups(),
        denoiser: sums.denoiser.measures(),
        text_encoders: (sums.text.modules > 0).then(|| sums.text.measures()),
        notes,
    }
}

fn notes(adapter: &Adapter, outcomes: &[Outcome]) -> Vec<String> {
    let mut out = Vec::new();
    let failed: Vec<(&Module, &String)> =
        adapter.modules.iter().zip(outcomes).filter_map(|(m, o)| o.as_ref().err().map(|why| (m, why))).collect();
    if let Some((module, why)) = failed.first() {
        let base = failed.iter().filter(|(m, _)| needs_base(m)).count();
        out.push(match failed.len() {
            1 => format!("{} is left out: {why}.", shown(&module.name)),
            n if n == base => {
                format!("{n} modules are left out, for what they do depends on the base model; give the checkpoint to measure them.")
            }
            n => format!("{n} modules are left out; the first: {why}."),
        });
    }
    let unknown = outcomes.iter().filter(|o| o.as_ref().is_ok_and(|one| one.sigma.is_none())).count();
    if unknown > 0 {
        out.push(format!(
            "{unknown} stored matrices are too large for their spectrum; their norms count, their effective ranks are not told."
        ));
    }
    out
}

/// Where a module stands, for ordering: blocks, then the rest.
fn place(module: &Module) -> SlotRef {
    module.slot.unwrap_or(SlotRef::Extra(crate::layout::Extra::Other))
}
