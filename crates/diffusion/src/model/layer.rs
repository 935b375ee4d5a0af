//! Layers whose weights may be changed while the model stays loaded.
//!
//! A layer keeps what the checkpoint gave it for ever. On top of that lies what adapters ask for: a pair of factors beside the weight
//! (y += B·(s∘(A·x)); a change of strength changes s alone), and, where a change has no small factors, a changed copy of the weight. Taking an
//! adapter out takes these away: nothing has to be computed back.

use super::compute::{Compute, with};
use super::error::Result;
use crate::kernel::{self, Conv, Packed};
use candle_core::{DType, Device, Tensor};
use std::sync::{Arc, RwLock};

/// A weight in the form that its device works with.
#[derive(Debug, Clone)]
pub(crate) enum Weight {
    /// In strips, for this crate's kernels.
    Packed(Arc<Packed>),
    /// Row-major outputs × inputs, or outputs × channels × kernel, for candle.
    Tensor(Tensor),
}

/// Factors beside a weight: those of all adapters, side by side.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) down: Weight,
    pub(crate) up: Weight,
    /// One per rank: weight × block factor × α/r. Row vector for candle.
    pub(crate) scale: Vec<f32>,
}

/// What adapters changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) weight: Option<Weight>,
    pub(crate) bias: Option<Vector>,
    pub(crate) pair: Option<Pair>,
}

/// One value per output.
#[derive(Debug, Clone)]
pub(crate) struct Vector {
    pub(crate) values: Arc<[f32]>,
    tensor: Option<Tensor>,
}

impl Vector {
    pub(crate) fn new(values: Vec<f32>, compute: &Compute) -> Result<Self> {
        let tensor = if compute.own { None } else { Some(compute.tensor(&values, &[values.len()])?) };
        Ok(Self { values: values.into(), tensor })
    }
}

/// The weight of a linear layer or a convolution.
#[derive(Debug)]
pub(crate) struct Cell {
    /// Outputs.
    pub(crate) n: usize,
    /// Input channels.
    pub(crate) channels: usize,
    /// Kernel; (1, 1) for a linear layer.
    pub(crate) kernel: (usize, usize),
    pub(crate) compute: Compute,
    weight: Weight,
    bias: Option<Vector>,
    changes: RwLock<Arc<Changes>>,
}

impl Weight {
    /// Brings row-major n × channels × taps values to the device.
    pub(crate) fn new(values: &[f32], dims: (usize, usize, (usize, usize)), compute: &Compute) -> Result<Self> {
        let (n, channels, (kh, kw)) = dims;
        if compute.own {
            return Ok(Self::Packed(Arc::new(Packed::convolution(values, n, channels, kh * kw))));
        }
        let t = if kh * kw == 1 { compute.tensor(values, &[n, channels])? } else { compute.tensor(values, &[n, channels, kh, kw])? };
        Ok(Self::Tensor(t))
    }

    /// The values again, row-major n × channels × taps.
    fn values(&self, channels: usize, taps: usize) -> Result<Vec<f32>> {
        match self {
            Self::Tensor(t) => Ok(t.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?),
            Self::Packed(packed) if taps == 1 => Ok(packed.unpack()),
            Self::Packed(packed) => {
                let turned = packed.unpack();
                let mut out = vec![0.0; turned.len()];
                for (out, row) in out.chunks_exact_mut(channels * taps).zip(turned.chunks_exact(channels * taps)) {
                    row.iter().enumerate().for_each(|(i, v)| out[i % channels * taps + i / channels] = *v);
                }
                Ok(out)
            }
        }
    }
}

impl Cell {
    pub(crate) fn new(
        values: &[f32],
        bias: Option<Vec<f32>>,
        dims: (usize, usize, (usize, usize)),
        compute: &Compute,
    ) -> Result<Arc<Self>> {
        let bias = bias.map(|b| Vector::new(b, compute)).transpose()?;
        let weight = Weight::new(values, dims, compute)?;
        let (n, channels, kernel) = dims;
        Ok(Arc::new(Self { n, channels, kernel, compute: compute.clone(), weight, bias, changes: RwLock::default() }))
    }

