//! Kinds whose ΔW depends on the weight they change. Each computes W(adapted) − W₀ directly, never as the difference of two rounded
//! matrices: its error is relative to ΔW, not to W₀.

mod boft;
mod dora;
mod glora;
mod ia3;
mod oft;
mod rotation;

use super::read::shape_error;
use super::{Delta, DeltaError, Dense, Form, Loader};
use crate::adapter::{Kind, Module};
use crate::dtype::finite;
use crate::keys::Role;
use crate::text::shown;

pub(super) fn delta(loader: &Loader<'_>, module: &Module) -> Result<Delta, DeltaError> {
    let (scale, values) = match module.kind {
        Kind::Dora => (1.0, dora::change(loader, module)?),
        Kind::Ia3 => (1.0, ia3::change(loader, module)?),
        Kind::Oft if module.part(Role::OftR).is_some() => (1.0, oft::peft(loader, module)?),
        Kind::Oft => (1.0, oft::lycoris(loader, module)?),
        Kind::Boft if module.part(Role::BoftR).is_some() => (1.0, boft::peft(loader, module)?),
        Kind::Boft => (1.0, boft::lycoris(loader, module)?),
        Kind::Glora => (loader.scale(module)?, glora::change(loader, module)?),
        Kind::Set => (1.0, replaced(loader, module)?),
        Kind::Lora | Kind::Locon | Kind::Loha | Kind::Lokr | Kind::Full | Kind::Unknown => {
            return Err(shape_error(module, "its kind has no effect that is known"));
        }
    };
    if !finite(&values.values) {
        return Err(shape_error(module, "its effect on this base is beyond the range of 32-bit floats"));
    }
    Ok(Delta { scale, form: Form::Dense(values) })
}

/// A weight that takes the place of W₀.
fn replaced(loader: &Loader<'_>, module: &Module) -> Result<Dense, DeltaError> {
    let tensor = loader.need(module, &[Role::Set, Role::Whole, Role::WholeBias, Role::Scale])?;
    let mut weight = loader.weight(module, module.out_dim, module.in_dim)?;
    let new = loader.floats(tensor)?;
    weight.values.iter_mut().zip(&new).for_each(|(w, new)| *w = new - *w);
    Ok(weight)
}

impl Loader<'_> {
    /// W₀ in the order of rows that the module has. An `m` or `n` of 0 is taken from the base.
    fn weight(&self, module: &Module, m: usize, n: usize) -> Result<Dense, DeltaError> {
        let base = self.base.ok_or_else(|| DeltaError::NeedsBase { module: shown(&module.name), kind: module.kind })?;
        let found = base.weight(&module.target, m, n)?;
        let mut weight = found.ok_or_else(|| DeltaError::NotInBase { module: shown(&module.name) })?;
        let fits = |want: usize, found: usize| want == 0 || want == found;
        if !fits(m, weight.m) || !fits(n, weight.n) || weight.m.checked_mul(weight.n) != Some(weight.values.len()) {
            let size = |x: usize| if x == 0 { "any".to_owned() } else { x.to_string() };
            let (found_m, found_n) = (weight.m, weight.n);
            return Err(shape_error(module, format!("it fits a weight of {}×{}, the base has {found_m}×{found_n}", size(m), size(n))));
        }
        if weight.values.is_empty() {
            return Err(shape_error(module, "the base's weight is empty"));
        }
        if !finite(&weight.values) {
            return Err(shape_error(module, "the base's weight holds NaN or infinity"));
        }
        if module.swapped_halves {
            weight.values.rotate_left(weight.m / 2 * weight.n);
        }
        Ok(weight)
    }

    /// The tensor of the first of `roles` that the module has.
    fn need(&self, module: &Module, roles: &[Role]) -> Result<usize, DeltaError> {
        roles.iter().find_map(|r| module.part(*r)).ok_or_else(|| shape_error(module, "one of its tensors is missing"))
    }

    /// A vector of `len` values, whatever its shape.
    fn vector(&self, module: &Module, tensor: usize, len: usize) -> Result<Vec<f32>, DeltaError> {
        let info = &self.adapter.header.tensors[tensor];
        if info.elements() == len {
            return self.floats(tensor);
        }
        Err(shape_error(module, format!("{} has {} values, the base has {len} there", shown(&info.name), info.elements())))
    }
}
