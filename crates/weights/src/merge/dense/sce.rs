//! SCE: select the elements in which the inputs vary most, weigh the inputs by the energy they have there, erase minorities.

use super::NEAR;
use super::agree::Rule;
use super::cut::Edge;
use super::voice::Voice;
use crate::linalg::kernel::widest;
use crate::linalg::select::Coarse;
use crate::linalg::tiles::{Rows, fold, squares};
use crate::progress::{Cancelled, Progress};
use std::ops::Range;
use weft_domain::merge::{Share, Vote};

/// What was selected, and what each input weighs.
#[derive(Debug)]
pub(super) struct Selection {
    /// None: everything.
    edge: Option<Edge>,
    /// Share of each input in the energy of what was selected; they sum to 1.
    shares: Vec<f32>,
}

/// Variance of the weighted inputs, element by element.
struct Variance<'a>(&'a [Voice]);

impl Rows for Variance<'_> {
    fn shape(&self) -> (usize, usize) {
        self.0.first().map_or((0, 0), Rows::shape)
    }

    fn rows(&self, rows: Range<usize>, out: &mut [f32]) {
        let n = self.shape().1.max(1);
        let step = (NEAR / n).next_multiple_of(8);
        let mut tiles = Vec::new();
        for (i, out) in out.chunks_mut(step * n).enumerate() {
            let first = rows.start + i * step;
            weighted(self.0, first..rows.end.min(first + step), out.len(), &mut tiles);
            variance(&tiles, out);
        }
    }
}

/// The inputs' rows, their weights multiplied in.
fn weighted(voices: &[Voice], rows: Range<usize>, len: usize, tiles: &mut Vec<(f32, Vec<f32>)>) {
    tiles.resize_with(voices.len(), Default::default);
    for (voice, (_, tile)) in voices.iter().zip(tiles) {
        tile.resize(len, 0.0);
        voice.rows(rows.clone(), tile);
        tile.iter_mut().for_each(|v| *v *= voice.weight as f32);
    }
}

impl Selection {
    /// Selects the part `density` of the elements whose variance is not zero.
    pub(super) fn of(voices: &[Voice], density: f64, progress: &dyn Progress) -> Result<Self, Cancelled> {
        let edge = if density < 1.0 { Some(Self::edge(voices, density, progress)?) } else { None };
        let (_, n) = Variance(voices).shape();
        // All voices at once, since what is selected depends on all.
        let parts = fold(
            &Variance(voices),
            16,
            progress,
            || vec![0.0; voices.len()],
            |sums: &mut Vec<f64>, range, spread| {
                let mut mask = spread.to_vec();
                if let Some(edge) = &edge {
                    edge.keep(&mut mask, range.start, n, true);
                }
                let (step, mut tiles) = ((NEAR / n.max(1)).next_multiple_of(8), Vec::new());
                for (i, mask) in mask.chunks((step * n).max(1)).enumerate() {
                    let first = range.start + i * step;
                    weighted(voices, first..range.end.min(first + step), mask.len(), &mut tiles);
                    for (sum, (_, tile)) in sums.iter_mut().zip(&mut tiles) {
                        if edge.is_some() {
                            masked(tile, mask);
                        }
                        *sum += squares(tile);
                    }
                }
            },
        )?;
        let sums = parts.into_iter().fold(vec![0.0; voices.len()], |mut a, b| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        });
        let all: f64 = sums.iter().sum();
        let even = 1.0 / voices.len().max(1) as f64;
        let shares = sums.iter().map(|s| if all > 0.0 { s / all } else { even } as f32).collect();
        Ok(Self { edge, shares })
    }

    fn edge(voices: &[Voice], density: f64, progress: &dyn Progress) -> Result<Edge, Cancelled> {
        let spread = Variance(voices);
        if let Some(edge) = Edge::of_living(&spread, density, progress)? {
            return Ok(edge);
        }
        let start = || (Coarse::default(), 0u64);
        let parts = fold(&spread, 16, progress, start, |(coarse, living): &mut (Coarse, u64), _, tile| {
            coarse.add(tile);
            *living += tile.iter().filter(|v| **v > 0.0).count() as u64;
        })?;
        let (mut coarse, mut living) = (Coarse::default(), 0);
        for (c, l) in &parts {
            coarse.merge(c);
            living += l;
        }
        let place = ((living as f64 * density) as u64).max(1);
        Ok(Edge::refine(&spread, &coarse, &[place], progress)?.pop().unwrap_or(Edge::ALL))
    }

    /// Whether the tile at `start` must be worked on as a whole.
    pub(super) fn is_torn_at(&self, start: usize, n: usize) -> bool {
        self.edge.as_ref().is_some_and(|edge| edge.is_torn_at(start, n))
    }

    /// Merges one tile of all inputs, which come with their weights.
    pub(super) fn merge(&self, tiles: &mut [(f32, Vec<f32>)], rule: Rule, start: usize, n: usize, out: &mut [f32]) {
        for (weight, tile) in tiles.iter_mut() {
            tile.iter_mut().for_each(|v| *v *= *weight);
        }
        if let Some(edge) = &self.edge {
            variance(tiles, out);
            edge.keep(out, start, n, true);
            tiles.iter_mut().for_each(|(_, tile)| masked(tile, out));
        }
        // The vote is on what was weighted by the user; the energy decides only how much the agreeing ones count.
        tiles.iter_mut().zip(&self.shares).for_each(|(tile, share)| tile.0 = *share);
        Rule { elect: rule.elect, vote: Vote::Plain, share: Share::Weights }.merge(tiles, out);
    }
}

widest! {
    /// Sets every element to zero where the mask is.
    masked(tile: &mut [f32], mask: &[f32]) = masked_with
}

#[inline(always)]
fn masked_with(tile: &mut [f32], mask: &[f32]) {
    tile.iter_mut().zip(mask).for_each(|(v, m)| *v = if *m == 0.0 { 0.0 } else { *v });
}

widest! {
    /// Variance of the tiles, element by element.
    variance(tiles: &[(f32, Vec<f32>)], out: &mut [f32]) = variance_with
}

#[inline(always)]
fn variance_with(tiles: &[(f32, Vec<f32>)], out: &mut [f32]) {
    const RUN: usize = 512;
    let count = 1.0 / tiles.len().max(1) as f32;
    for (i, out) in out.chunks_mut(RUN).enumerate() {
        let (mut means, len) = ([0f32; RUN], out.len());
        for (_, tile) in tiles {
            means.iter_mut().zip(&tile[i * RUN..][..len]).for_each(|(mean, v)| *mean += v);
        }
        means.iter_mut().for_each(|mean| *mean *= count);
        out.fill(0.0);
        for (_, tile) in tiles {
            for ((o, mean), v) in out.iter_mut().zip(&means).zip(&tile[i * RUN..][..len]) {
                *o += (v - mean) * (v - mean);
            }
        }
        out.iter_mut().for_each(|o| *o *= count);
    }
}
