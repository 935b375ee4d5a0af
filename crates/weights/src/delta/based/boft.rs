//! BOFT (Liu et al. 2023, arXiv:2311.06243): a product of sparse block rotations with butterfly shuffles between them.
//!
//! LyCORIS: stage i joins rows 2ⁱ·b/2 apart into blocks of b and multiplies each by R = (I + Q)(I − Q)⁻¹, Q = X − Xᵀ; alpha bounds ‖Q‖ over
//! all stages as in OFT, `rescale` multiplies the result. PEFT: on the inputs, R = (I − S)(I + S)⁻¹ with S = (X − Xᵀ)/2, and a factor
//! `boft_s` per output.

use super::super::read::shape_error;
use super::super::{DeltaError, Dense, Loader};
use super::oft::{bounded, rescale};
use super::rotation::{self, Stage, cayley, generators};
use crate::adapter::Module;
use crate::keys::Role;

pub(super) fn lycoris(loader: &Loader<'_>, module: &Module) -> Result<Dense, DeltaError> {
    let mut weight = loader.weight(module, module.out_dim, 0)?;
    let tensor = loader.need(module, &[Role::Oft])?;
    let values = loader.floats(tensor)?;
    let (stages, size) = blocks(loader, module, tensor)?;
    let factor = bounded(loader, module, &values, size)?;
    let per_stage = values.len() / stages;
    let mut list = Vec::with_capacity(stages);
    for (i, values) in values.chunks_exact(per_stage).enumerate() {
        let order = joined(weight.m, size, i).ok_or_else(|| shape_error(module, "it has more stages than its size allows"))?;
        list.push(Stage::new(size, generators(values, size, factor).iter().map(cayley), Some(order)));
    }
    let rescale = rescale(loader, module)?;
    rotation::rows(&mut weight, &list, rescale.as_deref());
    Ok(weight)
}

pub(super) fn peft(loader: &Loader<'_>, module: &Module) -> Result<Dense, DeltaError> {
    let mut weight = loader.weight(module, module.out_dim, module.in_dim)?;
    let tensor = loader.need(module, &[Role::BoftR])?;
    let values = loader.floats(tensor)?;
    let (stages, size) = blocks(loader, module, tensor)?;
    let per_stage = values.len() / stages;
    let mut list = Vec::with_capacity(stages);
    for (i, values) in values.chunks_exact(per_stage).enumerate() {
        let order = if stages == 1 { Some(None) } else { butterfly(weight.n, size, i).map(Some) };
        let order = order.ok_or_else(|| shape_error(module, "it has more stages than its size allows"))?;
        // R = (I − S)(I + S)⁻¹: −S in Q's place.
        list.push(Stage::new(size, generators(values, size, -0.5).iter().map(cayley), order));
    }
    let gain = module.part(Role::BoftS).map(|tensor| loader.vector(module, tensor, weight.m)).transpose()?;
    rotation::columns(&mut weight, &list, gain.as_deref());
    Ok(weight)
}

/// (stages, width of a block) of `[stages, blocks, b, b]`.
fn blocks(loader: &Loader<'_>, module: &Module, tensor: usize) -> Result<(usize, usize), DeltaError> {
    match *loader.shape_of(tensor) {
        [stages, _, size, _] if stages > 0 && size > 0 => Ok((stages, size)),
        _ => Err(shape_error(module, "its blocks have another shape than [stages, blocks, b, b]")),
    }
}

/// Rows in the order of LyCORIS' stage i: (c, g, k) → (c, k, g) with two halves g of k = 2ⁱ·b/2 rows.
fn joined(rows: usize, size: usize, stage: usize) -> Option<Vec<usize>> {
    let half = u32::try_from(stage).ok().and_then(|s| (size / 2).checked_mul(1usize.checked_shl(s)?))?;
    let period = half.checked_mul(2).filter(|p| *p > 0 && rows.is_multiple_of(*p) && size.is_multiple_of(2))?;
    Some((0..rows).map(|at| at / period * period + at % 2 * half + at % period / 2).collect())
}

/// Columns in the order of PEFT's stage i: within groups of 2ⁱ blocks the even halves of blocks come first, and the blocks act on the order
/// that this undoes.
fn butterfly(columns: usize, size: usize, stage: usize) -> Option<Vec<usize>> {
    let blocks = columns / size;
    let groups = u32::try_from(stage).ok().and_then(|s| blocks.checked_shr(s)).filter(|g| *g > 0)?;
    let (period, half) = (columns / groups, size / 2);
    if half == 0 || !period.is_multiple_of(half) || groups * half * 2 > columns || !columns.is_multiple_of(period) {
        return None;
    }
    let pieces = period / half;
    let evens_first: Vec<usize> = (0..pieces).step_by(2).chain((1..pieces).step_by(2)).collect();
    let mut order = vec![0; columns];
    for at in 0..columns {
        let (group, inside) = (at / period * period, at % period);
        let from = group + evens_first[inside / half] * half + inside % half;
        // Row `at` of the shuffle takes column `from`: position `from` of the blocks is row `at`.
        order[from] = at;
    }
    Some(order)
}
