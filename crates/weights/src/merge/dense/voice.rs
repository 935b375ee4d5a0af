//! ΔW of one input for one weight of the network, row by row.

use crate::delta::Delta;
use crate::linalg::tiles::{Rows, product_rows};
use crate::merge::load::Loaded;
use std::ops::Range;

/// ΔW of one stored module.
#[derive(Debug)]
pub(crate) enum Body {
    /// Factors, their halves in the result's order.
    Factors(Loaded),
    /// Any other form. `swap`: the halves of the rows stand the other way round than in the result.
    Any { delta: Delta, swap: bool },
}

/// One stored module inside of the weight: it covers the rows from `row0`.
#[derive(Debug)]
pub(crate) struct Operand {
    pub(crate) row0: usize,
    pub(crate) rows: usize,
    /// Stands before the body, whose own scale is not in it.
    pub(crate) factor: f64,
    pub(crate) body: Body,
}

impl Operand {
    /// Writes, or adds, the operand's share of `rows` of the whole weight.
    fn write(&self, rows: Range<usize>, n: usize, out: &mut [f32], add: bool) {
        let (from, to) = (rows.start.max(self.row0), rows.end.min(self.row0 + self.rows));
        if from >= to {
            return;
        }
        let out = &mut out[(from - rows.start) * n..(to - rows.start) * n];
        let inside = from - self.row0..to - self.row0;
        match &self.body {
            Body::Factors(f) => product_rows(&f.b, &f.a, (f.rank, n), (self.factor * f.scale) as f32, inside, out, add),
            Body::Any { delta, swap } => self.write_any(delta, *swap, inside, n, out, add),
        }
    }

    fn write_any(&self, delta: &Delta, swap: bool, inside: Range<usize>, n: usize, out: &mut [f32], add: bool) {
        let half = if swap { self.rows / 2 } else { 0 };
        let mut at = 0;
        // Rows of the result up to the middle stand in the file's second half, the others in its first.
        for (from, to, shift) in [(0, self.rows - half, half as isize), (self.rows - half, self.rows, half as isize - self.rows as isize)] {
            let (from, to) = (from.max(inside.start), to.min(inside.end));
            if from >= to {
                continue;
            }
            let out = &mut out[at..at + (to - from) * n];
            at += out.len();
            let stored = from.wrapping_add_signed(shift)..to.wrapping_add_signed(shift);
            let factor = self.factor as f32;
            if add {
                let mut tile = vec![0f32; out.len()];
                delta.rows(stored, &mut tile);
                out.iter_mut().zip(&tile).for_each(|(o, v)| *o += factor * v);
            } else {
                delta.rows(stored, out);
                if factor != 1.0 {
                    out.iter_mut().for_each(|o| *o *= factor);
                }
            }
        }
    }
}

/// ΔW of one input, its scale included and its weight not.
#[derive(Debug)]
pub(crate) struct Voice {
    pub(crate) m: usize,
    pub(crate) n: usize,
    /// Index of the input.
    pub(crate) member: usize,
    /// Weight × block factor, divided as the method asks.
    pub(crate) weight: f64,
    pub(crate) operands: Vec<Operand>,
}

impl Rows for Voice {
    fn shape(&self) -> (usize, usize) {
        (self.m, self.n)
    }

    fn rows(&self, rows: Range<usize>, out: &mut [f32]) {
        if let [one] = self.operands.as_slice()
            && one.row0 == 0
            && one.rows == self.m
        {
            return one.write(rows, self.n, out, false);
        }
        out.fill(0.0);
        self.operands.iter().for_each(|o| o.write(rows.clone(), self.n, out, true));
    }
}
