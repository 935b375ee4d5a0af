//! Joint Gram matrices: many groups in one upload, one batch on the device while the next is packed.

use bytemuck::{Pod, Zeroable};
use weft_weights::progress::{Cancelled, Progress};

use super::Gpu;
use super::pack::{Packer, Place, packed};
use super::run::{Pending, STORAGE, UNIFORM, fold};
use crate::cpu;
use crate::error::GpuError;
use crate::factors::{Factor, Joint, LowRank, check_group};

/// Components per tile, as in `gram.wgsl`.
const TILE: usize = 16;
/// Summands per workgroup, as in `gram.wgsl`.
const SPAN: usize = 1024;
/// Sums of one tile.
const CELLS: usize = TILE * TILE;
/// Bytes of one upload: large enough to hide the cost of a submission, small enough for two of them to overlap.
const UPLOAD: usize = 32 << 20;
/// Workgroups of one batch: their sums fill half of the largest binding.
const ITEMS: usize = 1 << 16;
/// Squares below f32's smallest number count as zero on a GPU. Beneath this a diagonal entry may have lost more than 1e-6 of itself to
/// that (2²⁰ summands of 2⁻¹²⁶ against 2⁻⁸⁰), and its group is computed in f64.
const SMALLEST: f64 = 8.3e-25;

/// As in `gram.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct Job {
    x: u32,
    x_first: u32,
    y: u32,
    y_first: u32,
    x_code: u32,
    y_code: u32,
    x_rank: u32,
    y_rank: u32,
    depth: u32,
    columns: u32,
    unused: [u32; 2],
}

/// Where the sums of a tile belong.
#[derive(Debug)]
struct Slot {
    group: usize,
    side: Factor,
    row: usize,
    column: usize,
    rows: usize,
    columns: usize,
}

#[derive(Debug, Default)]
struct Batch<'a> {
    packer: Packer<'a>,
    jobs: Vec<Job>,
    items: Vec<[u32; 4]>,
    tiles: Vec<[u32; 2]>,
    slots: Vec<Slot>,
    groups: usize,
}

/// Two members of a group.
#[derive(Debug)]
struct Two<'p, 'a> {
    group: usize,
    numbers: (usize, usize),
    starts: (usize, usize),
    left: &'p LowRank<'a>,
    right: &'p LowRank<'a>,
}

