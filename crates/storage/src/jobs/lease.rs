//! What only the worker that holds a job's lease may do with it.

use super::row::COLUMNS;
use super::{JobRepo, JobRow};
use crate::error::StoreResult;
use crate::settings::paused_name;
use crate::sql::Sql;
use crate::store::Engine;
use crate::text::storable;
use sea_orm::ConnectionTrait;
use serde_json::Value;
use weft_domain::{JobId, JobKind, Lane};

/// The right to work on one job: its id and the fencing number of the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub id: JobId,
    pub token: i64,
}

/// What the table says to a worker that reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseCheck {
    /// Go on.
    Held,
    /// Still yours, but somebody asked to stop.
    Cancelling,
    /// Another worker has the job, or it has ended: stop, whatever you have does not count.
    Lost,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// Done, with what it made.
    Done(Value),
    /// Failed for good, in plain words.
    Failed(String),
    /// Stopped as asked.
    Cancelled,
    /// Failed in a way that may pass: back into the queue until `run_after_ms`, or failed once all attempts are used up.
    Retry { error: String, run_after_ms: i64 },
    /// The worker stops: back into the queue, and this attempt does not count.
    Released,
}

impl JobRepo {
    /// Takes the most urgent waiting job of a lane (highest priority, then smallest place, then oldest) that one of `kinds` names. Two workers
    /// never get the same one. A paused lane ([`crate::SettingRepo::pause`]) gives none.
    pub async fn claim(&self, lane: Lane, kinds: &[JobKind], owner: &str, lease_until_ms: i64, now_ms: i64) -> StoreResult<Option<JobRow>> {
        let mut sql = Sql::new("UPDATE jobs SET state = 'running', lease_token = lease_token + 1, attempt = attempt + 1, lease_owner = ");
        sql.bind(owner).push(", lease_until_ms = ").bind(lease_until_ms).push(", heartbeat_ms = ").bind(now_ms);
        sql.push(", started_ms = COALESCE(started_ms, ").bind(now_ms).push("), error = NULL WHERE state = 'queued' AND id = (");
        sql.push("SELECT id FROM jobs WHERE state = 'queued' AND lane = ").bind(lane.as_str());
        sql.push(" AND run_after_ms <= ").bind(now_ms).push(" AND kind IN ").bind_list(kinds.iter().map(|kind| kind.as_str()));
        sql.push(" AND NOT EXISTS (SELECT 1 FROM settings WHERE name = ").bind(paused_name(lane)).push(" AND value = 'true')");
        sql.push(" ORDER BY priority DESC, place, id LIMIT 1");
        if self.store.engine() == Engine::Postgres {
            sql.push(" FOR UPDATE SKIP LOCKED");
        }
        sql.push(") RETURNING ").push(COLUMNS);
        Ok(self.rows(sql).await?.pop())
    }

    /// Says that the worker is alive, and how far it is when `progress` (done, total, message) is given.
    pub async fn heartbeat(
        &self,
        claim: Claim,
        lease_until_ms: i64,
        progress: Option<(u64, u64, &str)>,
        now_ms: i64,
    ) -> StoreResult<LeaseCheck> {
        let mut sql = Sql::new("UPDATE jobs SET heartbeat_ms = ");
        sql.bind(now_ms).push(", lease_until_ms = ").bind(lease_until_ms);
        if let Some((done, total, message)) = progress {
            let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            sql.push(", done = ").bind(count(done)).push(", total = ").bind(count(total)).push(", message = ").bind(storable(message));
        }
        held(&mut sql, claim);
        sql.push(" RETURNING cancel_requested");
        let write = self.store.write();
        Ok(match write.query_one_raw(sql.on(write.get_database_backend())).await? {
            None => LeaseCheck::Lost,
            Some(row) if row.try_get_by_index::<bool>(0)? => LeaseCheck::Cancelling,
            Some(_) => LeaseCheck::Held,
        })
    }

    /// Keeps what a later attempt can go on from. False when the lease is lost.
    pub async fn checkpoint(&self, claim: Claim, checkpoint: &Value) -> StoreResult<bool> {
        let mut sql = Sql::new("UPDATE jobs SET checkpoint = ");
        sql.bind(checkpoint.to_string());
        held(&mut sql, claim);
        Ok(self.change(sql).await? > 0)
    }

