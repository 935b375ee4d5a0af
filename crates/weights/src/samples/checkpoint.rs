//! A synthetic checkpoint and an adapter for it: the weights of Flux.1's blocks at their real shapes, for measuring what depends on a model.

use super::write::SampleError;
use crate::dtype::Dtype;
use crate::write::{Planned, TensorWriter, WriteError, header_bound};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

/// Width of the network.
const H: usize = 3072;
/// Bytes that are repeated: their values do not change the speed of anything.
const BLOCK: usize = 1 << 20;

/// A checkpoint of about a wanted size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleCheckpoint {
    /// (name, rows, columns) of each weight, all in bf16.
    weights: Vec<(String, usize, usize)>,
}

impl SampleCheckpoint {
    /// Whole blocks until `bytes` are reached.
    #[must_use]
    pub fn of_size(bytes: u64) -> Self {
        let mut weights = Vec::new();
        for block in 0.. {
            if weights.iter().map(|(_, rows, columns)| (rows * columns * 2) as u64).sum::<u64>() >= bytes {
                break;
            }
            for half in ["img", "txt"] {
                for (name, rows, columns) in
                    [("attn.qkv", 3 * H, H), ("attn.proj", H, H), ("mlp.0", 4 * H, H), ("mlp.2", H, 4 * H), ("mod.lin", 6 * H, H)]
                {
                    weights.push((format!("double_blocks.{block}.{half}_{name}"), rows, columns));
                }
            }
            for (name, rows, columns) in [("linear1", 7 * H, H), ("linear2", H, 5 * H), ("modulation.lin", 3 * H, H)] {
                weights.push((format!("single_blocks.{block}.{name}"), rows, columns));
            }
        }
        Self { weights }
    }

    /// Writes the checkpoint: numbers around 0, of the size that weights have.
    ///
    /// # Errors
    /// [`SampleError`] when the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), SampleError> {
        let tensors = self.weights.iter().map(|(name, rows, columns)| (format!("{name}.weight"), vec![*rows, *columns]));
        let mut seed = 1u32;
        let numbers = (0..BLOCK / 2).flat_map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bf16((f64::from(seed) / f64::from(u32::MAX) - 0.5) * 0.08)
        });
        write(path, &tensors.collect::<Vec<_>>(), &numbers.collect::<Vec<u8>>())
    }

    /// Writes an adapter of `rank` for every weight of it.
    ///
    /// # Errors
    /// [`SampleError`] when the file cannot be written.
    pub fn write_adapter(&self, path: &Path, rank: usize) -> Result<(), SampleError> {
        let pair = |(name, rows, columns): &(String, usize, usize)| {
            let key = |side: &str| format!("diffusion_model.{name}.lora_{side}.weight");
            [(key("A"), vec![rank, *columns]), (key("B"), vec![*rows, rank])]
        };
        write(path, &self.weights.iter().flat_map(pair).collect::<Vec<_>>(), &bf16(0.01).repeat(BLOCK / 2))
    }
}

fn bf16(value: f64) -> [u8; 2] {
    (((value as f32).to_bits() >> 16) as u16).to_le_bytes()
}

/// Fills every tensor with `block`, again and again.
fn write(path: &Path, tensors: &[(String, Vec<usize>)], block: &[u8]) -> Result<(), SampleError> {
    let failed = |source: io::Error| SampleError::Write(WriteError::Io { path: crate::text::shown_path(path), source });
    let planned: Vec<Planned> =
        tensors.iter().map(|(name, shape)| Planned { name: name.clone(), dtype: Dtype::BF16, shape: shape.clone() }).collect();
    let metadata = BTreeMap::new();
    let file = File::create(path).map_err(failed)?;
    let mut writer = TensorWriter::new(file, header_bound(&planned, &metadata)).map_err(failed)?;
    for (name, shape) in tensors {
        let mut left = shape.iter().product::<usize>() * 2;
        writer.begin(name, Dtype::BF16, shape, left as u64);
        while left > 0 {
            let part = left.min(block.len());
            writer.append(&block[..part]).map_err(failed)?;
            left -= part;
        }
    }
    writer.finish(&metadata)?.sync_all().map_err(failed)
}
