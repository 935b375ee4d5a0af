//! GLoRA (Chavan et al. 2023, arXiv:2306.07967) as LyCORIS has it: ΔW = s·(W₀·P·Q + U·V), P·Q acting on the input channels.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use super::super::read::shape_error;
use super::super::{DeltaError, Dense, Loader, rows};
use crate::adapter::{Glora, Module, Pair};
use crate::keys::Role;

/// Rows that are worked on together.
const ROWS: usize = 64;

/// W₀·P·Q + U·V, without the scale.
pub(super) fn change(loader: &Loader<'_>, module: &Module) -> Result<Dense, DeltaError> {
    use Role::{GloraA1, GloraA2, GloraB1, GloraB2, GloraBMid};
    let need = |role| loader.need(module, &[role]);
    let tensors = [need(GloraA1)?, need(GloraA2)?, need(GloraB1)?, need(GloraB2)?];
    let core = module.part(GloraBMid);
    let dims = Glora::of(&loader.adapter.header, tensors, core).map_err(|why| shape_error(module, why))?;
    let mut weight = loader.weight(module, dims.out_dim, dims.in_dim)?;
    let second = loader.pair(module, Pair { down: dims.v, up: dims.u, mid: core })?;
    if (second.m, second.n) != (weight.m, weight.n) {
        return Err(shape_error(module, "its factors do not fit the base"));
    }
    let first =
        Inputs { p: loader.floats(dims.p)?, q: loader.floats(dims.q)?, rank: dims.rank, width: dims.width, taps: weight.n / dims.width };
    let mut tile = vec![0f32; ROWS * weight.n];
    for (i, w) in weight.values.chunks_mut((ROWS * weight.n).max(1)).enumerate() {
        let tile = &mut tile[..w.len()];
        let count = w.len() / weight.n;
        rows::product(&second, 1.0, i * ROWS..i * ROWS + count, tile);
        first.add(w, tile);
        w.copy_from_slice(tile);
    }
    Ok(weight)
}

/// P [width, rank] and Q [rank, width].
struct Inputs {
    p: Vec<f32>,
    q: Vec<f32>,
    rank: usize,
    width: usize,
    taps: usize,
}

impl Inputs {
    /// out += W₀·P·Q over the input channels, for whole rows. A linear layer's rows go through together.
    fn add(&self, w: &[f32], out: &mut [f32]) {
        let (rank, width) = (self.rank, self.width);
        let p = MatRef::from_row_major_slice(&self.p, width, rank);
        let q = MatRef::from_row_major_slice(&self.q, rank, width);
        if self.taps == 1 {
            let count = out.len() / width;
            let mut middle = vec![0f32; count * rank];
            let x = MatRef::from_row_major_slice(w, count, width);
            matmul(MatMut::from_row_major_slice_mut(&mut middle, count, rank), Accum::Replace, x, p, 1.0, Par::Seq);
            let middle = MatRef::from_row_major_slice(&middle, count, rank);
            matmul(MatMut::from_row_major_slice_mut(out, count, width), Accum::Add, middle, q, 1.0, Par::Seq);
            return;
        }
        // A convolution's row is a matrix of channels × taps, on which (P·Q)ᵀ acts from the left.
        let taps = self.taps;
        let mut middle = vec![0f32; rank * taps];
        for (w, out) in w.chunks_exact(width * taps).zip(out.chunks_exact_mut(width * taps)) {
            let x = MatRef::from_row_major_slice(w, width, taps);
            matmul(MatMut::from_row_major_slice_mut(&mut middle, rank, taps), Accum::Replace, p.transpose(), x, 1.0, Par::Seq);
            let middle = MatRef::from_row_major_slice(&middle, rank, taps);
            matmul(MatMut::from_row_major_slice_mut(out, width, taps), Accum::Add, q.transpose(), middle, 1.0, Par::Seq);
        }
    }
}
