//! Work that is left for files, and its results. A result counts only for the file it was made from.

use super::{AdapterRepo, FileHashes, Strengths, WorkItem, WorkKind, takeover};
use crate::entity::{adapter, detail};
use crate::error::{StoreError, StoreResult};
use crate::sql::Sql;
use crate::text::storable;
use sea_orm::{ConnectionTrait, EntityTrait};
use std::path::PathBuf;
use weft_domain::{AdapterId, RootId};

impl WorkKind {
    fn is_left(self) -> &'static str {
        match self {
            Self::Strengths => "a.measured_ms IS NULL AND a.state = 'ready'",
            Self::Hashes => "a.hashed_ms IS NULL AND a.state = 'ready'",
            Self::Thumbnails => "a.thumbed_ms IS NULL AND a.state = 'ready' AND a.preview_source IS NOT NULL",
        }
    }
}

impl AdapterRepo {
    /// The next files of a watched root that `kind` is left for, by id, after `after`. A file whose result is refused or that fails
    /// without a mark stays in the list, so walk it by `after`, never from the start.
    pub async fn pending(&self, kind: WorkKind, root: RootId, after: Option<AdapterId>, limit: u64) -> StoreResult<Vec<WorkItem>> {
        let read = self.store.read();
        let mut sql = Sql::new(
            "SELECT a.id, r.path, a.rel_path, a.name, a.size, a.modified_ms, a.preview_source, a.preview_stamp \
             FROM adapters a JOIN roots r ON r.id = a.root_id WHERE r.removed_ms IS NULL AND ",
        );
        sql.push(kind.is_left()).push(" AND a.root_id = ").bind(root.0).push(" AND a.id > ").bind(after.map_or(0, |id| id.0));
        sql.push(" ORDER BY a.id LIMIT ").bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = read.query_all_raw(sql.on(read.get_database_backend())).await?;
        rows.iter()
            .map(|row| {
                Ok(WorkItem {
                    id: AdapterId(row.try_get_by_index(0)?),
                    root_path: PathBuf::from(row.try_get_by_index::<String>(1)?),
                    rel_path: row.try_get_by_index(2)?,
                    name: row.try_get_by_index(3)?,
                    size: row.try_get_by_index(4)?,
                    modified_ms: row.try_get_by_index(5)?,
                    preview_source: row.try_get_by_index(6)?,
                    preview_stamp: row.try_get_by_index(7)?,
                })
            })
            .collect()
    }

