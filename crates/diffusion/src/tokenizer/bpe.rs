//! Byte-pair encoding of one word.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// (left id, right id) → (rank, id of the two as one).
pub type Merges = HashMap<(u32, u32), (u32, u32)>;

const GONE: usize = usize::MAX;

/// A piece of the word, linked to its neighbours.
#[derive(Clone, Copy)]
struct Piece {
    id: u32,
    /// Letters it stands for.
    from: usize,
    to: usize,
    left: usize,
    right: usize,
}

/// Merges neighbours, always the pair of lowest rank and of those the leftmost, until no pair has a rank. Gives (id, first letter,
/// letter behind the last). A heap of pairs keeps a word of a million letters fast.
pub fn merge(ids: &[u32], merges: &Merges) -> Vec<(u32, usize, usize)> {
    let last = ids.len().wrapping_sub(1);
    let link = |i: usize, id: &u32| Piece {
        id: *id,
        from: i,
        to: i + 1,
        left: if i == 0 { GONE } else { i - 1 },
        right: if i == last { GONE } else { i + 1 },
    };
    let mut pieces: Vec<Piece> = ids.iter().enumerate().map(|(i, id)| link(i, id)).collect();
    let mut heap = BinaryHeap::new();
    let pair = |left: &Piece, right: &Piece| merges.get(&(left.id, right.id)).copied();
    for i in 1..pieces.len() {
        if let Some((rank, id)) = pair(&pieces[i - 1], &pieces[i]) {
            heap.push(Reverse((rank, i - 1, id)));
        }
    }
    while let Some(Reverse((rank, at, id))) = heap.pop() {
        let left = pieces[at];
        // The pair may have changed since it was put on the heap.
        let Some(right) = pieces.get(left.right).copied().filter(|right| left.to > left.from && pair(&left, right) == Some((rank, id)))
        else {
            continue;
        };
        let gone = left.right;
        pieces[gone].to = pieces[gone].from;
        pieces[at] = Piece { id, to: right.to, right: right.right, ..left };
        if let Some(next) = pieces.get_mut(right.right) {
            next.left = at;
            let next = *next;
            if let Some((rank, id)) = pair(&pieces[at], &next) {
                heap.push(Reverse((rank, at, id)));
            }
        }
        if let Some(previous) = pieces.get(left.left)
            && let Some((rank, id)) = pair(previous, &pieces[at])
        {
            heap.push(Reverse((rank, left.left, id)));
        }
    }
    pieces.iter().filter(|piece| piece.to > piece.from).map(|piece| (piece.id, piece.from, piece.to)).collect()
}
