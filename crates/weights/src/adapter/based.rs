//! Modules whose effect depends on the weight they change: dimensions as far as the tensors tell, 0 where they do not.

use super::dims::{matrix, mismatch};
use super::module::{Draft, MAX_RANK, Parts, full};
use super::{Factors, Kind};
use crate::header::Header;
use crate::keys::Role;
use crate::text::shown;

/// None when no role of such a kind is there.
pub(super) fn draft(parts: &Parts, header: &Header) -> Result<Option<Draft>, String> {
    use Role::{BoftR, GloraA1, GloraA2, GloraB1, GloraB2, Ia3, Ia3L, Oft, OftDiag, OftR, OnInput, Scale, Set, Whole};
    let first = |roles: &[Role]| roles.iter().find_map(|r| parts.get(*r).map(|i| (*r, i)));
    if first(&[GloraA1, GloraA2, GloraB1, GloraB2]).is_some() {
        return glora(parts, header).map(Some);
    }
    let Some((role, tensor)) = first(&[Oft, OftDiag, OftR, BoftR, Ia3, Ia3L, OnInput, Set, Whole, Scale]) else { return Ok(None) };
    match role {
        Oft | OftDiag => rotated_outputs(parts, header, tensor),
        OftR => peft_oft(parts, header, tensor),
        BoftR => peft_boft(parts, header, tensor),
        Ia3 if parts.get(OnInput).is_some() => Ok(ia3(parts, header, tensor)),
        Ia3L => Ok(ia3(parts, header, tensor)),
        Set | Whole => Ok(full(header, tensor, Kind::Set, role)),
        Scale if header.tensors[tensor].shape.len() == 1 => Ok(full(header, tensor, Kind::Set, Scale)),
        _ => Err("it has no factors".to_owned()),
    }
    .map(Some)
}

fn based(kind: Kind, parts: Parts, (out_dim, in_dim): (usize, usize), rank: usize) -> Draft {
    Draft { kind, factors: Factors::Other(parts.indices()), parts, out_dim, in_dim, kernel: None, rank, width: in_dim }
}

/// `[k, b, b]` or, for BOFT, `[stages, k, b, b]`: k blocks of b outputs each.
fn rotated_outputs(parts: &Parts, header: &Header, tensor: usize) -> Result<Draft, String> {
    let (kind, blocks, size) = match *header.tensors[tensor].shape {
        [k, b, c] if b == c => (Kind::Oft, k, b),
        [_, k, b, c] if b == c => (Kind::Boft, k, b),
        _ => return Err(format!("{} is {:?}, not square blocks", shown(&header.tensors[tensor].name), header.tensors[tensor].shape)),
    };
    let out_dim = blocks.checked_mul(size).filter(|n| *n > 0).ok_or("its size overflows or is 0")?;
    narrow(size)?;
    if let Some(rescale) = parts.get(Role::Rescale)
        && header.tensors[rescale].elements() != out_dim
    {
        return Err(mismatch(header, &[tensor, rescale]));
    }
    Ok(based(kind, parts.pick(&[Role::Oft, Role::OftDiag, Role::Rescale]), (out_dim, 0), 0))
}

/// `[k, b·(b−1)/2]`: the upper triangles of k generators. A single row may stand for all blocks, so that the width is open.
fn peft_oft(parts: &Parts, header: &Header, tensor: usize) -> Result<Draft, String> {
    let info = &header.tensors[tensor];
    let wrong = || format!("{} is {:?}, not rows of upper triangles", shown(&info.name), info.shape);
    let [blocks, entries] = *info.shape else { return Err(wrong()) };
    let size = narrow(triangle(entries).ok_or_else(wrong)?)?;
    let in_dim = if blocks == 1 { 0 } else { blocks.checked_mul(size).ok_or("its size overflows")? };
    Ok(based(Kind::Oft, parts.pick(&[Role::OftR]), (0, in_dim), 0))
}

/// A block's generator is inverted in float64: its width has the limit that ranks have.
fn narrow(size: usize) -> Result<usize, String> {
    if size > MAX_RANK { Err(format!("its blocks are {size} wide, more than the {MAX_RANK} that are worked with")) } else { Ok(size) }
}

/// b of b·(b−1)/2 entries.
pub(crate) fn triangle(entries: usize) -> Option<usize> {
    let twice = entries.checked_mul(2)?;
    let size = (twice.isqrt()..).take(2).find(|b| b.checked_mul(b.saturating_add(1)) == Some(twice))?;
    Some(size + 1).filter(|b| *b > 1)
}