    /// The checkpoint's values, row-major n × channels × taps.
    pub(crate) fn original(&self) -> Result<Vec<f32>> {
        self.weight.values(self.channels, self.kernel.0 * self.kernel.1)
    }

    /// The checkpoint's bias.
    pub(crate) fn original_bias(&self) -> Option<&[f32]> {
        self.bias.as_ref().map(|b| &*b.values)
    }

    pub(crate) fn changes(&self) -> Arc<Changes> {
        self.changes.read().map(|c| Arc::clone(&c)).unwrap_or_default()
    }

    pub(crate) fn change(&self, changes: Changes) {
        // A poisoned lock means that a thread died in here, where nothing can panic but for memory; the new value is whole either way.
        let mut slot = self.changes.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        *slot = Arc::new(changes);
    }
}

/// A linear layer, or a 1×1 convolution used as one.
#[derive(Debug, Clone)]
pub(crate) struct Linear(pub(crate) Arc<Cell>);

impl Linear {
    /// x·Wᵀ + b over the last dimension, plus `residual`.
    pub(crate) fn forward(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let cell = &self.0;
        let changes = cell.changes();
        let bias = changes.bias.as_ref().or(cell.bias.as_ref());
        let mut dims = x.dims().to_vec();
        let rows: usize = dims.iter().rev().skip(1).product();
        if let Some(last) = dims.last_mut() {
            *last = cell.n;
        }
        match changes.weight.as_ref().unwrap_or(&cell.weight) {
            Weight::Packed(weight) => {
                let mut out = start(rows * cell.n, bias.map(|b| &*b.values), residual)?;
                with(x, |x| {
                    kernel::linear(x, weight, &mut out);
                    if let Some(Pair { down: Weight::Packed(down), up: Weight::Packed(up), scale }) = &changes.pair {
                        let mut middle = vec![0.0; rows * down.n()];
                        kernel::linear(x, down, &mut middle);
                        scaled(&mut middle, scale);
                        kernel::linear(&middle, up, &mut out);
                    }
                })?;
                Ok(Tensor::from_vec(out, dims, &Device::Cpu)?)
            }
            Weight::Tensor(weight) => {
                let flat = x.reshape((rows, cell.channels))?;
                let mut out = flat.matmul(&weight.t()?)?;
                if let Some(Pair { down: Weight::Tensor(down), up: Weight::Tensor(up), scale }) = &changes.pair {
                    let scale = cell.compute.tensor(scale, &[scale.len()])?;
                    let down = down.reshape((scale.elem_count(), cell.channels))?;
                    out = (out + flat.matmul(&down.t()?)?.broadcast_mul(&scale)?.matmul(&up.t()?)?)?;
                }
                if let Some(bias) = bias.and_then(|b| b.tensor.as_ref()) {
                    out = out.broadcast_add(bias)?;
                }
                let out = out.reshape(dims)?;
                Ok(if let Some(r) = residual { (out + r)? } else { out })
            }
        }
    }
}

/// A convolution.
#[derive(Debug, Clone)]
pub(crate) struct Conv2d {
    pub(crate) cell: Arc<Cell>,
    pub(crate) how: Conv,
}

impl Conv2d {
    /// The same convolution with another [`Conv::cut`].
    pub(crate) fn cut(&self, cut: (usize, usize)) -> Self {
        Self { cell: Arc::clone(&self.cell), how: Conv { cut, ..self.how } }
    }

    /// The convolution of a picture; `each` (batch × outputs) is added to all pixels of its picture, `residual` to the result.
    pub(crate) fn forward(&self, x: &Tensor, each: Option<&Tensor>, residual: Option<&Tensor>) -> Result<Tensor> {
        let changes = self.cell.changes();
        match changes.weight.as_ref().unwrap_or(&self.cell.weight) {
            Weight::Packed(weight) => self.own(x, weight, &changes, each, residual),
            Weight::Tensor(weight) => self.candle(x, weight, &changes, each, residual),
        }
    }

