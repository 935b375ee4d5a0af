//! Values of a checkpoint's tensors as f32, a few rows at a time.

use super::names::{Name, Role};
use super::{Checkpoint, File, Piece, Tensor, matrix};
use crate::adapter::{Component, Target};
use crate::delta::{Base, Dense, transposed};
use crate::dtype::{Dtype, decode_f32};
use crate::header::TensorInfo;
use crate::linalg::par_join;
use crate::source::{ReadError, TensorSource};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Scales of 8-bit weights.
#[derive(Debug, Default)]
pub(super) struct Scales {
    /// Weight → its scale: one number, or one for each row.
    pub(super) of: HashMap<usize, usize>,
    /// Weights whose scale has another form.
    pub(super) unusable: HashSet<usize>,
}

/// Finds the scale beside each weight that has one.
pub(super) fn find_scales(files: &[File], tensors: &[Tensor], names: &[Name<'_>]) -> Scales {
    let info = |t: usize| &files[tensors[t].file].header.tensors[tensors[t].index];
    let with = |role: Role| names.iter().enumerate().filter(move |(_, n)| n.role == role);
    let weights: HashMap<(usize, &str), usize> = with(Role::Weight).map(|(t, n)| ((tensors[t].file, n.stem), t)).collect();
    let mut scales = Scales::default();
    for (scale, name) in with(Role::Scale) {
        let Some(&weight) = weights.get(&(tensors[scale].file, name.stem)) else { continue };
        let rows = matrix(info(weight)).map_or(0, |m| m.0);
        let count = info(scale).elements();
        if info(scale).dtype.is_float() && (count == 1 || count == rows) {
            scales.of.insert(weight, scale);
        } else {
            scales.unusable.insert(weight);
        }
    }
    scales
}

/// Reads rows of tensors into buffers that are used again.
#[derive(Debug, Default)]
pub struct Rows {
    bytes: Vec<u8>,
}

impl Rows {
    /// Values of `rows` of a tensor, row-major; `out` is overwritten. Scales of 8-bit weights are multiplied in.
    ///
    /// # Errors
    /// [`ReadError`] when the file is shorter than its header says, or fails.
    pub fn read(
        &mut self,
        checkpoint: &Checkpoint,
        tensor: usize,
        rows: Range<usize>,
        scale: &[f32],
        out: &mut Vec<f32>,
    ) -> Result<(), ReadError> {
        let info = checkpoint.info(tensor);
        let columns = matrix(info).map_or(0, |m| m.1);
        let row = (columns * info.dtype.size()) as u64;
        let (start, len) = (info.range.start + rows.start as u64 * row, rows.len() as u64 * row);
        let source = checkpoint.file_of(tensor).source.as_ref();
        out.clear();
        out.resize(rows.len() * columns, 0.0);
        let bytes = bytes(source, start, len, &mut self.bytes)?;
        // Lengths agree: both come from the shape, which the header has checked against the range.
        decode(info.dtype, bytes, out);
        match scale {
            [] => {}
            [one] => out.iter_mut().for_each(|v| *v *= one),
            many => out.chunks_exact_mut(columns.max(1)).zip(&many[rows]).for_each(|(r, s)| r.iter_mut().for_each(|v| *v *= s)),
        }
        Ok(())
    }
}

/// Decodes on two cores what is worth it. Lengths agree.
fn decode(dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
    const ALONE: usize = 1 << 19;
    if out.len() <= ALONE {
        let _ = decode_f32(dtype, bytes, out);
        return;
    }
    let middle = out.len() / 2;
    let (left, right) = out.split_at_mut(middle);
    let (first, second) = bytes.split_at(middle * dtype.size());
    par_join(|| decode(dtype, first, left), || decode(dtype, second, right));
}

/// Bytes of a range: from memory where they are, else read into `buffer`.
fn bytes<'a>(source: &'a dyn TensorSource, start: u64, len: u64, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], ReadError> {
    if let Some(slice) = source.slice(start, len) {
        return Ok(slice);
    }
    let size = usize::try_from(len).map_err(|_| ReadError::OutOfRange { offset: start, len, file_len: source.len() })?;
    buffer.resize(size.max(buffer.len()), 0);
    source.read_at(start, &mut buffer[..size])?;
    Ok(&buffer[..size])
}

