//! Several thinned inputs into one: who decides the sign of an element, and what the agreeing ones are divided by.

use crate::linalg::kernel::widest;
use weft_domain::merge::{Elect, Share, Vote};

/// The rule of one merge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) elect: Elect,
    pub(super) vote: Vote,
    pub(super) share: Share,
}

/// Elements that are worked on together: their buffers stay in the first-level cache.
const RUN: usize = 512;

impl Rule {
    /// Merges the tiles of all inputs, each with its weight, into `out`.
    pub(super) fn merge(self, tiles: &[(f32, Vec<f32>)], out: &mut [f32]) {
        merge(self, tiles, out);
    }

    #[inline(always)]
    fn merge_with(self, tiles: &[(f32, Vec<f32>)], out: &mut [f32]) {
        if self.elect == Elect::None {
            out.fill(0.0);
            for (weight, tile) in tiles {
                out.iter_mut().zip(tile).for_each(|(o, v)| *o += weight * v);
            }
            return;
        }
        for (run, out) in out.chunks_mut(RUN).enumerate() {
            self.run(tiles, run * RUN, out);
        }
    }

    #[inline(always)]
    fn run(self, tiles: &[(f32, Vec<f32>)], start: usize, out: &mut [f32]) {
        let mut votes = [0f32; RUN];
        let mut divide = [0f32; RUN];
        for (weight, tile) in tiles {
            let weight = if self.vote == Vote::Weighted { *weight } else { 1.0 };
            let tile = &tile[start..start + out.len()];
            let by = |v: f32| if self.elect == Elect::Total { weight * v } else { sign(weight * v) };
            votes.iter_mut().zip(tile).for_each(|(s, v)| *s += by(*v));
        }
        out.fill(0.0);
        for (weight, tile) in tiles {
            let voting = if self.vote == Vote::Weighted { *weight } else { 1.0 };
            let part = match self.share {
                Share::Count => 1.0,
                Share::Weights => weight.abs(),
                Share::None => 0.0,
            };
            let tile = &tile[start..start + out.len()];
            for (((o, d), s), v) in out.iter_mut().zip(&mut divide).zip(&votes).zip(tile) {
                // A sum of zero counts as positive.
                let agrees = if *s >= 0.0 { voting * v > 0.0 } else { voting * v < 0.0 };
                *o += if agrees { weight * v } else { 0.0 };
                *d += if agrees { part } else { 0.0 };
            }
        }
        for (o, d) in out.iter_mut().zip(&divide) {
            *o = if *d > 0.0 { *o / d } else { *o };
        }
    }
}

widest! {
    /// [`Rule::merge_with`].
    merge(rule: Rule, tiles: &[(f32, Vec<f32>)], out: &mut [f32]) = merge_with
}

#[inline(always)]
fn merge_with(rule: Rule, tiles: &[(f32, Vec<f32>)], out: &mut [f32]) {
    rule.merge_with(tiles, out);
}

#[inline(always)]
fn sign(v: f32) -> f32 {
    if v > 0.0 {
        1.0
    } else if v < 0.0 {
        -1.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(elect: Elect, vote: Vote, share: Share, tiles: &[(f32, Vec<f32>)]) -> Vec<f32> {
        let mut out = vec![9.0; tiles[0].1.len()];
        Rule { elect, vote, share }.merge(tiles, &mut out);
        out
    }

    #[test]
    fn elections_by_hand() {
        // Columns: agree, one against two small ones, a draw, one alone, none.
        let tiles = [(1.0, vec![1.0, 3.0, 2.0, -4.0, 0.0]), (1.0, vec![3.0, -1.0, -2.0, 0.0, 0.0]), (1.0, vec![0.0, -1.0, 0.0, 0.0, 0.0])];
        let run = |elect, share| merged(elect, Vote::Weighted, share, &tiles);
        assert_eq!(run(Elect::Total, Share::Count), [2.0, 3.0, 2.0, -4.0, 0.0]);
        assert_eq!(run(Elect::Frequency, Share::Count), [2.0, -1.0, 2.0, -4.0, 0.0]);
        assert_eq!(run(Elect::Total, Share::None), [4.0, 3.0, 2.0, -4.0, 0.0]);
        assert_eq!(run(Elect::None, Share::Count), [4.0, 1.0, 0.0, -4.0, 0.0]);
    }

    #[test]
    fn a_negative_weight_turns_the_vote_only_where_weights_vote() {
        let tiles = [(-1.0, vec![5.0]), (0.5, vec![2.0])];
        // −5 against +1: the first wins; its −5 stands alone.
        assert_eq!(merged(Elect::Total, Vote::Weighted, Share::Count, &tiles), [-5.0]);
        assert_eq!(merged(Elect::Total, Vote::Weighted, Share::Weights, &tiles), [-5.0]);
        // 5 and 2 agree as they are: (−5 + 1) / 2.
        assert_eq!(merged(Elect::Total, Vote::Plain, Share::Count, &tiles), [-2.0]);
    }
}
