//! Where numbers are, and which of the two ways they are worked with.
//!
//! On the processor in f32 the kernels of this crate do the work, on pictures that lie as batch × height × width × channels. On a GPU, and where
//! gradients are wanted, candle's operations do, on batch × channels × height × width. A layer knows from its weights which of the two it is for;
//! the networks are written once.

use super::error::Result;
use candle_core::{CpuStorage, DType, Device, Storage, Tensor};

/// Device and number type of a model.
#[derive(Debug, Clone)]
pub struct Compute {
    pub device: Device,
    pub dtype: DType,
    /// This crate's kernels instead of candle's.
    pub own: bool,
}

impl Compute {
    /// The processor, in f32, with this crate's kernels.
    #[must_use]
    pub fn processor() -> Self {
        Self { device: Device::Cpu, dtype: DType::F32, own: true }
    }

    /// The graphics card that this build can use (features `cuda`, `metal`), else the processor; and why there is no card, where one was to be.
    #[must_use]
    pub fn best() -> (Self, Option<String>) {
        #[cfg(feature = "cuda")]
        let card = Some((Device::new_cuda(0), DType::BF16));
        #[cfg(all(feature = "metal", not(feature = "cuda")))]
        let card = Some((Device::new_metal(0), DType::F16));
        #[cfg(not(any(feature = "cuda", feature = "metal")))]
        let card: Option<(candle_core::Result<Device>, DType)> = None;
        match card {
            Some((Ok(device), dtype)) => (Self::candle(device, dtype), None),
            Some((Err(error), _)) => (Self::processor(), Some(error.to_string())),
            None => (Self::processor(), None),
        }
    }

    /// Device and number type for people: `CPU, f32`.
    #[must_use]
    pub fn label(&self) -> String {
        let device = match self.device {
            Device::Cpu => "CPU",
            Device::Cuda(_) => "CUDA",
            Device::Metal(_) => "Metal",
        };
        format!("{device}, {}", self.dtype.as_str())
    }

    /// Candle's own operations on any device.
    #[must_use]
    pub fn candle(device: Device, dtype: DType) -> Self {
        Self { device, dtype, own: false }
    }

    /// (batch, height, width, channels) of a picture.
    pub(crate) fn dims(&self, x: &Tensor) -> Result<(usize, usize, usize, usize)> {
        let (a, b, c, d) = x.dims4()?;
        Ok(if self.own { (a, b, c, d) } else { (a, c, d, b) })
    }

    /// A picture as batch × pixels × channels.
    pub(crate) fn tokens(&self, x: &Tensor) -> Result<Tensor> {
        let (b, h, w, c) = self.dims(x)?;
        Ok(if self.own { x.reshape((b, h * w, c))? } else { x.flatten_from(2)?.transpose(1, 2)?.contiguous()? })
    }

    /// The inverse of [`Self::tokens`].
    pub(crate) fn picture(&self, x: &Tensor, h: usize, w: usize) -> Result<Tensor> {
        let (b, _, c) = x.dims3()?;
        Ok(if self.own { x.reshape((b, h, w, c))? } else { x.transpose(1, 2)?.contiguous()?.reshape((b, c, h, w))? })
    }

    /// Height and width of a picture.
    pub(crate) fn size(&self, x: &Tensor) -> Result<(usize, usize)> {
        let (_, a, b, c) = x.dims4()?;
        Ok(if self.own { (a, b) } else { (b, c) })
    }

    /// Two pictures of one size, channels side by side.
    pub(crate) fn beside(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        if !self.own {
            return Ok(Tensor::cat(&[a, b], 1)?);
        }
        let ((n, h, w, c1), (.., c2)) = (a.dims4()?, b.dims4()?);
        let out = with(a, |a| {
            with(b, |b| {
                let mut out = Vec::with_capacity(a.len() + b.len());
                a.chunks_exact(c1).zip(b.chunks_exact(c2)).for_each(|(a, b)| {
                    out.extend_from_slice(a);
                    out.extend_from_slice(b);
                });
                out
            })
        })??;
        Ok(Tensor::from_vec(out, (n, h, w, c1 + c2), &Device::Cpu)?)
    }

    /// From batch × channels × height × width, the order of latents and pictures outside of the networks.
    pub(crate) fn enter(&self, values: &[f32], shape: (usize, usize, usize, usize)) -> Result<Tensor> {
        let (b, c, h, w) = shape;
        let t = if self.own {
            Tensor::from_vec(to_channels_last(values, (b, c, h * w)), (b, h, w, c), &Device::Cpu)?
        } else {
            Tensor::from_slice(values, shape, &Device::Cpu)?.to_device(&self.device)?
        };
        Ok(t.to_dtype(self.dtype)?)
    }

    /// The inverse of [`Self::enter`].
    pub(crate) fn leave(&self, x: &Tensor) -> Result<Vec<f32>> {
        if self.own {
            let (b, h, w, c) = x.dims4()?;
            return with(x, |x| to_channels_last(x, (b, h * w, c)));
        }
        Ok(x.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
    }

    /// A tensor of any other meaning.
    pub(crate) fn tensor(&self, values: &[f32], shape: &[usize]) -> Result<Tensor> {
        Ok(Tensor::from_slice(values, shape, &Device::Cpu)?.to_device(&self.device)?.to_dtype(self.dtype)?)
    }
}

/// Swaps the last two of three dimensions.
fn to_channels_last(values: &[f32], (batch, rows, columns): (usize, usize, usize)) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    let image = (rows * columns).max(1);
    for (from, to) in values.chunks_exact(image).zip(out.chunks_exact_mut(image)).take(batch) {
        for (i, row) in from.chunks_exact(columns.max(1)).enumerate() {
            to[i..].iter_mut().step_by(rows).zip(row).for_each(|(t, v)| *t = *v);
        }
    }
    out
}

/// Calls `f` with the values of a tensor that is in memory, in f32, without gaps.
pub(crate) fn with<R>(x: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let whole = x.contiguous()?;
    let (storage, layout) = whole.storage_and_layout();
    let values = match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => &values[start..end],
        _ => return Err(candle_core::Error::Msg(format!("a kernel was given {:?} on {:?}", x.dtype(), x.device())).bt().into()),
    };
    Ok(f(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_give_back_what_came_in() {
        let values: Vec<f32> = (0..2 * 3 * 4 * 5).map(|i| i as f32).collect();
        for compute in [Compute::processor(), Compute::candle(Device::Cpu, DType::F32)] {
            let x = compute.enter(&values, (2, 3, 4, 5)).unwrap();
            assert_eq!(compute.dims(&x).unwrap(), (2, 4, 5, 3));
            assert_eq!(compute.leave(&x).unwrap(), values);
            let tokens = compute.tokens(&x).unwrap();
            assert_eq!(tokens.dims(), [2, 20, 3]);
            assert_eq!(compute.leave(&compute.picture(&tokens, 4, 5).unwrap()).unwrap(), values);
            assert_eq!(compute.dims(&compute.beside(&x, &x).unwrap()).unwrap().3, 6);
        }
    }
}
