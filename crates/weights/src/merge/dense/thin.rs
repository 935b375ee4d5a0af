//! Dropping elements of one input: by magnitude (TIES, magnitude prune, breadcrumbs), by chance (DARE), by both (DELLA).

use super::cut::Edge;
use crate::linalg::kernel::widest;
use crate::linalg::random::Stream;
use crate::linalg::tiles::Rows;
use crate::merge::plan::Method;
use crate::progress::{Cancelled, Progress};
use weft_domain::merge::Options;

/// What is dropped of one input.
#[derive(Debug)]
pub(super) enum Thin {
    /// Nothing.
    Whole,
    /// All that lies before the first edge or behind the second.
    Band { from: Option<Edge>, to: Edge },
    /// Each element by itself, kept with probability `keep` and then divided by `divide`.
    Chance { stream: Stream, keep: f32, divide: f32 },
    /// As chance, but the probability runs from `low` for the smallest element of a row to `high` for the largest.
    Ranked { stream: Stream, low: f32, high: f32, rescale: bool },
}

impl Thin {
    /// What `method` drops of `voice`. `stream` belongs to this input and this weight.
    pub(super) fn of(
        method: Method,
        options: &Options,
        voice: &dyn Rows,
        stream: Stream,
        progress: &dyn Progress,
    ) -> Result<Self, Cancelled> {
        let (m, n) = voice.shape();
        let (size, density) = ((m * n) as f64, options.density_of(method));
        // At least one element: a part of a small matrix may be none, and nothing would be left.
        let places = ((density * size) as u64).max(1);
        Ok(match method {
            Method::Ties | Method::MagnitudePrune | Method::Knots | Method::Core if density < 1.0 => {
                let to = Edge::find(voice, &[places], progress)?.pop().unwrap_or(Edge::ALL);
                Self::Band { from: None, to }
            }
            Method::Breadcrumbs => {
                let top = ((options.gamma * size) as u64).min(size as u64 - places);
                let mut edges = Edge::find(voice, &[top, top + places], progress)?;
                let to = edges.pop().unwrap_or(Edge::ALL);
                Self::Band { from: edges.pop().filter(|_| top > 0), to }
            }
            Method::Dare | Method::DareTies if density < 1.0 => {
                let keep = density as f32;
                Self::Chance { stream, keep, divide: if options.rescale { keep } else { 1.0 } }
            }
            Method::Della => {
                let (low, high) = ((density - options.epsilon) as f32, (density + options.epsilon) as f32);
                Self::Ranked { stream, low, high, rescale: options.rescale }
            }
            _ => Self::Whole,
        })
    }

    /// Whether the tile at `start` must be worked on as a whole.
    pub(super) fn is_torn_at(&self, start: usize, n: usize) -> bool {
        matches!(self, Self::Band { from, to } if to.is_torn_at(start, n) || from.as_ref().is_some_and(|f| f.is_torn_at(start, n)))
    }

    /// Applies it to rows that start at `start`.
    pub(super) fn apply(&self, values: &mut [f32], start: usize, n: usize, scratch: &mut Scratch) {
        match self {
            Self::Whole => {}
            Self::Band { from, to } => {
                // Both edges must see the same values: the second would count equals wrongly where the first has made them zero.
                if let Some(from) = from {
                    scratch.copy.clear();
                    scratch.copy.extend_from_slice(values);
                    from.keep(&mut scratch.copy, start, n, false);
                }
                to.keep(values, start, n, true);
                if from.is_some() {
                    values.iter_mut().zip(&scratch.copy).for_each(|(v, c)| *v = if *c == 0.0 { 0.0 } else { *v });
                }
            }
            Self::Chance { stream, keep, divide } => {
                by_chance(values, *stream, (start * n) as u64, *keep, *divide);
            }
            Self::Ranked { stream, low, high, rescale } => {
                let step = if n > 1 { (high - low) / (n - 1) as f32 } else { 0.0 };
                let base = if n > 1 { *low } else { (low + high) / 2.0 };
                for (r, row) in values.chunks_exact_mut(n.max(1)).enumerate() {
                    let first = ((start + r) * n) as u64;
                    scratch.rank(row);
                    by_rank(row, &scratch.ranks, *stream, first, base, step, *rescale);
                }
            }
        }
    }
}

widest! {
    /// Keeps each element with probability `keep`.
    by_chance(values: &mut [f32], stream: Stream, first: u64, keep: f32, divide: f32) = by_chance_with
}

#[inline(always)]
fn by_chance_with(values: &mut [f32], stream: Stream, first: u64, keep: f32, divide: f32) {
    for (i, v) in values.iter_mut().enumerate() {
        let kept = *v / divide;
        *v = if stream.unit(first + i as u64) < keep { kept } else { 0.0 };
    }
}

widest! {
    /// Keeps each element with a probability that rises with its rank.
    by_rank(row: &mut [f32], ranks: &[u32], stream: Stream, first: u64, base: f32, step: f32, rescale: bool) = by_rank_with
}

#[inline(always)]
fn by_rank_with(row: &mut [f32], ranks: &[u32], stream: Stream, first: u64, base: f32, step: f32, rescale: bool) {
    for (i, (v, rank)) in row.iter_mut().zip(ranks).enumerate() {
        let keep = base + step * *rank as f32;
        let kept = *v / if rescale { keep } else { 1.0 };
        *v = if stream.unit(first + i as u64) < keep { kept } else { 0.0 };
    }
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    copy: Vec<f32>,
    /// Place of each element of a row in the rising order of magnitudes.
    ranks: Vec<u32>,
    from: Vec<u64>,
    to: Vec<u64>,
}

impl Scratch {
    /// Ranks one row. Equals keep their order. Radix sort, three digits of the 31 bits that order magnitudes.
    fn rank(&mut self, row: &[f32]) {
        const DIGIT: u32 = 11;
        self.from.clear();
        self.from.extend(row.iter().enumerate().map(|(i, v)| u64::from(v.to_bits() & 0x7FFF_FFFF) << 32 | i as u64));
        self.to.resize(row.len(), 0);
        self.to.truncate(row.len());
        for pass in 0..3 {
            let digit = |key: u64| (key >> (32 + pass * DIGIT)) as usize & ((1 << DIGIT) - 1);
            let mut starts = [0u32; 1 << DIGIT];
            self.from.iter().for_each(|key| starts[digit(*key)] += 1);
            let mut sum = 0;
            for s in &mut starts {
                (*s, sum) = (sum, sum + *s);
            }
            for key in &self.from {
                let at = &mut starts[digit(*key)];
                self.to[*at as usize] = *key;
                *at += 1;
            }
            std::mem::swap(&mut self.from, &mut self.to);
        }
        self.ranks.resize(row.len(), 0);
        self.ranks.truncate(row.len());
        for (rank, key) in self.from.iter().enumerate() {
            self.ranks[*key as u32 as usize] = rank as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_ranked_by_magnitude_and_equals_by_place() {
        let row: Vec<f32> = (0..300).map(|i| ((i * 7919) % 101) as f32 * if i % 2 == 0 { 1e-3 } else { -1e-3 }).collect();
        let mut scratch = Scratch::default();
        scratch.rank(&[1.0; 400]);
        scratch.rank(&row);
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|a, b| row[*a].abs().total_cmp(&row[*b].abs()));
        let want: Vec<u32> = (0..row.len()).map(|i| order.iter().position(|o| *o == i).unwrap() as u32).collect();
        assert_eq!(scratch.ranks, want);
    }
}
