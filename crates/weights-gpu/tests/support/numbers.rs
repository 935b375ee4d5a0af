//! Made-up factors in any stored type, and their values.

use weft_weights::dtype::{Dtype, decode_f64, encode_f32};
use weft_weights_gpu::{LowRank, Stored};

/// A small generator for test data.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    }

    pub(crate) fn many(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next()).collect()
    }
}

/// Stored values and what they mean.
pub(crate) struct Tensor {
    pub(crate) dtype: Dtype,
    pub(crate) bytes: Vec<u8>,
    pub(crate) values: Vec<f64>,
}

impl Tensor {
    pub(crate) fn new(dtype: Dtype, values: &[f32]) -> Self {
        let mut bytes = Vec::new();
        match dtype {
            // The top byte of an f16 is an E5M2, rounded towards zero.
            Dtype::F8E5M2 => {
                encode_f32(Dtype::F16, values, &mut bytes).unwrap();
                bytes = bytes.chunks_exact(2).map(|half| half[1]).collect();
            }
            Dtype::F64 => bytes.extend(values.iter().flat_map(|v| f64::from(*v).to_le_bytes())),
            other => encode_f32(other, values, &mut bytes).unwrap(),
        }
        let mut exact = vec![0.0; values.len()];
        decode_f64(dtype, &bytes, &mut exact).unwrap();
        Self { dtype, bytes, values: exact }
    }

    pub(crate) fn stored(&self) -> Stored<'_> {
        Stored { dtype: self.dtype, bytes: &self.bytes }
    }
}

/// A change of a weight with its exact values.
pub(crate) struct Made {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) rank: usize,
    pub(crate) row0: usize,
    pub(crate) scale: f64,
    pub(crate) b: Tensor,
    pub(crate) a: Tensor,
}

impl Made {
    /// Values in -1..1, and above 0 where `positive`: then no sum cancels and rounding errors pile up.
    pub(crate) fn new((m, n, rank): (usize, usize, usize), dtypes: [Dtype; 2], positive: bool, random: &mut Random) -> Self {
        let mut values = |count| {
            let mut values = random.many(count);
            if positive {
                values.iter_mut().for_each(|v| *v = v.abs().max(0.25));
            }
            values
        };
        let (b, a) = (values(m * rank), values(rank * n));
        Self { m, n, rank, row0: 0, scale: 0.75, b: Tensor::new(dtypes[0], &b), a: Tensor::new(dtypes[1], &a) }
    }

    pub(crate) fn at_row(mut self, row0: usize) -> Self {
        self.row0 = row0;
        self
    }

    pub(crate) fn view(&self) -> LowRank<'_> {
        let (m, n, rank, row0, scale) = (self.m, self.n, self.rank, self.row0, self.scale);
        LowRank { m, n, rank, row0, b: self.b.stored(), a: self.a.stored(), scale }
    }

    /// Row `row` of the weight's change, in f64.
    pub(crate) fn row(&self, row: usize) -> Vec<f64> {
        let mut out = vec![0.0; self.n];
        if let Some(inside) = row.checked_sub(self.row0).filter(|inside| *inside < self.m) {
            for p in 0..self.rank {
                let b = self.scale * self.b.values[inside * self.rank + p];
                out.iter_mut().zip(&self.a.values[p * self.n..]).for_each(|(o, a)| *o += b * a);
            }
        }
        out
    }
}
