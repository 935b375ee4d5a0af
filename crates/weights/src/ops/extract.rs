//! An adapter out of two checkpoints: ΔW = W(tuned) − W(base), factored.
//!
//! Every weight of a layer that both have is compared; equal ones are left out. The rest is decomposed as a dense merge is (`linalg::dense`):
//! small ones exactly, large ones by a randomised range finder, which is exact to f32 when ΔW has no more than the wanted rank, as after a
//! bake. Nothing is clamped unless asked: the clamping at a quantile that other programs do by default cuts off the largest
//! directions, which are what was learned.
//!
//! The result has kohya's names ([`extract_to`]: any), alpha equal to the rank (so ΔW = B·A), and the fused form of the original programs where there is one. Biases and norms
//! become stored differences (`diff_b`, `diff`) when asked for.

mod factor;
mod find;
#[cfg(any(unix, windows))]
mod named;
mod plan;

#[cfg(any(unix, windows))]
pub use named::extract_to;
pub use plan::{ExtractError, ExtractPlan, ExtractReport, Extracted};

use crate::checkpoint::Checkpoint;
use crate::dtype::Dtype;
use crate::merge::Stored as _;
use crate::ops::OpError;
use crate::ops::meta::extended;
use crate::ops::stream::{Tensor, stream};
use crate::ops::tensors::encode;
use crate::progress::Progress;
use crate::write::{AtomicFile, Planned, TensorWriter, WriteError, header_bound};
use factor::Factors;
use find::Weight;
use std::collections::BTreeMap;
use std::io::{Seek, Write};
use std::path::Path;

/// Extracts into a new file at `out`. Until the last byte is on the disk it has a temporary name; on an error or a cancellation nothing stays.
///
/// # Errors
/// [`ExtractError`], one variant per way to fail.
pub fn extract(
    tuned: &Checkpoint,
    base: &Checkpoint,
    plan: &ExtractPlan,
    out: &Path,
    progress: &dyn Progress,
) -> Result<ExtractReport, ExtractError> {
    plan.validate()?;
    let found = find::find(tuned, base, plan)?;
    let file = AtomicFile::create(out, plan.overwrite)?;
    let (_, report) = write(tuned, base, plan, found, file.sink()?, progress)?;
    file.commit(plan.overwrite)?;
    Ok(report)
}

/// The most bytes that [`extract`] can write with this plan, from headers alone.
///
/// # Errors
/// [`ExtractError`] when the plan contradicts itself or the two have nothing in common.
pub fn largest_size(tuned: &Checkpoint, base: &Checkpoint, plan: &ExtractPlan) -> Result<u64, ExtractError> {
    plan.validate()?;
    let found = find::find(tuned, base, plan)?;
    let tensors = planned(&found.weights, plan);
    let header = header_bound(&tensors, &metadata(tuned, plan, usize::MAX)) as u64;
    let values: u64 = tensors.iter().map(|t| t.shape.iter().product::<usize>() as u64).sum();
    Ok(header + values * plan.dtype.size() as u64)
}

/// Extracts into any sink, for example a buffer in memory. On an error the sink holds rubbish.
///
/// # Errors
/// [`ExtractError`], one variant per way to fail.
pub fn extract_into<W: Write + Seek + Send>(
    tuned: &Checkpoint,
    base: &Checkpoint,
    plan: &ExtractPlan,
    out: W,
    progress: &dyn Progress,
) -> Result<(W, ExtractReport), ExtractError> {
    plan.validate()?;
    let found = find::find(tuned, base, plan)?;
    write(tuned, base, plan, found, out, progress)
}

fn write<W: Write + Seek + Send>(
    tuned: &Checkpoint,
    base: &Checkpoint,
    plan: &ExtractPlan,
    found: find::Found,
    out: W,
    progress: &dyn Progress,
) -> Result<(W, ExtractReport), ExtractError> {
    let io = |source| WriteError::Io { path: "the output".into(), source };
    // The largest rank is known only at the end; its digits have a place in the reserve.
    let bound = header_bound(&planned(&found.weights, plan), &metadata(tuned, plan, usize::MAX));
    let mut writer = TensorWriter::new(out, bound).map_err(io)?;
    let costs: Vec<usize> = found.weights.iter().map(|w| (w.rows + w.columns) * largest(w, plan) * 8).collect();
    let make = |i: usize| one(tuned, base, plan, &found.weights[i], progress);
    let told = stream(&mut writer, &costs, make, "extracting", progress)?;
    let extracted: Vec<Extracted> = told.into_iter().flatten().collect();
    if extracted.is_empty() {
        return Err(ExtractError::Nothing("the two checkpoints hold the same values".into()));
    }
    let rank = extracted.iter().map(|e| e.rank).max().unwrap_or(0);
    let bytes = 8 + bound as u64 + writer.data_len();
    let out = writer.finish(&metadata(tuned, plan, rank))?;
    Ok((out, report(tuned, found, extracted, bytes)))
}

