//! One module out of the tensors that share its name: kind, dimensions, rank.

use super::based;
use super::dims::{Dims, matrix, mismatch, side_dims};
use super::{Factors, Kind, Pair, Side};
use crate::header::Header;
use crate::keys::Role;
use crate::text::shown;

/// Highest rank that is worked with: the small matrices are rank × rank.
pub const MAX_RANK: usize = 4096;

/// Kind, factors and dimensions of a module, before its place in the model is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub(super) kind: Kind,
    pub(super) factors: Factors,
    /// The tensors it is made of.
    pub(super) parts: Parts,
    pub(super) out_dim: usize,
    pub(super) in_dim: usize,
    pub(super) kernel: Option<(usize, usize)>,
    pub(super) rank: usize,
    /// Columns without the kernel: the width of the layer, for telling the family.
    pub(super) width: usize,
}

/// The tensors of one module, by role.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Parts(pub(super) Vec<(Role, usize)>);

impl Parts {
    pub(super) fn get(&self, role: Role) -> Option<usize> {
        self.0.iter().find(|(r, _)| *r == role).map(|(_, i)| *i)
    }

    pub(super) fn take(&mut self, role: Role) -> Option<usize> {
        let at = self.0.iter().position(|(r, _)| *r == role)?;
        Some(self.0.remove(at).1)
    }

    /// Those of `roles` that are there.
    pub(super) fn pick(&self, roles: &[Role]) -> Self {
        Self(self.0.iter().filter(|(r, _)| roles.contains(r)).copied().collect())
    }

    pub(super) fn indices(&self) -> Vec<usize> {
        self.0.iter().map(|(_, i)| *i).collect()
    }

    /// The module these tensors make, or the sentence that says why they make none.
    pub(super) fn draft(&self, header: &Header) -> Result<Draft, String> {
        use Role::{DoraScale, HadaW1A, LokrW1, LokrW1A, LokrW2, LokrW2A, Magnitude};
        let has = |role| self.get(role).is_some();
        let mut draft = if has(Role::Down) || has(Role::Up) {
            self.pair(header)?
        } else if has(HadaW1A) {
            self.loha(header)?
        } else if has(LokrW1) || has(LokrW1A) || has(LokrW2) || has(LokrW2A) {
            self.lokr(header)?
        } else if let Some(draft) = based::draft(self, header)? {
            draft
        } else if let Some(weight) = self.get(Role::Diff).or(self.get(Role::WNorm)) {
            full(header, weight, Kind::Full, self.0.iter().find(|(_, i)| *i == weight).map_or(Role::Diff, |(r, _)| *r))
        } else {
            return Err("it has no factors".to_owned());
        };
        let low_rank = matches!(draft.kind, Kind::Lora | Kind::Locon | Kind::Loha | Kind::Lokr);
        let magnitude = self.0.iter().find(|(r, _)| matches!(r, Magnitude | DoraScale)).filter(|_| low_rank);
        if let Some(magnitude) = magnitude {
            draft.kind = Kind::Dora;
            draft.parts.0.push(*magnitude);
            draft.factors = Factors::Other(draft.parts.indices());
        }
        if draft.rank > MAX_RANK {
            return Err(format!("its rank {} is more than the {MAX_RANK} that are worked with", draft.rank));
        }
        Ok(draft)
    }

    fn pair(&self, header: &Header) -> Result<Draft, String> {
        let (down, up) = match (self.get(Role::Down), self.get(Role::Up)) {
            (Some(down), Some(up)) => (down, up),
            (None, Some(up)) => return Err(format!("{} has no down factor beside it", shown(&header.tensors[up].name))),
            (Some(down), _) => return Err(format!("{} has no up factor beside it", shown(&header.tensors[down].name))),
            (None, None) => return Err("it has no factors".to_owned()),
        };
        if self.get(Role::Singular).is_some() {
            let what = "it has values between its factors (AdaLoRA, KaSA), whose scale the file does not tell";
            return Err(format!("{what}; convert it to a plain LoRA with PEFT"));
        }
        let mid = self.get(Role::Mid);
        let (a, b) = (matrix(header, down)?, matrix(header, up)?);
        let (mut in_dim, mut kernel) = (a.cols, a.kernel);
        if let Some(mid) = mid {
            let m = matrix(header, mid)?;
            let core = m.kernel.filter(|_| m.rows == b.inner && m.inner == a.rows && a.taps() == 1);
            let Some(core) = core else { return Err(mismatch(header, &[down, mid, up])) };
            kernel = Some(core);
            in_dim = in_dim.checked_mul(core.0 * core.1).ok_or("its size overflows")?;
        } else if a.rows != b.inner {
            return Err(mismatch(header, &[down, up]));
        }
        if b.taps() != 1 {
            return Err(format!("{} has a kernel of its own, which no known program writes", shown(&header.tensors[up].name)));
        }
        let convolution = mid.is_some() || kernel.is_some_and(|(h, w)| h * w > 1);
        Ok(Draft {
            kind: if convolution { Kind::Locon } else { Kind::Lora },
            factors: Factors::Pair(Pair { down, up, mid }),
            parts: self.pick(&[Role::Down, Role::Up, Role::Mid, Role::Reshape]),
            out_dim: b.rows,
            in_dim,
            kernel,
            rank: a.rows,
            width: a.inner,
        })
    }

