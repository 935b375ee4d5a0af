//! What the values of each tensor are, counted on their bits: no value is decoded.

use crate::dtype::{Dtype, decode_f64};
use crate::header::TensorInfo;

/// Counts over one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Stats {
    /// Values seen.
    pub(super) values: u64,
    /// ±0.
    pub(super) zeros: u64,
    /// Smaller than the smallest normal number of the type, and not zero: fewer digits than the rest.
    pub(super) subnormal: u64,
    pub(super) nan: u64,
    pub(super) infinite: u64,
    /// Largest magnitude; NaN and infinity left out.
    pub(super) max: f64,
}

impl Stats {
    /// True when there are values and all are zero.
    pub(super) fn all_zero(&self) -> bool {
        self.values > 0 && self.zeros == self.values
    }
}

/// Bits of a floating type with the sign taken off: they order as the magnitudes do.
#[derive(Debug, Clone, Copy)]
struct Marks {
    /// Smallest normal number.
    normal: u64,
    /// Infinity; what is above is NaN.
    infinity: u64,
}

fn marks(dtype: Dtype) -> Option<Marks> {
    let (normal, infinity) = match dtype {
        Dtype::F64 => (1 << 52, 0x7ff << 52),
        Dtype::F32 => (1 << 23, 0xff << 23),
        Dtype::F16 => (1 << 10, 0x1f << 10),
        Dtype::BF16 => (1 << 7, 0xff << 7),
        Dtype::F8E5M2 => (1 << 2, 0x1f << 2),
        // No infinity: the one code above 448 is NaN.
        Dtype::F8E4M3 => (1 << 3, 0x7e),
        _ => return None,
    };
    Some(Marks { normal, infinity })
}

/// Counts of one run of bytes, `max` as bits.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    zeros: u64,
    below: u64,
    odd: u64,
    nan: u64,
    max: u64,
}

/// Counts in blocks so short that the counters of the values' own width cannot run over: the compiler makes vector code of it.
macro_rules! count {
    ($name:ident, $int:ty, $bytes:literal, $block:literal) => {
        fn $name(bytes: &[u8], marks: Marks) -> Counts {
            let (normal, infinity) = (marks.normal as $int, marks.infinity as $int);
            let mut all = Counts::default();
            let (values, _) = bytes.as_chunks::<$bytes>();
            for block in values.chunks($block) {
                let (mut zeros, mut below, mut odd, mut max): ($int, $int, $int, $int) = (0, 0, 0, 0);
                for value in block {
                    let size = <$int>::from_le_bytes(*value) & (<$int>::MAX >> 1);
                    zeros += <$int>::from(size == 0);
                    below += <$int>::from(size < normal);
                    odd += <$int>::from(size >= infinity);
                    max = max.max(size);
                }
                if odd > 0 {
                    (odd, max) = (0, 0);
                    for value in block {
                        let size = <$int>::from_le_bytes(*value) & (<$int>::MAX >> 1);
                        all.nan += u64::from(size > infinity);
                        odd += <$int>::from(size >= infinity);
                        max = if size < infinity { max.max(size) } else { max };
                    }
                }
                (all.zeros, all.below) = (all.zeros + zeros as u64, all.below + below as u64);
                (all.odd, all.max) = (all.odd + odd as u64, all.max.max(max as u64));
            }
            all
        }
    };
}

count!(count_u8, u8, 1, 128);
count!(count_u16, u16, 2, 4096);
count!(count_u32, u32, 4, 4096);
count!(count_u64, u64, 8, 4096);