/// Tensors of one weight, and what is told of it; nothing where it did not change.
fn one(
    tuned: &Checkpoint,
    base: &Checkpoint,
    plan: &ExtractPlan,
    weight: &Weight,
    progress: &dyn Progress,
) -> Result<(Vec<Tensor>, Option<Extracted>), OpError> {
    let Some(change) = find::change(tuned, base, weight, plan)? else { return Ok((Vec::new(), None)) };
    let mut told = Extracted {
        module: weight.stem.clone(),
        rank: 0,
        energy: 1.0,
        frobenius: change.size,
        relative: change.size / change.base.max(f64::MIN_POSITIVE),
    };
    let dtype = plan.dtype.dtype();
    if weight.vector {
        let tensor = encoded(format!("{}.{}", weight.stem, weight.end), vec![weight.rows], dtype, &change.values, weight)?;
        return Ok((vec![tensor], Some(told)));
    }
    let Factors { rank, up, down, kept } = factor::factor(change, weight, plan, progress)?;
    (told.rank, told.energy) = (rank, kept);
    let (down_shape, up_shape) = shapes(weight, rank);
    let alpha =
        Tensor { name: format!("{}.alpha", weight.stem), dtype: Dtype::F32, shape: vec![], bytes: (rank as f32).to_le_bytes().to_vec() };
    let down = encoded(format!("{}.lora_down.weight", weight.stem), down_shape, dtype, &down, weight)?;
    let up = encoded(format!("{}.lora_up.weight", weight.stem), up_shape, dtype, &up, weight)?;
    Ok((vec![alpha, down, up], Some(told)))
}

fn encoded(name: String, shape: Vec<usize>, dtype: Dtype, values: &[f32], weight: &Weight) -> Result<Tensor, OpError> {
    let bytes = encode(dtype, values).ok_or_else(|| OpError::Range { module: weight.stem.clone(), dtype })?;
    Ok(Tensor { name, dtype, shape, bytes })
}

/// (down, up) shapes.
fn shapes(weight: &Weight, rank: usize) -> (Vec<usize>, Vec<usize>) {
    if weight.kernel.is_empty() {
        return (vec![rank, weight.columns], vec![weight.rows, rank]);
    }
    let taps: usize = weight.kernel.iter().product();
    let ones = vec![1; weight.kernel.len()];
    ([vec![rank, weight.columns / taps.max(1)], weight.kernel.clone()].concat(), [vec![weight.rows, rank], ones].concat())
}

/// The largest rank a weight can get.
fn largest(weight: &Weight, plan: &ExtractPlan) -> usize {
    let full = weight.rows.min(weight.columns);
    if weight.vector { 1 } else { plan.rank.map_or(full, |r| r.min(full)) }
}

fn planned(weights: &[Weight], plan: &ExtractPlan) -> Vec<Planned> {
    let mut out = Vec::with_capacity(weights.len() * 3);
    for w in weights {
        let mut put = |end: &str, shape: Vec<usize>| out.push(Planned { name: format!("{}.{end}", w.stem), dtype: Dtype::BF16, shape });
        if w.vector {
            put(w.end, vec![w.rows]);
            continue;
        }
        let (down, up) = shapes(w, largest(w, plan));
        put("alpha", vec![]);
        put("lora_down.weight", down);
        put("lora_up.weight", up);
    }
    out
}

fn metadata(tuned: &Checkpoint, plan: &ExtractPlan, rank: usize) -> BTreeMap<String, String> {
    let mut own = BTreeMap::from([
        ("ss_network_module".to_owned(), "networks.lora".to_owned()),
        ("ss_network_dim".to_owned(), rank.to_string()),
        ("ss_network_alpha".to_owned(), rank.to_string()),
        ("format".to_owned(), "pt".to_owned()),
    ]);
    // What the checkpoint says of its family holds for the adapter; `/lora` marks it as one.
    let said = tuned.files().iter().find_map(|f| f.header.metadata.get("modelspec.architecture")).filter(|a| a.len() < 128);
    if let Some(architecture) = said {
        own.insert("modelspec.architecture".into(), format!("{}/lora", architecture.trim_end_matches("/lora")));
    }
    if let Some(title) = &plan.title {
        own.insert("modelspec.title".into(), title.clone());
    }
    extended(own, &plan.tuned, "extract", plan)
}

fn report(tuned: &Checkpoint, found: find::Found, modules: Vec<Extracted>, bytes: u64) -> ExtractReport {
    let ranked = || modules.iter().filter(|m| m.rank > 0);
    let (kept, all) = ranked().fold((0.0, 0.0), |(k, a), m| (k + m.energy * m.frobenius * m.frobenius, a + m.frobenius * m.frobenius));
    let unchanged = found.weights.len() - modules.len();
    let mut warnings = tuned.warnings().to_vec();
    warnings.extend(found.summary());
    warnings.extend(found.warnings);
    ExtractReport {
        unchanged,
        rank_min: ranked().map(|m| m.rank).min().unwrap_or(0),
        rank_max: ranked().map(|m| m.rank).max().unwrap_or(0),
        energy_kept: if all > 0.0 { kept / all } else { 1.0 },
        left_out: found.left_out,
        modules,
        bytes,
        warnings,
    }
}
