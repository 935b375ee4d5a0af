//! Adapter arithmetic on the GPU: Gram matrices of factors, dense tiles of ΔW, merging into tiles of a checkpoint.
//!
//! One code, native (Vulkan, Metal, DX12) and in the browser (WebGPU, `wasm32`). Everything fits WebGPU's default limits. Numbers are
//! decoded from bf16, f16 and both 8-bit types inside the shader, sums are f32 in blocks, rounding on the way out is to nearest, ties to
//! even, in integer arithmetic, so that it does not depend on the driver. Problems of r×r (eigenvalues, small SVD) stay on the CPU in f64.
//!
//! [`Backend`] has two implementations that answer the same within the tolerances stated at its methods: [`Cpu`] and [`Gpu`].
//! [`choose`] measures both and says which to use and why; [`Chosen`] computes there and lets the CPU step in where the device fails.
//!
//! Notation: ΔW = s·B·A with A r×n and B m×r, row-major. For convolutions n = in·kh·kw.
//!
//! Futures of this crate are meant for one thread. Natively they block inside: call [`wait`] on a thread that may. In the browser await them.

mod backend;
#[cfg(not(target_arch = "wasm32"))]
mod baking;
mod choose;
mod chosen;
mod cpu;
mod error;
mod factors;
mod gpu;
mod held;

pub use backend::{About, Backend, Tile};
pub use choose::{Choice, Measured, Side, Task, Workload, choose};
pub use chosen::Chosen;
pub use cpu::Cpu;
pub use error::GpuError;
pub use factors::{Joint, LowRank, Stored};
pub use gpu::{Gpu, Which};
pub use held::Held;

/// Runs a future of this crate to its end on this thread.
#[cfg(not(target_arch = "wasm32"))]
pub fn wait<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(future)
}
