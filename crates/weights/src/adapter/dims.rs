//! Shapes of factors seen as matrices, and whether they fit together.

use crate::header::{Header, TensorInfo};
use crate::text::shown;

/// A factor seen as rows × (inner · kernel).
pub(super) struct Matrix {
    pub(super) rows: usize,
    pub(super) inner: usize,
    pub(super) cols: usize,
    pub(super) kernel: Option<(usize, usize)>,
}

impl Matrix {
    pub(super) fn taps(&self) -> usize {
        self.kernel.map_or(1, |(h, w)| h * w)
    }
}

pub(super) fn matrix(header: &Header, tensor: usize) -> Result<Matrix, String> {
    let info = &header.tensors[tensor];
    let wrong = |what: &str| Err(format!("{} {what}", shown(&info.name)));
    if !info.dtype.is_float() {
        return wrong(&format!("holds {} numbers, not floating ones", info.dtype));
    }
    let (rows, inner, kernel) = match info.shape.as_slice() {
        [r, i] => (*r, *i, None),
        [r, i, k] => (*r, *i, Some((1, *k))),
        [r, i, h, w] => (*r, *i, Some((*h, *w))),
        [r, i, d, h, w] => (*r, *i, Some((d * h, *w))),
        shape => return wrong(&format!("has {} dimensions, a factor has 2 to 5", shape.len())),
    };
    if info.elements() == 0 {
        return wrong("is empty");
    }
    Ok(Matrix { rows, inner, cols: info.elements() / rows, kernel })
}

/// Dimensions of a product of two factors, with a Tucker core between them or without.
pub(super) struct Dims {
    pub(super) out_dim: usize,
    pub(super) in_dim: usize,
    pub(super) kernel: Option<(usize, usize)>,
    pub(super) rank: usize,
    pub(super) width: usize,
}

/// Without a core a is [out, r] and b [r, in·k]; with one t is [r, r, k…], a is [r, out] and b [r, in].
pub(super) fn side_dims(header: &Header, a: usize, b: usize, t: Option<usize>) -> Result<Dims, String> {
    let (left, right) = (matrix(header, a)?, matrix(header, b)?);
    let Some(t) = t else {
        if left.cols != right.rows {
            return Err(mismatch(header, &[a, b]));
        }
        return Ok(Dims { out_dim: left.rows, in_dim: right.cols, kernel: right.kernel, rank: right.rows, width: right.inner });
    };
    let core = matrix(header, t)?;
    if core.rows != left.rows || core.inner != right.rows || left.taps() * right.taps() != 1 {
        return Err(mismatch(header, &[t, a, b]));
    }
    let in_dim = right.cols.checked_mul(core.taps()).ok_or("its size overflows")?;
    Ok(Dims { out_dim: left.cols, in_dim, kernel: core.kernel, rank: core.rows, width: right.cols })
}

pub(super) fn mismatch(header: &Header, tensors: &[usize]) -> String {
    let one = |i: &usize| {
        let TensorInfo { name, shape, .. } = &header.tensors[*i];
        format!("{} is {shape:?}", shown(name))
    };
    format!("its factors do not fit together: {}", tensors.iter().map(one).collect::<Vec<_>>().join(", "))
}
