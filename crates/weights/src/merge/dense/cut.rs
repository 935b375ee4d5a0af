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
        let mut windows = summed.unwrap_or_default().into_iter();
        let mut edges = Vec::with_capacity(places.len());
        for place in places {
            if !inner(*place) {
                edges.push(Self::simple(*place));
                continue;
            }
            let Some(cut) = windows.next().and_then(|mut w| w.find(*place)) else { return Ok(None) };
            edges.push(Self::at(rows, cut, progress)?);
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
        let Some((mut window, living)) = summed else { return Ok(None) };
        let place = ((living as f64 * density) as u64).max(1);
        window.find(place).map(|cut| Self::at(rows, cut, progress)).transpose()
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

    /// Rows must come in the tiles that [`fold`] gives: equals are told apart by their place.
    pub(super) fn is_torn(&self) -> bool {
        !self.before.is_empty()
    }

    fn simple(place: u64) -> Self {
        Self { cut: if place == 0 { Cut::NONE } else { Cut::ALL }, before: Vec::new() }
    }

    /// Sets every element to zero that lies behind the edge (`inside`) or before it. The tile starts at row `start` of a matrix of `n` columns.
    pub(super) fn keep(&self, values: &mut [f32], start: usize, n: usize, inside: bool) {
        if self.before.is_empty() {
            return keep(values, self.cut, inside);
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
