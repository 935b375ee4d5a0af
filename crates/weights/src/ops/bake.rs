//! Adapters into a checkpoint: W += Σ w·ΔW.
//!
//! Streamed tensor by tensor. A changed tensor is read a few rows at a time, brought to f32, every ΔW of these rows added, and rounded once to
//! the stored type; the others are copied byte for byte, in long runs. Shapes and types of the result are known before the first value is
//! read, so the header is written first and every worker writes at its own place: nothing waits for an order, and memory holds
//! some rows and the factors of the tensors in work.
//!
//! Kinds that depend on the base (DoRA, OFT, …) add w·(W(adapted at 1) − W₀), W₀ being the checkpoint's own weight: exact at weight 1. Programs
//! differ at other strengths; this is the straight line. Several such adapters are each taken relative to the same W₀.
//!
//! [`unbake`](BakePlan::inverse) is the same with −w. It brings back what was there up to the rounding of both ways: bit for bit only in
//! rare cases, within half a unit in the last place twice in general. What depends on the base cannot be taken out: its W₀ is gone.

mod apply;
mod device;
mod folder;
mod layout;
mod plan;
mod round;
mod work;

pub use device::{Change, Device, Piece, Typical, typical};
pub use plan::{BakeError, BakePlan, BakeReport, Baked, OutForm, StoreAs, Unplaced};

use crate::checkpoint::{Checkpoint, Form};
use crate::merge::Member;
use crate::progress::Progress;
use crate::write::AtomicFile;
use std::path::Path;

/// Bakes `members` into a copy of `checkpoint` at `out`: a file for one that ends in `.safetensors`, else a folder in the form of the
/// checkpoint. Until the last byte is on the disk the result has a temporary name beside it; on an error or a cancellation nothing stays.
///
/// # Errors
/// [`BakeError`], one variant per way to fail.
pub fn bake(
    checkpoint: &Checkpoint,
    plan: &BakePlan,
    members: &[Member<'_>],
    out: &Path,
    progress: &dyn Progress,
) -> Result<BakeReport, BakeError> {
    bake_on(None, checkpoint, plan, members, out, progress)
}

/// [`bake`] with a device that takes over what it can, if it was found faster.
///
/// # Errors
/// As [`bake`]; what a device cannot do is done here.
pub fn bake_on(
    device: Option<&dyn Device>,
    checkpoint: &Checkpoint,
    plan: &BakePlan,
    members: &[Member<'_>],
    out: &Path,
    progress: &dyn Progress,
) -> Result<BakeReport, BakeError> {
    plan.validate(members)?;
    if same(checkpoint, out) {
        return Err(BakeError::Plan("the result would replace the checkpoint itself; give it another name".into()));
    }
    let changes = apply::Changes::of(checkpoint, plan, members)?;
    let single = match plan.form {
        OutForm::ByName => out.extension().is_some_and(|e| e == "safetensors"),
        form => form == OutForm::File,
    };
    check_form(checkpoint, single)?;
    let layout = layout::Layout::of(checkpoint, plan, &changes, single)?;
    let fill = |files: &[&std::fs::File]| work::run(device, checkpoint, plan, &changes, &layout, files, progress);
    let written = if single {
        let file = AtomicFile::create(out, plan.overwrite)?;
        let written = fill(&[file.file()?])?;
        file.commit(plan.overwrite)?;
        written
    } else {
        folder::write(checkpoint, &layout, out, plan.overwrite, fill)?
    };
    let mut report = changes.report(plan, &layout, written);
    report.device = device.map(Device::says).unwrap_or_default();
    Ok(report)
}

/// Everything that [`bake`] would refuse before it writes, from headers alone. Answers the bytes of the weights of the result; configurations
/// beside them are not counted.
///
/// # Errors
/// [`BakeError`], as [`bake`].
pub fn prepare(checkpoint: &Checkpoint, plan: &BakePlan, members: &[Member<'_>]) -> Result<u64, BakeError> {
    plan.validate(members)?;
    let changes = apply::Changes::of(checkpoint, plan, members)?;
    let single = plan.form == OutForm::File;
    if plan.form != OutForm::ByName {
        check_form(checkpoint, single)?;
    }
    Ok(layout::Layout::of(checkpoint, plan, &changes, single)?.bytes())
}

fn check_form(checkpoint: &Checkpoint, single: bool) -> Result<(), BakeError> {
    let refuse = |why: &str| Err(BakeError::Plan(why.into()));
    if !single && checkpoint.form() == Form::Single && checkpoint.files().len() == 1 {
        return refuse("the result is one file; give it a name that ends in .safetensors");
    }
    if single && checkpoint.form() == Form::Folder {
        return refuse("the checkpoint is a folder of components; give a folder for the result, or bake into one component");
    }
    Ok(())
}

/// True when `out` is the checkpoint or one of its files, by whatever path.
fn same(checkpoint: &Checkpoint, out: &Path) -> bool {
    let Ok(out) = out.canonicalize() else { return false };
    let files = checkpoint.files().iter().filter_map(|f| f.path.as_deref());
    files.chain(checkpoint.root()).filter_map(|p| p.canonicalize().ok()).any(|p| p == out || (out.is_dir() && p.starts_with(&out)))
}
