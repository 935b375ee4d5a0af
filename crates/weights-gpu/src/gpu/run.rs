//! Buffers, dispatches and answers.

use std::sync::{Mutex, PoisonError};

use futures::channel::oneshot;
use wgpu::{BindGroupDescriptor, BindGroupEntry, Buffer, BufferDescriptor, BufferUsages, CommandEncoder, ComputePipeline};

use super::{Gpu, scoped};
use crate::error::GpuError;

/// What a kernel reads and writes.
pub(super) const STORAGE: BufferUsages = BufferUsages::STORAGE.union(BufferUsages::COPY_DST).union(BufferUsages::COPY_SRC);
/// The few numbers a kernel gets with every dispatch.
pub(super) const UNIFORM: BufferUsages = BufferUsages::UNIFORM.union(BufferUsages::COPY_DST);
/// What the CPU reads back.
pub(super) const ANSWER: BufferUsages = BufferUsages::MAP_READ.union(BufferUsages::COPY_DST);

/// Seconds after which a device that does not answer is given up.
#[cfg(not(target_arch = "wasm32"))]
const PATIENCE: u64 = 120;

/// Bytes that idle buffers may hold.
const IDLE_LIMIT: u64 = 384 << 20;

/// Workgroups in one row of a dispatch; WebGPU allows 65,535.
const WIDTH: u32 = 32_768;

/// Buffers to use again: making one costs more than a small kernel.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<Buffer>>);

impl Pool {
    fn take(&self, usage: BufferUsages, size: u64) -> Option<Buffer> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |b: &Buffer| b.usage() == usage && b.size() >= size && b.size() <= size.saturating_mul(4);
        let at = idle.iter().position(fits)?;
        Some(idle.swap_remove(at))
    }

    fn give(&self, buffer: Buffer) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.iter().map(Buffer::size).sum::<u64>() + buffer.size() <= IDLE_LIMIT {
            idle.push(buffer);
        }
    }
}

/// Work on its way: the buffers it uses and the one its answer comes in.
#[derive(Debug)]
pub(super) struct Pending {
    used: Vec<Buffer>,
    answer: Buffer,
    bytes: u64,
    arrived: oneshot::Receiver<Result<(), wgpu::BufferAsyncError>>,
    #[cfg(not(target_arch = "wasm32"))]
    submission: wgpu::SubmissionIndex,
}

/// Buffers being filled.
#[derive(Debug)]
pub(super) struct Uploads<'g> {
    gpu: &'g Gpu,
    used: Vec<Buffer>,
}

impl Uploads<'_> {
    /// A buffer of at least `bytes`.
    pub(super) fn buffer(&mut self, usage: BufferUsages, bytes: usize) -> Buffer {
        // A list cannot be bound with less room than one entry takes.
        let size = (bytes.max(64) as u64).next_multiple_of(16);
        let buffer = self.gpu.pool.take(usage, size).unwrap_or_else(|| {
            let size = size.checked_next_power_of_two().unwrap_or(size).min(self.gpu.limits.max_storage_buffer_binding_size).max(size);
            self.gpu.device.create_buffer(&BufferDescriptor { label: Some("weft"), size, usage, mapped_at_creation: false })
        });
        self.used.push(buffer.clone());
        buffer
    }

    /// A buffer of `bytes` (a multiple of 4) that `fill` writes.
    pub(super) fn upload(&mut self, usage: BufferUsages, bytes: usize, fill: impl FnOnce(&mut wgpu::QueueWriteBufferView)) -> Buffer {
        let buffer = self.buffer(usage, bytes);
        // None for no bytes, and where the scope around has an error to tell.
        let view = wgpu::BufferSize::new(bytes as u64).and_then(|size| self.gpu.queue.write_buffer_with(&buffer, 0, size));
        if let Some(mut view) = view {
            fill(&mut view);
        }
        buffer
    }

    /// A buffer with these values.
    pub(super) fn values<T: bytemuck::NoUninit>(&mut self, usage: BufferUsages, values: &[T]) -> Buffer {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        self.upload(usage, bytes.len(), |view| view.copy_from_slice(bytes))
    }
}

/// Commands being written down for one submission.
#[derive(Debug)]
pub(super) struct Work<'g> {
    pub(super) up: Uploads<'g>,
    encoder: CommandEncoder,
}

