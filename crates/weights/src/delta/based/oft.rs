//! OFT (Qiu et al. 2023, arXiv:2306.07280): W' = R·W₀ with R block-diagonal and orthogonal.
//!
//! LyCORIS and kohya rotate the outputs: with Q = X − Xᵀ of the stored blocks and R = (I + Q)(I − Q)⁻¹ the rows are multiplied by Rᵀ. Where
//! an alpha is stored, ‖Q‖ over all blocks is bounded by alpha·outputs (ComfyUI takes alpha itself for the bound, which is not what was
//! trained). LyCORIS 2 stored R itself (`oft_diag`). `rescale` multiplies the rotated rows.
//!
//! PEFT rotates the inputs and stores upper triangles: exactly, R = (I − Q)(I + Q)⁻¹; by default a truncated Neumann series of the inverse
//! rotation, R = I + 2Q + … + 2Qᵗ⁻² + Qᵗ⁻¹. The two turn in opposite directions, so the configuration decides.

use super::super::read::shape_error;
use super::super::{DeltaError, Dense, Loader};
use super::rotation::{self, Generator, Stage, cayley, generators};
use crate::adapter::{Module, Rotation, triangle};
use crate::keys::Role;
use faer::Mat;

/// More terms of the Neumann series than any trainer takes.
const MAX_TERMS: u32 = 64;

pub(super) fn lycoris(loader: &Loader<'_>, module: &Module) -> Result<Dense, DeltaError> {
    let mut weight = loader.weight(module, module.out_dim, 0)?;
    let tensor = loader.need(module, &[Role::Oft, Role::OftDiag])?;
    let values = loader.floats(tensor)?;
    let size = loader.shape_of(tensor).last().copied().unwrap_or(1);
    let stage = if module.part(Role::OftDiag).is_some() {
        let transposed = values.chunks_exact(size * size).map(|r| Mat::from_fn(size, size, |i, j| entry(r, size, j, i)));
        Stage::new(size, transposed, None)
    } else {
        let factor = bounded(loader, module, &values, size)?;
        // Rᵀ in R's place: −Q in Q's.
        Stage::new(size, generators(&values, size, -factor).iter().map(cayley), None)
    };
    let rescale = rescale(loader, module)?;
    rotation::rows(&mut weight, &[stage], rescale.as_deref());
    Ok(weight)
}

/// Entry of a row-major block, less that of the identity.
fn entry(block: &[f32], size: usize, i: usize, j: usize) -> f64 {
    f64::from(block[i * size + j]) - if i == j { 1.0 } else { 0.0 }
}

/// The factor that brings ‖X − Xᵀ‖ within the bound that the alpha sets. Without an alpha, or with 0, there is no bound; kohya's own files
/// know no such exception.
pub(super) fn bounded(loader: &Loader<'_>, module: &Module, values: &[f32], size: usize) -> Result<f64, DeltaError> {
    let Some(alpha) = loader.alpha(module)? else { return Ok(1.0) };
    let kohya = module.name.starts_with("oft_");
    if alpha <= 0.0 && !kohya {
        return Ok(1.0);
    }
    let square = |block: &[f32]| -> f64 {
        let at = |i: usize, j: usize| f64::from(block[i * size + j]);
        (0..size * size).map(|k| (at(k / size, k % size) - at(k % size, k / size)).powi(2)).sum()
    };
    let norm = values.chunks_exact(size * size).map(square).sum::<f64>().sqrt();
    let bound = alpha.max(0.0) * module.out_dim as f64;
    Ok(if norm > bound { bound / norm } else { 1.0 })
}

/// `rescale`, one factor per output.
pub(super) fn rescale(loader: &Loader<'_>, module: &Module) -> Result<Option<Vec<f32>>, DeltaError> {
    module.part(Role::Rescale).map(|tensor| loader.vector(module, tensor, module.out_dim)).transpose()
}

pub(super) fn peft(loader: &Loader<'_>, module: &Module) -> Result<Dense, DeltaError> {
    let mut weight = loader.weight(module, 0, module.in_dim)?;
    let tensor = loader.need(module, &[Role::OftR])?;
    let [blocks, entries] = *loader.shape_of(tensor) else { return Err(shape_error(module, "its generators are no rows")) };
    let size = triangle(entries).unwrap_or(1);
    let covered = if blocks == 1 { weight.n.is_multiple_of(size) } else { blocks * size == weight.n };
    if !covered {
        return Err(shape_error(module, format!("its {blocks} blocks of {size} do not cover the base's {} columns", weight.n)));
    }
    let values = loader.floats(tensor)?;
    let settings = module.rotation.unwrap_or_default();
    if settings.neumann.is_some_and(|t| t > MAX_TERMS) {
        return Err(shape_error(module, format!("its configuration asks for more than {MAX_TERMS} terms of the Neumann series")));
    }
    let turned = values.chunks_exact(entries).map(|upper| peft_block(upper, size, blocks, settings));
    rotation::columns(&mut weight, &[Stage::new(size, turned, None)], None);
    Ok(weight)
}

/// R − I of one block.
fn peft_block(upper: &[f32], size: usize, blocks: usize, settings: Rotation) -> Mat<f64> {
    let mut q: Generator = Mat::zeros(size, size);
    let places = (0..size).flat_map(|i| (i + 1..size).map(move |j| (i, j)));
    for ((i, j), v) in places.zip(upper) {
        q[(i, j)] = f64::from(*v);
        q[(j, i)] = -f64::from(*v);
    }
    if let Some(bound) = settings.bound.map(|eps| eps / (blocks as f64).sqrt()) {
        let norm = q.norm_l2();
        if norm > bound {
            q *= faer::Scale(bound / norm);
        }
    }
    match settings.neumann {
        None => cayley(&(-&q)),
        Some(terms) => neumann(&q, terms),
    }
}

/// 2Q + 2Q² + … + 2Qᵗ⁻² + Qᵗ⁻¹; PEFT's loop gives three terms the sum of four.
fn neumann(q: &Generator, terms: u32) -> Mat<f64> {
    let mut sum = Mat::zeros(q.nrows(), q.ncols());
    if terms < 2 {
        return sum;
    }
    let highest = if terms == 2 { 1 } else { terms.max(4) - 1 };
    let mut power = q.clone();
    for exponent in 1..=highest {
        let weight = if terms > 2 && exponent == highest { 1.0 } else { 2.0 };
        sum += faer::Scale(weight) * &power;
        power = &power * q;
    }
    sum
}
