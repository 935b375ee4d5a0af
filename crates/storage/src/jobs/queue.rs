//! What everybody may do with jobs: enqueue, look, cancel, clear.

use super::row::COLUMNS;
use super::{JobRepo, JobRow, NewJob};
use crate::error::{StoreError, StoreResult};
use crate::sql::Sql;
use crate::text::storable;
use weft_domain::JobId;

impl JobRepo {
    /// Enqueues a job. While one with the same key is queued or running, that one is answered instead; the flag says whether the job
    /// is new.
    pub async fn enqueue(&self, new: &NewJob, now_ms: i64) -> StoreResult<(JobRow, bool)> {
        // The active job may end between the refused insert and the look at it: then the next insert succeeds.
        loop {
            if let Some(row) = self.insert(new, now_ms).await? {
                return Ok((row, true));
            }
            let Some(key) = &new.dedup_key else { continue };
            let mut sql = select();
            sql.push(" WHERE state IN ('queued', 'running') AND dedup_key = ").bind(key.as_str());
            if let Some(row) = self.rows(sql).await?.pop() {
                return Ok((row, false));
            }
        }
    }

    async fn insert(&self, new: &NewJob, now_ms: i64) -> StoreResult<Option<JobRow>> {
        let mut sql = Sql::new(
            "INSERT INTO jobs (kind, lane, priority, state, title, input, dedup_key, max_attempts, run_after_ms, created_ms, place) VALUES (",
        );
        sql.bind(new.kind.as_str()).push(", ").bind(new.kind.lane().as_str()).push(", ").bind(i64::from(new.priority));
        sql.push(", 'queued', ").bind(storable(&new.title)).push(", ").bind(new.input.to_string());
        sql.push(", ").bind(new.dedup_key.as_deref()).push(", ").bind(i64::from(new.max_attempts));
        sql.push(", ")
            .bind(now_ms)
            .push(", ")
            .bind(now_ms)
            .push(", ")
            .bind(now_ms as f64)
            .push(") ON CONFLICT DO NOTHING RETURNING ")
            .push(COLUMNS);
        Ok(self.rows(sql).await?.pop())
    }

    /// One job.
    pub async fn get(&self, id: JobId) -> StoreResult<Option<JobRow>> {
        let mut sql = select();
        sql.push(" WHERE id = ").bind(id.0);
        Ok(self.read(sql).await?.pop())
    }

    /// Active jobs first (running, then waiting in the order they will run), then the last `finished` ones, newest first.
    pub async fn list(&self, finished: u64) -> StoreResult<Vec<JobRow>> {
        let mut active = select();
        active.push(" WHERE state IN ('queued', 'running') ORDER BY CASE state WHEN 'running' THEN 0 ELSE 1 END, priority DESC, place, id");
        let mut ended = select();
        ended.push(" WHERE finished_ms IS NOT NULL ORDER BY finished_ms DESC, id DESC LIMIT ");
        ended.bind(i64::try_from(finished).unwrap_or(i64::MAX));
        let mut rows = self.read(active).await?;
        rows.extend(self.read(ended).await?);
        Ok(rows)
    }

    /// The active job with this key.
    pub async fn active(&self, dedup_key: &str) -> StoreResult<Option<JobRow>> {
        let mut sql = select();
        sql.push(" WHERE state IN ('queued', 'running') AND dedup_key = ").bind(dedup_key);
        Ok(self.read(sql).await?.pop())
    }

    /// Cancels: a waiting job ends at once, a running one is asked to stop, a finished one stays as it is.
    pub async fn cancel(&self, id: JobId, now_ms: i64) -> StoreResult<JobRow> {
        let mut sql = Sql::new(
            "UPDATE jobs SET cancel_requested = TRUE, state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END, \
             finished_ms = CASE state WHEN 'queued' THEN ",
        );
        // A bare place in a CASE has no type that PostgreSQL could infer.
        sql.push("CAST(").bind(now_ms).push(" AS BIGINT) ELSE finished_ms END WHERE state IN ('queued', 'running') AND id = ").bind(id.0);
        sql.push(" RETURNING ").push(COLUMNS);
        match self.rows(sql).await?.pop() {
            Some(row) => Ok(row),
            None => self.get(id).await?.ok_or(StoreError::NotFound { what: "job", id: id.0 }),
        }
    }

    /// Removes finished jobs that ended before `before_ms`; answers how many.
    pub async fn clear(&self, before_ms: i64) -> StoreResult<u64> {
        let mut sql = Sql::new("DELETE FROM jobs WHERE state IN ('done', 'failed', 'cancelled') AND finished_ms < ");
        sql.bind(before_ms);
        self.change(sql).await
    }
}

pub(super) fn select() -> Sql {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM jobs");
    sql
}
