//! The safetensors header, read as if every file were hostile.
//!
//! Format: u64 little-endian length, JSON object `name → {dtype, shape, data_offsets}` plus `__metadata__` (string → string),
//! then the tensor bytes. Own parser, because order, duplicates and gaps must stay visible, and each way to be bad gets
//! its own sentence.

mod error;
mod json;

use std::collections::BTreeMap;
use std::ops::Range;

pub use error::HeaderError;

use crate::dtype::Dtype;
use crate::source::TensorSource;

/// Longest JSON header that is read, in bytes (the format's own cap).
pub const MAX_HEADER: u64 = 100_000_000;
/// Most tensors of one file. The largest adapters have some 10,000.
pub const MAX_TENSORS: usize = 131_072;
/// Longest single metadata value, in bytes. Cover images inside metadata reach a few megabytes.
pub const MAX_METADATA_VALUE: usize = 16 << 20;
/// Longest tensor or metadata name, in bytes.
pub const MAX_NAME: usize = 4096;
/// Most dimensions of a tensor.
pub const MAX_DIMS: usize = 8;

/// Read with the first request: enough for most headers, so that indexing costs one read per file.
const FIRST_READ: u64 = 64 << 10;

/// One tensor of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Key, as it stands in the file.
    pub name: String,
    pub dtype: Dtype,
    /// Dimensions, outermost first; empty for a scalar. Their product times the element size equals the length of `range`.
    pub shape: Vec<usize>,
    /// Bytes of the values, counted from the beginning of the FILE (not of the data section).
    pub range: Range<u64>,
}

impl TensorInfo {
    /// Number of values.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Number of bytes.
    #[must_use]
    pub fn byte_len(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// Everything a file says before its first tensor byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// In the order of the file.
    pub tensors: Vec<TensorInfo>,
    pub metadata: BTreeMap<String, String>,
    /// First byte after the header, counted from the beginning of the file.
    pub data_start: u64,
    /// Size of the whole file in bytes.
    pub file_len: u64,
    /// Harmless irregularities, as plain sentences.
    pub warnings: Vec<String>,
}

impl Header {
    /// Reads the header, and only the header.
    ///
    /// # Errors
    /// [`HeaderError`], one variant per way to be bad.
    pub fn read(source: &dyn TensorSource) -> Result<Self, HeaderError> {
        let file_len = source.len();
        if let Some(all) = source.slice(0, file_len) {
            return Self::parse(all, file_len);
        }
        let mut prefix = vec![0; FIRST_READ.min(file_len) as usize];
        source.read_at(0, &mut prefix)?;
        let have = prefix.len() as u64;
        let need = 8 + json_len(&prefix, file_len)?;
        if need > have {
            prefix.resize(need as usize, 0);
            source.read_at(have, &mut prefix[have as usize..])?;
        }
        Self::parse(&prefix, file_len)
    }

    /// Parses a header from the first bytes of a file of `file_len` bytes. `prefix` must reach at least to the end of the header.
    ///
    /// # Errors
    /// [`HeaderError`], one variant per way to be bad.
    pub fn parse(prefix: &[u8], file_len: u64) -> Result<Self, HeaderError> {
        let len = json_len(prefix, file_len)?;
        let data_start = 8 + len;
        // `len` is at most MAX_HEADER, so it fits every usize.
        let json = prefix.get(8..data_start as usize).ok_or(HeaderError::Truncated { need: data_start, have: prefix.len() as u64 })?;
        if json.first() != Some(&b'{') {
            return Err(HeaderError::NotJson { detail: "it does not begin with '{'".to_owned() });
        }
        let parsed = json::parse(json, data_start, file_len)?;
        let mut header = Self { tensors: parsed.tensors, metadata: parsed.metadata, data_start, file_len, warnings: Vec::new() };
        header.check_names()?;
        header.check_ranges()?;
        Ok(header)
    }

    /// The tensor named `name`, with its index.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(usize, &TensorInfo)> {
        self.tensors.iter().enumerate().find(|(_, t)| t.name == name)
    }

    /// Bytes after the header.
    #[must_use]
    pub fn body_len(&self) -> u64 {
        self.file_len - self.data_start
    }

    fn check_names(&self) -> Result<(), HeaderError> {
        let mut names: Vec<&str> = self.tensors.iter().map(|t| t.name.as_str()).collect();
        names.sort_unstable();
        match names.array_windows().find(|[a, b]| a == b) {
            Some([name, _]) => Err(HeaderError::DuplicateKey { key: (*name).to_owned() }),
            None => Ok(()),
        }
    }

    /// No two tensors share a byte; bytes that no tensor owns are noted.
    fn check_ranges(&mut self) -> Result<(), HeaderError> {
        let mut order: Vec<usize> = (0..self.tensors.len()).filter(|&i| self.tensors[i].byte_len() > 0).collect();
        order.sort_unstable_by_key(|&i| self.tensors[i].range.start);
        let (mut end, mut gap, mut last) = (self.data_start, 0, None);
        for i in order {
            let range = &self.tensors[i].range;
            if let Some(last) = last.filter(|_| range.start < end) {
                let name = |i: usize| self.tensors[i].name.clone();
                return Err(HeaderError::Overlap { first: name(last), second: name(i) });
            }
            gap += range.start - end;
            (end, last) = (range.end, Some(i));
        }
        let rest = self.file_len - end;
        if gap > 0 {
            self.warnings.push(format!("{gap} bytes between the tensors belong to none of them; some programs refuse such a file."));
        }
        if rest > 0 {
            self.warnings.push(format!("{rest} bytes after the last tensor belong to none; some programs refuse such a file."));
        }
        Ok(())
    }
}

/// Length of the JSON part, checked against the cap and the size of the file.
fn json_len(prefix: &[u8], file_len: u64) -> Result<u64, HeaderError> {
    let first = prefix.first_chunk::<8>().ok_or(HeaderError::TooShort { len: file_len })?;
    let len = u64::from_le_bytes(*first);
    if len > MAX_HEADER {
        return Err(if first.starts_with(b"PK\x03\x04") || first.starts_with(b"\x80\x02") {
            HeaderError::Pickle
        } else if first.starts_with(b"GGUF") {
            HeaderError::Gguf
        } else {
            HeaderError::HeaderTooLarge { len }
        });
    }
    if len < 2 {
        return Err(HeaderError::NotJson { detail: "it is empty".to_owned() });
    }
    if len > file_len.saturating_sub(8) {
        return Err(HeaderError::Truncated { need: len + 8, have: file_len });
    }
    Ok(len)
}

#[cfg(test)]
mod tests;
