//! Arithmetic on the processor, on row-major slices of f32: pictures as batch × height × width × channels, sequences as batch × tokens × width.
//!
//! One idea carries all of it: weights are packed once into strips of 16 columns ([`Packed`]), and a register tile of a few rows by a few
//! strips is filled by walking along the depth. A convolution is the same walk with the rows of each tap found by their offset, so no patch
//! matrix is ever built; attention is the same walk twice per block of keys.
//!
//! Every sum has one fixed order that depends on shapes alone. So results have the same bits whatever the number of threads.

mod act;
mod attention;
mod conv;
mod gemm;
mod norm;
mod split;

pub use act::{Activation, activate, geglu};
pub use attention::{Attention, Mask, attention};
pub use conv::{Conv, conv};
pub use gemm::{Packed, linear};
pub use norm::{GroupNorm, group_norm, layer_norm, rms_norm};
pub use split::{alone, threads};
