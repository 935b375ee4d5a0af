//! The likeliest way to cut a word into pieces (Kudo 2018).

use super::files::{Bad, MOST};

/// Taken off the smallest score for a letter that no piece has, as sentencepiece does.
const UNKNOWN_PENALTY: f64 = 10.0;

/// Pieces with their log probabilities.
#[derive(Debug, Clone)]
pub struct Unigram {
    /// Sorted by their bytes: (piece, id, score).
    pieces: Vec<(Vec<u8>, u32, f64)>,
    unknown: u32,
    unknown_score: f64,
}

/// The best way to a place in a word.
#[derive(Clone, Copy)]
struct Best {
    from: usize,
    id: u32,
    score: f64,
}

impl Unigram {
    /// `pieces` are (piece, score) by id. Pieces that `used` refuses are never cut out of text.
    pub fn new(pieces: &[(String, f64)], unknown: u32, used: impl Fn(usize) -> bool) -> Result<Self, Bad> {
        if pieces.is_empty() || pieces.len() > MOST || unknown as usize >= pieces.len() {
            return Err(Bad::Damaged(format!("{} pieces, of which number {unknown} is the unknown one", pieces.len())));
        }
        if let Some((piece, score)) = pieces.iter().find(|(_, score)| !score.is_finite()) {
            return Err(Bad::Damaged(format!("the score of “{piece}” is {score}")));
        }
        let lowest = pieces.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
        let listed = pieces.iter().enumerate().filter(|(id, (piece, _))| !piece.is_empty() && used(*id));
        let mut sorted: Vec<(Vec<u8>, u32, f64)> =
            listed.map(|(id, (piece, score))| (piece.clone().into_bytes(), id as u32, *score)).collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        // Of equal pieces the last one counts.
        sorted.dedup_by(|next, kept| next.0 == kept.0);
        Ok(Self { pieces: sorted, unknown, unknown_score: lowest - UNKNOWN_PENALTY })
    }

    /// (id, first byte, byte behind the last) of the best cut of `word`; unknown letters in a row are one token.
    pub fn cut(&self, word: &str) -> Vec<(u32, usize, usize)> {
        let mut best: Vec<Option<Best>> = vec![None; word.len() + 1];
        for (at, letter) in word.char_indices() {
            let score = if at == 0 { 0.0 } else { best[at].map_or(0.0, |best| best.score) };
            let mut offer = |to: usize, id: u32, score: f64| {
                if best[to].is_none_or(|known| score > known.score) {
                    best[to] = Some(Best { from: at, id, score });
                }
            };
            let mut single = false;
            self.prefixes(&word.as_bytes()[at..], |len, id, piece_score| {
                single |= len == letter.len_utf8();
                offer(at + len, id, score + piece_score);
            });
            if !single {
                offer(at + letter.len_utf8(), self.unknown, score + self.unknown_score);
            }
        }
        let mut cut: Vec<(u32, usize, usize)> = Vec::new();
        let mut at = word.len();
        while let Some(step) = best[at].filter(|_| at > 0) {
            match cut.last_mut() {
                Some(last) if last.0 == self.unknown && step.id == self.unknown => last.1 = step.from,
                _ => cut.push((step.id, step.from, at)),
            }
            at = step.from;
        }
        cut.reverse();
        cut
    }

    /// Calls `found` for each piece that `bytes` begins with, shortest first.
    fn prefixes(&self, bytes: &[u8], mut found: impl FnMut(usize, u32, f64)) {
        let mut range = &self.pieces[..];
        for (depth, byte) in bytes.iter().enumerate() {
            // Pieces in the range agree in `depth` bytes; shorter ones come first and were reported.
            let low = range.partition_point(|(piece, ..)| piece.get(depth).is_none_or(|b| b < byte));
            let high = range.partition_point(|(piece, ..)| piece.get(depth).is_none_or(|b| b <= byte));
            range = &range[low..high];
            match range.first() {
                Some((piece, id, score)) if piece.len() == depth + 1 => found(depth + 1, *id, *score),
                Some(_) => {}
                None => return,
            }
        }
    }
}
