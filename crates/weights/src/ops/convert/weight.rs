//! The modules of a file by the weight they change, and what each of them is.

use super::Convention;
use super::names::Unit;
use crate::adapter::{Adapter, Component, Factors, Kind, Module, Side};
use crate::keys::Role;
use std::collections::HashMap;

/// The modules that change one weight, in the order of the file.
pub(super) struct Weight<'m> {
    pub(super) component: Component,
    pub(super) path: &'m str,
    pub(super) modules: Vec<usize>,
}

/// The weights of a file in the order of their first modules; the change of a bias goes with its weight.
pub(super) fn weights(adapter: &Adapter) -> Vec<Weight<'_>> {
    let mut out: Vec<Weight<'_>> = Vec::new();
    let mut at: HashMap<(Component, &str), usize> = HashMap::new();
    for (i, module) in adapter.modules.iter().enumerate() {
        let path = module.target.path.as_str();
        let path = if module.kind == Kind::Full { path.strip_suffix("_bias").unwrap_or(path) } else { path };
        let component = module.target.component;
        let slot = *at.entry((component, path)).or_insert_with(|| {
            out.push(Weight { component, path, modules: Vec::new() });
            out.len() - 1
        });
        out[slot].modules.push(i);
    }
    out
}

/// True when the module is exactly one unit, in its order of rows.
pub(super) fn same_rows(module: &Module, units: &[Unit]) -> bool {
    let [unit] = units else { return false };
    module.target.rows.is_none_or(|r| r == unit.rows) && module.swapped_halves == unit.swapped
}

/// How the key of a stored tensor ends.
pub(super) fn ending(role: Role, to: Convention) -> Option<&'static str> {
    Some(match (role, to.pairs_only()) {
        (Role::DiffBias | Role::Bias, true) => ".lora_B.bias",
        (_, true) => return None,
        (Role::DiffBias | Role::Bias, _) => ".diff_b",
        (Role::WNorm, _) => ".w_norm",
        (Role::BNorm, _) => ".b_norm",
        _ => ".diff",
    })
}

/// Rank of a module as an exact pair; 0 where it has none.
pub(super) fn exact_rank(adapter: &Adapter, module: &Module) -> usize {
    let rows = |i: usize| adapter.header.tensors[i].shape.first().copied().unwrap_or(0);
    let columns = |i: usize| adapter.header.tensors[i].elements().checked_div(rows(i)).unwrap_or(0);
    match &module.factors {
        Factors::Pair(_) => module.rank,
        Factors::Loha { w1b, w2b, .. } => rows(*w1b).saturating_mul(rows(*w2b)),
        Factors::Lokr { w1, w2, .. } => {
            let side = |s: &Side| match *s {
                Side::Whole(i) => rows(i).min(columns(i)),
                Side::Product(_, b) => rows(b),
            };
            side(w1).saturating_mul(side(w2))
        }
        Factors::Other(_) => 0,
    }
}

/// PEFT's magnitude is one value per output.
pub(super) fn dora_axis(adapter: &Adapter, module: &Module) -> Result<(), &'static str> {
    let magnitude = module.part(Role::Magnitude).or(module.part(Role::DoraScale));
    match (module.part(Role::Down), module.part(Role::Up), module.part(Role::Mid), magnitude) {
        (Some(_), Some(_), None, Some(m)) => {
            let tensor = &adapter.header.tensors[m];
            // PEFT's spelling is of the outputs whatever its shape, [1, out, 1, 1] for a convolution; `dora_scale` goes by its shape.
            let spelled = module.part(Role::Magnitude).is_some();
            let one_per_output = tensor.elements() == module.out_dim && (spelled || tensor.shape.first() == Some(&module.out_dim));
            if one_per_output { Ok(()) } else { Err("its magnitude has one value per input, which PEFT does not know") }
        }
        _ => Err("only DoRA of plain pairs has names there"),
    }
}
