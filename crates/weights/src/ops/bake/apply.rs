//! Which modules change which rows of which tensor, and the adding itself.

use super::plan::{BakeError, BakePlan, BakeReport, Baked, Unplaced};
use super::{layout, work};
use crate::adapter::{Kind, Module, Target};
use crate::checkpoint::{Checkpoint, Miss, Place};
use crate::delta::{Base, Delta, Dense, Form, Loader, needs_base};
use crate::linalg::tiles::product_rows;
use crate::merge::{Member, MergeInput};
use crate::ops::fits::{Level, fits};
use crate::source::ReadError;
use std::collections::BTreeMap;
use std::ops::Range;

/// Most reasons of one adapter that become warnings; the report has them all.
const SHOWN: usize = 3;

/// Part of a module's ΔW that goes onto rows of one tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) member: usize,
    pub(super) module: usize,
    /// Weight × block factor.
    pub(super) weight: f64,
    pub(super) tensor_row: usize,
    pub(super) delta_row: usize,
    pub(super) rows: usize,
    pub(super) transposed: bool,
    /// Shape that ΔW must have.
    pub(super) shape: (usize, usize),
    /// See `Place::swapped`.
    swapped: bool,
}

/// Everything that is to happen to the values.
pub(super) struct Changes<'a> {
    checkpoint: &'a Checkpoint,
    members: &'a [Member<'a>],
    labels: Vec<String>,
    /// Tensor → what is added to it.
    pub(super) parts: BTreeMap<usize, Vec<Part>>,
    baked: Vec<Baked>,
    warnings: Vec<String>,
}

