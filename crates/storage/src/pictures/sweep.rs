//! Pictures leave for good: rows first, then the bytes that no row names any more.

use super::{CHUNK, PictureRepo};
use crate::error::StoreResult;
use crate::sql::Sql;
use sea_orm::ConnectionTrait;
use std::collections::HashSet;
use weft_domain::PictureId;
use weft_domain::generation::Trash;

impl PictureRepo {
    /// Pictures that came into the trash before `before_ms`, oldest first, at most `limit`.
    pub async fn expired(&self, before_ms: i64, limit: u64) -> StoreResult<Vec<PictureId>> {
        let read = self.store.read();
        let mut sql = Sql::new("SELECT id FROM pictures WHERE deleted_ms IS NOT NULL AND deleted_ms < ");
        sql.bind(before_ms).push(" ORDER BY deleted_ms, id LIMIT ").bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = read.query_all_raw(sql.on(read.get_database_backend())).await?;
        rows.iter().map(|row| Ok(PictureId(row.try_get_by_index(0)?))).collect()
    }

    /// What is in the trash, and how many bytes no picture outside of it needs.
    pub async fn trash(&self) -> StoreResult<Trash> {
        let read = self.store.read();
        let sql = Sql::new(
            "SELECT CAST(COALESCE(SUM(b.n), 0) AS BIGINT), CAST(COALESCE(SUM(b.free), 0) AS BIGINT) FROM (
                SELECT COUNT(*) AS n, CASE WHEN EXISTS (SELECT 1 FROM pictures k WHERE k.blob = p.blob AND k.deleted_ms IS NULL)
                    THEN 0 ELSE MAX(p.size) END AS free
                FROM pictures p WHERE p.deleted_ms IS NOT NULL GROUP BY p.blob
            ) b",
        );
        let Some(row) = read.query_one_raw(sql.on(read.get_database_backend())).await? else { return Ok(Trash::default()) };
        let (pictures, bytes): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        Ok(Trash { pictures: u64::try_from(pictures).unwrap_or(0), bytes: u64::try_from(bytes).unwrap_or(0) })
    }

    /// Removes those of the pictures that are still in the trash; answers the blobs that no row names any more.
    pub async fn remove(&self, ids: &[PictureId]) -> StoreResult<Vec<String>> {
        let mut blobs: HashSet<String> = HashSet::new();
        let tx = self.store.begin().await?;
        for ids in ids.chunks(CHUNK) {
            let mut sql = Sql::new("DELETE FROM pictures WHERE deleted_ms IS NOT NULL AND id IN ");
            sql.bind_list(ids.iter().map(|id| id.0)).push(" RETURNING blob");
            for row in tx.query_all_raw(sql.on(tx.get_database_backend())).await? {
                blobs.insert(row.try_get_by_index(0)?);
            }
        }
        let gone: Vec<String> = blobs.into_iter().collect();
        let mut kept: HashSet<String> = HashSet::new();
        for keys in gone.chunks(CHUNK) {
            kept.extend(named(&tx, keys).await?);
        }
        tx.commit().await?;
        Ok(gone.into_iter().filter(|key| !kept.contains(key)).collect())
    }

    /// Which of these blobs a row names.
    pub async fn blobs_in_use(&self, keys: &[String]) -> StoreResult<HashSet<String>> {
        let mut found = HashSet::new();
        for keys in keys.chunks(CHUNK) {
            found.extend(named(self.store.read(), keys).await?);
        }
        Ok(found)
    }
}

async fn named<C: ConnectionTrait>(db: &C, keys: &[String]) -> StoreResult<Vec<String>> {
    let mut sql = Sql::new("SELECT DISTINCT blob FROM pictures WHERE blob IN ");
    sql.bind_list(keys.iter().cloned());
    let rows = db.query_all_raw(sql.on(db.get_database_backend())).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}