fn peft_boft(parts: &Parts, header: &Header, tensor: usize) -> Result<Draft, String> {
    let info = &header.tensors[tensor];
    let (blocks, size) = match *info.shape {
        [_, k, b, c] if b == c => (k, b),
        _ => return Err(format!("{} is {:?}, not square blocks", shown(&info.name), info.shape)),
    };
    let in_dim = blocks.checked_mul(narrow(size)?).filter(|n| *n > 0).ok_or("its size overflows or is 0")?;
    let out_dim = parts.get(Role::BoftS).map_or(0, |i| header.tensors[i].elements());
    Ok(based(Kind::Boft, parts.pick(&[Role::BoftR, Role::BoftS]), (out_dim, in_dim), 0))
}

/// Which side the vector stands on is in the body (LyCORIS) or in the shape (PEFT).
fn ia3(parts: &Parts, header: &Header, tensor: usize) -> Draft {
    let shape = &header.tensors[tensor].shape;
    let elements = shape.iter().product();
    let dims = if parts.get(Role::Ia3L).is_some() && shape.len() == 2 && shape[0] == 1 { (0, elements) } else { (elements, 0) };
    based(Kind::Ia3, parts.pick(&[Role::Ia3, Role::OnInput, Role::Ia3L]), dims, 0)
}

/// Tensors and dimensions of GLoRA: ΔW = s·(W₀·P·Q + U·V) with P [in, r], Q [r, in], U [out, r], V [r, in·k].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glora {
    pub(crate) p: usize,
    pub(crate) q: usize,
    pub(crate) u: usize,
    pub(crate) v: usize,
    pub(crate) rank: usize,
    /// Columns without the kernel.
    pub(crate) width: usize,
    pub(crate) out_dim: usize,
    pub(crate) in_dim: usize,
    pub(crate) kernel: Option<(usize, usize)>,
}

impl Glora {
    /// Tells the two historic orders apart by their shapes: (P, Q, U, V) is (a1, a2, b1, b2) today and was (a2, a1, b2, b1). Where both fit, the
    /// lower rank is meant.
    pub(crate) fn of(header: &Header, [a1, a2, b1, b2]: [usize; 4], core: Option<usize>) -> Result<Self, String> {
        let today = Self::fitting(header, [a1, a2, b1, b2], core)?;
        let before = Self::fitting(header, [a2, a1, b2, b1], core)?;
        let order = match (today, before) {
            (Some(new), Some(old)) if old.rank < new.rank => Some(old),
            (new, old) => new.or(old),
        };
        order.ok_or_else(|| mismatch(header, &[a1, a2, b1, b2]))
    }

    fn fitting(header: &Header, [p, q, u, v]: [usize; 4], core: Option<usize>) -> Result<Option<Self>, String> {
        let (left, right, up, down) = (matrix(header, p)?, matrix(header, q)?, matrix(header, u)?, matrix(header, v)?);
        let (width, rank) = (left.rows, left.cols);
        let fits = (right.rows, right.cols) == (rank, width) && up.cols == rank && down.rows == rank && down.inner == width;
        let mut kernel = down.kernel;
        if let Some(core) = core {
            let core = matrix(header, core)?;
            if core.rows != rank || core.inner != rank || down.taps() != 1 {
                return Ok(None);
            }
            kernel = core.kernel;
        }
        let in_dim = width.checked_mul(kernel.map_or(1, |(h, w)| h * w)).ok_or("its size overflows")?;
        Ok(fits.then_some(Self { p, q, u, v, rank, width, out_dim: up.rows, in_dim, kernel }))
    }
}

fn glora(parts: &Parts, header: &Header) -> Result<Draft, String> {
    use Role::{GloraA1, GloraA2, GloraB1, GloraB2, GloraBMid};
    let need = |role| parts.get(role).ok_or_else(|| "one of its four factors is missing".to_owned());
    let tensors = [need(GloraA1)?, need(GloraA2)?, need(GloraB1)?, need(GloraB2)?];
    let dims = Glora::of(header, tensors, parts.get(GloraBMid))?;
    let picked = parts.pick(&[GloraA1, GloraA2, GloraB1, GloraB2, GloraBMid]);
    let draft = based(Kind::Glora, picked, (dims.out_dim, dims.in_dim), dims.rank);
    Ok(Draft { kernel: dims.kernel, width: dims.width, ..draft })
}
