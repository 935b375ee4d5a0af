//! (IA)³ (Liu et al. 2022, arXiv:2205.05638): inputs or outputs multiplied by a vector.
//!
//! LyCORIS stores what is added to 1 and, in `on_input`, the side. PEFT stores the factor itself, as [1, in] or [out, 1]. Only weights are
//! changed: PEFT's factor on the outputs multiplies the layer's bias too, which no stored key says.

use super::super::read::shape_error;
use super::super::{DeltaError, Dense, Loader};
use crate::adapter::Module;
use crate::keys::Role;
use crate::strength::read_scalar;

pub(super) fn change(loader: &Loader<'_>, module: &Module) -> Result<Dense, DeltaError> {
    let tensor = loader.need(module, &[Role::Ia3, Role::Ia3L])?;
    let mut vector = loader.floats(tensor)?;
    if module.part(Role::Ia3L).is_some() {
        vector.iter_mut().for_each(|v| *v -= 1.0);
    }
    let mut weight = loader.weight(module, 0, 0)?;
    let inputs = on_input(loader, module, &weight, vector.len())?;
    // The header does not tell the side; where the vector stands on the inputs, the rows of a part of a fused weight were guessed as if it
    // stood on the outputs. That holds for square parts only.
    if inputs && module.target.rows.is_some_and(|(first, rows)| rows == 0 || !first.is_multiple_of(rows)) {
        return Err(shape_error(module, "it does not tell which rows of the fused weight it belongs to"));
    }
    if inputs {
        let taps = weight.n / vector.len();
        for row in weight.values.chunks_exact_mut(weight.n.max(1)) {
            for (channel, v) in row.chunks_exact_mut(taps).zip(&vector) {
                channel.iter_mut().for_each(|w| *w *= v);
            }
        }
    } else {
        for (row, v) in weight.values.chunks_exact_mut(weight.n.max(1)).zip(&vector) {
            row.iter_mut().for_each(|w| *w *= v);
        }
    }
    Ok(weight)
}

/// True when the vector stands on the inputs. It must fit the base there.
fn on_input(loader: &Loader<'_>, module: &Module, weight: &Dense, len: usize) -> Result<bool, DeltaError> {
    let (fits_inputs, fits_outputs) = (len > 0 && weight.n > 0 && weight.n.is_multiple_of(len), len == weight.m);
    let inputs = if let Some(flag) = module.part(Role::OnInput) {
        read_scalar(loader.source, &loader.adapter.header.tensors[flag])?.is_some_and(|v| v != 0.0)
    } else {
        match loader.shape_of(loader.need(module, &[Role::Ia3L])?) {
            [1, _] => true,
            [_, 1] => false,
            // Convolutions have [1, c, 1, 1] on either side; the configuration names the layers with the vector on the inputs.
            _ => match module.feedforward {
                Some(inputs) => inputs,
                None if fits_inputs && fits_outputs => {
                    let reason = "its shape fits inputs and outputs alike; put its adapter_config.json beside it, which says what is meant";
                    return Err(shape_error(module, reason));
                }
                None => fits_inputs,
            },
        }
    };
    if if inputs { fits_inputs } else { fits_outputs } {
        return Ok(inputs);
    }
    let side = if inputs { "inputs" } else { "outputs" };
    Err(shape_error(module, format!("it has {len} {side}, the base's weight is {}×{}", weight.m, weight.n)))
}
