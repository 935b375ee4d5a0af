//! Where the largest elements of a dense matrix end: exact thresholds in two passes, equals told apart by their place.

use crate::linalg::select::{Coarse, Cut, Fine};
use crate::linalg::tiles::{Rows, fold, tile_rows};
use crate::progress::{Cancelled, Progress};

/// Parts that count beside each other.
const PARTS: usize = 16;

/// The first so many elements in the order of magnitude, the largest first; among equals the one that stands first.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    cut: Cut,
    /// Equals in all tiles before each, where some of them are in and some out.
    before: Vec<u64>,
}

impl Edge {
    /// All elements.
    pub(super) const ALL: Self = Self { cut: Cut::ALL, before: Vec::new() };

    /// Finds the edges behind the `places` first elements, all in the same two passes.
    pub(super) fn find(rows: &dyn Rows, places: &[u64], progress: &dyn Progress) -> Result<Vec<Self>, Cancelled> {
        let (m, n) = rows.shape();
        let size = (m * n) as u64;
        if places.iter().all(|p| *p == 0 || *p >= size) {
            return Ok(places.iter().map(|p| Self::simple(*p)).collect());
        }
        let parts = fold(rows, PARTS, progress, Coarse::default, |c, _, tile| c.add(tile))?;
        let coarse = parts.into_iter().reduce(|mut a, b| {
            a.merge(&b);
            a
        });
        let coarse = coarse.unwrap_or_default();
        Self::refine(rows, &coarse, places, progress)
    }

    /// The second pass, behind a first one that was made elsewhere.
    pub(super) fn refine(rows: &dyn Rows, coarse: &Coarse, places: &[u64], progress: &dyn Progress) -> Result<Vec<Self>, Cancelled> {
        let (m, n) = rows.shape();
        let size = (m * n) as u64;
        let found: Vec<Option<(u32, u64)>> = places.iter().map(|p| if *p == 0 || *p >= size { None } else { coarse.find(*p) }).collect();
        let start = || found.iter().flatten().map(|(high, _)| Fine::new(*high)).collect::<Vec<Fine>>();
        let parts = fold(rows, PARTS, progress, start, |fines, _, tile| fines.iter_mut().for_each(|f| f.add(tile)))?;
        let summed = parts.into_iter().reduce(|mut a, b| {
            a.iter_mut().zip(&b).for_each(|(a, b)| a.merge(b));
            a
        });
        let mut fines = summed.unwrap_or_default().into_iter();
        let mut edges = Vec::with_capacity(places.len());
        for (place, found) in places.iter().zip(&found) {
            let Some((_, above)) = found else {
                edges.push(Self::simple(*place));
                continue;
            };
            let cut = fines.next().map_or(Cut::ALL, |f| f.find(*place, *above));
            let before = if cut.is_torn() { equals(rows, cut.magnitude, progress)? } else { Vec::new() };
            edges.push(Self { cut, before });
        }
        Ok(edges)
    }

    fn simple(place: u64) -> Self {
        Self { cut: if place == 0 { Cut::NONE } else { Cut::ALL }, before: Vec::new() }
    }

    /// Sets every element to zero that lies behind the edge (`inside`) or before it. The tile starts at row `start` of a matrix of `n` columns.
    pub(super) fn keep(&self, values: &mut [f32], start: usize, n: usize, inside: bool) {
        if self.before.is_empty() {
            let cut = self.cut;
            values.iter_mut().for_each(|v| *v = if cut.takes(*v) == inside { *v } else { 0.0 });
            return;
        }
        let mut seen = self.before.get(start / tile_rows(n)).copied().unwrap_or(0);
        for v in values {
            let equal = v.abs() == self.cut.magnitude;
            let taken = v.abs() > self.cut.magnitude || (equal && seen < self.cut.take);
            seen += u64::from(equal);
            if taken != inside {
                *v = 0.0;
            }
        }
    }
}

/// Elements of exactly this magnitude in all tiles before each.
fn equals(rows: &dyn Rows, magnitude: f32, progress: &dyn Progress) -> Result<Vec<u64>, Cancelled> {
    let parts = fold(rows, PARTS, progress, Vec::new, |counts: &mut Vec<u64>, _, tile| {
        counts.push(tile.iter().filter(|v| v.abs() == magnitude).count() as u64);
    })?;
    let mut sum = 0;
    Ok(parts
        .into_iter()
        .flatten()
        .map(|count| {
            sum += count;
            sum - count
        })
        .collect())
}
