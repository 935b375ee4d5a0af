//! The k-th largest magnitude of values that are seen tile by tile and never held together, exact.
//!
//! The bits of a non-negative float grow with it. A sample tells between which two magnitudes the place looked for lies almost surely; one pass
//! counts what is above them and keeps what is between ([`Window`]). Where the sample was wrong two passes of counting take over: the first
//! by the upper half of the bits, the second by the lower half inside of the one upper half that holds the place.

use super::kernel::between;

/// Bits of a magnitude that the first pass looks at.
const HIGH: u32 = 15;
/// Bits that the second looks at.
const LOW: u32 = 31 - HIGH;

/// Order of a value's magnitude.
#[inline(always)]
fn magnitude(value: f32) -> u32 {
    value.to_bits() & 0x7FFF_FFFF
}

/// Of a sampled row every so many-th value is looked at: rows differ more than the values of one.
const THINNED: usize = 7;

/// Most values that the window of one part keeps, but for one tile's.
const KEPT: usize = 1 << 22;

/// Magnitudes between which a place is supposed to lie, and what was found there.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    /// Bits of the smallest and the largest magnitude.
    low: u32,
    high: u32,
    /// Values above.
    above: u64,
    /// Bits of the magnitudes inside.
    inside: Vec<u32>,
    /// How many were inside behind each tile.
    ends: Vec<usize>,
    /// There were more inside than are kept.
    full: bool,
}

impl Window {
    /// Around the part `share` of the descending magnitudes, from some rows of the matrix, `n` values each. None where they tell nothing.
    pub(crate) fn around(sample: &[f32], n: usize, share: f64) -> Option<Self> {
        let mut sizes: Vec<u32> = sample.iter().step_by(THINNED).map(|v| magnitude(*v)).collect();
        let rows = sample.len().checked_div(n).filter(|r| *r > 1)?;
        let last = sizes.len().checked_sub(1)?;
        let place = |share: f64| (share.clamp(0.0, 1.0) * last as f64) as usize;
        let at = place(share);
        let middle = *sizes.select_nth_unstable_by(at, |a, b| b.cmp(a)).1;
        // Rows differ more from each other than values do: their own shares tell how sure the sample's is.
        let seen = n.div_ceil(THINNED) as f64;
        let part = |row: &[f32]| row.iter().step_by(THINNED).filter(|v| magnitude(**v) > middle).count() as f64 / seen;
        let parts: Vec<f64> = sample.chunks_exact(n).map(part).collect();
        let mean = parts.iter().sum::<f64>() / rows as f64;
        let variance = parts.iter().map(|p| (p - mean) * (p - mean)).sum::<f64>() / (rows - 1) as f64;
        let margin = 4.0 * (variance / rows as f64).sqrt() + 0.002;
        let mut bound = |share: f64, open: u32| match share {
            s if s <= 0.0 || s >= 1.0 => open,
            s => *sizes.select_nth_unstable_by(place(s), |a, b| b.cmp(a)).1,
        };
        let (high, low) = (bound(share - margin, u32::MAX >> 1), bound(share + margin, 0));
        Some(Self { low, high, above: 0, inside: Vec::new(), ends: Vec::new(), full: false })
    }

    /// The same bounds, nothing counted.
    pub(crate) fn empty(&self) -> Self {
        Self { inside: Vec::new(), ends: Vec::new(), above: 0, full: false, ..*self }
    }

    /// Counts one tile.
    pub(crate) fn add(&mut self, values: &[f32]) {
        // A window that was chosen badly must not fill the memory.
        self.full |= self.inside.len() >= KEPT;
        if !self.full {
            between(values, self.low, self.high, &mut self.above, &mut self.inside);
        }
        self.ends.push(self.inside.len());
    }

    /// Adds the counts of the part behind this one.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.above += other.above;
        self.ends.extend(other.ends.iter().map(|end| end + self.inside.len()));
        self.full |= other.full;
        self.inside.extend_from_slice(&other.inside);
    }

    /// The cut at `place` of all values, and how many values of exactly its magnitude stand before each tile; None where the place lies outside
    /// of the window.
    pub(crate) fn find(&self, place: u64) -> Option<(Cut, Vec<u64>)> {
        if self.full {
            return None;
        }
        let at = usize::try_from(place.checked_sub(self.above)?).ok().filter(|at| *at < self.inside.len())?;
        let bits = *self.inside.clone().select_nth_unstable_by(at, |a, b| b.cmp(a)).1;
        let larger = self.inside.iter().filter(|m| **m > bits).count();
        let (mut start, mut equal, mut before) = (0, 0, Vec::with_capacity(self.ends.len()));
        for end in &self.ends {
            before.push(equal);
            equal += self.inside[start..*end].iter().filter(|m| **m == bits).count() as u64;
            start = *end;
        }
        Some((Cut { magnitude: f32::from_bits(bits), equal, take: (at - larger) as u64 }, before))
    }
}

/// Counts of the first pass.
#[derive(Debug, Clone)]
pub(crate) struct Coarse(Vec<u64>);

impl Default for Coarse {
    fn default() -> Self {
        Self(vec![0; 1 << HIGH])
    }
}

impl Coarse {
    /// Counts one tile.
    pub(crate) fn add(&mut self, values: &[f32]) {
        for v in values {
            self.0[(magnitude(*v) >> LOW) as usize] += 1;
        }
    }

