//! The order of waiting jobs. Among those of one lane and one priority the smallest place goes first.

use super::{JobRepo, JobRow, read_row};
use crate::error::StoreResult;
use crate::sql::Sql;
use sea_orm::ConnectionTrait;
use weft_domain::{JobId, Lane};

/// Distance between two places when all are numbered anew: room for as many moves into one gap as a f64 has bits left.
const APART: f64 = 1000.0;

/// What became of a wish to move a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It stands where it was to go.
    Done,
    /// It, or the one it was to stand before, does not wait (any more).
    Gone,
}

impl JobRepo {
    /// Moves a waiting job before another waiting job of its lane and priority, or behind the last of them (`before` None).
    pub async fn reorder(&self, id: JobId, before: Option<JobId>, now_ms: i64) -> StoreResult<Moved> {
        let transaction = self.store.begin().await?;
        let backend = transaction.get_database_backend();
        let mut sql = Sql::new("SELECT q.id, q.place FROM jobs q JOIN jobs j ON j.lane = q.lane AND j.priority = q.priority WHERE j.id = ");
        sql.bind(id.0).push(" AND j.state = 'queued' AND q.state = 'queued' ORDER BY q.place, q.id");
        let rows = transaction.query_all_raw(sql.on(backend)).await?;
        let queue = rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)));
        let mut queue: Vec<(i64, f64)> = queue.collect::<StoreResult<_>>()?;
        if !queue.iter().any(|(other, _)| *other == id.0) || before == Some(id) {
            return Ok(if before == Some(id) { Moved::Done } else { Moved::Gone });
        }
        queue.retain(|(other, _)| *other != id.0);
        let at = match before {
            None => queue.len(),
            Some(before) => match queue.iter().position(|(other, _)| *other == before.0) {
                Some(at) => at,
                None => return Ok(Moved::Gone),
            },
        };
        let (above, below) = (at.checked_sub(1).map(|i| queue[i].1), queue.get(at).map(|q| q.1));
        let changes = match between(above, below, now_ms as f64) {
            Some(place) => vec![(id.0, place)],
            None => {
                queue.insert(at, (id.0, 0.0));
                let last = queue.len() as f64;
                queue.iter().enumerate().map(|(i, (id, _))| (*id, now_ms as f64 - (last - i as f64) * APART)).collect()
            }
        };
        for (id, place) in changes {
            let mut sql = Sql::new("UPDATE jobs SET place = ");
            sql.bind(place).push(" WHERE state = 'queued' AND id = ").bind(id);
            transaction.execute_raw(sql.on(backend)).await?;
        }
        transaction.commit().await?;
        Ok(Moved::Done)
    }

    /// Jobs of a lane that run or wait, in the order they (will) run, then up to `ended` that failed or were cancelled, newest first.
    pub async fn of_lane(&self, lane: Lane, ended: u64) -> StoreResult<Vec<JobRow>> {
        let read = self.store.read();
        let mut active = super::queue::select();
        active.push(" WHERE state IN ('queued', 'running') AND lane = ").bind(lane.as_str());
        active.push(" ORDER BY CASE state WHEN 'running' THEN 0 ELSE 1 END, priority DESC, place, id");
        let mut failed = super::queue::select();
        failed.push(" WHERE state IN ('failed', 'cancelled') AND lane = ").bind(lane.as_str());
        failed.push(" ORDER BY finished_ms DESC, id DESC LIMIT ").bind(i64::try_from(ended).unwrap_or(i64::MAX));
        let mut rows = read.query_all_raw(active.on(read.get_database_backend())).await?;
        rows.extend(read.query_all_raw(failed.on(read.get_database_backend())).await?);
        rows.iter().map(read_row).collect()
    }
}

/// A place strictly between two; at the ends as far as makes sense. None when there is no room left.
fn between(above: Option<f64>, below: Option<f64>, now: f64) -> Option<f64> {
    match (above, below) {
        (None, None) => Some(now),
        (Some(above), None) => Some(now.max(above + 1.0)),
        (None, Some(below)) => Some(below - APART),
        (Some(above), Some(below)) => {
            let middle = above + (below - above) / 2.0;
            (middle > above && middle < below).then_some(middle)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_takes_some_moves_and_then_says_that_it_is_full() {
        let (mut low, high) = (1_700_000_000_000.0, 1_700_000_000_001.0);
        let mut moves = 0;
        while let Some(place) = between(Some(low), Some(high), 0.0) {
            assert!(low < place && place < high);
            low = place;
            moves += 1;
        }
        assert!((5..60).contains(&moves), "{moves}");
        assert_eq!(between(Some(5.0), Some(5.0), 0.0), None, "twins have no room");
        assert!(between(None, Some(5.0), 0.0) < Some(5.0) && between(Some(5.0), None, 2.0) > Some(5.0));
    }
}
