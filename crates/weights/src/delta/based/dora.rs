//! DoRA (Liu et al. 2024, arXiv:2402.09353): W' = g∘(W₀ + V), V = scale·form of the factors, g = m / ‖W₀ + V‖ per output or per input.
//!
//! ΔW = (g − 1)∘W₀ + g∘V, with g in f64. Per output: PEFT, LyCORIS, ai-toolkit. Per input channel (over outputs and kernel): LyCORIS with
//! `wd_on_out` off, OneTrainer. ComfyUI divides by ‖W₀‖ on the output axis; that is not what was trained.

use super::super::load;
use super::super::read::shape_error;
use super::super::{Delta, DeltaError, Dense, Loader};
use crate::adapter::{Factors, Module};
use crate::keys::Role;

/// Values of V that are held at once.
const TILE: usize = 1 << 18;

pub(super) fn change(loader: &Loader<'_>, module: &Module) -> Result<Dense, DeltaError> {
    let mut weight = loader.weight(module, module.out_dim, module.in_dim)?;
    let inner = Module { factors: factors(loader, module)?, ..module.clone() };
    let step = Delta { scale: loader.scale(module)?, form: load::form(loader, &inner)? };
    if step.shape() != (weight.m, weight.n) {
        return Err(shape_error(module, "its factors do not fit the base"));
    }
    let magnitude = magnitude(loader, module)?;
    match magnitude {
        Magnitude::Outputs(m) => per_output(&mut weight, &step, &m),
        Magnitude::Inputs(m) => per_input(&mut weight, &step, &m),
    }
    Ok(weight)
}

fn factors(loader: &Loader<'_>, module: &Module) -> Result<Factors, DeltaError> {
    module.undecomposed(&loader.adapter.header).map_err(|why| shape_error(module, why))
}

enum Magnitude {
    Outputs(Vec<f32>),
    Inputs(Vec<f32>),
}

/// The axis: always the outputs in PEFT's and ai-toolkit's spelling, whatever the shape; `dora_scale` is [out, 1, …] or [1, in, …]. How many
/// columns belong to an input is known from the vector: factored LoHa and LoKr of a convolution do not tell their kernel.
fn magnitude(loader: &Loader<'_>, module: &Module) -> Result<Magnitude, DeltaError> {
    let (outputs, columns) = (module.out_dim, module.in_dim);
    if let Some(tensor) = module.part(Role::Magnitude) {
        return Ok(Magnitude::Outputs(loader.vector(module, tensor, outputs)?));
    }
    let tensor = loader.need(module, &[Role::DoraScale])?;
    let shape = loader.shape_of(tensor);
    let len = shape.iter().product::<usize>();
    if len == outputs && shape.first() == Some(&outputs) {
        return Ok(Magnitude::Outputs(loader.floats(tensor)?));
    }
    let known = module.kernel.map(|(h, w)| columns / (h * w).max(1));
    if len > 0 && columns.is_multiple_of(len) && known.is_none_or(|inputs| inputs == len) {
        return Ok(Magnitude::Inputs(loader.floats(tensor)?));
    }
    Err(shape_error(module, format!("its magnitude is {shape:?}, which is neither of its {outputs} outputs nor of its inputs")))
}

/// m / norm; a row of zeros stays one.
fn gain(magnitude: f32, square: f64) -> f64 {
    if square > 0.0 { f64::from(magnitude) / square.sqrt() } else { 0.0 }
}

fn sum(w: f32, v: f32) -> f64 {
    f64::from(w) + f64::from(v)
}

fn changed(w: f32, v: f32, g: f64) -> f32 {
    ((g - 1.0) * f64::from(w) + g * f64::from(v)) as f32
}

fn per_output(weight: &mut Dense, step: &Delta, magnitude: &[f32]) {
    let n = weight.n;
    tiles(weight, step, |row, w, v| {
        for (i, (w, v)) in w.chunks_exact_mut(n).zip(v.chunks_exact(n)).enumerate() {
            let square = w.iter().zip(v).map(|(w, v)| sum(*w, *v).powi(2)).sum();
            let g = gain(magnitude[row + i], square);
            w.iter_mut().zip(v).for_each(|(w, v)| *w = changed(*w, *v, g));
        }
    });
}

fn per_input(weight: &mut Dense, step: &Delta, magnitude: &[f32]) {
    let n = weight.n;
    let taps = n / magnitude.len().max(1);
    let mut squares = vec![0f64; magnitude.len()];
    tiles(weight, step, |_, w, v| {
        for (w, v) in w.chunks_exact(n).zip(v.chunks_exact(n)) {
            let channels = w.chunks_exact(taps).zip(v.chunks_exact(taps));
            for (square, (w, v)) in squares.iter_mut().zip(channels) {
                *square += w.iter().zip(v).map(|(w, v)| sum(*w, *v).powi(2)).sum::<f64>();
            }
        }
    });
    let gains: Vec<f64> = magnitude.iter().zip(&squares).map(|(m, s)| gain(*m, *s)).collect();
    tiles(weight, step, |_, w, v| {
        for (w, v) in w.chunks_exact_mut(n).zip(v.chunks_exact(n)) {
            let channels = w.chunks_exact_mut(taps).zip(v.chunks_exact(taps));
            for (g, (w, v)) in gains.iter().zip(channels) {
                w.iter_mut().zip(v).for_each(|(w, v)| *w = changed(*w, *v, *g));
            }
        }
    });
}

/// Hands tiles of rows of W₀ and V to `work(first row, W₀, V)`.
fn tiles(weight: &mut Dense, step: &Delta, mut work: impl FnMut(usize, &mut [f32], &[f32])) {
    let rows = (TILE / weight.n.max(1)).clamp(1, weight.m.max(1));
    let mut tile = vec![0f32; rows * weight.n];
    for (i, w) in weight.values.chunks_mut((rows * weight.n).max(1)).enumerate() {
        let first = i * rows;
        let v = &mut tile[..w.len()];
        step.rows(first..first + w.len() / weight.n, v);
        work(first, w, v);
    }
}