    /// Adds the counts of another part.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a += b);
    }

    /// Where the value at `place` of the descending magnitudes lies: its upper half, and how many values lie above that half. None when there
    /// are no more than `place` values.
    pub(crate) fn find(&self, place: u64) -> Option<(u32, u64)> {
        let mut above = 0;
        for (bin, count) in self.0.iter().enumerate().rev() {
            if above + count > place {
                return Some((bin as u32, above));
            }
            above += count;
        }
        None
    }
}

/// Counts of the second pass, inside of one upper half.
#[derive(Debug, Clone)]
pub(crate) struct Fine {
    high: u32,
    counts: Vec<u64>,
}

impl Fine {
    /// Looks inside of `high`, an upper half that [`Coarse::find`] named.
    pub(crate) fn new(high: u32) -> Self {
        Self { high, counts: vec![0; 1 << LOW] }
    }

    /// Counts one tile.
    pub(crate) fn add(&mut self, values: &[f32]) {
        for v in values {
            let m = magnitude(*v);
            if m >> LOW == self.high {
                self.counts[(m & ((1 << LOW) - 1)) as usize] += 1;
            }
        }
    }

    /// Adds the counts of another part.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
    }

    /// The cut at `place`, with `above` values above this half.
    pub(crate) fn find(&self, place: u64, above: u64) -> Cut {
        let mut seen = above;
        for (bin, count) in self.counts.iter().enumerate().rev() {
            if seen + count > place {
                let bits = self.high << LOW | bin as u32;
                return Cut { magnitude: f32::from_bits(bits), equal: *count, take: place - seen };
            }
            seen += count;
        }
        Cut { magnitude: 0.0, equal: 0, take: 0 }
    }
}

/// The first `place` of the descending magnitudes: all above `magnitude`, and `take` of the `equal` ones that have it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut {
    /// The magnitude at the place.
    pub(crate) magnitude: f32,
    /// How many values have exactly this magnitude.
    pub(crate) equal: u64,
    /// How many of them lie before the place.
    pub(crate) take: u64,
}

impl Cut {
    /// All values lie before it.
    pub(crate) const ALL: Self = Self { magnitude: -1.0, equal: 0, take: 0 };
    /// No value lies before it.
    pub(crate) const NONE: Self = Self { magnitude: f32::INFINITY, equal: 0, take: 0 };

    /// Values of this magnitude must be told apart by their order: some lie before the cut and some behind, and they are not all zero.
    pub(crate) fn is_torn(&self) -> bool {
        self.take > 0 && self.take < self.equal && self.magnitude > 0.0
    }

    /// Whether a value lies before the cut, where no order among equals is needed.
    #[inline(always)]
    pub(crate) fn takes(&self, value: f32) -> bool {
        value.abs() > self.magnitude || (self.take == self.equal && self.take > 0 && value.abs() == self.magnitude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(values: &[f32], place: u64) -> Cut {
        let mut coarse = Coarse::default();
        values.chunks(7).for_each(|t| coarse.add(t));
        let Some((high, above)) = coarse.find(place) else { return Cut::ALL };
        let mut fine = Fine::new(high);
        values.chunks(5).for_each(|t| fine.add(t));
        fine.find(place, above)
    }

    /// Whatever the window: where it answers, it answers as the counting does.
    #[test]
    fn windows_agree_with_counting() {
        let mut values: Vec<f32> = (0..6000).map(|i| ((i * 7919) % 997) as f32 * if i % 3 == 0 { -0.01 } else { 0.02 }).collect();
        values.extend([1.0; 80]);
        let (n, mut answers) = (64, 0);
        for share in [0.01, 0.2, 0.5, 0.97] {
            let window = Window::around(&values[..n * 60], n, share).unwrap();
            let parts = values.chunks(1000).map(|tile| {
                let mut part = window.empty();
                part.add(tile);
                part
            });
            let whole = parts.reduce(|mut a, b| {
                a.merge(&b);
                a
            });
            for offset in [0, 3, 40] {
                let place = (share * values.len() as f64) as u64 + offset;
                if let Some((found, before)) = whole.as_ref().and_then(|w| w.find(place)) {
                    assert_eq!(found, cut(&values, place), "{share} {offset}");
                    let equal = |part: &[f32]| part.iter().filter(|v| v.abs() == found.magnitude).count() as u64;
                    let want: Vec<u64> = (0..values.len().div_ceil(1000)).map(|i| equal(&values[..i * 1000])).collect();
                    assert_eq!(before, want, "{share} {offset}");
                    answers += 1;
                }
            }
        }
        // A place far from the middle of a narrow window gets none.
        assert!(answers >= 6, "{answers}");
        assert!(Window { low: 5, high: 9, above: 0, inside: vec![7], ends: vec![1], full: false }.find(1).is_none());
    }

    #[test]
    fn every_place_of_mixed_values_is_found() {
        let mut values: Vec<f32> = (0..500).map(|i| ((i * 7919) % 997) as f32 * if i % 3 == 0 { -1e-20 } else { 3.7 }).collect();
        values.extend([0.0, -0.0, f32::MIN_POSITIVE, -1e-40, f32::MAX, 1.0, 1.0 + f32::EPSILON, 1.0, -1.0]);
        let mut sorted: Vec<f32> = values.iter().map(|v| v.abs()).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        for place in 0..sorted.len() {
            let c = cut(&values, place as u64);
            assert_eq!(c.magnitude.to_bits(), sorted[place].to_bits(), "place {place}");
            assert_eq!(c.equal as usize, sorted.iter().filter(|v| **v == c.magnitude).count());
            let above = sorted.iter().filter(|v| **v > c.magnitude).count() as u64;
            assert_eq!(above + c.take, place as u64);
        }
        assert_eq!(cut(&values, values.len() as u64), Cut::ALL);
    }
}
