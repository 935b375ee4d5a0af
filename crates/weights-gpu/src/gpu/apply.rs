//! Dense tiles of ΔW, alone or added to a stored weight: pieces of some megabytes, one on the device while the next is packed.

use std::borrow::Cow;
use std::ops::Range;

use bytemuck::{Pod, Zeroable};
use weft_weights::dtype::Dtype;

use super::Gpu;
use super::pack::{Packer, code, coded, packed_size};
use super::run::{Pending, STORAGE, UNIFORM};
use crate::backend::Tile;
use crate::cpu::check_product;
use crate::error::GpuError;
use crate::factors::LowRank;

/// Bytes of one piece of the result.
const PIECE: usize = 16 << 20;
/// Rows and columns of one workgroup, as in `apply.wgsl`.
const BLOCK: usize = 64;
/// WebGPU's limit on workgroups along one axis.
const AXIS: usize = 65_535;
/// No weight to add to, as in `apply.wgsl`.
const NONE: u32 = 9;

/// As in `apply.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct Part {
    b: u32,
    a: u32,
    b_code: u32,
    a_code: u32,
    rank: u32,
    first: u32,
    rows: u32,
    scale: f32,
}

/// What is to be computed.
#[derive(Debug)]
struct Plan<'a> {
    changes: &'a [LowRank<'a>],
    weight: Option<&'a Tile<'a>>,
    rows: Range<usize>,
    n: usize,
    /// Columns up to a multiple of four, so that no two invocations write into one word.
    stride: usize,
    to: Dtype,
}

/// The factors, on the device for all pieces.
#[derive(Debug)]
struct Factors {
    data: wgpu::Buffer,
    parts: wgpu::Buffer,
    count: u32,
}

pub(super) async fn product_rows(gpu: &Gpu, change: &LowRank<'_>, rows: Range<usize>, out: &mut [f32]) -> Result<(), GpuError> {
    check_product(change, &rows, out)?;
    let (n, changes, first) = (change.n, [*change], rows.start);
    let plan = Plan { changes: &changes, weight: None, rows, n, stride: n.next_multiple_of(4), to: Dtype::F32 };
    plan.run(gpu, |at, row| {
        let out = &mut out[(at - first) * n..][..n];
        out.iter_mut().zip(row.as_chunks::<4>().0).for_each(|(to, from)| *to = f32::from_le_bytes(*from));
    })
    .await
}

