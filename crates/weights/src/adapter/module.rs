//! One module out of the tensors that share its name: kind, dimensions, rank, and the rule for its scale.

use super::{Factors, Kind, Module, Pair, Side};
use crate::header::{Header, TensorInfo};
use crate::keys::Role;
use crate::text::shown;

/// Highest rank that is worked with: the small matrices are rank × rank.
pub const MAX_RANK: usize = 4096;

/// Kind, factors and dimensions of a module, before its place in the model is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub(super) kind: Kind,
    pub(super) factors: Factors,
    pub(super) out_dim: usize,
    pub(super) in_dim: usize,
    pub(super) kernel: Option<(usize, usize)>,
    pub(super) rank: usize,
    /// Columns without the kernel: the width of the layer, for telling the family.
    pub(super) width: usize,
}

/// The tensors of one module, by role.
#[derive(Debug, Default, Clone)]
pub(super) struct Parts(pub(super) Vec<(Role, usize)>);

impl Parts {
    pub(super) fn get(&self, role: Role) -> Option<usize> {
        self.0.iter().find(|(r, _)| *r == role).map(|(_, i)| *i)
    }

    fn all(&self) -> Vec<usize> {
        self.0.iter().filter(|(r, _)| *r != Role::Alpha).map(|(_, i)| *i).collect()
    }

    /// The module these tensors make, or the sentence that says why they make none.
    pub(super) fn draft(&self, header: &Header) -> Result<Draft, String> {
        use Role::{GloraA1, HadaW1A, Ia3, LokrW1, LokrW1A, LokrW2, LokrW2A, Magnitude, Oft, OnInput, Set};
        let has = |role| self.get(role).is_some();
        let mut draft = if has(Role::Down) || has(Role::Up) {
            self.pair(header)?
        } else if has(HadaW1A) {
            self.loha(header)?
        } else if has(LokrW1) || has(LokrW1A) || has(LokrW2) || has(LokrW2A) {
            self.lokr(header)?
        } else if has(GloraA1) {
            self.other(Kind::Glora, header)
        } else if has(Oft) {
            let four = self.get(Oft).is_some_and(|i| header.tensors[i].shape.len() == 4);
            self.other(if four { Kind::Boft } else { Kind::Oft }, header)
        } else if has(OnInput) || has(Ia3) {
            self.other(Kind::Ia3, header)
        } else if has(Set) {
            self.other(Kind::Unknown, header)
        } else if has(Role::Diff) || has(Role::WNorm) {
            self.full(header)?
        } else {
            return Err("it has no factors".to_owned());
        };
        if has(Magnitude) && draft.kind != Kind::Unknown {
            (draft.kind, draft.factors) = (Kind::Dora, Factors::Other(self.all()));
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
            out_dim: b.rows,
            in_dim,
            kernel,
            rank: a.rows,
            width: a.inner,
        })
    }

    fn loha(&self, header: &Header) -> Result<Draft, String> {
        let need = |role| self.get(role).ok_or_else(|| "one of its four factors is missing".to_owned());
        let (w1a, w1b, w2a, w2b) = (need(Role::HadaW1A)?, need(Role::HadaW1B)?, need(Role::HadaW2A)?, need(Role::HadaW2B)?);
        let (t1, t2) = (self.get(Role::HadaT1), self.get(Role::HadaT2));
        let one = side_dims(header, w1a, w1b, t1)?;
        let two = side_dims(header, w2a, w2b, t2)?;
        if (one.out_dim, one.in_dim) != (two.out_dim, two.in_dim) {
            return Err(mismatch(header, &[w1a, w1b, w2a, w2b]));
        }
        let factors = Factors::Loha { w1a, w1b, w2a, w2b, t1, t2 };
        Ok(Draft {
            kind: Kind::Loha,
            factors,
            out_dim: one.out_dim,
            in_dim: one.in_dim,
            kernel: one.kernel,
            rank: one.rank,
            width: one.width,
        })
    }

    fn lokr(&self, header: &Header) -> Result<Draft, String> {
        let side = |whole, a, b, name: &str| match (self.get(whole), self.get(a), self.get(b)) {
            (Some(w), ..) => Ok(Side::Whole(w)),
            (None, Some(a), Some(b)) => Ok(Side::Product(a, b)),
            _ => Err(format!("its factor {name} is missing")),
        };
        let w1 = side(Role::LokrW1, Role::LokrW1A, Role::LokrW1B, "w1")?;
        let w2 = side(Role::LokrW2, Role::LokrW2A, Role::LokrW2B, "w2")?;
        let t2 = self.get(Role::LokrT2);
        let dims = |side, t2| match side {
            Side::Whole(i) => {
                matrix(header, i).map(|m| Dims { out_dim: m.rows, in_dim: m.cols, kernel: m.kernel, rank: 0, width: m.inner })
            }
            Side::Product(a, b) => side_dims(header, a, b, t2),
        };
        let (one, two) = (dims(w1, None)?, dims(w2, t2)?);
        let product = |a: usize, b: usize| a.checked_mul(b).ok_or_else(|| "its size overflows".to_owned());
        Ok(Draft {
            kind: Kind::Lokr,
            factors: Factors::Lokr { w1, w2, t2 },
            out_dim: product(one.out_dim, two.out_dim)?,
            in_dim: product(one.in_dim, two.in_dim)?,
            kernel: two.kernel.or(one.kernel),
            rank: if two.rank > 0 { two.rank } else { one.rank },
            width: product(one.width, two.width)?,
        })
    }

    fn full(&self, header: &Header) -> Result<Draft, String> {
        let weight = self.get(Role::Diff).or(self.get(Role::WNorm)).ok_or("it has no factors")?;
        Ok(full(header, weight))
    }

    /// Kinds whose ΔW needs the base: dimensions as far as the tensors tell.
    fn other(&self, kind: Kind, header: &Header) -> Draft {
        let tensors = self.all();
        let shape = |role| self.get(role).map(|i| header.tensors[i].shape.as_slice());
        let (out_dim, in_dim) = match kind {
            Kind::Glora => (0, 0),
            Kind::Ia3 => (shape(Role::Ia3).map_or(0, |s| s.iter().product()), 0),
            _ => (shape(Role::Oft).map_or(0, |s| s.iter().rev().skip(1).product::<usize>()), 0),
        };
        let pair = |s: &[usize]| if let [a, b] = s { *a.min(b) } else { 0 };
        let rank = if kind == Kind::Glora { shape(Role::GloraA1).map_or(0, pair) } else { 0 };
        Draft { kind, factors: Factors::Other(tensors), out_dim, in_dim, kernel: None, rank, width: in_dim }
    }
}

