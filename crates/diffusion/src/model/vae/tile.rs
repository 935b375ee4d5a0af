//! Pictures by tiles that overlap, for when memory is short. Where tiles overlap their weights rise and fall in a straight line, so no seam shows.
//! Norms see a tile instead of the picture: colours of tiles may differ slightly, less the larger the tiles.

use super::super::error::Result;
use weft_weights::progress::{Cancelled, Progress};

/// How a picture is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiling {
    /// Side of a tile in latents (512 pixels: 64).
    pub tile: usize,
    /// Latents that neighbouring tiles share.
    pub overlap: usize,
}

impl Default for Tiling {
    fn default() -> Self {
        Self { tile: 64, overlap: 16 }
    }
}

impl Tiling {
    /// (start, end) of tiles along a side of `len`; all have the same length where the side is longer than one.
    fn cuts(self, len: usize) -> Vec<(usize, usize)> {
        let tile = self.tile.max(2);
        let step = (tile - self.overlap.min(tile / 2)).max(1);
        if len <= tile {
            return vec![(0, len)];
        }
        let count = (len - tile).div_ceil(step) + 1;
        // Spread evenly, so that the last overlap is no wider than the others.
        (0..count).map(|i| i * (len - tile) / (count - 1)).map(|start| (start, start + tile)).collect()
    }
}

/// Weight of position `i` of a tile `start..end` of a side of `len`.
fn weight(i: usize, (start, end): (usize, usize), len: usize, overlap: usize) -> f32 {
    let ramp = |d: usize| (d as f32 + 0.5) / overlap.max(1) as f32;
    let low = if start == 0 { 1.0 } else { ramp(i).min(1.0) };
    let high = if end == len { 1.0 } else { ramp(end - start - 1 - i).min(1.0) };
    low.min(high)
}

/// Planes of h × w in a row.
struct Planes<'a> {
    values: &'a [f32],
    count: usize,
    h: usize,
    w: usize,
}

impl Planes<'_> {
    fn cut(&self, (y0, y1): (usize, usize), (x0, x1): (usize, usize)) -> Vec<f32> {
        let rows = (0..self.count).flat_map(|p| (y0..y1).map(move |y| (p * self.h + y) * self.w));
        rows.flat_map(|at| self.values[at + x0..at + x1].iter().copied()).collect()
    }
}

/// The sum of weighted tiles.
struct Canvas {
    values: Vec<f32>,
    weights: Vec<f32>,
    count: usize,
    h: usize,
    w: usize,
}

impl Canvas {
    fn new(count: usize, h: usize, w: usize) -> Self {
        Self { values: vec![0.0; count * h * w], weights: vec![0.0; h * w], count, h, w }
    }

    fn add(&mut self, tile: &[f32], ys: (usize, usize), xs: (usize, usize), overlap: usize) {
        let (th, tw) = (ys.1 - ys.0, xs.1 - xs.0);
        for y in 0..th {
            let wy = weight(y, ys, self.h, overlap);
            for x in 0..tw {
                let factor = wy * weight(x, xs, self.w, overlap);
                let at = (ys.0 + y) * self.w + xs.0 + x;
                self.weights[at] += factor;
                for p in 0..self.count {
                    self.values[p * self.h * self.w + at] += factor * tile[(p * th + y) * tw + x];
                }
            }
        }
    }

    fn finish(mut self) -> Vec<f32> {
        for plane in self.values.chunks_exact_mut((self.h * self.w).max(1)) {
            plane.iter_mut().zip(&self.weights).for_each(|(v, w)| *v /= w);
        }
        self.values
    }
}

type Shape = (usize, usize, usize);

/// Latents to pixels, tile by tile.
pub(super) fn decode(
    x: &[f32],
    channels: usize,
    (b, h, w): Shape,
    factor: usize,
    tiling: Tiling,
    progress: &dyn Progress,
    one: impl Fn(&[f32], Shape) -> Result<Vec<f32>>,
) -> Result<Vec<f32>> {
    let planes = Planes { values: x, count: b * channels, h, w };
    let mut canvas = Canvas::new(b * 3, h * factor, w * factor);
    let scaled = |(start, end): (usize, usize)| (start * factor, end * factor);
    each(tiling, h, w, progress, |ys, xs| {
        let tile = one(&planes.cut(ys, xs), (b, ys.1 - ys.0, xs.1 - xs.0))?;
        canvas.add(&tile, scaled(ys), scaled(xs), tiling.overlap * factor);
        Ok(())
    })?;
    Ok(canvas.finish())
}

/// Pixels to moments, tile by tile.
pub(super) fn encode(
    x: &[f32],
    (b, h, w): Shape,
    factor: usize,
    channels: usize,
    tiling: Tiling,
    progress: &dyn Progress,
    one: impl Fn(&[f32], Shape) -> Result<Vec<f32>>,
) -> Result<Vec<f32>> {
    let planes = Planes { values: x, count: b * 3, h, w };
    let mut canvas = Canvas::new(b * channels, h / factor, w / factor);
    let scaled = |(start, end): (usize, usize)| (start * factor, end * factor);
    each(tiling, h / factor, w / factor, progress, |ys, xs| {
        let (py, px) = (scaled(ys), scaled(xs));
        let tile = one(&planes.cut(py, px), (b, py.1 - py.0, px.1 - px.0))?;
        canvas.add(&tile, ys, xs, tiling.overlap);
        Ok(())
    })?;
    Ok(canvas.finish())
}

fn each(
    tiling: Tiling,
    h: usize,
    w: usize,
    progress: &dyn Progress,
    mut f: impl FnMut((usize, usize), (usize, usize)) -> Result<()>,
) -> Result<()> {
    let (rows, columns) = (tiling.cuts(h), tiling.cuts(w));
    let total = (rows.len() * columns.len()) as u64;
    for (i, (ys, xs)) in rows.iter().flat_map(|y| columns.iter().map(move |x| (*y, *x))).enumerate() {
        Cancelled::check(progress)?;
        f(ys, xs)?;
        progress.step(i as u64 + 1, total, "Tile");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_weights::progress::Silent;

    #[test]
    fn tiles_cover_a_side_and_overlap() {
        let cuts = Tiling { tile: 8, overlap: 2 }.cuts(21);
        assert_eq!((cuts.first(), cuts.last()), (Some(&(0, 8)), Some(&(13, 21))));
        assert!(cuts.windows(2).all(|c| c[1].0 + 2 <= c[0].1));
        assert_eq!(Tiling::default().cuts(40), [(0, 40)]);
    }

    #[test]
    fn a_network_without_memory_of_its_surroundings_gives_the_same_picture() {
        let (h, w) = (19, 30);
        let x: Vec<f32> = (0..2 * h * w).map(|i| (i as f32 * 0.1).sin()).collect();
        let double = |x: &[f32], (_, h, w): Shape| -> Result<Vec<f32>> {
            let at = |i: usize| x[i / (2 * w) / 2 % h * w + i % (2 * w) / 2] * (1.0 + (i / (4 * h * w)) as f32);
            Ok((0..3 * 4 * h * w).map(at).collect())
        };
        let whole = double(&x[..h * w], (1, h, w)).unwrap();
        let tiled = decode(&x[..h * w], 1, (1, h, w), 2, Tiling { tile: 8, overlap: 3 }, &Silent, double).unwrap();
        assert!(whole.iter().zip(&tiled).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
