//! From numbers to the paths of the chart: one path per strand, however many blocks there are, so that a drag changes a dozen attributes.
//!
//! A strand's share of a block is drawn as its projection on the result, wᵢ⟨ΔWᵢ, S⟩/‖S‖ with S = Σ wᵢΔWᵢ: these add up to ‖S‖, the bar's
//! height, exactly, and none is ever taller than the strand alone. What a strand takes away hangs below the line, hatched; the others start
//! from there, so that every part keeps its true size and the top is the combined strength.

use super::compute::{Block, Combined, GROWTH_LIMIT};
use crate::blocks::axis::{Axis, nice_top};
use crate::blocks::plot::{push_line, push_rect};

/// Height of the chart in pixels.
pub(crate) const HEIGHT: f64 = 240.0;
/// Room above the highest bar, in pixels.
const HEADROOM: f64 = 12.0;

/// What the chart's height stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Strength at the top.
    pub top: f64,
    /// Strength below the line, as a positive number.
    pub below: f64,
}

impl Range {
    /// Holds everything that is drawn. Keeps the former range while that is still right, so that bars and not the scale move in a drag.
    #[must_use]
    pub fn new(combined: &Combined, former: Option<Self>) -> Self {
        let up = combined.blocks.iter().flat_map(|b| b.singles.iter().copied().chain([b.norm, b.untamed])).fold(0.0, f64::max);
        let down = combined.blocks.iter().map(taken).fold(0.0, f64::max);
        let keep = |new: f64, old: Option<f64>| {
            old.filter(|old| new <= *old && (new >= old * 0.45 || *old == 0.0))
                .unwrap_or_else(|| if new > 0.0 { nice_top(new) } else { 0.0 })
        };
        let top = keep(up, former.map(|f| f.top));
        let below = if down > top * 0.004 { keep(down, former.map(|f| f.below)) } else { 0.0 };
        Self { top: if top > 0.0 { top } else { 1.0 }, below }
    }

    /// Pixels of one unit of strength.
    #[must_use]
    pub fn scale(&self) -> f64 {
        (HEIGHT - HEADROOM) / (self.top + self.below)
    }

    /// Place of a strength from the top, in pixels.
    #[must_use]
    pub fn y(&self, value: f64) -> f64 {
        HEADROOM + (self.top - value) * self.scale()
    }
}

/// What the strands that work against the sum take away: the depth of the bar below the line.
fn taken(block: &Block) -> f64 {
    block.shares.iter().filter(|s| **s < 0.0).map(|s| -s * block.norm).sum()
}

/// Path data of the chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shapes {
    /// By strand: what it brings.
    pub brings: Vec<String>,
    /// By strand: what it takes away, below the line.
    pub takes: Vec<String>,
    /// By strand: its strength alone.
    pub alone: Vec<String>,
    /// What taming cut off.
    pub cut: String,
    /// Blocks that no strand has.
    pub absent: String,
    /// Marks above blocks that grow over the limit.
    pub over: String,
}

/// Draws the blocks upright along the axis.
#[must_use]
pub fn shapes(combined: &Combined, axis: &Axis, range: Range) -> Shapes {
    let strands = combined.blocks.first().map_or(0, |b| b.shares.len());
    let mut out = Shapes {
        brings: vec![String::new(); strands],
        takes: vec![String::new(); strands],
        alone: vec![String::new(); strands],
        ..Shapes::default()
    };
    let scale = range.scale();
    for (at, block) in combined.blocks.iter().enumerate() {
        let (x, width) = axis.bar(at);
        if !block.present {
            push_line(&mut out.absent, x, range.y(0.0) - 3.0, width);
            continue;
        }
        let mut level = -taken(block);
        let mut hung = 0.0;
        for (i, share) in block.shares.iter().enumerate() {
            let size = share * block.norm;
            if size > 0.0 {
                level += size;
                push_rect(&mut out.brings[i], x, range.y(level), width, size * scale);
            } else if size < 0.0 {
                push_rect(&mut out.takes[i], x, range.y(-hung), width, -size * scale);
                hung -= size;
            }
            if block.singles[i] > 0.0 && strands > 1 {
                push_line(&mut out.alone[i], x - width * 0.1, range.y(block.singles[i]), width * 1.2);
            }
        }
        if block.untamed > block.norm * 1.000_001 {
            push_rect(&mut out.cut, x, range.y(block.untamed), width, (block.untamed - block.norm) * scale);
        }
        if block.growth > GROWTH_LIMIT * (1.0 + 1e-9) {
            push_arrow(&mut out.over, x, range.y(block.norm.max(block.untamed)) - 3.0, width);
        }
    }
    out
}

