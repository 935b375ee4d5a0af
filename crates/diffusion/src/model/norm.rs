//! Norms and the functions between layers, for both ways of working.

use super::compute::{Compute, with};
use super::error::Result;
use super::layer::Vector;
use crate::kernel::{self, Activation, Attention, Mask};
use candle_core::{D, DType, Device, Tensor};
use std::sync::{Arc, RwLock};

/// Scores that candle's way holds at once.
const SCORES: usize = 1 << 28;

/// Scale and shift of a norm. Adapters may change both.
#[derive(Debug)]
pub(crate) struct NormCell {
    pub(crate) compute: Compute,
    pub(crate) scale: Vector,
    pub(crate) shift: Option<Vector>,
    changes: RwLock<Arc<(Option<Vector>, Option<Vector>)>>,
}

impl NormCell {
    pub(crate) fn new(scale: Vec<f32>, shift: Option<Vec<f32>>, compute: &Compute) -> Result<Arc<Self>> {
        let shift = shift.map(|s| Vector::new(s, compute)).transpose()?;
        Ok(Arc::new(Self { compute: compute.clone(), scale: Vector::new(scale, compute)?, shift, changes: RwLock::default() }))
    }

    pub(crate) fn change(&self, scale: Option<Vector>, shift: Option<Vector>) {
        // As in `Cell::change`.
        *self.changes.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new((scale, shift));
    }

    fn live(&self) -> (Vector, Option<Vector>) {
        let changes = self.changes.read().map(|c| Arc::clone(&c)).unwrap_or_default();
        (changes.0.clone().unwrap_or_else(|| self.scale.clone()), changes.1.clone().or_else(|| self.shift.clone()))
    }
}

/// A norm over groups of channels.
#[derive(Debug, Clone)]
pub(crate) struct GroupNorm {
    pub(crate) cell: Arc<NormCell>,
    pub(crate) groups: usize,
    pub(crate) epsilon: f64,
}

impl GroupNorm {
    pub(crate) fn forward(&self, x: &Tensor, silu: bool) -> Result<Tensor> {
        let (scale, shift) = self.cell.live();
        let zeros;
        let shift: &[f32] = match &shift {
            Some(shift) => &shift.values,
            None => {
                zeros = vec![0.0; scale.values.len()];
                &zeros
            }
        };
        if self.cell.compute.own {
            let norm = kernel::GroupNorm { groups: self.groups, epsilon: self.epsilon, scale: &scale.values, shift, silu };
            let out = with(x, |v| kernel::group_norm(v, x.dims()[0], norm))?;
            return Ok(Tensor::from_vec(out, x.shape(), &Device::Cpu)?);
        }
        let (b, c, h, w) = x.dims4()?;
        let wide = x.to_dtype(DType::F32)?.reshape((b, self.groups, c / self.groups * h * w))?;
        let wide = wide.broadcast_sub(&wide.mean_keepdim(D::Minus1)?)?;
        let variance = wide.sqr()?.mean_keepdim(D::Minus1)?;
        let normal = wide.broadcast_div(&(variance + self.epsilon)?.sqrt()?)?.reshape((b, c, h, w))?;
        let row = |v: &[f32]| -> Result<Tensor> { Ok(Tensor::from_slice(v, (1, c, 1, 1), &Device::Cpu)?.to_device(x.device())?) };
        let out = normal.broadcast_mul(&row(&scale.values)?)?.broadcast_add(&row(shift)?)?;
        Ok(if silu { out.silu()? } else { out }.to_dtype(x.dtype())?)
    }
}

/// A norm over the last dimension.
#[derive(Debug, Clone)]
pub(crate) struct LayerNorm {
    pub(crate) cell: Arc<NormCell>,
    pub(crate) epsilon: f32,
    /// By the root mean square, without a mean.
    pub(crate) rms: bool,
}

impl LayerNorm {
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (scale, shift) = self.cell.live();
        let shift: &[f32] = shift.as_ref().map_or(&[], |s| &s.values);
        if self.cell.compute.own {
            let width = scale.values.len();
            let out = with(x, |v| {
                if self.rms {
                    kernel::rms_norm(v, width, &scale.values, self.epsilon)
                } else {
                    kernel::layer_norm(v, width, &scale.values, shift, self.epsilon)
                }
            })?;
            return Ok(Tensor::from_vec(out, x.shape(), &Device::Cpu)?);
        }
        let normal = normalised(x, self.epsilon, self.rms)?;
        let row = |v: &[f32]| -> Result<Tensor> { Ok(Tensor::from_slice(v, v.len(), &Device::Cpu)?.to_device(x.device())?) };
        let mut out = normal.broadcast_mul(&row(&scale.values)?)?;
        if !shift.is_empty() {
            out = out.broadcast_add(&row(shift)?)?;
        }
        Ok(out.to_dtype(x.dtype())?)
    }
}