pub(super) async fn joints(gpu: &Gpu, groups: &[Vec<LowRank<'_>>], progress: &dyn Progress) -> Result<Vec<Joint>, GpuError> {
    gpu.usable()?;
    let mut done: Vec<Joint> = Vec::with_capacity(groups.len());
    for group in groups {
        check_group(group)?;
        done.push(Joint::new(group));
    }
    let mut next = 0;
    let mut waiting: Option<(Pending, Vec<Slot>, usize)> = None;
    while next < groups.len() || waiting.is_some() {
        Cancelled::check(progress)?;
        let sent = if next < groups.len() { Some(send(gpu, groups, &mut next).await?) } else { None };
        if let Some((pending, slots, upto)) = waiting.take() {
            gpu.finish(pending, |bytes| place(&slots, bytes, &mut done)).await?;
            progress.step(upto as u64, groups.len() as u64, "comparing on the GPU");
        }
        waiting = sent;
    }
    for (group, joint) in groups.iter().zip(&mut done) {
        if !trusted(joint) {
            *joint = cpu::joint(group)?;
        }
    }
    Ok(done)
}

/// Packs as many groups as one batch takes, from `next` on, and sends them off.
async fn send(gpu: &Gpu, groups: &[Vec<LowRank<'_>>], next: &mut usize) -> Result<(Pending, Vec<Slot>, usize), GpuError> {
    let mut batch = Batch::default();
    while let Some(group) = groups.get(*next) {
        let (bytes, items) = cost(group);
        fits(gpu, bytes, items)?;
        if batch.groups > 0 && (batch.packer.bytes() + bytes > UPLOAD || batch.items.len() + items > ITEMS) {
            break;
        }
        batch.add(*next, group)?;
        *next += 1;
    }
    let bytes = batch.tiles.len() * CELLS * 4;
    let pending = gpu
        .start(bytes, |work| {
            let data = work.up.upload(STORAGE, batch.packer.bytes(), |view| batch.packer.write(view));
            let jobs = work.up.values(STORAGE, &batch.jobs);
            let items = work.up.values(STORAGE, &batch.items);
            let tiles = work.up.values(STORAGE, &batch.tiles);
            let sums = work.up.buffer(STORAGE, batch.items.len() * CELLS * 4);
            let totals = work.up.buffer(STORAGE, bytes);
            let (size, groups) = fold(batch.items.len());
            let size = work.up.values(UNIFORM, &size);
            work.dispatch(&gpu.kernels.gram, &[&data, &jobs, &items, &sums, &size], groups);
            let (size, groups) = fold(batch.tiles.len());
            let size = work.up.values(UNIFORM, &size);
            work.dispatch(&gpu.kernels.total, &[&sums, &tiles, &totals, &size], groups);
            totals
        })
        .await?;
    Ok((pending, batch.slots, *next))
}

/// Bytes to upload and workgroups of a group, both from above.
fn cost(group: &[LowRank<'_>]) -> (usize, usize) {
    let bytes = |one: &LowRank<'_>| packed(one.a) + packed(one.b);
    let tiles = |one: &LowRank<'_>| one.rank.div_ceil(TILE);
    let spans = group.iter().map(|one| one.m.div_ceil(SPAN) + one.n.div_ceil(SPAN)).max().unwrap_or(0);
    let all = group.iter().map(tiles).sum::<usize>();
    (group.iter().map(bytes).sum(), all.saturating_mul(all).saturating_mul(spans))
}

fn fits(gpu: &Gpu, bytes: usize, items: usize) -> Result<(), GpuError> {
    let limit = gpu.limits.max_storage_buffer_binding_size;
    for (what, bytes) in [("a group of factors", bytes as u64), ("the sums of a group", (items as u64).saturating_mul(CELLS as u64 * 4))] {
        if bytes > limit {
            return Err(GpuError::TooLarge { what, bytes, limit });
        }
    }
    Ok(())
}

impl<'a> Batch<'a> {
    fn add(&mut self, number: usize, group: &[LowRank<'a>]) -> Result<(), GpuError> {
        let mut places = Vec::with_capacity(group.len());
        for member in group {
            places.push((self.packer.add(member.b, "B")?, self.packer.add(member.a, "A")?));
        }
        let starts = |i: usize| group[..i].iter().map(|member| member.rank).sum::<usize>();
        for (i, left) in group.iter().enumerate() {
            for (j, right) in group.iter().enumerate().skip(i) {
                let two = Two { group: number, numbers: (i, j), starts: (starts(i), starts(j)), left, right };
                let depth = left.shared(&right.window());
                let firsts = (depth.start.saturating_sub(left.row0) * left.rank, depth.start.saturating_sub(right.row0) * right.rank);
                self.job(&two, Factor::B, (places[i].0, places[j].0), firsts, depth.len());
                self.job(&two, Factor::A, (places[i].1, places[j].1), (0, 0), left.n);
            }
        }
        self.groups += 1;
        Ok(())
    }

    /// Sizes fit 32 bits: a factor fits a binding of 128 MiB.
    fn job(&mut self, two: &Two<'_, '_>, side: Factor, (x, y): (Place, Place), firsts: (usize, usize), depth: usize) {
        let number = self.jobs.len() as u32;
        let (rows, columns) = (two.left.rank, two.right.rank);
        self.jobs.push(Job {
            x: x.word,
            x_first: firsts.0 as u32,
            y: y.word,
            y_first: firsts.1 as u32,
            x_code: x.code,
            y_code: y.code,
            x_rank: rows as u32,
            y_rank: columns as u32,
            depth: depth as u32,
            columns: if side == Factor::A { two.left.n as u32 } else { 0 },
            unused: [0; 2],
        });
        for ti in 0..rows.div_ceil(TILE) {
            // A member with itself is symmetric.
            let from = if two.numbers.0 == two.numbers.1 { ti } else { 0 };
            for tj in from..columns.div_ceil(TILE) {
                let spans = depth.div_ceil(SPAN);
                self.tiles.push([self.items.len() as u32, spans as u32]);
                self.items.extend((0..spans).map(|span| [number, span as u32, ti as u32, tj as u32]));
                self.slots.push(Slot {
                    group: two.group,
                    side,
                    row: two.starts.0 + ti * TILE,
                    column: two.starts.1 + tj * TILE,
                    rows: TILE.min(rows - ti * TILE),
                    columns: TILE.min(columns - tj * TILE),
                });
            }
        }
    }
}

/// Takes the sums apart. The answer is aligned as any mapped memory is.
fn place(slots: &[Slot], bytes: &[u8], done: &mut [Joint]) {
    for (slot, tile) in slots.iter().zip(bytes.as_chunks::<{ CELLS * 4 }>().0) {
        let cells = tile.as_chunks::<4>().0;
        for p in 0..slot.rows {
            for q in 0..slot.columns {
                let value = f64::from(f32::from_le_bytes(cells[p * TILE + q]));
                done[slot.group].set(slot.side, slot.row + p, slot.column + q, value);
            }
        }
    }
}

/// False where f32 ran out of range at either end.
fn trusted(joint: &Joint) -> bool {
    let size = joint.size();
    let diagonal = |g: &[f64]| (0..size).all(|i| g[i * size + i] >= SMALLEST);
    let all = |g: &[f64]| g.iter().all(|v| v.is_finite());
    diagonal(&joint.a) && diagonal(&joint.b) && all(&joint.a) && all(&joint.b)
}
