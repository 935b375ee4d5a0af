//! The edited copy, in pieces of a few megabytes.

use super::plan::{Action, Plan};
use super::{EditOptions, EditReport, Member, OpError, meta};
use crate::dtype::{Dtype, decode_f32, decode_f64};
use crate::header::TensorInfo;
use crate::ops::tensors::{encode, writable};
use crate::progress::{Cancelled, Progress};
use crate::write::{Planned, TensorWriter, header_bound};
use std::io::{Seek, Write};

/// Bytes read at once; a multiple of every type's size.
const PIECE: usize = 4 << 20;

pub(super) fn write<W: Write + Seek>(
    input: Member<'_>,
    options: &EditOptions,
    plan: Plan,
    out: W,
    progress: &dyn Progress,
) -> Result<(W, EditReport), OpError> {
    let metadata = meta::continued(input, &options.origin, "edit", options);
    let tensors = || input.adapter.header.tensors.iter().zip(&plan.actions).filter(|(_, a)| **a != Action::Drop);
    let planned: Vec<Planned> =
        tensors().map(|(t, a)| Planned { name: t.name.clone(), dtype: stored(t, *a), shape: t.shape.clone() }).collect();
    let bound = header_bound(&planned, &metadata);
    let mut writer = TensorWriter::new(out, bound).map_err(OpError::io)?;
    let total = input.adapter.header.body_len();
    let mut done = 0;
    for (tensor, action) in tensors() {
        copy(input, tensor, *action, &mut writer, progress)?;
        done += tensor.byte_len();
        progress.step(done, total, "copying");
    }
    let bytes = 8 + bound as u64 + writer.data_len();
    let out = writer.finish(&metadata)?;
    let dropped = plan.changed.iter().filter(|m| m.factor == 0.0).count();
    let mut warnings: Vec<String> = input.adapter.warnings.clone();
    if plan.changed.is_empty() {
        warnings.push("Nothing was changed: every factor is 1.".into());
    }
    Ok((out, EditReport { modules: plan.left, changed: plan.changed, dropped, bytes, warnings }))
}

/// The type a tensor has in the copy.
fn stored(tensor: &TensorInfo, action: Action) -> Dtype {
    match action {
        Action::Alpha(_) => Dtype::F32,
        Action::Scale(_) if tensor.dtype != Dtype::F64 => writable(tensor.dtype),
        _ => tensor.dtype,
    }
}

fn copy<W: Write + Seek>(
    input: Member<'_>,
    tensor: &TensorInfo,
    action: Action,
    out: &mut TensorWriter<W>,
    progress: &dyn Progress,
) -> Result<(), OpError> {
    let dtype = stored(tensor, action);
    out.begin(&tensor.name, dtype, &tensor.shape, (tensor.elements() * dtype.size()) as u64);
    let mut buffer = Vec::new();
    let mut at = tensor.range.start;
    while at < tensor.range.end {
        Cancelled::check(progress)?;
        let len = (PIECE as u64).min(tensor.range.end - at);
        let piece = match input.source.slice(at, len) {
            Some(slice) => slice,
            None => {
                buffer.resize(len as usize, 0);
                input.source.read_at(at, &mut buffer)?;
                &buffer[..]
            }
        };
        match action {
            Action::Scale(factor) | Action::Alpha(factor) => {
                let scaled = scaled(tensor, piece, dtype, factor)?;
                out.append(&scaled).map_err(OpError::io)?;
            }
            _ => out.append(piece).map_err(OpError::io)?,
        }
        at += len;
    }
    Ok(())
}

/// Values times `factor`, rounded once.
fn scaled(tensor: &TensorInfo, piece: &[u8], dtype: Dtype, factor: f64) -> Result<Vec<u8>, OpError> {
    let count = piece.len() / tensor.dtype.size();
    // Piece and count belong together, so the decoders cannot refuse.
    if dtype == Dtype::F64 {
        let mut values = vec![0f64; count];
        let _ = decode_f64(tensor.dtype, piece, &mut values);
        return Ok(values.iter().flat_map(|v| (v * factor).to_le_bytes()).collect());
    }
    let mut values = vec![0f32; count];
    let _ = decode_f32(tensor.dtype, piece, &mut values);
    if values.iter().any(|v| !v.is_finite()) {
        return Err(OpError::NotFinite { key: tensor.name.clone() });
    }
    values.iter_mut().for_each(|v| *v = (f64::from(*v) * factor) as f32);
    encode(dtype, &values).ok_or_else(|| OpError::Range { module: tensor.name.clone(), dtype })
}
