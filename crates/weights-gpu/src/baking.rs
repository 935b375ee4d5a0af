//! The chosen side as the one that bakes. Natively only: [`wait`] blocks.

use weft_weights::ops::bake::{Change, Device, Piece};

use crate::backend::{Backend, Tile};
use crate::choose::Side;
use crate::chosen::Chosen;
use crate::factors::{LowRank, Stored};
use crate::wait;

impl<G: Backend + Sync> Device for Chosen<G> {
    fn active(&self) -> bool {
        self.choice().side == Side::Gpu
    }

    fn merge(&self, piece: &Piece<'_>, out: &mut Vec<u8>) -> bool {
        let weight = Stored { dtype: piece.dtype, bytes: piece.bytes };
        let tile = Tile { rows: piece.rows.clone(), n: piece.columns, weight };
        let changes: Vec<LowRank<'_>> = piece.changes.iter().map(|change| low_rank(change, piece.columns)).collect();
        wait(self.merge_tile(&tile, &changes, piece.to, out)).is_ok()
    }

    fn says(&self) -> String {
        Self::says(self)
    }
}

fn low_rank<'a>(change: &Change<'a>, n: usize) -> LowRank<'a> {
    let Change { b, a, rank, row0, scale } = *change;
    LowRank { m: b.len() / rank.max(1), n, rank, row0, b: Stored::of(b), a: Stored::of(a), scale }
}