/// A small arrow that points down at the middle of a bar, as wide as it.
fn push_arrow(d: &mut String, x: f64, y: f64, width: f64) {
    use std::fmt::Write as _;
    // Writing to a String cannot fail.
    let _ = write!(d, "M{x:.2} {:.2}h{width:.2}L{:.2} {y:.2}z", y - 6.0, x + width / 2.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(norm: f64, shares: &[f64], singles: &[f64]) -> Block {
        Block { norm, untamed: norm, singles: singles.to_vec(), shares: shares.to_vec(), agreement: None, growth: 1.0, present: true }
    }

    fn combined(blocks: Vec<Block>) -> Combined {
        Combined { blocks, total: 1.0, mean: 1.0, variance: 0.0, growth: 1.0 }
    }

    fn axis(n: usize) -> Axis {
        Axis::new((0..n).map(|i| (i.to_string(), "blocks".to_owned())))
    }

    /// y and height of the rectangles of a path.
    fn rects(d: &str) -> Vec<(f64, f64)> {
        let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
        d.split('M')
            .skip(1)
            .map(|part| {
                let y = number(part.split([' ', 'h']).nth(1).unwrap_or_default());
                (y, number(part.split(['v', 'h']).nth(2).unwrap_or_default()))
            })
            .collect()
    }

    #[test]
    fn parts_add_up_to_the_height_of_the_bar() {
        let combined = combined(vec![block(3.0, &[0.25, 0.75], &[1.0, 2.5])]);
        let range = Range::new(&combined, None);
        let shapes = shapes(&combined, &axis(1), range);
        let heights: f64 = shapes.brings.iter().flat_map(|d| rects(d)).map(|(_, h)| h).sum();
        assert!((heights - 3.0 * range.scale()).abs() < 0.05);
        assert!((rects(&shapes.brings[1])[0].0 - range.y(3.0)).abs() < 0.01, "the last part ends at the bar's top");
        assert!(shapes.takes.iter().all(String::is_empty));
    }

    #[test]
    fn what_is_taken_hangs_below_and_the_top_stays_exact() {
        let combined = combined(vec![block(2.0, &[1.5, -0.5], &[3.5, 2.5])]);
        let range = Range::new(&combined, None);
        assert!(range.below >= 1.0);
        let shapes = shapes(&combined, &axis(1), range);
        let (top, height) = rects(&shapes.brings[0])[0];
        assert!((top - range.y(2.0)).abs() < 0.01 && (top + height - range.y(-1.0)).abs() < 0.02);
        let (top, height) = rects(&shapes.takes[1])[0];
        assert!((top - range.y(0.0)).abs() < 0.01 && (height - range.scale()).abs() < 0.02);
    }

    #[test]
    fn the_scale_stays_while_it_is_still_right() {
        let of = |v: f64| combined(vec![block(v, &[1.0], &[v])]);
        let first = Range::new(&of(4.9), None);
        assert_eq!((first.top, Range::new(&of(3.0), Some(first)).top), (5.0, 5.0));
        assert_eq!((Range::new(&of(1.0), Some(first)).top, Range::new(&of(5.1), Some(first)).top), (1.0, 6.0));
    }
}
