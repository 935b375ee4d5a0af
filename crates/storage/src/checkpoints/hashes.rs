//! Hashes of checkpoints that are one file.

use super::{CheckpointRepo, CheckpointWork};
use crate::adapters::FileHashes;
use crate::error::StoreResult;
use crate::sql::Sql;
use sea_orm::ConnectionTrait;
use std::path::PathBuf;
use weft_domain::{CheckpointId, RootId};

const LEFT: &str = "c.hashed_ms IS NULL AND c.state = 'ready'";

impl CheckpointRepo {
    /// The next checkpoints of a watched root without hashes, by id, after `after`. One that fails without a mark stays in the list, so
    /// walk it by `after`.
    pub async fn unhashed(&self, root: RootId, after: Option<CheckpointId>, limit: u64) -> StoreResult<Vec<CheckpointWork>> {
        let read = self.store.read();
        let mut sql = Sql::new(
            "SELECT c.id, r.path, c.rel_path, c.name, c.size, c.stamp FROM checkpoints c JOIN roots r ON r.id = c.root_id \
             WHERE r.removed_ms IS NULL AND ",
        );
        sql.push(LEFT).push(" AND c.root_id = ").bind(root.0).push(" AND c.id > ").bind(after.map_or(0, |id| id.0));
        sql.push(" ORDER BY c.id LIMIT ").bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = read.query_all_raw(sql.on(read.get_database_backend())).await?;
        rows.iter()
            .map(|row| {
                Ok(CheckpointWork {
                    id: CheckpointId(row.try_get_by_index(0)?),
                    root_path: PathBuf::from(row.try_get_by_index::<String>(1)?),
                    rel_path: row.try_get_by_index(2)?,
                    name: row.try_get_by_index(3)?,
                    size: row.try_get_by_index(4)?,
                    stamp: row.try_get_by_index(5)?,
                })
            })
            .collect()
    }

    /// How many checkpoints of a root have no hashes yet.
    pub async fn unhashed_count(&self, root: RootId) -> StoreResult<u64> {
        let read = self.store.read();
        let mut sql = Sql::new("SELECT COUNT(*) FROM checkpoints c WHERE ");
        sql.push(LEFT).push(" AND c.root_id = ").bind(root.0);
        let row = read.query_one_raw(sql.on(read.get_database_backend())).await?;
        Ok(u64::try_from(row.map(|row| row.try_get_by_index::<i64>(0)).transpose()?.unwrap_or(0)).unwrap_or(0))
    }

    /// Stores hashes, or that there are none to be had (None): it is not tried again until the file changes. False when the file has
    /// changed since `work` was read.
    pub async fn set_hashes(&self, work: &CheckpointWork, hashes: Option<&FileHashes>, now_ms: i64) -> StoreResult<bool> {
        let write = self.store.write();
        let mut sql = Sql::new("UPDATE checkpoints SET version = version + 1, hashed_ms = ");
        sql.bind(now_ms).push(", sha256 = ").bind(hashes.map(|h| h.sha256.clone()));
        sql.push(", autov2 = ").bind(hashes.and_then(|h| h.autov2.clone()));
        sql.push(", autov3 = ").bind(hashes.and_then(|h| h.autov3.clone()));
        sql.push(" WHERE id = ").bind(work.id.0).push(" AND stamp = ").bind(work.stamp.as_str());
        Ok(write.execute_raw(sql.on(write.get_database_backend())).await?.rows_affected() > 0)
    }
}
