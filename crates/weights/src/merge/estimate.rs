//! What a compression would keep and weigh, without writing it.

use super::compute::alpha;
use super::plan::{MergeError, MergePlan, Method};
use super::spread::{Claim, allocate};
use super::{Member, Prepared, meta};
use crate::delta::Base;
use crate::linalg::{Truncation, keep_for, par_map};
use crate::progress::{Cancelled, Progress};
use crate::write::header_bound;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use weft_domain::merge::{Form, Options};

/// Ranks that the curve is given for, as far as they are below the stacked rank; the stacked rank itself is the last point.
pub const RANKS: [usize; 18] = [1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768];

/// Energies that the curve is given for.
const ENERGIES: [f64; 6] = [0.8, 0.9, 0.95, 0.98, 0.99, 0.999];

/// One choice on the curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Largest rank of a module.
    pub rank: usize,
    /// Smallest rank of a module.
    pub rank_min: usize,
    /// Kept part of Σσ² over all modules.
    pub energy: f64,
    /// Size of the file in bytes; the header counted at its largest.
    pub bytes: u64,
}

/// What each rank, and each energy, would keep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnergyCurve {
    /// Rising ranks.
    pub ranks: Vec<CurvePoint>,
    /// (energy asked for, what it gives), rising.
    pub energies: Vec<(f64, CurvePoint)>,
    /// What the plan's own rank, energy or shared-out ranks give. None where it asks for none of these, and for the dense methods, whose
    /// spectrum is another than that of the sum measured here.
    #[serde(default)]
    pub chosen: Option<CurvePoint>,
    /// Largest rank of the exact sum.
    pub full_rank: usize,
    /// ‖Σ wΔW‖.
    pub frobenius: f64,
    /// Modules of the result.
    pub modules: usize,
}

/// Singular values of one module, and what it weighs.
struct Row {
    sigma: Vec<f64>,
    /// Σσ², with what was not looked for.
    all: f64,
    cost: usize,
    /// Bytes of one rank.
    per_rank: u64,
    /// Bytes beside the factors: the alpha, or all of a module that is stored whole.
    fixed: u64,
}

/// Decomposes every module of the planned merge and adds up what each rank would keep. The plan's rank and energy decide only
/// [`EnergyCurve::chosen`]. For the dense methods the curve is that of the plain weighted sum.
pub fn estimate(plan: &MergePlan, members: &[Member<'_>], progress: &dyn Progress) -> Result<EnergyCurve, MergeError> {
    estimate_on(plan, members, None, progress)
}

/// As [`estimate`], with the base model at hand.
pub fn estimate_on(
    plan: &MergePlan,
    members: &[Member<'_>],
    base: Option<&dyn Base>,
    progress: &dyn Progress,
) -> Result<EnergyCurve, MergeError> {
    let asked = plan;
    let method = match plan.method {
        Method::Concat | Method::Sum => Method::Svd,
        method if method.is_dense() => Method::Svd,
        method => method,
    };
    let options = Options { spread: false, form: Form::Lora, ..plan.options.clone() };
    let plan = MergePlan { method, rank: plan.rank.or(Some(usize::MAX)), options, ..plan.clone() };
    let mut prepared = Prepared::of(&plan, members, base)?;
    prepared.settle(progress)?;
    let done = AtomicU64::new(0);
    let indices: Vec<usize> = (0..prepared.groups.len()).collect();
    let rows = par_map(&indices, |&i| prepared.row(i, &done, progress)).into_iter().collect::<Result<Vec<Row>, MergeError>>()?;
    let full_rank = rows.iter().map(|r| keep_for(&r.sigma, Truncation::default())).max().unwrap_or(0);
    let metadata = meta::metadata(&plan, &prepared.files, prepared.family, full_rank, prepared.context.alpha);
    let header = header_bound(&prepared.planned(), &metadata) as u64 + 8;
    let by = |t: Truncation| point(&rows, |r| keep_for(&r.sigma, t), header);
    let ranks = RANKS.into_iter().take_while(|r| *r < full_rank).chain([full_rank.max(1)]);
    let chosen = match (asked.rank, asked.energy) {
        _ if asked.method.is_dense() => None,
        (None, None) => None,
        (Some(rank), _) if asked.options.spread => {
            let claims: Vec<Claim> = rows.iter().map(|r| Claim { sigma: r.sigma.clone(), cost: r.cost }).collect();
            let mut shared = allocate(&claims, rank).into_iter();
            Some(point(&rows, |_| shared.next().unwrap_or(0), header))
        }
        (rank, energy) => Some(by(Truncation { rank, energy })),
    };
    Ok(EnergyCurve {
        ranks: ranks.map(|r| by(Truncation { rank: Some(r), energy: None })).collect(),
        energies: ENERGIES.into_iter().map(|e| (e, by(Truncation { rank: None, energy: Some(e) }))).collect(),
        chosen,
        full_rank,
        frobenius: rows.iter().map(|r| r.all).sum::<f64>().sqrt(),
        modules: rows.len(),
    })
}

/// Of a dense difference so many singular values are looked for.
const LOOKED_AT: usize = 128;

impl Prepared<'_> {
    fn row(&self, index: usize, done: &AtomicU64, progress: &dyn Progress) -> Result<Row, MergeError> {
        Cancelled::check(progress)?;
        let (group, keys, way) = (&self.groups[index], &self.keys[index], self.ways[index]);
        let size = self.plan.dtype.size();
        let (sigma, all) = if way.diff { (Vec::new(), 0.0) } else { self.context.sigma(group, way, LOOKED_AT, &keys.stem, progress)? };
        progress.step(done.fetch_add(1, Ordering::Relaxed) + 1, self.groups.len() as u64, "measuring");
        let fixed = if way.diff {
            (group.m * group.n * size) as u64
        } else if keys.alpha.is_some() {
            alpha(1, self.plan.dtype).1.len() as u64
        } else {
            0
        };
        let cost = group.m + group.n;
        Ok(Row { sigma, all, cost, per_rank: (cost * size) as u64, fixed })
    }
}

fn point(rows: &[Row], mut keep: impl FnMut(&Row) -> usize, header: u64) -> CurvePoint {
    let (mut kept, mut all, mut bytes) = (0.0, 0.0, header);
    let (mut rank, mut rank_min) = (0, usize::MAX);
    for row in rows {
        let k = keep(row);
        if k == 0 {
            bytes += if row.sigma.is_empty() { row.fixed } else { 0 };
            continue;
        }
        kept += row.sigma[..k].iter().map(|s| s * s).sum::<f64>();
        all += row.all;
        bytes += k as u64 * row.per_rank + row.fixed;
        (rank, rank_min) = (rank.max(k), rank_min.min(k));
    }
    CurvePoint { rank, rank_min: rank_min.min(rank), energy: if all > 0.0 { kept / all } else { 1.0 }, bytes }
}
