//! Where a weight stands in a checkpoint: one tensor, a run of rows of one, or several tensors one under the other.
//!
//! Both sides are brought to the canonical names of `keys`: the checkpoint's tensors once, an adapter's module when it is looked up. A
//! tensor covers a window of the rows of its canonical weight (`to_k` is the second third of `qkv`), a module does too; where the windows meet,
//! rows of the module belong to rows of the tensor ([`Span`]).

use super::names::{Name, Role, from_openclip};
use super::{File, Model, Tensor, matrix};
use crate::adapter::{Component, Kind, Module, Target};
use crate::family::Family;
use crate::keys::{self, Located};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// A run of rows of one tensor, and the rows of the canonical weight that they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Index into `Checkpoint::tensors`.
    pub tensor: usize,
    /// First of the tensor's rows.
    pub tensor_row: usize,
    /// First row of the canonical weight.
    pub target_row: usize,
    pub rows: usize,
    /// Columns of the weight as a matrix: in·kh·kw.
    pub columns: usize,
    /// The halves of its rows stand in the other order than in the canonical weight (diffusers' `norm_out.linear`).
    pub swapped: bool,
    /// Stored as columns × rows (OpenCLIP's `text_projection`).
    pub transposed: bool,
}

/// Where a module of an adapter belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub component: Component,
    /// Canonical path.
    pub path: String,
    /// Rows of the canonical weight.
    pub rows: Range<usize>,
    pub columns: usize,
    /// The halves of the module's rows stand in the other order than in the canonical weight.
    pub swapped: bool,
}

/// Rows of a module's ΔW that go onto rows of a tensor, in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub tensor: usize,
    pub tensor_row: usize,
    pub delta_row: usize,
    pub rows: usize,
    /// See [`Piece::transposed`].
    pub transposed: bool,
}

/// Why a module has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// The checkpoint has no such weight.
    Missing,
    /// It has one of another shape, rows × columns.
    Shape { rows: usize, columns: usize },
    /// It has one whose numbers are packed.
    Packed,
}

/// The canonical weights of a checkpoint.
#[derive(Debug, Default)]
pub struct Places {
    pieces: HashMap<(Component, String), Vec<Piece>>,
    packed: HashMap<(Component, String), usize>,
    family: Family,
    last_block: Option<usize>,
}

