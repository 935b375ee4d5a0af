//! Requests for pictures. What was asked outlives its job, which leaves the table after a month.

use crate::error::{StoreError, StoreResult};
use crate::sql::Sql;
use crate::store::Store;
use sea_orm::{ConnectionTrait, QueryResult};
use std::collections::HashMap;
use weft_domain::generation::GenerationRequest;
use weft_domain::{GenerationId, JobId};

/// A request as it was checked: seed and checkpoint filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationRow {
    pub id: GenerationId,
    /// The job that paints it, or painted it last. It may be gone.
    pub job: Option<JobId>,
    pub request: GenerationRequest,
    /// Pictures it is to give.
    pub total: u32,
    pub created_ms: i64,
}

/// The `generations` table.
#[derive(Debug, Clone)]
pub struct GenerationRepo {
    pub(crate) store: Store,
}

const COLUMNS: &str = "id, job_id, request, total, created_ms";

impl GenerationRepo {
    /// Keeps a request; it has no job yet.
    pub async fn insert(&self, request: &GenerationRequest, total: u32, now_ms: i64) -> StoreResult<GenerationId> {
        let text = serde_json::to_string(request).map_err(|source| StoreError::Corrupt { what: "request", id: 0, source })?;
        let mut sql = Sql::new("INSERT INTO generations (request, total, created_ms) VALUES (");
        sql.bind(text).push(", ").bind(i64::from(total)).push(", ").bind(now_ms).push(") RETURNING id");
        let write = self.store.write();
        let row = write.query_one_raw(sql.on(write.get_database_backend())).await?;
        let row = row.ok_or(StoreError::NotFound { what: "generation", id: 0 })?;
        Ok(GenerationId(row.try_get_by_index(0)?))
    }

    /// Names the job that paints it.
    pub async fn set_job(&self, id: GenerationId, job: JobId) -> StoreResult<()> {
        let mut sql = Sql::new("UPDATE generations SET job_id = ");
        sql.bind(job.0).push(" WHERE id = ").bind(id.0);
        let write = self.store.write();
        write.execute_raw(sql.on(write.get_database_backend())).await?;
        Ok(())
    }

    /// One request.
    pub async fn get(&self, id: GenerationId) -> StoreResult<Option<GenerationRow>> {
        Ok(self.many(&[id]).await?.pop())
    }

    /// Those of `ids` that are there, in no order.
    pub async fn many(&self, ids: &[GenerationId]) -> StoreResult<Vec<GenerationRow>> {
        let mut sql = Sql::new("SELECT ");
        sql.push(COLUMNS).push(" FROM generations WHERE id IN ").bind_list(ids.iter().map(|id| id.0));
        self.rows(sql).await
    }

    /// The newest requests first, `limit` of them, older than `before` where it is given.
    pub async fn recent(&self, before: Option<GenerationId>, limit: u64) -> StoreResult<Vec<GenerationRow>> {
        let mut sql = Sql::new("SELECT ");
        sql.push(COLUMNS).push(" FROM generations WHERE id < ").bind(before.map_or(i64::MAX, |id| id.0));
        sql.push(" ORDER BY id DESC LIMIT ").bind(i64::try_from(limit).unwrap_or(i64::MAX));
        self.rows(sql).await
    }

    /// How many pictures each of `ids` has so far, those in the trash included; one without any is left out.
    pub async fn painted(&self, ids: &[GenerationId]) -> StoreResult<HashMap<GenerationId, u32>> {
        let mut sql = Sql::new("SELECT generation_id, COUNT(*) FROM pictures WHERE generation_id IN ");
        sql.bind_list(ids.iter().map(|id| id.0)).push(" GROUP BY generation_id");
        let read = self.store.read();
        let rows = read.query_all_raw(sql.on(read.get_database_backend())).await?;
        rows.iter().map(|row| Ok((GenerationId(row.try_get_by_index(0)?), small(row.try_get_by_index(1)?)))).collect()
    }

    /// Places of the pictures that a request has already, those in the trash included.
    pub async fn shots(&self, id: GenerationId) -> StoreResult<Vec<u32>> {
        let mut sql = Sql::new("SELECT shot FROM pictures WHERE generation_id = ");
        sql.bind(id.0).push(" ORDER BY shot");
        let read = self.store.read();
        let rows = read.query_all_raw(sql.on(read.get_database_backend())).await?;
        rows.iter().map(|row| Ok(small(row.try_get_by_index(0)?))).collect()
    }

    async fn rows(&self, sql: Sql) -> StoreResult<Vec<GenerationRow>> {
        let read = self.store.read();
        let rows = read.query_all_raw(sql.on(read.get_database_backend())).await?;
        rows.iter().map(read_row).collect()
    }
}

fn read_row(row: &QueryResult) -> StoreResult<GenerationRow> {
    let id: i64 = row.try_get_by_index(0)?;
    let text: String = row.try_get_by_index(2)?;
    Ok(GenerationRow {
        id: GenerationId(id),
        job: row.try_get_by_index::<Option<i64>>(1)?.map(JobId),
        request: serde_json::from_str(&text).map_err(|source| StoreError::Corrupt { what: "request", id, source })?,
        total: small(row.try_get_by_index(3)?),
        created_ms: row.try_get_by_index(4)?,
    })
}

fn small(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(0)
}
