//! What is wrong with the structure, the values and the modules.

use super::VerifyError;
use super::finding::Findings;
use super::scan::Stats;
use crate::adapter::{Adapter, Factors, Kind, Module, Side};
use crate::dtype::Dtype;
use crate::header::Header;
use crate::source::TensorSource;
use crate::strength::read_scalar;
use std::collections::BTreeMap;

/// Part of the values below the normal range from which on a tensor is mentioned.
const MANY_SUBNORMAL: f64 = 0.05;

/// Structure of the file.
pub(super) fn header(header: &Header, findings: &mut Findings) {
    for warning in &header.warnings {
        findings.warning("structure", None, warning.clone(), "save the file anew with any tool, for example `weft edit` without changes");
    }
    if !header.data_start.is_multiple_of(8) {
        let text = format!("The tensors begin at byte {}, which is no multiple of 8.", header.data_start);
        findings.note("alignment", None, text, "nothing to do; some programs read such files more slowly");
    }
    let empty = header.tensors.iter().filter(|t| t.elements() == 0);
    for tensor in empty {
        findings.warning("empty_tensor", Some(&tensor.name), "The tensor has no values.", "train or save the file anew without it");
    }
}

/// Values of every tensor, whatever it means.
pub(super) fn values(header: &Header, stats: &[Stats], findings: &mut Findings) {
    for (tensor, s) in header.tensors.iter().zip(stats) {
        let key = Some(tensor.name.as_str());
        if s.nan + s.infinite > 0 {
            let text = format!("{} values are NaN and {} infinite, of {}.", s.nan, s.infinite, s.values);
            let advice = "every picture will be black or noise: use an earlier epoch, or get the file again";
            findings.error("not_finite", key, text, advice);
        }
        let part = s.subnormal as f64 / (s.values - s.zeros).max(1) as f64;
        if tensor.dtype != Dtype::F32 && part > MANY_SUBNORMAL && s.values > 16 {
            let text = format!(
                "{:.0} % of the values are below the normal range of {} and have lost digits; the largest is {:.1e}.",
                part * 100.0,
                tensor.dtype,
                s.max
            );
            findings.note("subnormal", key, text, "save the file as bf16 or f32 from its source, if there is one");
        }
        let limit = match tensor.dtype {
            Dtype::F16 => 65504.0,
            Dtype::F8E4M3 => 448.0,
            Dtype::F8E5M2 => 57344.0,
            _ => f64::INFINITY,
        };
        if s.max >= limit / 2.0 && limit.is_finite() {
            let text = format!("The largest value is {}, near the limit {limit} of {}.", s.max, tensor.dtype);
            findings.warning("near_overflow", key, text, "a strength above 1 may overflow in half precision; store it as bf16");
        }
    }
}

/// Everything that needs to know what the tensors mean.
pub(super) fn adapter(adapter: &Adapter, source: &dyn TensorSource, stats: &[Stats], findings: &mut Findings) -> Result<(), VerifyError> {
    // The header's own warnings have been told already.
    for warning in adapter.warnings.iter().filter(|w| !adapter.header.warnings.contains(w)) {
        findings.warning("structure", None, warning.clone(), "check with the tool that made the file whether this was meant");
    }
    orphans(adapter, findings);
    twins(adapter, findings);
    let dead = adapter.modules.iter().filter(|m| without_effect(adapter, m, stats, findings)).count();
    if dead == adapter.modules.len() && dead > 0 {
        findings.error(
            "no_effect",
            None,
            "No module of this file changes anything.",
            "it was saved before training, or emptied by a merge: use another file",
        );
    }
    alphas(adapter, source, findings)?;
    ranks(adapter, findings);
    Ok(())
}

/// Tensors that nothing reads.
fn orphans(adapter: &Adapter, findings: &mut Findings) {
    let mut left_out = adapter.left_out.clone();
    left_out.sort_unstable();
    for tensor in left_out.into_iter().map(|i| &adapter.header.tensors[i]) {
        findings.warning(
            "orphan",
            Some(&tensor.name),
            "The key belongs to no module; nothing reads it.",
            "the trainer may be newer than Weft, or the file was cut: compare with the source",
        );
    }
}

