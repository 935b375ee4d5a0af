//! The side that measured faster, with the CPU behind it.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use weft_weights::dtype::Dtype;
use weft_weights::progress::Progress;

use crate::backend::{About, Backend, Tile};
use crate::choose::{Choice, Side, Workload, choose};
use crate::cpu::Cpu;
use crate::error::GpuError;
use crate::factors::{Joint, LowRank};
use crate::gpu::{Gpu, Which};

/// Computes on the side that [`choose`] picked. Where the GPU fails in the middle (memory, reset, driver) the call is repeated on the
/// CPU, and [`Chosen::says`] tells so.
#[derive(Debug)]
pub struct Chosen<G = Gpu> {
    gpu: Option<G>,
    choice: Choice,
    failed: Mutex<Option<GpuError>>,
}

impl Chosen<Gpu> {
    /// Opens the fastest device and measures it on work like `workload`: once per process. `clock` as in [`choose`].
    pub async fn open(workload: &Workload, clock: &dyn Fn() -> Duration) -> Self {
        let gpu = Gpu::open(Which::Fastest).await;
        let choice = choose(&Cpu, gpu.as_ref(), workload, clock).await;
        Self::new(gpu.ok(), choice)
    }
}

impl<G: Backend> Chosen<G> {
    /// With a device and a choice made before; a choice for the CPU lets the device go.
    #[must_use]
    pub fn new(gpu: Option<G>, choice: Choice) -> Self {
        Self { gpu: gpu.filter(|_| choice.side == Side::Gpu), choice, failed: Mutex::default() }
    }

    /// What was measured and picked.
    #[must_use]
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// Who computes and why, for people; with the first failure where the CPU had to step in.
    #[must_use]
    pub fn says(&self) -> String {
        match &*self.failed.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => format!("{}. Then the CPU stepped in: {error}", self.choice.reason),
            None => self.choice.reason.clone(),
        }
    }

    /// None where the CPU is to do the work.
    fn or_cpu<T>(&self, outcome: Result<T, GpuError>) -> Option<Result<T, GpuError>> {
        match outcome {
            Err(error) if error.try_cpu() => {
                self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                None
            }
            other => Some(other),
        }
    }
}

impl<G: Backend> Backend for Chosen<G> {
    fn about(&self) -> About {
        self.gpu.as_ref().map_or_else(|| Cpu.about(), Backend::about)
    }

    async fn gram(&self, groups: &[Vec<LowRank<'_>>], progress: &dyn Progress) -> Result<Vec<Joint>, GpuError> {
        if let Some(gpu) = &self.gpu
            && let Some(done) = self.or_cpu(gpu.gram(groups, progress).await)
        {
            return done;
        }
        Cpu.gram(groups, progress).await
    }

    async fn product_rows(&self, change: &LowRank<'_>, rows: Range<usize>, out: &mut [f32]) -> Result<(), GpuError> {
        if let Some(gpu) = &self.gpu
            && let Some(done) = self.or_cpu(gpu.product_rows(change, rows.clone(), out).await)
        {
            return done;
        }
        Cpu.product_rows(change, rows, out).await
    }

    async fn merge_tile(&self, tile: &Tile<'_>, changes: &[LowRank<'_>], dtype: Dtype, out: &mut Vec<u8>) -> Result<(), GpuError> {
        if let Some(gpu) = &self.gpu
            && let Some(done) = self.or_cpu(gpu.merge_tile(tile, changes, dtype, out).await)
        {
            return done;
        }
        Cpu.merge_tile(tile, changes, dtype, out).await
    }
}