impl Checkpoint {
    /// What the stored values of a tensor are multiplied by: nothing, one number, or one for each row.
    ///
    /// # Errors
    /// [`ReadError`] when the file cannot be read.
    pub fn scales(&self, tensor: usize) -> Result<Vec<f32>, ReadError> {
        let Some(scale) = self.scale_of(tensor) else { return Ok(Vec::new()) };
        let info: &TensorInfo = self.info(scale);
        let mut out = vec![0.0; info.elements()];
        let mut buffer = Vec::new();
        let bytes = bytes(self.file_of(scale).source.as_ref(), info.range.start, info.byte_len(), &mut buffer)?;
        let _ = decode_f32(info.dtype, bytes, &mut out);
        Ok(out)
    }

    /// A whole canonical weight, its pieces put together: row-major rows × columns. None where there is none, or rows are missing.
    ///
    /// # Errors
    /// [`ReadError`] when a file cannot be read.
    pub fn weight_at(&self, component: Component, path: &str, rows: Option<Range<usize>>) -> Result<Option<Matrix>, ReadError> {
        let Some((total, columns)) = self.places().shape(component, path) else { return Ok(None) };
        let rows = rows.unwrap_or(0..total);
        if rows.end > total || rows.start >= rows.end {
            return Ok(None);
        }
        let (pieces, mut reader, mut values) = (self.places().pieces(component, path), Rows::default(), Vec::new());
        if let [piece] = pieces
            && (piece.target_row, piece.rows) == (rows.start, rows.len())
        {
            // The usual case: a tensor of its own, and no copy of what may be hundreds of megabytes.
            self.piece(piece, columns, &mut reader, &mut values)?;
            return Ok(Some(Matrix { rows: rows.len(), columns, values }));
        }
        let mut out = vec![0.0; rows.len() * columns];
        for piece in pieces {
            self.piece(piece, columns, &mut reader, &mut values)?;
            copy(&values, piece, &rows, columns, &mut out);
        }
        Ok(Some(Matrix { rows: rows.len(), columns, values: out }))
    }

    /// The values of a piece in the order of the canonical weight, row-major.
    fn piece(&self, piece: &Piece, columns: usize, reader: &mut Rows, values: &mut Vec<f32>) -> Result<(), ReadError> {
        let scale = self.scales(piece.tensor)?;
        if piece.transposed {
            reader.read(self, piece.tensor, 0..columns, &scale, values)?;
            *values = transposed(values, columns, piece.rows);
            return Ok(());
        }
        // A third of a fused tensor is read alone.
        reader.read(self, piece.tensor, piece.tensor_row..piece.tensor_row + piece.rows, &scale, values)?;
        if piece.swapped {
            values.rotate_left(piece.rows / 2 * columns);
        }
        Ok(())
    }
}

/// Row-major values of a weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f32>,
}

/// Copies the rows of a piece that lie in `rows` to their place in `out`.
fn copy(values: &[f32], piece: &Piece, rows: &Range<usize>, columns: usize, out: &mut [f32]) {
    let (start, end) = (piece.target_row.max(rows.start), (piece.target_row + piece.rows).min(rows.end));
    if start < end {
        let from = (start - piece.target_row) * columns;
        let len = (end - start) * columns;
        out[(start - rows.start) * columns..][..len].copy_from_slice(&values[from..from + len]);
    }
}

/// The values of this checkpoint for the kinds that depend on them.
impl Base for Checkpoint {
    fn weight(&self, target: &Target, m: usize, n: usize) -> Result<Option<Dense>, ReadError> {
        let rows = target.rows.map(|(first, rows)| first..first.saturating_add(rows));
        let found = self.weight_at(target.component, &target.path, rows)?;
        // A weight of another shape is not the one that was meant; 0 stands for a dimension that the adapter does not tell.
        let fits = |w: &Matrix| (m == 0 || m == w.rows) && (n == 0 || n == w.columns);
        Ok(found.filter(fits).map(|w| Dense { m: w.rows, n: w.columns, values: w.values }))
    }
}