/// Receives the file piece by piece, in order, and counts.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    tensors: &'a [TensorInfo],
    /// Tensors by position in the file.
    order: Vec<usize>,
    /// First of `order` that is not finished.
    next: usize,
    stats: Vec<Stats>,
    /// Largest magnitudes as bits.
    max: Vec<u64>,
    /// Beginning of a value whose end is in the next piece.
    rest: Vec<u8>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(tensors: &'a [TensorInfo]) -> Self {
        let mut order: Vec<usize> = (0..tensors.len()).filter(|i| tensors[*i].byte_len() > 0).collect();
        order.sort_unstable_by_key(|i| tensors[*i].range.start);
        let (stats, max) = (vec![Stats::default(); tensors.len()], vec![0; tensors.len()]);
        Self { tensors, order, next: 0, stats, max, rest: Vec::with_capacity(16) }
    }

    /// Takes the bytes of the file from `at` on.
    pub(super) fn feed(&mut self, at: u64, piece: &[u8]) {
        let end = at + piece.len() as u64;
        while let Some(&index) = self.order.get(self.next) {
            let range = &self.tensors[index].range;
            if range.start >= end {
                return;
            }
            let from = range.start.max(at);
            let until = range.end.min(end);
            // Both lie inside of the piece.
            self.part(index, &piece[(from - at) as usize..(until - at) as usize]);
            if range.end > end {
                return;
            }
            self.rest.clear();
            self.next += 1;
        }
    }

    fn part(&mut self, index: usize, mut bytes: &[u8]) {
        let size = self.tensors[index].dtype.size();
        if !self.rest.is_empty() {
            let missing = (size - self.rest.len()).min(bytes.len());
            self.rest.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            if self.rest.len() < size {
                return;
            }
            let whole = std::mem::take(&mut self.rest);
            self.count(index, &whole);
        }
        let whole = bytes.len() - bytes.len() % size;
        self.count(index, &bytes[..whole]);
        self.rest.extend_from_slice(&bytes[whole..]);
    }

    fn count(&mut self, index: usize, bytes: &[u8]) {
        let dtype = self.tensors[index].dtype;
        let stats = &mut self.stats[index];
        stats.values += (bytes.len() / dtype.size()) as u64;
        let Some(marks) = marks(dtype) else { return };
        let mut counts = match dtype.size() {
            1 => count_u8(bytes, marks),
            2 => count_u16(bytes, marks),
            4 => count_u32(bytes, marks),
            _ => count_u64(bytes, marks),
        };
        if dtype == Dtype::F8E4M3 {
            // 0x7e, the mark, is the largest number here, and what is above it NaN.
            let largest = counts.odd - counts.nan;
            counts.max = if largest > 0 { 0x7e } else { counts.max };
            counts.odd = counts.nan;
        }
        stats.zeros += counts.zeros;
        stats.subnormal += counts.below - counts.zeros;
        stats.nan += counts.nan;
        stats.infinite += counts.odd - counts.nan;
        self.max[index] = self.max[index].max(counts.max);
    }

    pub(super) fn finish(mut self) -> Vec<Stats> {
        for (stats, (tensor, bits)) in self.stats.iter_mut().zip(self.tensors.iter().zip(&self.max)) {
            if marks(tensor.dtype).is_some() {
                let mut value = [0f64];
                // One value of the type's own size.
                let _ = decode_f64(tensor.dtype, &bits.to_le_bytes()[..tensor.dtype.size()], &mut value);
                stats.max = value[0];
            }
        }
        self.stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(dtype: Dtype, count: usize, start: u64) -> TensorInfo {
        let end = start + (count * dtype.size()) as u64;
        TensorInfo { name: "t".into(), dtype, shape: vec![count], range: start..end }
    }

    /// Counts one tensor in pieces of `piece` bytes.
    fn scan(dtype: Dtype, bytes: &[u8], piece: usize) -> Stats {
        let tensors = [tensor(dtype, bytes.len() / dtype.size(), 3)];
        let mut file = vec![0xff; 3];
        file.extend_from_slice(bytes);
        let mut scan = Scan::new(&tensors);
        for (i, part) in file.chunks(piece).enumerate() {
            scan.feed((i * piece) as u64, part);
        }
        scan.finish()[0]
    }

    #[test]
    fn every_code_of_the_small_types_is_counted_as_it_decodes() {
        for dtype in [Dtype::F16, Dtype::BF16, Dtype::F8E4M3, Dtype::F8E5M2] {
            let bytes: Vec<u8> = match dtype.size() {
                1 => (0..=255).collect(),
                _ => (0..=u16::MAX).flat_map(u16::to_le_bytes).collect(),
            };
            let mut values = vec![0f64; bytes.len() / dtype.size()];
            decode_f64(dtype, &bytes, &mut values).unwrap();
            let smallest = match dtype {
                Dtype::F16 => 2f64.powi(-14),
                Dtype::BF16 => 2f64.powi(-126),
                Dtype::F8E4M3 => 2f64.powi(-6),
                _ => 2f64.powi(-14),
            };
            let want = Stats {
                values: values.len() as u64,
                zeros: values.iter().filter(|v| **v == 0.0).count() as u64,
                subnormal: values.iter().filter(|v| v.abs() < smallest && **v != 0.0).count() as u64,
                nan: values.iter().filter(|v| v.is_nan()).count() as u64,
                infinite: values.iter().filter(|v| v.is_infinite()).count() as u64,
                max: values.iter().filter(|v| v.is_finite()).fold(0.0, |m, v| m.max(v.abs())),
            };
            for piece in [1, 7, 4096, 1 << 20] {
                assert_eq!(scan(dtype, &bytes, piece), want, "{dtype} {piece}");
            }
        }
    }

    #[test]
    fn wide_types_count_the_same_whatever_the_pieces() {
        let values = [0.0, -0.0, 1.5, -7.25, f64::NAN, f64::NEG_INFINITY, 1e-310, f64::from(f32::MIN_POSITIVE) / 2.0];
        let double: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let single: Vec<u8> = values.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect();
        for piece in [1, 3, 5, 100] {
            let s = scan(Dtype::F64, &double, piece);
            assert_eq!((s.zeros, s.subnormal, s.nan, s.infinite, s.max), (2, 1, 1, 1, 7.25));
            let s = scan(Dtype::F32, &single, piece);
            assert_eq!((s.zeros, s.subnormal, s.nan, s.infinite, s.max), (3, 1, 1, 1, 7.25));
        }
        assert!(scan(Dtype::F32, &[0; 64], 8).all_zero());
    }
}
