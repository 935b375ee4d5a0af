//! Ranks shared out: modules get the ranks at which the file keeps most energy, and no more values than at one rank for all.

use super::Prepared;
use super::plan::MergeError;
use crate::linalg::{Spectrum, keep_for, par_map};
use crate::progress::{Cancelled, Progress};

/// A module as the sharing sees it.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    /// Descending singular values, as far as they are known.
    pub(super) sigma: Vec<f64>,
    /// Stored values of one rank: m + n.
    pub(super) cost: usize,
}

/// Ranks for a mean rank of `rank`. The energy of a singular value per stored value decides; every module that is not zero gets at least 1.
/// Within a module singular values fall, so taking the best first is the best there is.
pub(super) fn allocate(claims: &[Claim], rank: usize) -> Vec<usize> {
    let real = |c: &Claim| keep_for(&c.sigma, crate::linalg::Truncation::default());
    let budget: usize = claims.iter().map(|c| c.cost * rank.min(real(c))).sum();
    let mut ranks: Vec<usize> = claims.iter().map(|c| real(c).min(1)).collect();
    let mut spent: usize = claims.iter().zip(&ranks).map(|(c, r)| c.cost * r).sum();
    let mut wishes: Vec<(f64, usize)> = Vec::new();
    for (index, claim) in claims.iter().enumerate() {
        let worth = claim.sigma[..real(claim)].iter().skip(1).map(|s| s * s / claim.cost as f64);
        wishes.extend(worth.map(|w| (w, index)));
    }
    wishes.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, index) in wishes {
        if spent + claims[index].cost <= budget {
            ranks[index] += 1;
            spent += claims[index].cost;
        }
    }
    ranks
}

impl Prepared<'_> {
    /// Decomposes every pair to be and gives each its rank.
    pub(super) fn share_out(&mut self, progress: &dyn Progress) -> Result<(), MergeError> {
        let Some(rank) = self.plan.rank else { return Ok(()) };
        let pairs: Vec<usize> = (0..self.groups.len()).filter(|i| !self.ways[*i].diff).collect();
        let claims = par_map(&pairs, |&i| {
            Cancelled::check(progress)?;
            let group = &self.groups[i];
            // Of a dense difference only the larger values are looked for: no module gets more than four times the mean.
            let sigma = self.context.sigma(group, self.ways[i], rank.saturating_mul(4), &self.keys[i].stem, progress)?.0;
            Ok(Claim { sigma, cost: group.m + group.n })
        });
        let claims = claims.into_iter().collect::<Result<Vec<Claim>, MergeError>>()?;
        for (i, rank) in pairs.into_iter().zip(allocate(&claims, rank)) {
            self.ways[i].rank = Some(rank);
        }
        Ok(())
    }
}

impl super::compute::Context<'_> {
    /// Singular values of a module of the result, descending, and their energy with those that were not looked for. A dense difference is
    /// looked at only down to `limit`.
    pub(super) fn sigma(
        &self,
        group: &super::Group,
        way: super::Way,
        limit: usize,
        name: &str,
        progress: &dyn Progress,
    ) -> Result<(Vec<f64>, f64), MergeError> {
        if way.dense {
            let found = super::dense::approximated(self, group, Some(limit.min(group.m).min(group.n)), name, progress)?;
            return Ok((found.sigma, found.energy.1));
        }
        let spectrum = if self.plan.method.is_linear() {
            self.spectrum(group, name)?
        } else {
            Spectrum::of(&super::factor::merge(self, group, name)?).ok_or_else(|| MergeError::Numeric(name.into()))?
        };
        let all = spectrum.energy(0).1;
        Ok((spectrum.sigma, all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_go_where_the_energy_is_and_cost_no_more() {
        let claims = [
            Claim { sigma: vec![10.0, 9.0, 8.0, 7.0], cost: 10 },
            Claim { sigma: vec![1.0, 0.1, 0.1, 0.1], cost: 10 },
            Claim { sigma: vec![], cost: 50 },
        ];
        assert_eq!(allocate(&claims, 2), [3, 1, 0]);
        // The same energies in a module of four times the cost are worth a quarter.
        let claims = [Claim { sigma: vec![4.0; 4], cost: 40 }, Claim { sigma: vec![3.0; 4], cost: 10 }];
        assert_eq!(allocate(&claims, 2), [1, 4]);
    }
}
