//! CPU or GPU: measured on work like the work to come.

use std::time::Duration;

use weft_weights::dtype::{Dtype, encode_f32};
use weft_weights::progress::Silent;

use crate::backend::{Backend, Tile};
use crate::error::GpuError;
use crate::factors::{LowRank, Stored};

/// The GPU must be so many times as fast: less is not worth its memory and its start.
const MARGIN: f64 = 1.2;
/// Groups of a probe of Gram matrices.
const GROUPS: usize = 6;
/// Values of a probe's weight tile: enough to feel the transfer, little enough to take a moment.
const VALUES: usize = 3 << 20;
/// Largest side of a probe's matrices.
const SIDE: usize = 21_504;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// Gram matrices of pairs of adapters.
    Gram,
    /// Dense ΔW.
    Product,
    /// Merging into a checkpoint.
    Merge,
}

/// A typical module of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Workload {
    /// What is to be done with it.
    pub task: Task,
    /// Rows of the weight.
    pub m: usize,
    /// Columns of the weight.
    pub n: usize,
    /// Rank of the factors.
    pub rank: usize,
    /// Stored type of factors and weight: F32, BF16, F16 or F8_E4M3.
    pub dtype: Dtype,
}

/// Which side computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// [`crate::Cpu`].
    Cpu,
    /// [`crate::Gpu`].
    Gpu,
}

/// Times for the same probe, copies to and from the device included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// On the CPU.
    pub cpu: Duration,
    /// On the GPU.
    pub gpu: Duration,
}

/// Who computes, and why, in a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The side to use.
    pub side: Side,
    /// The reason, with the device's name and the figures.
    pub reason: String,
    /// What was measured; None where there was nothing to measure.
    pub measured: Option<Measured>,
}

/// Runs a small probe of `workload` on both sides and picks the faster. A renderer in software is never picked, and so not measured: its probe
/// would take seconds.
///
/// `clock` tells the time since any fixed moment (this crate has no clock of its own). Takes some tens of milliseconds: keep the answer
/// for the life of the process.
pub async fn choose<C: Backend, G: Backend>(
    cpu: &C,
    gpu: Result<&G, &GpuError>,
    workload: &Workload,
    clock: &dyn Fn() -> Duration,
) -> Choice {
    let on_cpu = |reason: String, measured| Choice { side: Side::Cpu, reason, measured };
    let gpu = match gpu {
        Ok(gpu) => gpu,
        Err(error) => return on_cpu(format!("CPU: {error}"), None),
    };
    let about = gpu.about();
    if about.software {
        return on_cpu(format!("CPU: {} is a renderer in software, itself run by the CPU", about.name), None);
    }
    let Some(probe) = Probe::of(workload) else {
        return on_cpu("CPU: no probe for this kind of work".into(), None);
    };
    let times = match (probe.time(cpu, clock).await, probe.time(gpu, clock).await) {
        (Ok(cpu), Ok(gpu)) => Measured { cpu, gpu },
        (_, Err(error)) | (Err(error), _) => return on_cpu(format!("CPU: {} failed the probe: {error}", about.name), None),
    };
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let figures = format!("probe {:.1} ms on the CPU, {:.1} ms on {}", ms(times.cpu), ms(times.gpu), about.name);
    if times.gpu.as_secs_f64() * MARGIN <= times.cpu.as_secs_f64() {
        return Choice { side: Side::Gpu, reason: format!("{} through {}: {figures}", about.name, about.api), measured: Some(times) };
    }
    on_cpu(format!("CPU: the GPU is not clearly faster ({figures})"), Some(times))
}

/// Made-up factors of the workload's shape.
#[derive(Debug)]
struct Probe {
    task: Task,
    m: usize,
    n: usize,
    rank: usize,
    dtype: Dtype,
    b: Vec<u8>,
    a: Vec<u8>,
    weight: Vec<u8>,
}

impl Probe {
    fn of(workload: &Workload) -> Option<Self> {
        let (n, rank) = (workload.n.clamp(1, SIDE), workload.rank.clamp(1, 512));
        let tall = workload.m.clamp(1, SIDE);
        let m = if workload.task == Task::Gram { tall } else { tall.min((VALUES / n).max(1)) };
        let weight = if workload.task == Task::Merge { m * n } else { 0 };
        let dtype = workload.dtype;
        let (b, a, weight) = (stored(dtype, m * rank)?, stored(dtype, rank * n)?, stored(dtype, weight)?);
        Some(Self { task: workload.task, m, n, rank, dtype, b, a, weight })
    }

    /// The better of two runs, after one that warms up.
    async fn time<B: Backend>(&self, backend: &B, clock: &dyn Fn() -> Duration) -> Result<Duration, GpuError> {
        self.run(backend).await?;
        let mut best = Duration::MAX;
        for _ in 0..2 {
            let begun = clock();
            self.run(backend).await?;
            best = best.min(clock().saturating_sub(begun));
        }
        Ok(best)
    }

    async fn run<B: Backend>(&self, backend: &B) -> Result<(), GpuError> {
        let stored = |bytes| Stored { dtype: self.dtype, bytes };
        let change = LowRank { m: self.m, n: self.n, rank: self.rank, row0: 0, b: stored(&self.b), a: stored(&self.a), scale: 0.5 };
        match self.task {
            Task::Gram => backend.gram(&vec![vec![change; 2]; GROUPS], &Silent).await.map(drop),
            Task::Product => backend.product_rows(&change, 0..self.m, &mut vec![0.0; self.m * self.n]).await,
            Task::Merge => {
                let tile = Tile { rows: 0..self.m, n: self.n, weight: stored(&self.weight) };
                backend.merge_tile(&tile, &[change], self.dtype, &mut Vec::new()).await
            }
        }
    }
}

/// Small numbers of both signs; None for a type that is not written.
fn stored(dtype: Dtype, count: usize) -> Option<Vec<u8>> {
    let values: Vec<f32> = (0..count).map(|i| ((i.wrapping_mul(2_654_435_761) >> 7) % 255) as f32 / 128.0 - 1.0).collect();
    let mut bytes = Vec::new();
    encode_f32(dtype, &values, &mut bytes).ok()?;
    Some(bytes)
}