    fn own(&self, x: &Tensor, weight: &Packed, changes: &Changes, each: Option<&Tensor>, residual: Option<&Tensor>) -> Result<Tensor> {
        let cell = &self.cell;
        let (b, h, w, _) = x.dims4()?;
        let (to_h, to_w) = self.how.size(h, w);
        let bias = changes.bias.as_ref().or(cell.bias.as_ref()).map(|v| &*v.values);
        let mut out = start(b * to_h * to_w * cell.n, bias, residual)?;
        if let Some(each) = each {
            with(each, |each| {
                for (image, each) in out.chunks_exact_mut(to_h * to_w * cell.n).zip(each.chunks_exact(cell.n)) {
                    image.chunks_exact_mut(cell.n).for_each(|p| p.iter_mut().zip(each).for_each(|(o, e)| *o += e));
                }
            })?;
        }
        with(x, |x| {
            kernel::conv(x, (b, h, w), weight, self.how, &mut out);
            if let Some(Pair { down: Weight::Packed(down), up: Weight::Packed(up), scale }) = &changes.pair {
                let mut middle = vec![0.0; b * to_h * to_w * down.n()];
                kernel::conv(x, (b, h, w), down, self.how, &mut middle);
                scaled(&mut middle, scale);
                kernel::linear(&middle, up, &mut out);
            }
        })?;
        Ok(Tensor::from_vec(out, (b, to_h, to_w, cell.n), &Device::Cpu)?)
    }

    fn candle(&self, x: &Tensor, weight: &Tensor, changes: &Changes, each: Option<&Tensor>, residual: Option<&Tensor>) -> Result<Tensor> {
        let cell = &self.cell;
        let x = self.padded(x)?;
        let walk = |x: &Tensor, w: &Tensor| -> Result<Tensor> {
            let w = if w.rank() == 2 { w.reshape((w.dim(0)?, cell.channels, cell.kernel.0, cell.kernel.1))? } else { w.clone() };
            Ok(x.conv2d(&w, 0, self.how.stride, 1, 1)?)
        };
        let mut out = walk(&x, weight)?;
        if let Some(Pair { down: Weight::Tensor(down), up: Weight::Tensor(up), scale }) = &changes.pair {
            let rank = scale.len();
            let scale = cell.compute.tensor(scale, &[1, rank, 1, 1])?;
            let middle = walk(&x, down)?.broadcast_mul(&scale)?;
            out = (out + middle.conv2d(&up.reshape((cell.n, rank, 1, 1))?, 0, 1, 1, 1)?)?;
        }
        if let Some(bias) = changes.bias.as_ref().or(cell.bias.as_ref()).and_then(|v| v.tensor.as_ref()) {
            out = out.broadcast_add(&bias.reshape((1, cell.n, 1, 1))?)?;
        }
        if let Some(each) = each {
            out = out.broadcast_add(&each.reshape((each.dim(0)?, cell.n, 1, 1))?)?;
        }
        Ok(if let Some(r) = residual { (out + r)? } else { out })
    }

    fn padded(&self, x: &Tensor) -> Result<Tensor> {
        let x = if self.how.doubled {
            let (_, _, h, w) = x.dims4()?;
            let (to_h, to_w) = self.how.walked(h, w);
            x.upsample_nearest2d(2 * h, 2 * w)?.narrow(2, 0, to_h)?.narrow(3, 0, to_w)?
        } else {
            x.clone()
        };
        let (before, after) = (self.how.before, self.how.after);
        if before + after == 0 {
            return Ok(x);
        }
        Ok(x.pad_with_zeros(2, before, after)?.pad_with_zeros(3, before, after)?)
    }
}

/// What a layer's sums begin with: residual, bias, or zero.
fn start(len: usize, bias: Option<&[f32]>, residual: Option<&Tensor>) -> Result<Vec<f32>> {
    let mut out = match residual {
        Some(r) => with(r, <[f32]>::to_vec)?,
        None => vec![0.0; len],
    };
    if out.len() != len {
        return Err(candle_core::Error::Msg(format!("a residual of {} values for {len}", out.len())).bt().into());
    }
    if let Some(bias) = bias {
        out.chunks_exact_mut(bias.len()).for_each(|row| row.iter_mut().zip(bias).for_each(|(o, b)| *o += b));
    }
    Ok(out)
}

fn scaled(values: &mut [f32], scale: &[f32]) {
    values.chunks_exact_mut(scale.len().max(1)).for_each(|row| row.iter_mut().zip(scale).for_each(|(v, s)| *v *= s));
}
