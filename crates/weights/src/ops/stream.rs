//! Modules computed on all cores and written in order: while one batch is written, the next is computed.

use super::OpError;
use crate::dtype::Dtype;
use crate::linalg::{par_join, par_map};
use crate::progress::{Cancelled, Progress};
use crate::write::TensorWriter;
use std::io::{Seek, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Cost of one batch, in bytes of f64 factors: bounds the memory, and is large enough to keep all cores busy.
const BATCH: usize = 48 << 20;

/// A tensor of the result.
#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Vec<u8>,
}

/// Makes item after item with `make` and writes its tensors. `costs` are the items' sizes in bytes. Returns what `make` told about each.
pub(super) fn stream<W: Write + Seek + Send, R: Send>(
    out: &mut TensorWriter<W>,
    costs: &[usize],
    make: impl Fn(usize) -> Result<(Vec<Tensor>, R), OpError> + Sync,
    what: &str,
    progress: &dyn Progress,
) -> Result<Vec<R>, OpError> {
    let done = AtomicU64::new(0);
    let one = |&i: &usize| {
        Cancelled::check(progress)?;
        let made = make(i)?;
        progress.step(done.fetch_add(1, Ordering::Relaxed) + 1, costs.len() as u64, what);
        Ok(made)
    };
    let mut told = Vec::with_capacity(costs.len());
    let mut ready: Vec<Tensor> = Vec::new();
    for batch in batches(costs).into_iter().chain(std::iter::once(0..0)) {
        let indices: Vec<usize> = batch.collect();
        let write = || ready.iter().try_for_each(|t| out.tensor(&t.name, t.dtype, &t.shape, &t.bytes));
        let (written, made) = par_join(write, || par_map(&indices, one).into_iter().collect::<Result<Vec<_>, OpError>>());
        written.map_err(OpError::io)?;
        ready.clear();
        for (tensors, report) in made? {
            ready.extend(tensors);
            told.push(report);
        }
    }
    Ok(told)
}

/// Runs of items whose costs together stay near [`BATCH`].
fn batches(costs: &[usize]) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let (mut start, mut size) = (0, 0usize);
    for (i, cost) in costs.iter().enumerate() {
        size = size.saturating_add(*cost);
        if size >= BATCH {
            out.push(start..i + 1);
            (start, size) = (i + 1, 0);
        }
    }
    if start < costs.len() {
        out.push(start..costs.len());
    }
    out
}
