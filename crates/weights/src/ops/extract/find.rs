//! Which weights two checkpoints share, and the difference of one of them.

use super::plan::{ExtractError, ExtractPlan};
use crate::adapter::{Component, Target};
use crate::checkpoint::{Checkpoint, Matrix};
use crate::dtype::{Dtype, decode_f32, encode_f32};
use crate::family::Family;
use crate::keys::names;
use crate::ops::OpError;
use crate::text::shown;

/// Parameters that belong to no layer: no adapter has a form for them.
const NO_LAYER: [&str; 7] =
    ["token_embedding", "position_embedding", "pos_embed", "modulation", "scale_shift_table", "text_projection", "embed_tokens"];

/// A weight that both checkpoints have.
#[derive(Debug, Clone)]
pub(super) struct Weight {
    pub(super) component: Component,
    /// Canonical path.
    pub(super) path: String,
    /// Key stem of the result.
    pub(super) stem: String,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Kernel of a convolution; empty for linear layers.
    pub(super) kernel: Vec<usize>,
    /// A bias or a norm: stored as a difference.
    pub(super) vector: bool,
    /// End of the key of a stored difference.
    pub(super) end: &'static str,
    /// Stored types in (tuned, base).
    dtypes: (Dtype, Dtype),
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) weights: Vec<Weight>,
    pub(super) left_out: Vec<(String, String)>,
    pub(super) warnings: Vec<String>,
}

/// ΔW of a weight.
#[derive(Debug)]
pub(super) struct Change {
    /// Row-major rows × columns.
    pub(super) values: Vec<f32>,
    /// ‖ΔW‖.
    pub(super) size: f64,
    /// ‖W(base)‖.
    pub(super) base: f64,
}

pub(super) fn find(tuned: &Checkpoint, base: &Checkpoint, plan: &ExtractPlan) -> Result<Found, ExtractError> {
    let mut found = Found::default();
    let mut all: Vec<(Component, &str)> = tuned.places().all().map(|(component, path, _)| (component, path)).collect();
    all.sort_unstable();
    let family = tuned.model().family;
    for (component, path) in all {
        if !plan.text_encoders && component != Component::Denoiser {
            continue;
        }
        if let Some(weight) = weight(tuned, base, plan, (component, path, family), &mut found) {
            found.weights.push(weight);
        }
    }
    if found.weights.is_empty() {
        let (a, b) = (&tuned.model().label, &base.model().label);
        return Err(ExtractError::Nothing(format!("no weight of the tuned checkpoint ({a}) is in the base ({b}) with the same shape")));
    }
    if family != base.model().family {
        let (a, b) = (&tuned.model().label, &base.model().label);
        found
            .warnings
            .push(format!("The checkpoints look like different models ({a}, {b}); only what has the same name and shape is compared."));
    }
    Ok(found)
}

fn weight(tuned: &Checkpoint, base: &Checkpoint, plan: &ExtractPlan, at: (Component, &str, Family), found: &mut Found) -> Option<Weight> {
    let (component, path, family) = at;
    let first = tuned.places().pieces(component, path).first()?;
    let info = tuned.info(first.tensor);
    let (rows, columns) = tuned.places().shape(component, path)?;
    let bias = path.ends_with("_bias");
    let vector = bias || info.shape.len() < 2;
    if vector && !plan.vectors {
        return None;
    }
    if NO_LAYER.iter().any(|n| path.ends_with(n)) {
        return None;
    }
    let mut leave = |why: String| {
        found.left_out.push((path.to_owned(), why));
        None
    };
    let other = base.places().pieces(component, path).first();
    match (other, base.places().shape(component, path)) {
        (Some(_), Some(shape)) if shape == (rows, columns) => {}
        (Some(_), Some((m, n))) => return leave(format!("it is {rows}×{columns} here and {m}×{n} in the base")),
        _ => return leave("the base has no such weight".to_owned()),
    }
    let layer = path.strip_suffix("_bias").filter(|_| bias).unwrap_or(path);
    let target = Target { component, path: layer.to_owned(), rows: None };
    Some(Weight {
        component,
        path: path.to_owned(),
        stem: names::kohya_stem(family, &target),
        rows,
        columns,
        kernel: if vector { Vec::new() } else { info.shape.get(2..).unwrap_or_default().to_vec() },
        vector,
        end: if bias { "diff_b" } else { "diff" },
        dtypes: (info.dtype, other.map_or(info.dtype, |p| base.info(p.tensor).dtype)),
    })
}

/// ΔW of a weight; None where it is unchanged.
pub(super) fn change(tuned: &Checkpoint, base: &Checkpoint, weight: &Weight, plan: &ExtractPlan) -> Result<Option<Change>, OpError> {
    let read = |from: &Checkpoint| from.weight_at(weight.component, &weight.path, None);
    let (Some(Matrix { mut values, .. }), Some(old)) = (read(tuned)?, read(base)?) else { return Ok(None) };
    if values == old.values || rounded_alike(&values, &old.values, weight.dtypes) {
        return Ok(None);
    }
    values.iter_mut().zip(&old.values).for_each(|(v, o)| *v -= o);
    let norm = |x: &[f32]| x.chunks(4096).map(|c| c.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>()).sum::<f64>().sqrt();
    let (size, base) = (norm(&values), norm(&old.values));
    if !size.is_finite() {
        return Err(OpError::NotFinite { key: weight.path.clone() });
    }
    if size <= plan.threshold * base {
        return Ok(None);
    }
    Ok(Some(Change { values, size, base }))
}

/// True when the two differ by nothing but the narrower of their types: a tuned file of f16 beside a base of f32.
fn rounded_alike(a: &[f32], b: &[f32], (of_a, of_b): (Dtype, Dtype)) -> bool {
    let (wide, narrow, dtype) = match of_a.size().cmp(&of_b.size()) {
        std::cmp::Ordering::Less => (b, a, of_a),
        std::cmp::Ordering::Greater => (a, b, of_b),
        std::cmp::Ordering::Equal => return false,
    };
    let (mut bytes, mut back) = (Vec::new(), vec![0f32; 4096]);
    wide.chunks(4096).zip(narrow.chunks(4096)).all(|(wide, narrow)| {
        bytes.clear();
        let back = &mut back[..wide.len()];
        encode_f32(dtype, wide, &mut bytes).is_ok() && decode_f32(dtype, &bytes, back).is_ok() && back == narrow
    })
}

impl Found {
    /// One sentence for what was left out.
    pub(super) fn summary(&self) -> Option<String> {
        let (path, why) = self.left_out.first()?;
        Some(format!("{} weights could not be compared, first {}: {why}.", self.left_out.len(), shown(path)))
    }
}
