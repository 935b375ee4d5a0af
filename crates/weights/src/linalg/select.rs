//! The k-th largest magnitude of values that are seen tile by tile and never held together: two passes, exact.
//!
//! The bits of a non-negative float grow with it. The first pass counts by the upper half of the bits, the second counts by the lower half
//! inside of the one upper half that holds the place looked for.

/// Bits of a magnitude that the first pass looks at.
const HIGH: u32 = 15;
/// Bits that the second looks at.
const LOW: u32 = 31 - HIGH;

/// Order of a value's magnitude.
#[inline(always)]
fn magnitude(value: f32) -> u32 {
    value.to_bits() & 0x7FFF_FFFF
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