impl Places {
    pub(super) fn of(files: &[File], tensors: &[Tensor], names: &[Name<'_>], model: &Model, unusable: &HashSet<usize>) -> Self {
        let mut places = Self { family: model.family, last_block: last_block(names), ..Self::default() };
        let info = |t: usize| &files[tensors[t].file].header.tensors[tensors[t].index];
        let columns: HashMap<(usize, &str), usize> = names
            .iter()
            .enumerate()
            .filter(|(_, n)| n.role == Role::Weight)
            .filter_map(|(t, n)| Some(((tensors[t].file, n.stem), matrix(info(t))?.1)))
            .collect();
        for (t, name) in names.iter().enumerate() {
            let Some(located) = &name.located else { continue };
            let Some((rows, own_columns)) = matrix(info(t)) else { continue };
            let bias = name.role == Role::Bias;
            let width = if bias { columns.get(&(tensors[t].file, name.stem)).copied().unwrap_or(1) } else { own_columns };
            let plain = info(t).dtype.is_float() && !unusable.contains(&t);
            for (path, piece) in places.leaves(t, name, located, (rows, own_columns, width)) {
                let key = (located.component, if bias { format!("{path}_bias") } else { path });
                if plain {
                    places.add(key, piece);
                } else {
                    places.packed.insert(key, t);
                }
            }
        }
        places.pieces.values_mut().for_each(|list| list.sort_by_key(|p| p.target_row));
        places
    }

    /// The canonical weights that a tensor of `rows` × `columns` holds; `width` is the number of columns of the weight beside a bias.
    fn leaves(&self, tensor: usize, name: &Name<'_>, located: &Located, dims: (usize, usize, usize)) -> Vec<(String, Piece)> {
        let (rows, columns, width) = dims;
        let piece = Piece { tensor, tensor_row: 0, target_row: 0, rows, columns, swapped: false, transposed: false };
        if name.openclip {
            let leaf = |leaf: super::names::OpenClip| {
                let mut piece = Piece { transposed: leaf.transposed, ..piece };
                if leaf.transposed {
                    (piece.rows, piece.columns) = (columns, rows);
                }
                if let Some(third) = leaf.third {
                    (piece.tensor_row, piece.rows) = (third * (rows / 3), rows / 3);
                }
                (leaf.path, piece)
            };
            return from_openclip(&located.path).into_iter().map(leaf).collect();
        }
        let canonical = keys::canonical(self.family, located, self.last_block);
        let target_row = canonical.rows.window(rows, width).map_or(0, |w| w.0);
        vec![(canonical.path, Piece { target_row, swapped: canonical.swapped_halves, ..piece })]
    }

    /// Adds a piece unless its rows are there already: the first one counts.
    fn add(&mut self, key: (Component, String), piece: Piece) {
        let list = self.pieces.entry(key).or_default();
        let end = piece.target_row.saturating_add(piece.rows);
        if list.iter().all(|p| end <= p.target_row || piece.target_row >= p.target_row + p.rows) {
            list.push(piece);
        }
    }

    /// The pieces of a canonical weight, in the order of its rows; empty where there is none.
    #[must_use]
    pub fn pieces(&self, component: Component, path: &str) -> &[Piece] {
        self.pieces.get(&(component, path.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// Every canonical weight, in no order.
    pub fn all(&self) -> impl Iterator<Item = (Component, &str, &[Piece])> {
        self.pieces.iter().map(|((component, path), list)| (*component, path.as_str(), list.as_slice()))
    }

    /// True when `component` has any weight here.
    #[must_use]
    pub fn has(&self, component: Component) -> bool {
        self.pieces.keys().chain(self.packed.keys()).any(|(c, _)| *c == component)
    }

    /// (rows, columns) of a whole canonical weight; None where there is none or rows are missing between its pieces.
    #[must_use]
    pub fn shape(&self, component: Component, path: &str) -> Option<(usize, usize)> {
        whole(self.pieces(component, path))
    }

    /// The canonical weights a module may mean, the most probable first: its name read as one of this checkpoint's family, then its target.
    /// The second helps where the adapter's family was told wrongly from a few keys.
    fn meant(&self, module: &Module) -> [Target; 2] {
        let located = keys::locate(&module.name);
        let canonical = keys::canonical(self.family, &located, self.last_block);
        let bias = is_bias(module);
        let window = canonical.rows.window(module.out_dim, self.width(&located, &canonical.path, module, bias));
        let path = if bias { format!("{}_bias", canonical.path) } else { canonical.path };
        [Target { component: located.component, path, rows: window }, module.target.clone()]
    }

    /// Columns of the weight that a module belongs to: its own, but for a bias those of the weight beside it.
    fn width(&self, located: &Located, path: &str, module: &Module, bias: bool) -> usize {
        let beside = || self.pieces(located.component, path).first().map(|p| p.columns);
        if bias { beside().unwrap_or(module.in_dim) } else { module.in_dim }
    }

    /// Finds the place of a module.
    ///
    /// # Errors
    /// [`Miss`]: what the checkpoint has instead.
    pub fn find(&self, module: &Module) -> Result<Place, Miss> {
        let swapped = |target: &Target| {
            let canonical = keys::canonical(self.family, &keys::locate(&module.name), self.last_block);
            if canonical.path == target.path { canonical.swapped_halves } else { module.swapped_halves }
        };
        let mut miss = Miss::Missing;
        for target in self.meant(module) {
            match self.window(&target, module) {
                Ok((rows, columns)) => {
                    let swapped = swapped(&target) && target.rows.is_none();
                    return Ok(Place { component: target.component, path: target.path, rows, columns, swapped });
                }
                Err(Miss::Missing) => {}
                Err(other) => miss = other,
            }
        }
        Err(miss)
    }

    fn window(&self, target: &Target, module: &Module) -> Result<(Range<usize>, usize), Miss> {
        let pieces = self.pieces(target.component, &target.path);
        if pieces.is_empty() {
            let packed = self.packed.contains_key(&(target.component, target.path.clone()));
            return Err(if packed { Miss::Packed } else { Miss::Missing });
        }
        let total = pieces.iter().map(|p| p.target_row + p.rows).max().unwrap_or(0);
        let columns = pieces[0].columns;
        let unsized_kind =
            matches!(module.kind, Kind::Ia3 | Kind::Oft | Kind::Boft | Kind::Glora) || module.out_dim == 0 || module.in_dim == 0;
        let wrong = Err(Miss::Shape { rows: total, columns });
        let rows = match target.rows {
            None => 0..total,
            Some((_, 0)) if unsized_kind => 0..total,
            Some((first, rows)) => first..first.saturating_add(rows),
        };
        if !unsized_kind && (rows.len() != module.out_dim || columns != module.in_dim) {
            return wrong;
        }
        if rows.end > total || rows.is_empty() || pieces.iter().any(|p| p.columns != columns) {
            return wrong;
        }
        if covered(pieces, &rows) { Ok((rows, columns)) } else { Err(Miss::Missing) }
    }

    /// Where the rows of a module at `place` go.
    #[must_use]
    pub fn spans(&self, place: &Place) -> Vec<Span> {
        let mut out = Vec::new();
        for piece in self.pieces(place.component, &place.path) {
            let here = runs(piece.target_row, piece.rows, piece.swapped);
            for (at, from, rows) in &here {
                for (target, delta, count) in &runs(place.rows.start, place.rows.len(), place.swapped) {
                    let (start, end) = ((*at).max(*target), (at + rows).min(target + count));
                    if start < end {
                        out.push(Span {
                            tensor: piece.tensor,
                            tensor_row: piece.tensor_row + from + (start - at),
                            delta_row: delta + (start - target),
                            rows: end - start,
                            transposed: piece.transposed,
                        });
                    }
                }
            }
        }
        out
    }
}

/// True for a module that changes the bias of its layer.
#[must_use]
pub(crate) fn is_bias(module: &Module) -> bool {
    module.target.path.ends_with("_bias") && module.in_dim <= 1
}

/// (row of the canonical weight, own row, rows) of rows that cover `start..start + rows`: one run, or two with swapped halves.
fn runs(start: usize, rows: usize, swapped: bool) -> Vec<(usize, usize, usize)> {
    if !swapped {
        return vec![(start, 0, rows)];
    }
    let half = rows / 2;
    vec![(start, half, rows - half), (start + rows - half, 0, half)]
}

fn whole(pieces: &[Piece]) -> Option<(usize, usize)> {
    let total = pieces.iter().map(|p| p.target_row + p.rows).max()?;
    let columns = pieces[0].columns;
    (covered(pieces, &(0..total)) && pieces.iter().all(|p| p.columns == columns)).then_some((total, columns))
}

/// True when the pieces, in the order of their rows, leave no row of `rows` out.
fn covered(pieces: &[Piece], rows: &Range<usize>) -> bool {
    let mut at = rows.start;
    for piece in pieces {
        if piece.target_row <= at && at < piece.target_row + piece.rows {
            at = piece.target_row + piece.rows;
        }
    }
    at >= rows.end
}

/// The highest index of a joint block: SD 3's last one reads its context in another order in diffusers.
fn last_block(names: &[Name<'_>]) -> Option<usize> {
    let index = |n: &Name<'_>| {
        let located = n.located.as_ref().filter(|l| l.component == Component::Denoiser)?;
        ["joint_blocks_", "transformer_blocks_"].iter().find_map(|stem| keys::indexed(&located.path, stem)).map(|(i, _)| i)
    };
    names.iter().filter_map(index).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_halves_are_two_runs() {
        assert_eq!(runs(0, 6, true), [(0, 3, 3), (3, 0, 3)]);
        assert_eq!(runs(4, 6, false), [(4, 0, 6)]);
    }

    #[test]
    fn a_hole_between_pieces_is_seen() {
        let piece = |target_row, rows| Piece { tensor: 0, tensor_row: 0, target_row, rows, columns: 2, swapped: false, transposed: false };
        assert!(covered(&[piece(0, 2), piece(2, 2)], &(0..4)));
        assert!(!covered(&[piece(0, 2), piece(3, 1)], &(0..4)));
        assert!(covered(&[piece(0, 2), piece(3, 1)], &(3..4)));
        assert_eq!(whole(&[piece(0, 2), piece(2, 2)]), Some((4, 2)));
    }
}
