//! SCE: select the elements in which the inputs vary most, weigh the inputs by the energy they have there, erase minorities.

use super::agree::Rule;
use super::cut::Edge;
use super::voice::Voice;
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
        variance(&weighted(self.0, rows, out.len()), out);
    }
}

fn weighted(voices: &[Voice], rows: Range<usize>, len: usize) -> Vec<Vec<f32>> {
    let tile = |voice: &Voice| {
        let mut values = vec![0f32; len];
        voice.rows(rows.clone(), &mut values);
        values.iter_mut().for_each(|v| *v *= voice.weight as f32);
        values
    };
    voices.iter().map(tile).collect()
}

fn variance(tiles: &[Vec<f32>], out: &mut [f32]) {
    let count = 1.0 / tiles.len().max(1) as f32;
    for (i, o) in out.iter_mut().enumerate() {
        let mean = tiles.iter().map(|t| t[i]).sum::<f32>() * count;
        *o = tiles.iter().map(|t| (t[i] - mean) * (t[i] - mean)).sum::<f32>() * count;
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
                let tiles = weighted(voices, range.clone(), spread.len());
                let mut mask = spread.to_vec();
                if let Some(edge) = &edge {
                    edge.keep(&mut mask, range.start, n, true);
                }
                for (sum, mut tile) in sums.iter_mut().zip(tiles) {
                    if edge.is_some() {
                        tile.iter_mut().zip(&mask).for_each(|(v, m)| *v = if *m == 0.0 { 0.0 } else { *v });
                    }
                    *sum += squares(&tile);
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

    /// Merges one tile of all inputs.
    pub(super) fn merge(&self, tiles: Vec<(f32, Vec<f32>)>, rule: Rule, start: usize, n: usize, out: &mut [f32]) {
        let mut tiles: Vec<Vec<f32>> = tiles
            .into_iter()
            .map(|(weight, mut tile)| {
                tile.iter_mut().for_each(|v| *v *= weight);
                tile
            })
            .collect();
        if let Some(edge) = &self.edge {
            let mut mask = vec![0f32; out.len()];
            variance(&tiles, &mut mask);
            edge.keep(&mut mask, start, n, true);
            for tile in &mut tiles {
                tile.iter_mut().zip(&mask).for_each(|(v, m)| *v = if *m == 0.0 { 0.0 } else { *v });
            }
        }
        // The vote is on what was weighted by the user; the energy decides only how much the agreeing ones count.
        let shares = self.shares.iter().copied().zip(tiles).collect::<Vec<_>>();
        Rule { elect: rule.elect, vote: Vote::Plain, share: Share::Weights }.merge(&shares, out);
    }
}