impl<'a> Changes<'a> {
    pub(super) fn of(checkpoint: &'a Checkpoint, plan: &BakePlan, members: &'a [Member<'a>]) -> Result<Self, BakeError> {
        let labels = plan.inputs.iter().map(|i| i.label.clone()).collect();
        let mut changes = Self { checkpoint, members, labels, parts: BTreeMap::new(), baked: Vec::new(), warnings: Vec::new() };
        for (member, input) in plan.inputs.iter().enumerate() {
            changes.member(member, input, plan.inverse)?;
        }
        changes.check()?;
        if !plan.misfits {
            changes.refuse_misfits()?;
        }
        changes.note_replaced();
        Ok(changes)
    }

    fn member(&mut self, member: usize, input: &MergeInput, inverse: bool) -> Result<(), BakeError> {
        let adapter = self.members[member].adapter;
        let mut baked = Baked { label: input.label.clone(), applied: 0, zero: 0, unplaced: Vec::new() };
        for (index, module) in adapter.modules.iter().enumerate() {
            let weight = input.weight_of(module) * if inverse { -1.0 } else { 1.0 };
            if weight == 0.0 {
                baked.zero += 1;
                continue;
            }
            if inverse && needs_base(module) {
                return Err(BakeError::Plan(format!(
                    "{} holds {} modules, whose change depends on the weights before; they cannot be taken out again. Use the checkpoint \
                     from before.",
                    input.label,
                    module.kind.label()
                )));
            }
            match self.checkpoint.places().find(module) {
                Ok(place) => {
                    baked.applied += 1;
                    self.add(member, index, weight, &place);
                }
                Err(miss) => baked.unplaced.push(Unplaced { module: module.name.clone(), reason: reason(module, miss) }),
            }
        }
        self.note(adapter, &baked);
        self.baked.push(baked);
        Ok(())
    }

    fn refuse_misfits(&self) -> Result<(), BakeError> {
        for ((member, baked), label) in self.members.iter().zip(&self.baked).zip(&self.labels) {
            if baked.unplaced.is_empty() {
                continue;
            }
            let fit = fits(member.adapter, self.checkpoint, None);
            if fit.level == Level::Wrong {
                return Err(BakeError::Misfit { file: label.clone(), reason: fit.reason });
            }
        }
        Ok(())
    }

    /// A weight that one adapter replaces and another one changes: the sum of both is neither's intent.
    fn note_replaced(&mut self) {
        let replaces = |p: &Part| self.members[p.member].adapter.modules[p.module].kind == Kind::Set;
        let both = self.parts.values().filter(|parts| parts.len() > 1 && parts.iter().any(replaces)).count();
        if both > 0 {
            self.warnings.push(format!("{both} weights are replaced by one adapter and changed by another; the changes are added up."));
        }
    }

    fn note(&mut self, adapter: &crate::adapter::Adapter, baked: &Baked) {
        let label = &baked.label;
        if let Some(first) = baked.unplaced.first() {
            let n = baked.unplaced.len();
            let all = n + baked.applied;
            let name = crate::text::shown(&first.module);
            self.warnings.push(format!("{label}: {n} of {all} modules have no place in this checkpoint ({name}: {}).", first.reason));
        }
        if !adapter.carried.is_empty() {
            self.warnings.push(format!("{label}: {} of its tensors belong to no module and have no place.", adapter.carried.len()));
        }
        self.warnings.extend(adapter.warnings.iter().take(SHOWN).map(|w| format!("{label}: {w}")));
    }

    fn add(&mut self, member: usize, module: usize, weight: f64, place: &Place) {
        for span in self.checkpoint.places().spans(place) {
            self.parts.entry(span.tensor).or_default().push(Part {
                member,
                module,
                weight,
                tensor_row: span.tensor_row,
                delta_row: span.delta_row,
                // The rows of a transposed weight are its columns; it has a place as a whole only.
                rows: if span.transposed { place.columns } else { span.rows },
                transposed: span.transposed,
                shape: (place.rows.len(), place.columns),
                swapped: place.swapped,
            });
        }
    }

    fn check(&self) -> Result<(), BakeError> {
        if !self.parts.is_empty() {
            return Ok(());
        }
        let packing = self.checkpoint.model().packing;
        if let Some(packing) = packing {
            return Err(BakeError::Packed(format!(
                "the checkpoint's weights are packed by {}; bake into one in f16, bf16, f32 or fp8 and pack the result",
                packing.label()
            )));
        }
        let first = self.baked.iter().flat_map(|b| b.unplaced.first()).next();
        Err(BakeError::Nothing(first.map_or_else(
            || "every weight is 0".to_owned(),
            |u| {
                format!(
                    "no module has a weight in {} (first {}: {})",
                    self.checkpoint.model().label,
                    crate::text::shown(&u.module),
                    u.reason
                )
            },
        )))
    }

    /// Reads ΔW of what is added to a tensor.
    pub(super) fn load(&self, parts: &[Part]) -> Result<Vec<Delta>, BakeError> {
        parts.iter().map(|part| self.delta(part)).collect()
    }

    fn delta(&self, part: &Part) -> Result<Delta, BakeError> {
        let Member { adapter, source } = self.members[part.member];
        let module = &adapter.modules[part.module];
        let base = Oriented { checkpoint: self.checkpoint, module, swapped: part.swapped };
        let file = || self.labels[part.member].clone();
        let delta =
            Loader { adapter, source, base: Some(&base) }.load(module).map_err(|source| BakeError::Delta { file: file(), source })?;
        let ((m, n), (rows, columns)) = (delta.shape(), part.shape);
        if (m, n) == (rows, columns) {
            return Ok(if part.transposed { transpose(&delta) } else { delta });
        }
        let reason = format!("its change is {m}×{n}, the weight {rows}×{columns}");
        Err(BakeError::Delta { file: file(), source: crate::delta::DeltaError::Shape { module: module.name.clone(), reason } })
    }

    /// Bytes of memory that the ΔW of a tensor may take.
    pub(super) fn weight_of(&self, parts: &[Part]) -> u64 {
        let one = |part: &Part| {
            let module = &self.members[part.member].adapter.modules[part.module];
            let (m, n) = (part.shape.0 as u64, part.shape.1 as u64);
            // Kinds that need the base hold the weight and the change, both dense.
            if needs_base(module) {
                8 * m * n * 2
            } else if module.rank > 0 {
                4 * (m + n) * module.rank as u64
            } else {
                4 * m * n
            }
        };
        parts.iter().map(one).sum()
    }

    pub(super) fn report(self, plan: &BakePlan, layout: &layout::Layout, written: work::Written) -> BakeReport {
        let mut warnings = self.checkpoint.warnings().to_vec();
        warnings.extend(self.warnings);
        if written.saturated > 0 {
            warnings.push(format!("{} values were beyond the range of the 8-bit type and are stored as its largest.", written.saturated));
        }
        if plan.inverse {
            warnings.push(
                "The adapters are taken out up to the rounding of the stored type; the result is not bit for bit the original.".into(),
            );
        }
        let compute = |changed: bool| layout.jobs().filter(|j| j.compute && self.parts.contains_key(&j.tensor) == changed).count();
        BakeReport {
            changed: compute(true),
            converted: compute(false),
            copied: layout.jobs().filter(|j| !j.compute).count(),
            adapters: self.baked,
            bytes: layout.bytes(),
            files: layout.files.iter().map(|f| f.name.clone()).collect(),
            saturated: written.saturated,
            device: String::new(),
            warnings,
        }
    }
}

fn reason(module: &Module, miss: Miss) -> String {
    match miss {
        Miss::Missing => "the checkpoint has no such weight".to_owned(),
        Miss::Packed => "the weight is packed".to_owned(),
        Miss::Shape { rows, columns } => format!("it is {}×{}, the weight {rows}×{columns}", module.out_dim, module.in_dim),
    }
}

/// The checkpoint as the base of one module. Rows come in the order of the target; where the checkpoint knows better than the adapter which
/// order the module has, the difference is made up for here.
struct Oriented<'a> {
    checkpoint: &'a Checkpoint,
    module: &'a Module,
    swapped: bool,
}