    fn loha(&self, header: &Header) -> Result<Draft, String> {
        use Role::{HadaT1, HadaT2, HadaW1A, HadaW1B, HadaW2A, HadaW2B};
        let need = |role| self.get(role).ok_or_else(|| "one of its four factors is missing".to_owned());
        let (w1a, w1b, w2a, w2b) = (need(HadaW1A)?, need(HadaW1B)?, need(HadaW2A)?, need(HadaW2B)?);
        let (t1, t2) = (self.get(HadaT1), self.get(HadaT2));
        let one = side_dims(header, w1a, w1b, t1)?;
        let two = side_dims(header, w2a, w2b, t2)?;
        if (one.out_dim, one.in_dim) != (two.out_dim, two.in_dim) {
            return Err(mismatch(header, &[w1a, w1b, w2a, w2b]));
        }
        let factors = Factors::Loha { w1a, w1b, w2a, w2b, t1, t2 };
        Ok(Draft {
            kind: Kind::Loha,
            factors,
            parts: self.pick(&[HadaW1A, HadaW1B, HadaW2A, HadaW2B, HadaT1, HadaT2]),
            out_dim: one.out_dim,
            in_dim: one.in_dim,
            kernel: one.kernel,
            rank: one.rank,
            width: one.width,
        })
    }

    fn lokr(&self, header: &Header) -> Result<Draft, String> {
        let side = |whole, a, b, name: &str| match (self.get(whole), self.get(a), self.get(b)) {
            (Some(w), ..) => Ok((Side::Whole(w), vec![whole])),
            (None, Some(first), Some(second)) => Ok((Side::Product(first, second), vec![a, b])),
            _ => Err(format!("its factor {name} is missing")),
        };
        let (w1, mut roles) = side(Role::LokrW1, Role::LokrW1A, Role::LokrW1B, "w1")?;
        let (w2, more) = side(Role::LokrW2, Role::LokrW2A, Role::LokrW2B, "w2")?;
        roles.extend(more);
        let t2 = self.get(Role::LokrT2).filter(|_| matches!(w2, Side::Product(..)));
        roles.extend(t2.map(|_| Role::LokrT2));
        let dims = |side, t2| match side {
            Side::Whole(i) => {
                matrix(header, i).map(|m| Dims { out_dim: m.rows, in_dim: m.cols, kernel: m.kernel, rank: 0, width: m.inner })
            }
            Side::Product(a, b) => side_dims(header, a, b, t2),
        };
        let (one, two) = (dims(w1, None)?, dims(w2, t2)?);
        if one.kernel.is_some_and(|(h, w)| h * w > 1) {
            return Err("its first factor has a kernel, which no known program writes".to_owned());
        }
        let product = |a: usize, b: usize| a.checked_mul(b).ok_or_else(|| "its size overflows".to_owned());
        Ok(Draft {
            kind: Kind::Lokr,
            factors: Factors::Lokr { w1, w2, t2 },
            parts: self.pick(&roles),
            out_dim: product(one.out_dim, two.out_dim)?,
            in_dim: product(one.in_dim, two.in_dim)?,
            kernel: two.kernel.or(one.kernel),
            rank: if two.rank > 0 { two.rank } else { one.rank },
            width: product(one.width, two.width)?,
        })
    }
}

/// One stored tensor, a difference or a new weight: rows × the rest.
pub(super) fn full(header: &Header, tensor: usize, kind: Kind, role: Role) -> Draft {
    let shape = &header.tensors[tensor].shape;
    let out_dim = shape.first().copied().unwrap_or(1);
    let in_dim = shape.iter().skip(1).product();
    let kernel = if shape.len() == 4 { Some((shape[2], shape[3])) } else { None };
    let width = shape.get(1).copied().unwrap_or(1);
    let parts = Parts(vec![(role, tensor)]);
    Draft { kind, factors: Factors::Other(vec![tensor]), parts, out_dim, in_dim, kernel, rank: 0, width }
}