/// Candle's way to mean 0 and variance 1 in f32; every step has a gradient.
fn normalised(x: &Tensor, epsilon: f32, rms: bool) -> Result<Tensor> {
    let wide = x.to_dtype(DType::F32)?;
    let wide = if rms { wide } else { wide.broadcast_sub(&wide.mean_keepdim(D::Minus1)?)? };
    let variance = wide.sqr()?.mean_keepdim(D::Minus1)?;
    Ok(wide.broadcast_div(&(variance + f64::from(epsilon))?.sqrt()?)?)
}

/// A layer norm without scale and shift.
pub(crate) fn plain_norm(compute: &Compute, x: &Tensor, epsilon: f32) -> Result<Tensor> {
    if compute.own {
        let width = x.dim(D::Minus1)?;
        let out = with(x, |v| kernel::layer_norm(v, width, &[], &[], epsilon))?;
        return Ok(Tensor::from_vec(out, x.shape(), &Device::Cpu)?);
    }
    Ok(normalised(x, epsilon, false)?.to_dtype(x.dtype())?)
}

/// Applies a function to every value.
pub(crate) fn activate(compute: &Compute, x: &Tensor, f: Activation) -> Result<Tensor> {
    if compute.own {
        let mut values = with(x, <[f32]>::to_vec)?;
        kernel::activate(&mut values, f);
        return Ok(Tensor::from_vec(values, x.shape(), &Device::Cpu)?);
    }
    Ok(match f {
        Activation::Silu => x.silu()?,
        Activation::Gelu => x.gelu_erf()?,
        Activation::GeluTanh => x.gelu()?,
        Activation::QuickGelu => (x * candle_nn::ops::sigmoid(&(x * 1.702)?)?)?,
    })
}

/// a·gelu(b) of rows a ‖ b.
pub(crate) fn geglu(compute: &Compute, x: &Tensor) -> Result<Tensor> {
    let width = x.dim(D::Minus1)? / 2;
    if compute.own {
        let mut dims = x.dims().to_vec();
        if let Some(last) = dims.last_mut() {
            *last = width;
        }
        let out = with(x, |v| kernel::geglu(v, width))?;
        return Ok(Tensor::from_vec(out, dims, &Device::Cpu)?);
    }
    Ok((x.narrow(D::Minus1, 0, width)? * x.narrow(D::Minus1, width, width)?.gelu_erf()?)?)
}

/// Attention of batch × tokens × heads·width.
pub(crate) fn attend(compute: &Compute, q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, scale: f32, mask: Mask<'_>) -> Result<Tensor> {
    let ((batch, queries, all), keys) = (q.dims3()?, k.dim(1)?);
    let shape = Attention { batch, heads, width: all / heads, queries, keys, scale };
    if compute.own {
        let out = with(q, |q| with(k, |k| with(v, |v| kernel::attention(q, k, v, shape, mask))))???;
        return Ok(Tensor::from_vec(out, (batch, queries, all), &Device::Cpu)?);
    }
    let split = |x: &Tensor, n: usize| -> Result<Tensor> { Ok(x.reshape((batch, n, heads, shape.width))?.transpose(1, 2)?.contiguous()?) };
    let (q, k, v) = (split(q, queries)?, split(k, keys)?.t()?.contiguous()?, split(v, keys)?);
    let added = match mask {
        Mask::All => None,
        Mask::Causal => {
            let values: Vec<f32> = (0..queries * keys).map(|i| if i % keys > i / keys { f32::NEG_INFINITY } else { 0.0 }).collect();
            Some(compute.tensor(&values, &[1, 1, queries, keys])?)
        }
        Mask::Added(values) => Some(compute.tensor(values, &[1, heads, queries, keys])?),
    };
    let step = (SCORES / (batch * heads * keys).max(1)).clamp(1, queries);
    let mut parts = Vec::new();
    for first in (0..queries).step_by(step) {
        let rows = step.min(queries - first);
        let mut scores = (q.narrow(2, first, rows)?.contiguous()?.matmul(&k)? * f64::from(scale))?;
        if let Some(added) = &added {
            scores = scores.broadcast_add(&added.narrow(2, first, rows)?)?;
        }
        let shares = candle_nn::ops::softmax(&scores.to_dtype(DType::F32)?, D::Minus1)?.to_dtype(v.dtype())?;
        parts.push(shares.matmul(&v)?);
    }
    let out = if let [one] = parts.as_slice() { one.clone() } else { Tensor::cat(&parts, 2)? };
    Ok(out.transpose(1, 2)?.contiguous()?.reshape((batch, queries, all))?)
}
