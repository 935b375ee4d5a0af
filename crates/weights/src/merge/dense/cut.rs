//! Where the largest elements of a dense matrix end: exact thresholds, nearly always in one pass; equals told apart by their place.

use crate::linalg::kernel::widest;
use crate::linalg::select::{Coarse, Cut, Fine, Window};
use crate::linalg::tiles::{Rows, fold, tile_rows};
use crate::progress::{Cancelled, Progress};

/// Parts that count beside each other.
const PARTS: usize = 16;

/// Values from which a sample pays, and how many rows it has.
const LARGE: usize = 1 << 20;
const SAMPLE: usize = 128;

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

    /// Finds the edges behind the `places` first elements, all in the same passes.
    pub(super) fn find(rows: &dyn Rows, places: &[u64], progress: &dyn Progress) -> Result<Vec<Self>, Cancelled> {
        let (m, n) = rows.shape();
        let size = (m * n) as u64;
        if places.iter().all(|p| *p == 0 || *p >= size) {
            return Ok(places.iter().map(|p| Self::simple(*p)).collect());
        }
        if let Some(edges) = Self::guessed(rows, places, progress)? {
            return Ok(edges);
        }
        let parts = fold(rows, PARTS, progress, Coarse::default, |c, _, tile| c.add(tile))?;
        let coarse = parts.into_iter().reduce(|mut a, b| {
            a.merge(&b);
            a
        });
        let coarse = coarse.unwrap_or_default();
        Self::refine(rows, &coarse, places, progress)
    }

    /// In one pass, where a sample of the rows tells about where the places lie. None: it did not, or does not pay.
    fn guessed(rows: &dyn Rows, places: &[u64], progress: &dyn Progress) -> Result<Option<Vec<Self>>, Cancelled> {
        let (n, size) = (rows.shape().1, rows.shape().0 * rows.shape().1);
        let Some(sample) = sample(rows) else { return Ok(None) };
        let inner = |place: u64| place > 0 && place < size as u64;
        let windows: Option<Vec<Window>> =
            places.iter().filter(|p| inner(**p)).map(|p| Window::around(&sample, n, *p as f64 / size as f64)).collect();
        let Some(windows) = windows else { return Ok(None) };
        let start = || windows.iter().map(Window::empty).collect::<Vec<Window>>();
        let parts = fold(rows, PARTS, progress, start, |windows, _, tile| windows.iter_mut().for_each(|w| w.add(tile)))?;
        let summed = parts.into_iter().reduce(|mut a, b| {
            a.iter_mut().zip(&b).for_each(|(a, b)| a.merge(b));
            a
        });
        let windows = summed.unwrap_or_default();
        let mut windows = windows.iter();
        let mut edges = Vec::with_capacity(places.len());
        for place in places {
            if !inner(*place) {
                edges.push(Self::simple(*place));
                continue;
            }
            let Some(found) = windows.next().and_then(|w| w.find(*place)) else { return Ok(None) };
            edges.push(Self::known(found));
        }
        Ok(Some(edges))
    }

    /// The edge behind the part `density` of the elements that are not zero, at least one. None: as [`Self::guessed`].
    pub(super) fn of_living(rows: &dyn Rows, density: f64, progress: &dyn Progress) -> Result<Option<Self>, Cancelled> {
        let n = rows.shape().1;
        let Some(window) = sample(rows).and_then(|s| Window::around(&s, n, density)) else { return Ok(None) };
        let start = || (window.empty(), 0u64);
        let parts = fold(rows, PARTS, progress, start, |(window, living): &mut (Window, u64), _, tile| {
            window.add(tile);
            *living += tile.iter().filter(|v| **v > 0.0).count() as u64;
        })?;
        let summed = parts.into_iter().reduce(|mut a, b| {
            a.0.merge(&b.0);
            (a.0, a.1 + b.1)
        });
        let Some((window, living)) = summed else { return Ok(None) };
        let place = ((living as f64 * density) as u64).max(1);
        Ok(window.find(place).map(Self::known))
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
            edges.push(Self::at(rows, cut, progress)?);
        }
        Ok(edges)
    }

    fn at(rows: &dyn Rows, cut: Cut, progress: &dyn Progress) -> Result<Self, Cancelled> {
        let before = if cut.is_torn() { equals(rows, cut.magnitude, progress)? } else { Vec::new() };
        Ok(Self { cut, before })
    }

    /// With the equals before each tile, which count only where some are in and some out.
    fn known((cut, before): (Cut, Vec<u64>)) -> Self {
        Self { cut, before: if cut.is_torn() { before } else { Vec::new() } }
    }

    /// Whether the tile that holds row `start` of `n` columns has equals on both sides of the edge: it must be worked on as a whole.
    pub(super) fn is_torn_at(&self, start: usize, n: usize) -> bool {
        let tile = start / tile_rows(n);
        let seen = |tile: usize| self.before.get(tile).copied().unwrap_or(self.cut.equal);
        !self.before.is_empty() && seen(tile) < self.cut.take && seen(tile + 1) > self.cut.take
    }

    fn simple(place: u64) -> Self {
        Self { cut: if place == 0 { Cut::NONE } else { Cut::ALL }, before: Vec::new() }
    }

    /// Sets every element to zero that lies behind the edge (`inside`) or before it. The tile starts at row `start` of a matrix of `n` columns.
    pub(super) fn keep(&self, values: &mut [f32], start: usize, n: usize, inside: bool) {
        let mut seen = self.before.get(start / tile_rows(n)).copied().unwrap_or(0);
        if !self.is_torn_at(start, n) {
            // All equals of this tile are on one side.
            let take = if self.before.is_empty() || seen < self.cut.take { self.cut.take } else { 0 };
            let equal = if self.before.is_empty() { self.cut.equal } else { take };
            return keep(values, Cut { equal, take, ..self.cut }, inside);
        }
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

widest! {
    /// Sets every element to zero that the cut does not take (`inside`), or that it takes.
    keep(values: &mut [f32], cut: Cut, inside: bool) = keep_with
}

#[inline(always)]
fn keep_with(values: &mut [f32], cut: Cut, inside: bool) {
    values.iter_mut().for_each(|v| *v = if cut.takes(*v) == inside { *v } else { 0.0 });
}

/// Rows spread over a matrix that is large enough for it to pay.
fn sample(rows: &dyn Rows) -> Option<Vec<f32>> {
    let (m, n) = rows.shape();
    if m * n < LARGE || m < 2 * SAMPLE {
        return None;
    }
    let mut sample = vec![0f32; SAMPLE * n];
    for (i, row) in sample.chunks_exact_mut(n).enumerate() {
        let at = i * m / SAMPLE;
        rows.rows(at..at + 1, row);
    }
    Some(sample)
}

/// Elements of exactly this magnitude in all tiles before each.
fn equals(rows: &dyn Rows, magnitude: f32, progress: &dyn Progress) -> Result<Vec<u64>, Cancelled> {
    let n = rows.shape().1;
    let parts = fold(rows, PARTS, progress, Vec::new, |counts: &mut Vec<u64>, _, tile| {
        let count = |tile: &[f32]| tile.iter().filter(|v| v.abs() == magnitude).count() as u64;
        counts.extend(tile.chunks((tile_rows(n) * n).max(1)).map(count));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    /// Rows that are computed, as those of an input are.
    struct Made<F>(usize, usize, F);

    impl<F: Fn(usize) -> f32 + Sync> Rows for Made<F> {
        fn shape(&self) -> (usize, usize) {
            (self.0, self.1)
        }

        fn rows(&self, rows: std::ops::Range<usize>, out: &mut [f32]) {
            out.iter_mut().zip(rows.start * self.1..).for_each(|(o, i)| *o = (self.2)(i));
        }
    }

    /// What an edge keeps, tile by tile, in smaller pieces where that is allowed.
    fn kept(rows: &dyn Rows, edge: &Edge, inside: bool) -> Vec<f32> {
        let (m, n) = rows.shape();
        let mut values = vec![0f32; m * n];
        rows.rows(0..m, &mut values);
        let tile = tile_rows(n);
        for (i, part) in values.chunks_mut(tile * n).enumerate() {
            let step = if edge.is_torn_at(i * tile, n) { tile } else { 8 };
            part.chunks_mut(step * n).enumerate().for_each(|(j, part)| edge.keep(part, i * tile + j * step, n, inside));
        }
        values
    }

    /// Of a matrix so large that it is sampled: with many equals, with nearly none, and with rows that differ much.
    #[test]
    fn edges_of_large_matrices_are_those_of_sorting() {
        let noise = |i: usize| (crate::linalg::random::mix(i as u64) >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
        let (m, n) = (1200, 900);
        let kinds: [&(dyn Fn(usize) -> f32 + Sync); 3] =
            [&|i| (noise(i) * 40.0).round(), &noise, &|i| noise(i) * if i / n % 5 == 0 { 30.0 } else { 1.0 }];
        for (kind, value) in kinds.into_iter().enumerate() {
            let rows = Made(m, n, value);
            let mut order: Vec<usize> = (0..m * n).collect();
            order.sort_by(|a, b| value(*b).abs().total_cmp(&value(*a).abs()).then(a.cmp(b)));
            for place in [1, 1000, m * n / 5, m * n / 2, m * n - 5000] {
                let edge = Edge::find(&rows, &[place as u64], &Silent).unwrap().remove(0);
                for inside in [true, false] {
                    let found = kept(&rows, &edge, inside);
                    let mut want = vec![0f32; m * n];
                    let part = if inside { &order[..place] } else { &order[place..] };
                    part.iter().for_each(|i| want[*i] = value(*i));
                    assert!(found == want, "kind {kind}, place {place}, inside {inside}");
                }
            }
        }
    }
}