    /// Ends an attempt. None when the lease was lost: what this worker made does not count.
    pub async fn settle(&self, claim: Claim, settled: &Settled, now_ms: i64) -> StoreResult<Option<JobRow>> {
        let mut sql = Sql::new("UPDATE jobs SET lease_owner = NULL, lease_until_ms = NULL, ");
        match settled {
            Settled::Done(result) => {
                sql.push("state = 'done', error = NULL, result = ").bind(result.to_string()).push(", finished_ms = ").bind(now_ms);
            }
            Settled::Failed(error) => {
                sql.push("state = 'failed', error = ").bind(storable(error)).push(", finished_ms = ").bind(now_ms);
            }
            Settled::Cancelled => {
                sql.push("state = 'cancelled', finished_ms = ").bind(now_ms);
            }
            Settled::Retry { error, run_after_ms } => {
                sql.push("error = ").bind(storable(error)).push(", run_after_ms = ").bind(*run_after_ms).push(", ");
                again(&mut sql, now_ms);
            }
            Settled::Released => {
                sql.push("attempt = attempt - 1, state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'queued' END, ");
                sql.push("finished_ms = CASE WHEN cancel_requested THEN CAST(").bind(now_ms).push(" AS BIGINT) END");
            }
        }
        held(&mut sql, claim);
        sql.push(" RETURNING ").push(COLUMNS);
        Ok(self.rows(sql).await?.pop())
    }

    /// Takes jobs back from workers that fell silent: into the queue again, or failed once all attempts are used up. The fencing
    /// number grows, so that a worker that wakes up late is refused.
    pub async fn reclaim_expired(&self, now_ms: i64) -> StoreResult<Vec<JobRow>> {
        self.reclaim(
            |sql| {
                sql.push(" AND lease_until_ms < ").bind(now_ms);
            },
            now_ms,
        )
        .await
    }

    /// The same at once for every job that an earlier life of this worker left behind.
    pub async fn reclaim_owner(&self, owner: &str, now_ms: i64) -> StoreResult<Vec<JobRow>> {
        self.reclaim(
            |sql| {
                sql.push(" AND lease_owner = ").bind(owner);
            },
            now_ms,
        )
        .await
    }

    async fn reclaim(&self, which: impl FnOnce(&mut Sql), now_ms: i64) -> StoreResult<Vec<JobRow>> {
        let mut sql = Sql::new("UPDATE jobs SET lease_token = lease_token + 1, lease_owner = NULL, lease_until_ms = NULL, ");
        sql.push("error = CASE WHEN attempt < max_attempts OR cancel_requested THEN error ELSE ");
        sql.push("'The program stopped while it worked on this, every time it was tried.' END, run_after_ms = ").bind(now_ms).push(", ");
        again(&mut sql, now_ms);
        sql.push(" WHERE state = 'running'");
        which(&mut sql);
        sql.push(" RETURNING ").push(COLUMNS);
        self.rows(sql).await
    }

    /// When the next waiting job of these lanes may run: None when nothing waits.
    pub async fn next_due(&self, lane: Lane) -> StoreResult<Option<i64>> {
        let read = self.store.read();
        let mut sql = Sql::new("SELECT MIN(run_after_ms) FROM jobs WHERE state = 'queued' AND lane = ");
        sql.bind(lane.as_str());
        let row = read.query_one_raw(sql.on(read.get_database_backend())).await?;
        Ok(row.map(|row| row.try_get_by_index::<Option<i64>>(0)).transpose()?.flatten())
    }

    pub(super) async fn change(&self, sql: Sql) -> StoreResult<u64> {
        let write = self.store.write();
        Ok(write.execute_raw(sql.on(write.get_database_backend())).await?.rows_affected())
    }
}

/// ` WHERE` the lease is still this worker's.
fn held(sql: &mut Sql, claim: Claim) {
    sql.push(" WHERE state = 'running' AND id = ").bind(claim.id.0).push(" AND lease_token = ").bind(claim.token);
}

/// Sets state and end for an attempt that may be tried again.
fn again(sql: &mut Sql, now_ms: i64) {
    sql.push(
        "state = CASE WHEN cancel_requested THEN 'cancelled' WHEN attempt < max_attempts THEN 'queued' ELSE 'failed' END, \
         finished_ms = CASE WHEN cancel_requested OR attempt >= max_attempts THEN CAST(",
    );
    sql.bind(now_ms).push(" AS BIGINT) END");
}
