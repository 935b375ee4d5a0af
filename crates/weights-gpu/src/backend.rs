//! What both sides can do.

use std::future::Future;
use std::ops::Range;

use weft_weights::dtype::Dtype;
use weft_weights::progress::Progress;

use crate::error::GpuError;
use crate::factors::{Joint, LowRank, Stored};

/// Who computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Name for people: "NVIDIA H100", "llvmpipe (LLVM 15, 256 bits)", "CPU".
    pub name: String,
    /// Through which interface: "Vulkan", "Metal", "Dx12", "BrowserWebGpu"; empty for the CPU itself.
    pub api: String,
    /// Driver and its version, where it says so.
    pub driver: String,
    /// True for a renderer in software (lavapipe, SwiftShader, WARP): it runs on the CPU and is never chosen by itself.
    pub software: bool,
}

/// Rows of a stored weight.
#[derive(Debug, Clone)]
pub struct Tile<'a> {
    /// Which rows of the whole weight these are.
    pub rows: Range<usize>,
    /// Columns of the weight.
    pub n: usize,
    /// Their values, row-major, `rows.len()`×`n`.
    pub weight: Stored<'a>,
}

/// The arithmetic. Inputs that are NaN or infinite are errors on both sides, since a shader may take them for anything.
pub trait Backend {
    /// Who computes.
    fn about(&self) -> About;

    /// For each group the joint Gram matrices of its members, which all change the same weight: R×R with R = Σ ranks, over the columns of
    /// the Bs (within the rows that two members share) and the rows of the As. Scales are left out: see [`Joint::inner`].
    ///
    /// Every entry is within 1e-5·√(G_ii·G_jj) of the exact value for up to 2²⁰ summands.
    ///
    /// # Errors
    /// [`GpuError`]; nothing is half done.
    fn gram(&self, groups: &[Vec<LowRank<'_>>], progress: &dyn Progress) -> impl Future<Output = Result<Vec<Joint>, GpuError>>;

    /// Writes the rows `rows` of ΔW = scale·B·A into `out`, row-major, `rows.len()`×n. Relative Frobenius error below 1e-5 (ranks up to
    /// 4096), typically 1e-7.
    ///
    /// # Errors
    /// [`GpuError`]; `out` is then undefined.
    fn product_rows(&self, change: &LowRank<'_>, rows: Range<usize>, out: &mut [f32]) -> impl Future<Output = Result<(), GpuError>>;

    /// W + Σ scale·B·A for the rows of `tile`, summed in f32 and rounded once to `dtype` (F32, BF16, F16 or F8_E4M3, to nearest, ties
    /// to even), appended to `out`. Two backends may differ by one unit in the last place where a sum falls next to a tie.
    ///
    /// # Errors
    /// [`GpuError`]; `out` is then as it was.
    fn merge_tile(
        &self,
        tile: &Tile<'_>,
        changes: &[LowRank<'_>],
        dtype: Dtype,
        out: &mut Vec<u8>,
    ) -> impl Future<Output = Result<(), GpuError>>;
}

impl Tile<'_> {
    /// Checks the sizes against each other.
    pub(crate) fn check(&self, changes: &[LowRank<'_>], dtype: Dtype) -> Result<(), GpuError> {
        self.weight.check(self.rows.len(), self.n, "the weight")?;
        if !matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F8E4M3) {
            return Err(GpuError::Dtype(dtype));
        }
        for change in changes {
            change.check()?;
            if change.n != self.n {
                return Err(GpuError::Shape(format!("a change of {} columns does not fit a weight of {}", change.n, self.n)));
            }
        }
        Ok(())
    }
}
