//! Factors as they lie in a file, and the Gram matrices of several.

use std::ops::Range;

use weft_weights::dtype::Dtype;

use crate::error::GpuError;

/// Values as a file stores them: little-endian, row-major.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// Number type: any floating type. F64 is rounded to f32 on the GPU.
    pub dtype: Dtype,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// ΔW = scale·B·A.
#[derive(Debug, Clone, Copy)]
pub struct LowRank<'a> {
    /// Rows of B.
    pub m: usize,
    /// Columns of A.
    pub n: usize,
    /// Columns of B, rows of A.
    pub rank: usize,
    /// First row of the weight that B covers: not 0 for one leaf of a fused weight (q, k or v of qkv).
    pub row0: usize,
    /// m×rank.
    pub b: Stored<'a>,
    /// rank×n.
    pub a: Stored<'a>,
    /// alpha/rank of the file times the strength of the user.
    pub scale: f64,
}

impl<'a> Stored<'a> {
    /// Values in memory.
    #[must_use]
    pub fn of(values: &'a [f32]) -> Self {
        Self { dtype: Dtype::F32, bytes: bytemuck::cast_slice(values) }
    }

    /// Errors unless these are rows×cols values of a floating type.
    pub(crate) fn check(&self, rows: usize, cols: usize, what: &'static str) -> Result<(), GpuError> {
        if !self.dtype.is_float() {
            return Err(GpuError::Dtype(self.dtype));
        }
        let bytes = rows.checked_mul(cols).and_then(|count| count.checked_mul(self.dtype.size()));
        if bytes == Some(self.bytes.len()) && rows > 0 && cols > 0 {
            return Ok(());
        }
        let (dtype, len) = (self.dtype, self.bytes.len());
        Err(GpuError::Shape(format!("{what}: {len} bytes are not {rows}×{cols} values of {dtype}")))
    }

    /// The rows `rows` of a matrix with `cols` columns; the caller has checked the sizes.
    pub(crate) fn rows(&self, rows: Range<usize>, cols: usize) -> Self {
        let row = cols * self.dtype.size();
        Self { dtype: self.dtype, bytes: &self.bytes[rows.start * row..rows.end * row] }
    }
}

impl LowRank<'_> {
    pub(crate) fn check(&self) -> Result<(), GpuError> {
        self.b.check(self.m, self.rank, "B")?;
        self.a.check(self.rank, self.n, "A")?;
        if self.row0.checked_add(self.m).is_none() {
            return Err(GpuError::Shape("the rows of B lie outside of any weight".into()));
        }
        Ok(())
    }

    /// Rows of the weight that B covers.
    pub(crate) fn window(&self) -> Range<usize> {
        self.row0..self.row0 + self.m
    }

    /// The rows of the weight that this and `rows` share; empty ranges where there is none.
    pub(crate) fn shared(&self, rows: &Range<usize>) -> Range<usize> {
        let start = self.row0.max(rows.start);
        start..(self.row0 + self.m).min(rows.end).max(start)
    }
}

/// Checks that the members of a group can change the same weight.
pub(crate) fn check_group(group: &[LowRank<'_>]) -> Result<(), GpuError> {
    for member in group {
        member.check()?;
        if member.n != group[0].n {
            return Err(GpuError::Shape(format!("members of {} and {} columns do not change the same weight", group[0].n, member.n)));
        }
    }
    Ok(())
}

/// Gram matrices of a group of changes of one weight, R×R with R = Σ ranks, row-major, both triangles filled.
#[derive(Debug, Clone, PartialEq)]
pub struct Joint {
    /// Rank of each member, in order.
    pub ranks: Vec<usize>,
    /// Inner products of the columns of all Bs.
    pub b: Vec<f64>,
    /// Inner products of the rows of all As.
    pub a: Vec<f64>,
}

impl Joint {
    pub(crate) fn new(group: &[LowRank<'_>]) -> Self {
        let ranks: Vec<usize> = group.iter().map(|member| member.rank).collect();
        let size = ranks.iter().sum::<usize>();
        Self { ranks, b: vec![0.0; size * size], a: vec![0.0; size * size] }
    }

    /// R.
    #[must_use]
    pub fn size(&self) -> usize {
        self.ranks.iter().sum()
    }

    /// Where the components of member `i` stand.
    #[must_use]
    pub fn span(&self, i: usize) -> Range<usize> {
        let start = self.ranks[..i].iter().sum();
        start..start + self.ranks[i]
    }

    /// ⟨B_iA_i, B_jA_j⟩ = Σ (BᵢᵀBⱼ)∘(AᵢAⱼᵀ), without the scales of the members.
    #[must_use]
    pub fn inner(&self, i: usize, j: usize) -> f64 {
        let size = self.size();
        let row = |p: usize| self.span(j).map(move |q| (p, q));
        self.span(i).flat_map(row).map(|(p, q)| self.b[p * size + q] * self.a[p * size + q]).sum()
    }

    /// Writes one entry and its mirror image.
    pub(crate) fn set(&mut self, side: Factor, row: usize, col: usize, value: f64) {
        let size = self.size();
        let matrix = match side {
            Factor::B => &mut self.b,
            Factor::A => &mut self.a,
        };
        matrix[row * size + col] = value;
        matrix[col * size + row] = value;
    }
}

/// One of the two factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Factor {
    /// m×r: components are columns.
    B,
    /// r×n: components are rows.
    A,
}