impl Base for Oriented<'_> {
    fn weight(&self, target: &Target, m: usize, n: usize) -> Result<Option<Dense>, ReadError> {
        // A bias beside a pair asks for its own target; everything else of the module has the module's place.
        let found = if *target == self.module.target {
            self.checkpoint.places().find(self.module).ok().map(|p| (p.component, p.path, Some(p.rows)))
        } else {
            None
        };
        let (component, path, rows) = found
            .unwrap_or_else(|| (target.component, target.path.clone(), target.rows.map(|(first, rows)| first..first.saturating_add(rows))));
        let Some(matrix) = self.checkpoint.weight_at(component, &path, rows)? else { return Ok(None) };
        if (m != 0 && m != matrix.rows) || (n != 0 && n != matrix.columns) {
            return Ok(None);
        }
        let mut values = matrix.values;
        if self.swapped != self.module.swapped_halves {
            values.rotate_left(matrix.rows / 2 * matrix.columns);
        }
        Ok(Some(Dense { m: matrix.rows, n: matrix.columns, values }))
    }
}

/// ΔWᵀ, dense: only small weights are stored like this.
fn transpose(delta: &Delta) -> Delta {
    let (m, n) = delta.shape();
    let mut values = vec![0.0; m * n];
    delta.rows(0..m, &mut values);
    Delta { scale: 1.0, form: Form::Dense(Dense { m: n, n: m, values: crate::delta::transposed(&values, m, n) }) }
}

/// Adds weight·ΔW[rows] to `out`, row-major rows × n. `scratch` is used again.
pub(super) fn add(delta: &Delta, weight: f64, rows: Range<usize>, out: &mut [f32], scratch: &mut Vec<f32>) {
    let (_, n) = delta.shape();
    match &delta.form {
        Form::Product(p) => {
            product_rows(&p.b, &p.a, (p.rank, n), (weight * delta.scale) as f32, rows, out, true);
        }
        Form::Dense(d) => {
            let factor = (weight * delta.scale) as f32;
            out.iter_mut().zip(&d.values[rows.start * n..rows.end * n]).for_each(|(o, v)| *o += factor * v);
        }
        _ => {
            scratch.clear();
            scratch.resize(rows.len() * n, 0.0);
            delta.rows(rows, scratch);
            let factor = weight as f32;
            out.iter_mut().zip(scratch.iter()).for_each(|(o, v)| *o += factor * v);
        }
    }
}
