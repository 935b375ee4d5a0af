//! What a compression would keep and weigh, without writing it.

use super::plan::{MergeError, MergePlan};
use super::{Member, Prepared, meta};
use crate::linalg::{Truncation, keep_for, par_map};
use crate::progress::{Cancelled, Progress};
use crate::write::header_bound;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// Largest rank of the exact sum.
    pub full_rank: usize,
    /// ‖Σ wΔW‖.
    pub frobenius: f64,
    /// Modules of the result.
    pub modules: usize,
}

/// Singular values of one module, and what one rank of it weighs.
struct Row {
    sigma: Vec<f64>,
    per_rank: u64,
}

/// Decomposes every module of the planned sum and adds up what each rank would keep. Method, rank and energy of the plan do not matter.
pub fn estimate(plan: &MergePlan, members: &[Member<'_>], progress: &dyn Progress) -> Result<EnergyCurve, MergeError> {
    let plan = MergePlan { method: super::Method::Svd, rank: plan.rank.or(Some(usize::MAX)), ..plan.clone() };
    let prepared = Prepared::of(&plan, members)?;
    let done = AtomicU64::new(0);
    let indices: Vec<usize> = (0..prepared.groups.len()).collect();
    let rows = par_map(&indices, |&i| prepared.row(i, &done, progress)).into_iter().collect::<Result<Vec<Row>, MergeError>>()?;
    let full_rank = rows.iter().map(|r| keep_for(&r.sigma, Truncation::default())).max().unwrap_or(0);
    let metadata = meta::metadata(&plan, &prepared.files, prepared.family, full_rank, prepared.context.alpha);
    let header = header_bound(&prepared.planned(), &metadata) as u64 + 8;
    let point = |t| point(&rows, t, header);
    let ranks = RANKS.into_iter().take_while(|r| *r < full_rank).chain([full_rank.max(1)]);
    Ok(EnergyCurve {
        ranks: ranks.map(|r| point(Truncation { rank: Some(r), energy: None })).collect(),
        energies: ENERGIES.into_iter().map(|e| (e, point(Truncation { rank: None, energy: Some(e) }))).collect(),
        full_rank,
        frobenius: rows.iter().flat_map(|r| &r.sigma).map(|s| s * s).sum::<f64>().sqrt(),
        modules: rows.len(),
    })
}

impl Prepared<'_> {
    fn row(&self, index: usize, done: &AtomicU64, progress: &dyn Progress) -> Result<Row, MergeError> {
        Cancelled::check(progress)?;
        let group = &self.groups[index];
        let spectrum = self.context.spectrum(group, &self.keys[index].stem)?;
        progress.step(done.fetch_add(1, Ordering::Relaxed) + 1, self.groups.len() as u64, "measuring");
        Ok(Row { sigma: spectrum.sigma, per_rank: ((group.m + group.n) * self.plan.dtype.size()) as u64 })
    }
}

fn point(rows: &[Row], truncation: Truncation, header: u64) -> CurvePoint {
    let (mut kept, mut all, mut bytes) = (0.0, 0.0, header);
    let (mut rank, mut rank_min) = (0, usize::MAX);
    for row in rows {
        let k = keep_for(&row.sigma, truncation);
        if k == 0 {
            continue;
        }
        kept += row.sigma[..k].iter().map(|s| s * s).sum::<f64>();
        all += row.sigma.iter().map(|s| s * s).sum::<f64>();
        bytes += k as u64 * row.per_rank + 2;
        (rank, rank_min) = (rank.max(k), rank_min.min(k));
    }
    CurvePoint { rank, rank_min: rank_min.min(rank), energy: if all > 0.0 { kept / all } else { 1.0 }, bytes }
}
