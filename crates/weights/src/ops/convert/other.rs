//! The tensors of one job.

use super::names::Unit;
use super::pair::{Part, cut, fold, join, swap_halves};
use super::plan::{Plan, Stored};
use super::{Convention, OpError};
use crate::adapter::{Factors, Module};
use crate::delta::{Loader, Product};
use crate::dtype::Dtype;
use crate::keys::Role;
use crate::ops::resize::refused;
use crate::ops::stream::Tensor;
use crate::ops::tensors::{self, encode, info, writable};
use std::borrow::Cow;

impl Plan<'_> {
    /// The pair of a unit and its rank; nothing where ΔW is zero.
    pub(super) fn pair(&self, unit: &Unit, modules: &[usize], path: &str) -> Result<(Vec<Tensor>, usize), OpError> {
        let parts = modules.iter().map(|i| self.part(unit, *i)).collect::<Result<Vec<_>, _>>()?;
        let Some((mut product, scale)) = join(unit.rows.1, parts.into_iter().flatten().collect()) else { return Ok((Vec::new(), 0)) };
        if unit.swapped {
            swap_halves(&mut product);
        }
        let dtype = self.dtype(modules[0]);
        let mut out = Vec::with_capacity(3);
        let wanted = if self.options.to == Convention::Kohya {
            let alpha = self.alpha.unwrap_or(scale * product.rank as f64) as f32;
            out.push(scalar(format!("{}.alpha", unit.stem), alpha));
            f64::from(alpha) / product.rank as f64
        } else {
            1.0
        };
        let factor = scale / wanted;
        // The rounding of the alpha itself is no reason to round every value of B.
        if (factor - 1.0).abs() > 1e-7 {
            fold(&mut product, factor, dtype.size() < 4);
        }
        let rank = product.rank;
        out.extend(self.factors(&unit.stem, &self.input.adapter.modules[modules[0]], path, product, dtype)?);
        Ok((out, rank))
    }

    /// What a module adds to a unit.
    fn part(&self, unit: &Unit, index: usize) -> Result<Option<Part>, OpError> {
        let module = &self.input.adapter.modules[index];
        let loader = Loader { adapter: self.input.adapter, source: self.input.source, base: None };
        let delta = loader.load(module).map_err(|e| refused(&module.name, e))?;
        let limit = self.options.max_rank.max(module.rank);
        let Some(mut product) = delta.factors(limit).map(Cow::into_owned) else {
            return Err(OpError::module(&module.name, "it has no exact pair of a moderate rank; resize it first"));
        };
        if module.swapped_halves {
            swap_halves(&mut product);
        }
        let (start, rows) = module.target.rows.unwrap_or((0, module.out_dim));
        let (from, until) = (start.max(unit.rows.0), (start + rows).min(unit.rows.0 + unit.rows.1));
        if from >= until {
            return Ok(None);
        }
        let product = cut(&product, from - start, until - from);
        Ok(Some(Part { row0: from - unit.rows.0, scale: delta.scale, product }))
    }

    /// Down and up of a pair under the names and in the dimensions of the target.
    fn factors(&self, stem: &str, module: &Module, path: &str, p: Product, dtype: Dtype) -> Result<Vec<Tensor>, OpError> {
        let (down, up) =
            if self.options.to == Convention::Kohya { ("lora_down.weight", "lora_up.weight") } else { ("lora_A.weight", "lora_B.weight") };
        let tail = self.kernel(module, path, p.n);
        let inputs = p.n / tail.iter().product::<usize>().max(1);
        let left = [p.rank, inputs].into_iter().chain(tail.iter().copied()).collect();
        let right = [p.m, p.rank].into_iter().chain(tail.iter().map(|_| 1)).collect();
        let range = || OpError::Range { module: stem.to_owned(), dtype };
        Ok(vec![
            Tensor { name: format!("{stem}.{down}"), dtype, shape: left, bytes: encode(dtype, &p.a).ok_or_else(range)? },
            Tensor { name: format!("{stem}.{up}"), dtype, shape: right, bytes: encode(dtype, &p.b).ok_or_else(range)? },
        ])
    }

    /// Dimensions of the kernel; empty for a linear layer.
    fn kernel(&self, module: &Module, path: &str, n: usize) -> Vec<usize> {
        let stored = match &module.factors {
            Factors::Pair(p) => info(self.input, p.mid.unwrap_or(p.down)).shape[2..].to_vec(),
            _ => module.kernel_shape(&self.input.adapter.header).unwrap_or_default(),
        };
        if !self.options.to.pairs_only() || stored.iter().product::<usize>() > 1 {
            return stored;
        }
        match self.names.convolution(path) {
            false => Vec::new(),
            // Factors of a LoHa or LoKr may have lost the kernel of a 3×3 layer.
            true if stored.is_empty() && n.is_multiple_of(9) && !path.ends_with("shortcut") && !path.contains("proj_") => vec![3, 3],
            true => vec![1, 1],
        }
    }

    /// A module's own tensors behind another stem, with the endings that kohya, LyCORIS and ComfyUI share.
    pub(super) fn renamed(&self, stem: &str, index: usize) -> Result<Vec<Tensor>, OpError> {
        let module = &self.input.adapter.modules[index];
        let mut out = Vec::with_capacity(module.parts.len() + 1);
        for (role, i) in &module.parts {
            let t = info(self.input, *i);
            let ending = match role {
                Role::Alpha | Role::Scale => continue,
                Role::Down => ".lora_down.weight",
                Role::Up => ".lora_up.weight",
                Role::Magnitude | Role::DoraScale => ".dora_scale",
                _ => t.name.strip_prefix(module.name.as_str()).unwrap_or(&t.name),
            };
            // PEFT stores a magnitude as [out], the others as [out, 1, …].
            let column = *role == Role::Magnitude && t.elements() == module.out_dim;
            let shape = if column { self.column_of(module) } else { t.shape.clone() };
            let bytes = tensors::bytes(self.input, *i)?.into_owned();
            out.push(Tensor { name: format!("{stem}{ending}"), dtype: t.dtype, shape, bytes });
        }
        let stored = tensors::alpha(self.input, module)?.filter(|_| !module.alpha_is_scale);
        let alpha = stored.or_else(|| self.missing_alpha(module));
        out.extend(alpha.map(|a| scalar(format!("{stem}.alpha"), a as f32)));
        Ok(out)
    }

    /// Shape of one value per output, as a column beside the weight.
    fn column_of(&self, module: &Module) -> Vec<usize> {
        let kernel = module.kernel_shape(&self.input.adapter.header).map_or(0, |k| k.len());
        [&[module.out_dim], &vec![1; 1 + kernel][..]].concat()
    }

    /// The alpha that says in these names what the file says by a scale or in its metadata.
    fn missing_alpha(&self, module: &Module) -> Option<f64> {
        let scale = tensors::scale(self.input, module).ok()?;
        (module.rank > 0 && scale != 1.0).then_some(scale * module.rank as f64)
    }

    /// A DoRA pair in PEFT's names, its scale in B.
    pub(super) fn dora(&self, stem: &str, index: usize) -> Result<Vec<Tensor>, OpError> {
        let module = &self.input.adapter.modules[index];
        let scale = tensors::scale(self.input, module)?;
        let mut out = Vec::with_capacity(3);
        for (role, i) in &module.parts {
            let t = info(self.input, *i);
            let (name, shape, factor) = match role {
                Role::Down => ("lora_A.weight", t.shape.clone(), 1.0),
                Role::Up => ("lora_B.weight", t.shape.clone(), scale),
                Role::Magnitude | Role::DoraScale => {
                    // [out] beside a linear layer, [1, out, 1, …] beside a convolution.
                    let kernel = module.kernel_shape(&self.input.adapter.header);
                    let shape = kernel.map_or(vec![module.out_dim], |k| [&[1, module.out_dim], &vec![1; k.len()][..]].concat());
                    ("lora_magnitude_vector", shape, 1.0)
                }
                _ => continue,
            };
            let dtype = writable(t.dtype);
            let mut values = tensors::floats(self.input, *i)?;
            if factor != 1.0 {
                values.iter_mut().for_each(|v| *v = (f64::from(*v) * factor) as f32);
            }
            let bytes = encode(dtype, &values).ok_or_else(|| OpError::Range { module: stem.to_owned(), dtype })?;
            out.push(Tensor { name: format!("{stem}.{name}"), dtype, shape, bytes });
        }
        Ok(out)
    }

    /// Rows of stored differences; those that the file lacks are zero.
    pub(super) fn difference(&self, key: &str, unit: &Unit, from: &[Stored]) -> Result<Tensor, OpError> {
        let first = info(self.input, from[0].tensor);
        let tail: Vec<usize> = first.shape.get(1..).unwrap_or_default().to_vec();
        let n: usize = tail.iter().product();
        let mut out = vec![0f64; unit.rows.1 * n];
        for stored in from {
            let mut values = tensors::floats(self.input, stored.tensor)?;
            let rows = values.len() / n.max(1);
            if stored.swapped {
                values.rotate_left(rows / 2 * n);
            }
            for (i, row) in values.chunks_exact(n.max(1)).enumerate() {
                let Some(at) = (stored.row0 + i).checked_sub(unit.rows.0).filter(|r| *r < unit.rows.1) else { continue };
                out[at * n..][..n].iter_mut().zip(row).for_each(|(o, v)| *o += stored.scale * f64::from(*v));
            }
        }
        if unit.swapped {
            out.rotate_left(unit.rows.1 / 2 * n);
        }
        let values: Vec<f32> = out.into_iter().map(|v| v as f32).collect();
        let dtype = writable(first.dtype);
        let bytes = encode(dtype, &values).ok_or_else(|| OpError::Range { module: key.to_owned(), dtype })?;
        let shape = if first.shape.is_empty() { Vec::new() } else { std::iter::once(unit.rows.1).chain(tail).collect() };
        Ok(Tensor { name: key.to_owned(), dtype, shape, bytes })
    }
}

fn scalar(name: String, value: f32) -> Tensor {
    Tensor { name, dtype: Dtype::F32, shape: Vec::new(), bytes: value.to_le_bytes().to_vec() }
}
