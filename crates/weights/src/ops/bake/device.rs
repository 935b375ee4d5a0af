//! The door for a graphics card: adding the changes to rows of a stored weight, and storing them, in one go.

use super::apply::{Changes, Part};
use super::layout::Job;
use super::plan::{BakeError, BakePlan};
use crate::checkpoint::{Checkpoint, matrix};
use crate::delta::{Delta, Form};
use crate::dtype::Dtype;
use crate::merge::Member;
use std::ops::Range;

/// Bytes of the weight that are given away at once, in and out.
const PIECE: usize = 16 << 20;

/// A change of low rank: scale·B·A onto the rows from `row0` on.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// Rows × rank, row-major.
    pub b: &'a [f32],
    /// Rank × columns, row-major.
    pub a: &'a [f32],
    pub rank: usize,
    /// First row of the weight that it changes; as many as B has.
    pub row0: usize,
    pub scale: f64,
}

/// Rows of a stored weight and what is added to them.
#[derive(Debug)]
pub struct Piece<'a> {
    /// Which rows of the weight these are.
    pub rows: Range<usize>,
    pub columns: usize,
    pub dtype: Dtype,
    /// `rows.len()` × `columns` values, little-endian.
    pub bytes: &'a [u8],
    pub changes: &'a [Change<'a>],
    /// Stored type of the result: F32, F16 or BF16.
    pub to: Dtype,
}

/// Who can add changes in place of this crate. Rounding is to nearest, ties to even.
pub trait Device: Sync {
    /// Whether it was found faster than the CPU; otherwise it is not asked.
    fn active(&self) -> bool;

    /// Appends the changed rows to `out`. False where it cannot; `out` is then as it was, and the CPU does it.
    fn merge(&self, piece: &Piece<'_>, out: &mut Vec<u8>) -> bool;

    /// Who computes, and why, in a sentence.
    fn says(&self) -> String;
}

/// The largest weight that a bake changes: what a device is measured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Typical {
    pub rows: usize,
    pub columns: usize,
    /// Of all its changes together.
    pub rank: usize,
    pub dtype: Dtype,
    /// Of all weights that change.
    pub bytes: u64,
}

/// What [`Device`]s are measured with; None where no change is of low rank.
///
/// # Errors
/// As [`super::prepare`].
pub fn typical(checkpoint: &Checkpoint, plan: &BakePlan, members: &[Member<'_>]) -> Result<Option<Typical>, BakeError> {
    plan.validate(members)?;
    let changes = Changes::of(checkpoint, plan, members)?;
    let weights = changes.parts.iter().filter_map(|(tensor, parts)| {
        let info = checkpoint.info(*tensor);
        let (rows, columns) = matrix(info)?;
        let rank = parts.iter().map(|part| members[part.member].adapter.modules[part.module].rank).sum();
        (rank > 0).then_some(Typical { rows, columns, rank, dtype: info.dtype, bytes: info.byte_len() })
    });
    let larger = |one: Typical, other: Typical| {
        let bytes = one.bytes + other.bytes;
        let largest = if one.rows * one.columns >= other.rows * other.columns { one } else { other };
        Typical { bytes, ..largest }
    };
    Ok(weights.reduce(larger))
}

/// The changes of a tensor as a device takes them. None for what it does not know: changes that are not of low rank, transposed weights.
pub(super) fn low_rank<'a>(parts: &[Part], deltas: &'a [Delta]) -> Option<Vec<Change<'a>>> {
    let one = |(part, delta): (&Part, &'a Delta)| match &delta.form {
        Form::Product(p) if !part.transposed => {
            let rows = part.delta_row * p.rank..(part.delta_row + part.rows) * p.rank;
            Some(Change { b: p.b.get(rows)?, a: &p.a, rank: p.rank, row0: part.tensor_row, scale: part.weight * delta.scale })
        }
        _ => None,
    };
    parts.iter().zip(deltas).map(one).collect()
}

/// Whether the result of a tensor can be rounded on a device.
pub(super) fn stores(job: &Job, plan: &BakePlan, from: Dtype) -> bool {
    let plain = |dtype| matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16);
    plan.stochastic.is_none() && plain(job.dtype) && plain(from)
}

/// Rows of one piece.
pub(super) fn step(columns: usize, from: Dtype, to: Dtype) -> usize {
    (PIECE / (columns * from.size().max(to.size())).max(1)).max(1)
}

/// Whether every stored number is finite: what overflowed is the CPU's to tell about.
pub(super) fn finite(bytes: &[u8], dtype: Dtype) -> bool {
    let exponent = |mask: u16| bytes.as_chunks::<2>().0.iter().all(|b| u16::from_le_bytes(*b) & mask != mask);
    match dtype {
        Dtype::F16 => exponent(0x7c00),
        Dtype::BF16 => exponent(0x7f80),
        _ => bytes.as_chunks::<4>().0.iter().all(|b| f32::from_le_bytes(*b).is_finite()),
    }
}
