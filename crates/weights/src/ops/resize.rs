//! Lower ranks: the best approximation of every module of a given rank, or the smallest that keeps enough.
//!
//! A module's ΔW is decomposed through its factors, never as an m×n matrix: a pair by the Gram matrices of its factors, a LoHa by its Khatri-Rao
//! factors, a LoKr by the decompositions of its two sides, whose singular values multiply. What is cut is the tail of the spectrum, which is the best
//! that any program can do at that rank (Eckart and Young); the share of the energy Σσ² that is kept is reported for each module.
//!
//! How much is kept ([`Keep`]), σ₀ ≥ σ₁ ≥ … being a module's singular values:
//!
//! | Rule | Keeps |
//! |---|---|
//! | rank k | the first k |
//! | energy t | the fewest with Σσ² ≥ t of all |
//! | frobenius t | the fewest whose norm √Σσ² is ≥ t of all: energy t² |
//! | ratio x | those with σᵢ > σ₀/x |
//! | cumulative t | the fewest with Σσ ≥ t of all |
//!
//! The rules are those of kohya's resize script, which however never keeps the last singular value (its counts end at n − 1) and clips the largest values of the
//! factors; neither is done here. Every module keeps at least rank 1, unless ΔW is zero: then it is left out.
//!
//! Names, stored type and alpha/rank stay as they are. The exception are kohya's UNet files: diffusers takes one alpha for all attention modules
//! of such a file, so all modules get the same one and the factors take the rest. LoHa and LoKr become LoRA. Where a module would not get smaller its
//! bytes stay. Stored differences, biases and norms are carried through; DoRA and the kinds that rotate or gate the base model's weights too, because what a rank costs
//! them is not known without the base.

mod keep;
mod module;
mod plan;

pub use keep::Keep;
pub(super) use module::refused;

use super::{OpError, Origin, meta, stream};
use crate::merge::{Member, OutDtype};
use crate::progress::Progress;
use crate::write::{AtomicFile, TensorWriter};
use plan::Plan;
use serde::{Deserialize, Serialize};
use std::io::{Seek, Write};
use std::path::Path;

/// How to resize.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResizeOptions {
    /// What to keep of each module.
    pub keep: Keep,
    /// Never more than this rank, whatever `keep` asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rank: Option<usize>,
    /// Stored type of the modules that change; None: the one they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<OutDtype>,
    /// What the history calls the input.
    #[serde(skip)]
    pub origin: Origin,
    /// Replace an existing file at the target.
    #[serde(skip)]
    pub overwrite: bool,
}

impl ResizeOptions {
    /// Keeps what `keep` says, stored as it was.
    #[must_use]
    pub fn new(keep: Keep) -> Self {
        Self { keep, max_rank: None, dtype: None, origin: Origin::default(), overwrite: false }
    }
}

/// What became of one module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResizedModule {
    /// Its name in the file.
    pub name: String,
    /// Rank of its factors before; for LoHa and LoKr that of the exact pair.
    pub rank_before: usize,
    /// Rank now; 0: its ΔW is zero and it was left out.
    pub rank: usize,
    /// Kept part of Σσ².
    pub energy: f64,
}

/// What a resize wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResizeReport {
    /// Modules that have a rank, in the order of the file.
    pub modules: Vec<ResizedModule>,
    /// Of these, how many got smaller.
    pub cut: usize,
    /// Tensors carried through.
    pub carried: usize,
    /// Smallest and largest rank now.
    pub rank_min: usize,
    /// Largest rank now.
    pub rank_max: usize,
    /// Kept part of Σσ² over all modules.
    pub energy: f64,
    /// Size of the input in bytes.
    pub bytes_before: u64,
    /// Size of the result in bytes.
    pub bytes: u64,
    /// Text of the `adapter_config.json` that belongs beside the result, where its names are PEFT's own.
    pub adapter_config: Option<String>,
    /// Plain sentences, one per thing the user should know.
    pub warnings: Vec<String>,
}

/// Writes a resized copy of `input` to `out`.
///
/// # Errors
/// [`OpError`] when the options or the file do not allow it, or a file cannot be read or written.
pub fn resize(input: Member<'_>, options: &ResizeOptions, out: &Path, progress: &dyn Progress) -> Result<ResizeReport, OpError> {
    let plan = Plan::of(input, options)?;
    let file = AtomicFile::create(out, options.overwrite)?;
    let (_, report) = write(&plan, file.sink()?, progress)?;
    file.commit(options.overwrite)?;
    Ok(report)
}

/// [`resize`] into any sink, for example a buffer in memory. On an error the sink holds rubbish.
///
/// # Errors
/// As [`resize`].
pub fn resize_into<W: Write + Seek + Send>(
    input: Member<'_>,
    options: &ResizeOptions,
    out: W,
    progress: &dyn Progress,
) -> Result<(W, ResizeReport), OpError> {
    write(&Plan::of(input, options)?, out, progress)
}

fn write<W: Write + Seek + Send>(plan: &Plan<'_>, out: W, progress: &dyn Progress) -> Result<(W, ResizeReport), OpError> {
    let bound = plan.header_bound();
    let mut writer = TensorWriter::new(out, bound).map_err(OpError::io)?;
    let told = stream::stream(&mut writer, &plan.costs(), |i| plan.make(i), "resizing", progress)?;
    let modules: Vec<plan::Told> = told.into_iter().flatten().collect();
    if modules.iter().all(|m| m.0.rank == 0) && plan.others() == 0 {
        return Err(OpError::Options("nothing is left: every module of the file is zero".into()));
    }
    let rank_max = modules.iter().map(|m| m.0.rank).max().unwrap_or(0);
    let bytes = 8 + bound as u64 + writer.data_len();
    let out = writer.finish(&plan.metadata(rank_max))?;
    Ok((out, report(plan, modules, bytes)))
}

fn report(plan: &Plan<'_>, modules: Vec<plan::Told>, bytes: u64) -> ResizeReport {
    let all: f64 = modules.iter().map(|m| m.1).sum();
    let kept: f64 = modules.iter().map(|m| m.1 * m.0.energy).sum();
    let modules: Vec<ResizedModule> = modules.into_iter().map(|m| m.0).collect();
    let ranks = || modules.iter().map(|m| m.rank).filter(|r| *r > 0);
    let mut warnings = plan.warnings.clone();
    let zero = modules.iter().filter(|m| m.rank == 0).count();
    if zero > 0 {
        warnings.push(format!("{zero} modules change nothing (ΔW is zero) and were left out."));
    }
    let cut = modules.iter().filter(|m| m.rank < m.rank_before).count();
    if cut == 0 {
        warnings.push("No module got smaller: all are at or below what was asked for.".into());
    }
    ResizeReport {
        cut,
        carried: plan.carried(),
        rank_min: ranks().min().unwrap_or(0),
        rank_max: ranks().max().unwrap_or(0),
        energy: if all > 0.0 { kept / all } else { 1.0 },
        bytes_before: plan.input.source.len(),
        bytes,
        adapter_config: plan.adapter_config(&modules),
        warnings,
        modules,
    }
}