    /// How many files of a root `kind` is left for.
    pub async fn pending_count(&self, kind: WorkKind, root: RootId) -> StoreResult<u64> {
        let read = self.store.read();
        let mut sql = Sql::new("SELECT COUNT(*) FROM adapters a WHERE ");
        sql.push(kind.is_left()).push(" AND a.root_id = ").bind(root.0);
        let row = read.query_one_raw(sql.on(read.get_database_backend())).await?;
        let count = row.map(|row| row.try_get_by_index::<i64>(0)).transpose()?.unwrap_or(0);
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Stores measured strengths. False when the file has changed since `item` was read: the result is dropped.
    pub async fn set_strengths(&self, item: &WorkItem, found: &Strengths, now_ms: i64) -> StoreResult<bool> {
        let id = item.id.0;
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        let json = |what: &'static str, value: serde_json::Result<String>| value.map_err(|source| StoreError::Corrupt { what, id, source });
        let mut sql = Sql::new("UPDATE adapters SET measured_ms = ");
        sql.bind(now_ms).push(", updated_ms = ").bind(now_ms);
        sql.push(", frobenius = ").bind(finite(found.frobenius)).push(", te_frobenius = ").bind(finite(found.te_frobenius));
        sql.push(", mean = ").bind(finite(found.mean)).push(", variance = ").bind(finite(found.variance));
        sql.push(", has_block_weights = ").bind(found.has_block_weights).push(", fallback = ").bind(found.fallback);
        let tx = self.store.begin().await?;
        if !still(&tx, sql, item).await? {
            return Ok(false);
        }
        let mut sql = Sql::new("UPDATE adapter_details SET blocks = ");
        sql.bind(json("blocks", serde_json::to_string(&found.blocks))?);
        sql.push(", outside = ").bind(json("outside", serde_json::to_string(&found.outside))?);
        sql.push(", measure_warning = ").bind(found.warning.as_deref().map(storable));
        sql.push(" WHERE adapter_id = ").bind(id);
        tx.execute_raw(sql.on(tx.get_database_backend())).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Notes that strengths cannot be had from this file, and why. It will not be tried again until the file changes.
    pub async fn set_strengths_failed(&self, item: &WorkItem, warning: &str, now_ms: i64) -> StoreResult<bool> {
        let failed = Strengths { fallback: true, warning: Some(warning.to_owned()), ..Default::default() };
        self.set_strengths(item, &failed, now_ms).await
    }

    /// Stores hashes. When a vanished row has the same content and a person's data, that row takes this file over. Answers the id that
    /// the file has now, or None when it has changed since `item` was read.
    pub async fn set_hashes(&self, item: &WorkItem, hashes: &FileHashes, now_ms: i64) -> StoreResult<Option<AdapterId>> {
        let tx = self.store.begin().await?;
        let mut sql = Sql::new("UPDATE adapters SET hashed_ms = ");
        sql.bind(now_ms).push(", sha256 = ").bind(hashes.sha256.as_str());
        sql.push(", autov2 = ").bind(hashes.autov2.as_deref()).push(", autov3 = ").bind(hashes.autov3.as_deref());
        if !still(&tx, sql, item).await? {
            return Ok(None);
        }
        let mut id = item.id;
        if let Some(row) = adapter::Entity::find_by_id(id.0).one(&tx).await?
            && let Some(old) = takeover::by_content(&tx, &row, &hashes.sha256).await?
        {
            id = AdapterId(old.id);
            takeover::merge(&tx, old, row, now_ms).await?;
        }
        tx.commit().await?;
        Ok(Some(id))
    }

    /// Notes that a file cannot be read for hashing; it will not be tried again until it changes.
    pub async fn set_hashes_failed(&self, item: &WorkItem, now_ms: i64) -> StoreResult<bool> {
        let mut sql = Sql::new("UPDATE adapters SET hashed_ms = ");
        sql.bind(now_ms);
        still(self.store.write(), sql, item).await
    }

    /// Stores the key of the picture that was made, or None when its source holds no usable picture. False when the source has changed.
    pub async fn set_preview(&self, item: &WorkItem, blob: Option<&str>, now_ms: i64) -> StoreResult<bool> {
        let write = self.store.write();
        let mut sql = Sql::new("UPDATE adapters SET thumbed_ms = ");
        sql.bind(now_ms).push(", updated_ms = ").bind(now_ms).push(", preview_blob = ").bind(blob);
        sql.push(" WHERE id = ").bind(item.id.0);
        sql.push(" AND COALESCE(preview_source, '') = ").bind(item.preview_source.clone().unwrap_or_default());
        sql.push(" AND COALESCE(preview_stamp, '') = ").bind(item.preview_stamp.clone().unwrap_or_default());
        Ok(write.execute_raw(sql.on(write.get_database_backend())).await?.rows_affected() > 0)
    }

    /// Makes strengths, hashes and picture of these adapters due again.
    pub async fn forget_measurements(&self, ids: &[AdapterId]) -> StoreResult<()> {
        for ids in ids.chunks(super::CHUNK) {
            let write = self.store.write();
            let mut sql =
                Sql::new("UPDATE adapters SET measured_ms = NULL, hashed_ms = NULL, thumbed_ms = NULL, sidecar_stamp = NULL WHERE id IN ");
            sql.bind_list(ids.iter().map(|id| id.0));
            write.execute_raw(sql.on(write.get_database_backend())).await?;
        }
        Ok(())
    }

    /// Every stored picture key in use: a sweep removes the others.
    pub async fn preview_blobs(&self) -> StoreResult<std::collections::HashSet<String>> {
        let read = self.store.read();
        let sql = Sql::new("SELECT DISTINCT preview_blob FROM adapters WHERE preview_blob IS NOT NULL");
        let rows = read.query_all_raw(sql.on(read.get_database_backend())).await?;
        rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
    }

    /// Block strengths as stored, for several adapters at once; an unmeasured one has an empty list.
    pub async fn blocks(&self, ids: &[AdapterId]) -> StoreResult<Vec<(AdapterId, Vec<weft_domain::BlockStrength>)>> {
        use sea_orm::{ColumnTrait, QueryFilter};
        let mut found = Vec::new();
        for ids in ids.chunks(super::CHUNK) {
            let rows =
                detail::Entity::find().filter(detail::Column::AdapterId.is_in(ids.iter().map(|id| id.0))).all(self.store.read()).await?;
            for row in rows {
                found.push((AdapterId(row.adapter_id), super::view::json("blocks", row.adapter_id, &row.blocks)?));
            }
        }
        Ok(found)
    }
}

/// Runs the update for `item` only while its file is the one that was read.
async fn still<C: ConnectionTrait>(db: &C, mut sql: Sql, item: &WorkItem) -> StoreResult<bool> {
    sql.push(" WHERE id = ").bind(item.id.0).push(" AND size = ").bind(item.size).push(" AND modified_ms = ").bind(item.modified_ms);
    Ok(db.execute_raw(sql.on(db.get_database_backend())).await?.rows_affected() > 0)
}