impl Work<'_> {
    /// One run of a kernel over x×y workgroups.
    pub(super) fn dispatch(&mut self, kernel: &ComputePipeline, buffers: &[&Buffer], (x, y): (u32, u32)) {
        let entries: Vec<BindGroupEntry<'_>> =
            buffers.iter().zip(0..).map(|(buffer, binding)| BindGroupEntry { binding, resource: buffer.as_entire_binding() }).collect();
        let layout = kernel.get_bind_group_layout(0);
        let group = self.up.gpu.device.create_bind_group(&BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
        let mut pass = self.encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(kernel);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(x, y, 1);
    }

    fn submit(mut self, from: &Buffer, bytes: u64) -> Pending {
        let answer = self.up.buffer(ANSWER, bytes as usize);
        self.up.used.pop();
        self.encoder.copy_buffer_to_buffer(from, 0, &answer, 0, bytes);
        let submission = self.up.gpu.queue.submit([self.encoder.finish()]);
        let (tell, arrived) = oneshot::channel();
        answer.slice(..bytes).map_async(wgpu::MapMode::Read, move |outcome| {
            // Nobody listens any more when the work was given up.
            let _unheard = tell.send(outcome);
        });
        #[cfg(target_arch = "wasm32")]
        let _index = submission;
        Pending {
            used: self.up.used,
            answer,
            bytes,
            arrived,
            #[cfg(not(target_arch = "wasm32"))]
            submission,
        }
    }
}

/// Count and width of a dispatch of `count` workgroups folded into rows, as the kernels take them.
pub(super) fn fold(count: usize) -> ([u32; 4], (u32, u32)) {
    let count = count as u32;
    let width = count.clamp(1, WIDTH);
    ([count, width, 0, 0], (width, count.div_ceil(width)))
}

impl Gpu {
    /// Fills buffers that several submissions read, and gives them back together with what `fill` returns.
    pub(super) async fn share<T>(&self, fill: impl FnOnce(&mut Uploads<'_>) -> T) -> Result<(T, Vec<Buffer>), GpuError> {
        self.usable()?;
        scoped(&self.device, || {
            let mut up = Uploads { gpu: self, used: Vec::new() };
            let filled = fill(&mut up);
            (filled, up.used)
        })
        .await
    }

    /// Keeps buffers that no submission reads any more for the next one.
    pub(super) fn done_with(&self, buffers: Vec<Buffer>) {
        buffers.into_iter().for_each(|buffer| self.pool.give(buffer));
    }

    /// Writes down work, sends it off and asks for the first `bytes` of the buffer that `write` returns.
    pub(super) async fn start(&self, bytes: usize, write: impl FnOnce(&mut Work<'_>) -> Buffer) -> Result<Pending, GpuError> {
        self.usable()?;
        let pending = scoped(&self.device, || {
            let encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let mut work = Work { up: Uploads { gpu: self, used: Vec::new() }, encoder };
            let result = write(&mut work);
            work.submit(&result, bytes.next_multiple_of(4) as u64)
        })
        .await?;
        self.usable()?;
        Ok(pending)
    }

    /// Waits for the answer and hands its bytes to `take`.
    pub(super) async fn finish<T>(&self, pending: Pending, take: impl FnOnce(&[u8]) -> T) -> Result<T, GpuError> {
        #[cfg(not(target_arch = "wasm32"))]
        self.poll(&pending)?;
        match pending.arrived.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.fault.get().unwrap_or_else(|| GpuError::Lost(error.to_string()))),
            Err(_) => return Err(self.fault.get().unwrap_or_else(|| GpuError::Lost("it dropped the work".into()))),
        }
        let view = pending.answer.slice(..pending.bytes).get_mapped_range().map_err(|e| GpuError::Refused(e.to_string()))?;
        let taken = take(&view);
        drop(view);
        pending.answer.unmap();
        self.done_with(pending.used);
        self.pool.give(pending.answer);
        // A device lost in between may hand out zeros.
        self.usable()?;
        Ok(taken)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn poll(&self, pending: &Pending) -> Result<(), GpuError> {
        let timeout = Some(std::time::Duration::from_secs(PATIENCE));
        match self.device.poll(wgpu::PollType::Wait { submission_index: Some(pending.submission.clone()), timeout }) {
            Ok(_) => Ok(()),
            Err(wgpu::PollError::Timeout) => Err(GpuError::Timeout(PATIENCE)),
            Err(error) => Err(self.fault.get().unwrap_or_else(|| GpuError::Lost(error.to_string()))),
        }
    }
}