/// Several modules that change the very same rows of one weight.
fn twins(adapter: &Adapter, findings: &mut Findings) {
    let mut seen: BTreeMap<_, &str> = BTreeMap::new();
    for module in &adapter.modules {
        if let Some(other) = seen.insert((&module.target, module.kind), &module.name) {
            let text = format!("It changes the same weight as {}.", crate::text::shown(other));
            findings.warning(
                "duplicate_target",
                Some(&module.name),
                text,
                "both are applied, or only one, depending on the program: merge the file with itself alone to add them up",
            );
        }
    }
}

/// True when ΔW of the module is 0; says so.
fn without_effect(adapter: &Adapter, module: &Module, stats: &[Stats], findings: &mut Findings) -> bool {
    let zero = |i: &usize| stats[*i].all_zero();
    let side = |s: &Side| match s {
        Side::Whole(i) => zero(i),
        Side::Product(a, b) => zero(a) || zero(b),
    };
    let (dead, untrained) = match &module.factors {
        Factors::Pair(p) => (zero(&p.up) || zero(&p.down) || p.mid.as_ref().is_some_and(zero), zero(&p.up) && !zero(&p.down)),
        Factors::Loha { w1a, w1b, w2a, w2b, .. } => ([w1a, w1b, w2a, w2b].into_iter().any(zero), true),
        Factors::Lokr { w1, w2, .. } => (side(w1) || side(w2), true),
        _ if module.kind == Kind::Full => (module.tensors().iter().all(zero), false),
        _ => (false, false),
    };
    if dead {
        let (text, advice) = if untrained {
            (
                "The module was never trained: the factor that starts at zero is still zero.",
                "nothing to do; a smaller file results from leaving it out",
            )
        } else {
            ("A factor is zero throughout, so the module does nothing.", "if that was not meant, use an earlier epoch")
        };
        findings.note("zero_module", Some(&adapter.header.tensors[module.tensors()[0]].name), text, advice);
    }
    dead
}

/// Scales that are zero, wild or against the metadata.
fn alphas(adapter: &Adapter, source: &dyn TensorSource, findings: &mut Findings) -> Result<(), VerifyError> {
    for module in &adapter.modules {
        let Some(index) = module.alpha else { continue };
        let tensor = &adapter.header.tensors[index];
        let Some(alpha) = read_scalar(source, tensor)? else { continue };
        let key = Some(tensor.name.as_str());
        let scale = module.scale(Some(alpha));
        // The alpha of a rotation is a bound, that of a whole LoKr means nothing.
        if alpha == 0.0 && scale == 0.0 {
            let advice = "trainers mean alpha = rank by 0: store the rank as alpha if the file seems to do nothing";
            findings.warning("alpha_zero", key, "alpha is 0, so the module does nothing in programs that follow it.", advice);
        } else if alpha < 0.0 && scale < 0.0 {
            findings.warning(
                "alpha_negative",
                key,
                format!("alpha is {alpha}: the module works backwards."),
                "only right if it was made so on purpose",
            );
        } else if !(1e-4..=16.0).contains(&scale) {
            let text = format!("alpha / rank is {scale:.3e} (alpha {alpha}, rank {}), far from usual.", module.rank);
            findings.note("alpha_odd", key, text, "right for some trainers; compare the strength with another file's");
        }
    }
    Ok(())
}

/// Ranks that are larger than useful or other than the metadata says.
fn ranks(adapter: &Adapter, findings: &mut Findings) {
    let pairs = || adapter.modules.iter().filter(|m| matches!(m.kind, Kind::Lora | Kind::Locon) && m.rank > 0);
    for module in pairs() {
        let largest = module.out_dim.min(module.in_dim);
        if module.rank > largest {
            let text =
                format!("Rank {} of a {}×{} weight: more than {largest} is never needed.", module.rank, module.out_dim, module.in_dim);
            findings.note("rank_wasted", Some(&module.name), text, "`weft resize` makes it smaller without any loss");
        }
    }
    let stated: Option<usize> = adapter.header.metadata.get("ss_network_dim").and_then(|v| v.trim().parse().ok());
    let highest = pairs().map(|m| m.rank).max();
    if let (Some(stated), Some(highest)) = (stated, highest)
        && stated != highest
        && !pairs().any(|m| m.rank == stated)
    {
        let text = format!("The metadata says rank {stated}, the tensors have up to {highest}.");
        findings.note("rank_stated", None, text, "the tensors count; the file was resized, merged or fused after training");
    }
}
