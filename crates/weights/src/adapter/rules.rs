//! What a module says about itself: its tensors, its scale, its size.

use super::module::Parts;
use super::{Factors, Kind, Module, Side};
use crate::header::Header;
use crate::keys::Role;

impl Module {
    /// The factor before the product of the factors. `alpha` is the value of the tensor [`Module::alpha`], None where there is none.
    ///
    /// Pairs, LoHa, LoKr, GLoRA and the bias beside a pair: alpha / rank; without an alpha what the metadata says, else 1. A stored scale
    /// stands for itself. LoKr with both sides whole (unless the metadata gives a rank), stored differences and rotations, whose alpha is a
    /// bound: 1. An alpha of 0 means 0, whatever the training tool meant by it.
    #[must_use]
    pub fn scale(&self, alpha: Option<f64>) -> f64 {
        let has_rank = match self.factors {
            Factors::Pair(_) | Factors::Loha { .. } => true,
            Factors::Lokr { w1, w2, .. } => matches!(w1, Side::Product(..)) || matches!(w2, Side::Product(..)),
            Factors::Other(_) => matches!(self.kind, Kind::Dora | Kind::Glora | Kind::Full) && self.rank > 0,
        };
        match alpha {
            Some(scale) if self.alpha_is_scale => scale,
            Some(alpha) if has_rank => alpha / self.rank as f64,
            Some(_) => 1.0,
            None => self.scale_from_metadata.unwrap_or(1.0),
        }
    }

    /// The kernel of a convolution in the dimensions that are stored: one, two or three numbers, whose product is that of [`Module::kernel`].
    pub(crate) fn kernel_shape(&self, header: &Header) -> Option<Vec<usize>> {
        let (height, width) = self.kernel?;
        let tails = self.tensors().into_iter().filter_map(|t| header.tensors[t].shape.get(2..));
        let stored = tails.max_by_key(|tail| (tail.iter().product::<usize>(), tail.len()));
        Some(stored.filter(|tail| tail.iter().product::<usize>() == height * width).map_or(vec![height, width], <[usize]>::to_vec))
    }

    /// Number of values of ΔW.
    #[must_use]
    pub fn elements(&self) -> f64 {
        self.out_dim as f64 * self.in_dim as f64
    }

    /// The tensor that plays `role` in this module.
    #[must_use]
    pub fn part(&self, role: Role) -> Option<usize> {
        self.parts.iter().find(|(r, _)| *r == role).map(|(_, i)| *i)
    }

    /// Indices of the tensors that hold its values, alpha left out.
    #[must_use]
    pub fn tensors(&self) -> Vec<usize> {
        match &self.factors {
            Factors::Pair(p) => [Some(p.down), Some(p.up), p.mid].into_iter().flatten().collect(),
            Factors::Loha { w1a, w1b, w2a, w2b, t1, t2 } => {
                [Some(*w1a), Some(*w1b), Some(*w2a), Some(*w2b), *t1, *t2].into_iter().flatten().collect()
            }
            Factors::Lokr { w1, w2, t2 } => {
                let side = |s: &Side| match *s {
                    Side::Whole(w) => vec![w],
                    Side::Product(a, b) => vec![a, b],
                };
                [side(w1), side(w2), t2.iter().copied().collect()].concat()
            }
            Factors::Other(list) => list.clone(),
        }
    }

    /// The factors inside a DoRA, as those of the kind they have without the magnitude.
    pub(crate) fn undecomposed(&self, header: &Header) -> Result<Factors, String> {
        let inner = self.parts.iter().filter(|(r, _)| !matches!(r, Role::Magnitude | Role::DoraScale | Role::Alpha | Role::Scale));
        Ok(Parts(inner.copied().collect()).draft(header)?.factors)
    }
}
