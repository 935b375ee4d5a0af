//! The device: opening it, its kernels, and what it says when something goes wrong.

mod apply;
mod gram;
mod kernels;
mod pack;
mod run;

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use weft_weights::dtype::Dtype;
use weft_weights::progress::Progress;
use wgpu::{Backends, DeviceType, ErrorFilter, PowerPreference};

use crate::backend::{About, Backend, Tile};
use crate::error::GpuError;
use crate::factors::{Joint, LowRank};
use kernels::Kernels;
use run::Pool;

/// Which device to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Which {
    /// The fastest there is, as the system ranks them.
    #[default]
    Fastest,
    /// A software renderer (lavapipe, SwiftShader, WARP): for tests.
    Software,
}

/// An open device with compiled kernels. Calls take turns on its queue.
#[derive(Debug)]
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    about: About,
    limits: wgpu::Limits,
    kernels: Kernels,
    pool: Pool,
    fault: Fault,
}

/// The first thing that went wrong outside of a call.
#[derive(Debug, Clone, Default)]
struct Fault(Arc<Mutex<Option<GpuError>>>);

impl Fault {
    fn set(&self, error: GpuError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    fn get(&self) -> Option<GpuError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Gpu {
    /// Opens a device and compiles the kernels, which takes a moment: do it once per process.
    ///
    /// # Errors
    /// [`GpuError::NoDevice`] where there is none, [`GpuError::Unfit`] below WebGPU's default limits.
    pub async fn open(which: Which) -> Result<Self, GpuError> {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = Backends::PRIMARY;
        let instance = wgpu::Instance::new(descriptor);
        let options = wgpu::RequestAdapterOptions {
            power_preference: PowerPreference::HighPerformance,
            force_fallback_adapter: which == Which::Software,
            ..wgpu::RequestAdapterOptions::default()
        };
        let adapter = instance.request_adapter(&options).await.map_err(|e| GpuError::NoDevice(e.to_string()))?;
        let about = about(&adapter.get_info());
        let limits = wgpu::Limits::default();
        let mut lacks = None;
        limits
            .check_limits_with_fail_fn(&adapter.limits(), true, |name, wanted, has| lacks = Some(format!("{name} is {has}, not {wanted}")));
        if let Some(why) = lacks {
            return Err(GpuError::Unfit { device: about.name, why });
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("weft"),
            required_limits: limits.clone(),
            memory_hints: wgpu::MemoryHints::Performance,
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|e| GpuError::NoDevice(e.to_string()))?;
        let fault = watch(&device);
        let kernels = scoped(&device, || Kernels::new(&device)).await?;
        Ok(Self { device, queue, about, limits, kernels, pool: Pool::default(), fault })
    }

    /// Gives the device up: every later call answers [`GpuError::Lost`].
    pub fn close(&self) {
        self.fault.set(GpuError::Lost("it was closed".into()));
        self.device.destroy();
    }

    /// Errors once the device is lost or a command failed outside of a call.
    fn usable(&self) -> Result<(), GpuError> {
        self.fault.get().map_or(Ok(()), Err)
    }
}

impl Backend for Gpu {
    fn about(&self) -> About {
        self.about.clone()
    }

    async fn gram(&self, groups: &[Vec<LowRank<'_>>], progress: &dyn Progress) -> Result<Vec<Joint>, GpuError> {
        gram::joints(self, groups, progress).await
    }

    async fn product_rows(&self, change: &LowRank<'_>, rows: Range<usize>, out: &mut [f32]) -> Result<(), GpuError> {
        apply::product_rows(self, change, rows, out).await
    }

    async fn merge_tile(&self, tile: &Tile<'_>, changes: &[LowRank<'_>], dtype: Dtype, out: &mut Vec<u8>) -> Result<(), GpuError> {
        apply::merge_tile(self, tile, changes, dtype, out).await
    }
}

/// Runs `work` and turns what the device objects to into an error. Without this wgpu panics.
async fn scoped<T>(device: &wgpu::Device, work: impl FnOnce() -> T) -> Result<T, GpuError> {
    let memory = device.push_error_scope(ErrorFilter::OutOfMemory);
    let internal = device.push_error_scope(ErrorFilter::Internal);
    let validation = device.push_error_scope(ErrorFilter::Validation);
    let done = work();
    // Scopes close in reverse order and at once; only the answers are awaited.
    let (validation, internal, memory) = (validation.pop(), internal.pop(), memory.pop());
    let errors = [memory.await, internal.await, validation.await];
    errors.into_iter().flatten().next().map_or(Ok(done), |error| Err(refused(&error)))
}

fn refused(error: &wgpu::Error) -> GpuError {
    match error {
        wgpu::Error::OutOfMemory { .. } => GpuError::OutOfMemory,
        other => GpuError::Refused(other.to_string()),
    }
}

fn watch(device: &wgpu::Device) -> Fault {
    let fault = Fault::default();
    let seen = fault.clone();
    device.set_device_lost_callback(move |_, message| seen.set(GpuError::Lost(message)));
    let seen = fault.clone();
    device.on_uncaptured_error(Arc::new(move |error| seen.set(refused(&error))));
    fault
}

fn about(info: &wgpu::AdapterInfo) -> About {
    // A browser tells no names, only whether it is a fallback.
    let unnamed = if info.backend == wgpu::Backend::BrowserWebGpu { "the browser's GPU" } else { "a GPU" };
    let name = if info.name.is_empty() { unnamed } else { &info.name }.to_owned();
    let known = ["llvmpipe", "lavapipe", "swiftshader", "basic render"];
    let software = info.device_type == DeviceType::Cpu || known.iter().any(|s| name.to_lowercase().contains(s));
    About { name, api: format!("{:?}", info.backend), driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(), software }
}
