//! Which modules go by tiles, which are stored whole, and what those are called.

use super::compute::Way;
use super::names::{self, Keys};
use super::plan::{MergeError, MergePlan};
use super::targets::{Group, Named};
use crate::adapter::Factors;
use crate::family::Family;
use weft_domain::merge::Form;

/// Decides the way of every group, and says where the user would be surprised.
pub(super) fn ways(plan: &MergePlan, files: &[Named<'_>], groups: &[Group], warnings: &mut Vec<String>) -> Result<Vec<Way>, MergeError> {
    let exact = plan.rank.is_none() && plan.energy.is_none() && !plan.method.is_dense();
    let mut kept_whole = 0;
    let mut ways = Vec::with_capacity(groups.len());
    for group in groups {
        let factors = group.stacked().is_some();
        if !factors && !group.vector && !plan.method.is_linear() && !plan.method.is_dense() {
            return Err(no_factors(plan, files, group));
        }
        let whole = !factors && exact && !group.vector && plan.options.form == Form::Lora;
        kept_whole += usize::from(whole);
        ways.push(Way {
            dense: !group.vector && (plan.method.is_dense() || !factors),
            diff: group.vector || whole || plan.options.form == Form::Diff,
            rank: None,
        });
    }
    if kept_whole > 0 {
        warnings.push(format!(
            "{kept_whole} modules have no small rank and are stored whole (diff), which makes the file large; give a rank to get pairs."
        ));
    }
    Ok(ways)
}

fn no_factors(plan: &MergePlan, files: &[Named<'_>], group: &Group) -> MergeError {
    let part = group.parts.iter().find(|p| p.rank.is_none());
    let (file, module) = part.map_or(("a file", ""), |p| (files[p.member].label, files[p.member].module(p).name.as_str()));
    MergeError::Plan(format!(
        "{} works on low-rank pairs, and {module} of {file} has none of small rank; choose ties, or resize that file first",
        plan.method.as_str()
    ))
}

/// Keys of a group. A vector has its stem's, with its own ending for the one tensor it is.
pub(super) fn named(files: &[Named<'_>], group: &Group, form: names::Form, family: Family) -> Option<Keys> {
    if !group.vector {
        return names::keys(files, group, form, family);
    }
    let ending = ending(files, group);
    let mut bare = group.clone();
    if matches!(ending, "diff_b" | "b_norm") {
        bare.target.path.truncate(bare.target.path.trim_end_matches("_bias").len());
    }
    let keys = names::keys(files, &bare, form, family)?;
    Some(Keys { down: format!("{}.{ending}", keys.stem), up: String::new(), alpha: None, conv: None, ..keys })
}

/// The ending that the first file gives the vector.
fn ending(files: &[Named<'_>], group: &Group) -> &'static str {
    let name = group.parts.first().and_then(|p| match &files[p.member].module(p).factors {
        Factors::Other(tensors) => tensors.first().map(|t| files[p.member].adapter.header.tensors[*t].name.as_str()),
        _ => None,
    });
    let known = ["diff_b", "b_norm", "w_norm", "diff"];
    let bias = group.target.path.ends_with("_bias");
    known.into_iter().find(|e| name.is_some_and(|n| n.ends_with(e))).unwrap_or(if bias { "diff_b" } else { "diff" })
}

/// Key of a module that is stored whole.
pub(super) fn key(keys: &Keys) -> String {
    if keys.up.is_empty() { keys.down.clone() } else { format!("{}.diff", keys.stem) }
}

/// Shape of a module that is stored whole.
pub(super) fn shape(group: &Group, keys: &Keys) -> Vec<usize> {
    match &keys.conv {
        _ if group.vector => vec![group.m],
        Some(kernel) => [&[group.m, super::inputs(group, kernel)], &kernel[..]].concat(),
        None => vec![group.m, group.n],
    }
}