pub(super) async fn merge_tile(
    gpu: &Gpu,
    tile: &Tile<'_>,
    changes: &[LowRank<'_>],
    dtype: Dtype,
    out: &mut Vec<u8>,
) -> Result<(), GpuError> {
    tile.check(changes, dtype)?;
    let start = out.len();
    out.reserve(tile.rows.len() * tile.n * dtype.size());
    let (rows, n) = (tile.rows.clone(), tile.n);
    let plan = Plan { changes, weight: Some(tile), rows, n, stride: n.next_multiple_of(4), to: dtype };
    let merged = plan.run(gpu, |_, row| out.extend_from_slice(row)).await;
    if merged.is_err() {
        out.truncate(start);
    }
    merged
}

impl Plan<'_> {
    /// Hands every row of the result to `take`, in order, with its number.
    async fn run(&self, gpu: &Gpu, mut take: impl FnMut(usize, &[u8])) -> Result<(), GpuError> {
        let step = self.step()?;
        let (factors, shared) = self.factors(gpu).await?;
        let mut waiting: Option<(Pending, Range<usize>)> = None;
        let mut start = self.rows.start;
        while start < self.rows.end || waiting.is_some() {
            let piece = start..self.rows.end.min(start + step);
            start = piece.end;
            let sent = if piece.is_empty() { None } else { Some((self.send(gpu, &factors, &piece).await?, piece)) };
            if let Some((pending, piece)) = waiting.take() {
                let (row, values) = (self.stride * self.to.size(), self.n * self.to.size());
                gpu.finish(pending, |bytes| piece.zip(bytes.chunks_exact(row)).for_each(|(at, row)| take(at, &row[..values]))).await?;
            }
            waiting = sent;
        }
        gpu.done_with(shared);
        Ok(())
    }

    /// Rows of one piece: neither W nor the result, each of at most four bytes per value, is larger than [`PIECE`].
    fn step(&self) -> Result<usize, GpuError> {
        let widest = match self.weight {
            Some(tile) => self.to.size().max(packed_size(tile.weight.dtype)),
            None => 4,
        };
        let row = self.stride * widest;
        if self.stride.div_ceil(BLOCK) > AXIS || row > PIECE {
            return Err(GpuError::TooLarge { what: "one row of the weight", bytes: row as u64, limit: PIECE as u64 });
        }
        Ok((PIECE / row).min(AXIS * BLOCK))
    }

    async fn send(&self, gpu: &Gpu, factors: &Factors, rows: &Range<usize>) -> Result<Pending, GpuError> {
        let weight = self.weight.map(|tile| self.weight_rows(tile, rows)).transpose()?;
        let from = weight.as_ref().map_or(NONE, |(code, _)| *code);
        let row0 = (rows.start - self.rows.start) as u32;
        let to = code(self.to).unwrap_or(NONE);
        let sizes = [rows.len() as u32, self.n as u32, self.stride as u32, factors.count, from, to, row0, 0];
        let bytes = rows.len() * self.stride * self.to.size();
        let groups = (self.stride.div_ceil(BLOCK) as u32, rows.len().div_ceil(BLOCK) as u32);
        gpu.start(bytes, |work| {
            let base = weight.map(|(_, bytes)| work.up.upload(STORAGE, bytes.len(), |view| view.copy_from_slice(&bytes)));
            let result = work.up.buffer(STORAGE, bytes);
            let sizes = work.up.values(UNIFORM, &sizes);
            let buffers = [&factors.data, &factors.parts, base.as_ref().unwrap_or(&factors.data), &result, &sizes];
            work.dispatch(&gpu.kernels.apply, &buffers, groups);
            result
        })
        .await
    }

    /// Uploads every A, and of every B the rows that the tile has.
    async fn factors(&self, gpu: &Gpu) -> Result<(Factors, Vec<wgpu::Buffer>), GpuError> {
        let mut packer = Packer::default();
        let mut parts = Vec::with_capacity(self.changes.len());
        for change in self.changes {
            let shared = change.shared(&self.rows);
            if !shared.is_empty() {
                parts.push(self.part(&mut packer, change, &shared)?);
            }
        }
        let (bytes, limit) = (packer.bytes() as u64, gpu.limits.max_storage_buffer_binding_size);
        if bytes > limit {
            return Err(GpuError::TooLarge { what: "the factors of a weight", bytes, limit });
        }
        let count = parts.len() as u32;
        gpu.share(|up| {
            let data = up.upload(STORAGE, packer.bytes(), |view| packer.write(view));
            Factors { data, parts: up.values(STORAGE, &parts), count }
        })
        .await
    }

    fn part<'c>(&self, packer: &mut Packer<'c>, change: &LowRank<'c>, shared: &Range<usize>) -> Result<Part, GpuError> {
        let b = packer.add(change.b.rows(shared.start - change.row0..shared.end - change.row0, change.rank), "B")?;
        let a = packer.add(change.a, "A")?;
        Ok(Part {
            b: b.word,
            a: a.word,
            b_code: b.code,
            a_code: a.code,
            rank: change.rank as u32,
            first: (shared.start - self.rows.start) as u32,
            rows: shared.len() as u32,
            scale: change.scale as f32,
        })
    }

    /// Rows of the weight, padded to the stride, and the code of their type.
    fn weight_rows<'t>(&self, tile: &'t Tile<'_>, rows: &Range<usize>) -> Result<(u32, Cow<'t, [u8]>), GpuError> {
        let inside = rows.start - tile.rows.start..rows.end - tile.rows.start;
        let (code, bytes) = coded(tile.weight.rows(inside, tile.n), "the weight")?;
        if self.stride == self.n {
            return Ok((code, bytes));
        }
        let size = bytes.len() / (rows.len() * self.n);
        let mut padded = vec![0; rows.len() * self.stride * size];
        for (to, from) in padded.chunks_exact_mut(self.stride * size).zip(bytes.chunks_exact(self.n * size)) {
            to[..from.len()].copy_from_slice(from);
        }
        Ok((code, padded.into()))
    }
}