/// A stored difference: rows × the rest.
pub(super) fn full(header: &Header, tensor: usize) -> Draft {
    let shape = &header.tensors[tensor].shape;
    let out_dim = shape.first().copied().unwrap_or(1);
    let in_dim = shape.iter().skip(1).product();
    let kernel = if shape.len() == 4 { Some((shape[2], shape[3])) } else { None };
    let width = shape.get(1).copied().unwrap_or(1);
    Draft { kind: Kind::Full, factors: Factors::Other(vec![tensor]), out_dim, in_dim, kernel, rank: 0, width }
}

/// A factor seen as rows × (inner · kernel).
struct Matrix {
    rows: usize,
    inner: usize,
    cols: usize,
    kernel: Option<(usize, usize)>,
}

impl Matrix {
    fn taps(&self) -> usize {
        self.kernel.map_or(1, |(h, w)| h * w)
    }
}

fn matrix(header: &Header, tensor: usize) -> Result<Matrix, String> {
    let info = &header.tensors[tensor];
    let wrong = |what: &str| Err(format!("{} {what}", shown(&info.name)));
    if !info.dtype.is_float() {
        return wrong(&format!("holds {} numbers, not floating ones", info.dtype));
    }
    let (rows, inner, kernel) = match info.shape.as_slice() {
        [r, i] => (*r, *i, None),
        [r, i, k] => (*r, *i, Some((1, *k))),
        [r, i, h, w] => (*r, *i, Some((*h, *w))),
        [r, i, d, h, w] => (*r, *i, Some((d * h, *w))),
        shape => return wrong(&format!("has {} dimensions, a factor has 2 to 5", shape.len())),
    };
    if info.elements() == 0 {
        return wrong("is empty");
    }
    Ok(Matrix { rows, inner, cols: info.elements() / rows, kernel })
}

/// Dimensions of a product of two factors, with a Tucker core between them or without.
struct Dims {
    out_dim: usize,
    in_dim: usize,
    kernel: Option<(usize, usize)>,
    rank: usize,
    width: usize,
}

/// Without a core a is [out, r] and b [r, in·k]; with one t is [r, r, k…], a is [r, out] and b [r, in].
fn side_dims(header: &Header, a: usize, b: usize, t: Option<usize>) -> Result<Dims, String> {
    let (left, right) = (matrix(header, a)?, matrix(header, b)?);
    let Some(t) = t else {
        if left.cols != right.rows {
            return Err(mismatch(header, &[a, b]));
        }
        return Ok(Dims { out_dim: left.rows, in_dim: right.cols, kernel: right.kernel, rank: right.rows, width: right.inner });
    };
    let core = matrix(header, t)?;
    if core.rows != left.rows || core.inner != right.rows || left.taps() * right.taps() != 1 {
        return Err(mismatch(header, &[t, a, b]));
    }
    let in_dim = right.cols.checked_mul(core.taps()).ok_or("its size overflows")?;
    Ok(Dims { out_dim: left.cols, in_dim, kernel: core.kernel, rank: core.rows, width: right.cols })
}

fn mismatch(header: &Header, tensors: &[usize]) -> String {
    let one = |i: &usize| {
        let TensorInfo { name, shape, .. } = &header.tensors[*i];
        format!("{} is {shape:?}", shown(name))
    };
    format!("its factors do not fit together: {}", tensors.iter().map(one).collect::<Vec<_>>().join(", "))
}

impl Module {
    /// The factor before the product of the factors. `alpha` is the value of the alpha tensor, None where there is none.
    ///
    /// Pairs, LoHa, LoKr: alpha / rank; without an alpha what the metadata says, else 1. LoKr with both sides whole, stored
    /// differences and the kinds that need the base: 1.
    #[must_use]
    pub fn scale(&self, alpha: Option<f64>) -> f64 {
        let has_rank = match self.factors {
            Factors::Pair(_) | Factors::Loha { .. } => true,
            Factors::Lokr { w1, w2, .. } => matches!(w1, Side::Product(..)) || matches!(w2, Side::Product(..)),
            Factors::Other(_) => self.kind == Kind::Dora && self.rank > 0,
        };
        match alpha {
            _ if !has_rank => 1.0,
            Some(alpha) => alpha / self.rank as f64,
            None => self.scale_from_metadata.unwrap_or(1.0),
        }
    }

    /// Number of values of ΔW.
    #[must_use]
    pub fn elements(&self) -> f64 {
        self.out_dim as f64 * self.in_dim as f64
    }
}
