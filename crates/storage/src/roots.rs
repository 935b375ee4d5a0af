//! Folders that Weft watches.

use crate::entity::root;
use crate::error::{StoreError, StoreResult};
use crate::sql::Sql;
use crate::store::Store;
use crate::text::storable;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use std::collections::HashMap;
use std::path::PathBuf;
use weft_domain::RootId;

/// A watched folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootRow {
    pub id: RootId,
    /// Absolute path, as given when it was added.
    pub path: String,
    pub name: String,
    pub samples: bool,
    /// False once a scan could not read it.
    pub online: bool,
    /// When the last complete scan ended.
    pub scanned_ms: Option<i64>,
    pub added_ms: i64,
}

impl RootRow {
    /// The folder on disk.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        PathBuf::from(&self.path)
    }
}

impl From<root::Model> for RootRow {
    fn from(row: root::Model) -> Self {
        Self {
            id: RootId(row.id),
            path: row.path,
            name: row.name,
            samples: row.samples,
            online: row.online,
            scanned_ms: row.scanned_ms,
            added_ms: row.added_ms,
        }
    }
}

/// A folder to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoot {
    pub path: String,
    pub name: String,
    pub samples: bool,
}

/// The `roots` table. A removed root keeps its row and its adapters, hidden, so that adding it again brings all of it back.
#[derive(Debug, Clone)]
pub struct RootRepo {
    pub(crate) store: Store,
}

impl RootRepo {
    /// Watched roots by name, removed ones left out.
    pub async fn list(&self) -> StoreResult<Vec<RootRow>> {
        let rows = root::Entity::find()
            .filter(root::Column::RemovedMs.is_null())
            .order_by_asc(root::Column::Name)
            .order_by_asc(root::Column::Id)
            .all(self.store.read())
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// One watched root.
    pub async fn get(&self, id: RootId) -> StoreResult<Option<RootRow>> {
        let row = root::Entity::find_by_id(id.0).filter(root::Column::RemovedMs.is_null()).one(self.store.read()).await?;
        Ok(row.map(Into::into))
    }

    /// Watches a folder. A folder that was removed before comes back under its old id with its adapters and their data;
    /// one that is watched already is answered as it is.
    pub async fn add(&self, new: &NewRoot, now_ms: i64) -> StoreResult<RootRow> {
        let tx = self.store.begin().await?;
        let old = root::Entity::find().filter(root::Column::Path.eq(&new.path)).one(&tx).await?;
        let row = match old {
            Some(row) if row.removed_ms.is_none() => row,
            Some(row) => {
                let mut row: root::ActiveModel = row.into();
                row.name = Set(storable(&new.name));
                row.samples = Set(new.samples);
                row.removed_ms = Set(None);
                row.online = Set(true);
                row.update(&tx).await?
            }
            None => {
                let row = root::ActiveModel {
                    id: NotSet,
                    path: Set(new.path.clone()),
                    name: Set(storable(&new.name)),
                    samples: Set(new.samples),
                    online: Set(true),
                    scanned_ms: Set(None),
                    added_ms: Set(now_ms),
                    removed_ms: Set(None),
                };
                row.insert(&tx).await?
            }
        };
        tx.commit().await?;
        Ok(row.into())
    }

    /// Hides a root and its adapters. False when there is no such root.
    pub async fn remove(&self, id: RootId, now_ms: i64) -> StoreResult<bool> {
        let mut sql = Sql::new("UPDATE roots SET removed_ms = ");
        sql.bind(now_ms).push(" WHERE removed_ms IS NULL AND id = ").bind(id.0);
        self.change(sql).await
    }

    /// Notes whether the folder could be read.
    pub async fn set_online(&self, id: RootId, online: bool) -> StoreResult<()> {
        let mut sql = Sql::new("UPDATE roots SET online = ");
        sql.bind(online).push(" WHERE id = ").bind(id.0);
        self.must(id, sql).await
    }

    /// Notes that a complete scan has ended.
    pub async fn set_scanned(&self, id: RootId, now_ms: i64) -> StoreResult<()> {
        let mut sql = Sql::new("UPDATE roots SET online = TRUE, scanned_ms = ");
        sql.bind(now_ms).push(" WHERE id = ").bind(id.0);
        self.must(id, sql).await
    }

    /// Adapters below each watched root, missing and broken ones included.
    pub async fn counts(&self) -> StoreResult<HashMap<RootId, u64>> {
        let read = self.store.read();
        let sql = Sql::new("SELECT root_id, COUNT(*) AS n FROM adapters GROUP BY root_id");
        let rows = read.query_all_raw(sql.on(read.get_database_backend())).await?;
        rows.iter().map(|row| Ok((RootId(row.try_get_by_index(0)?), u64::try_from(row.try_get_by_index::<i64>(1)?).unwrap_or(0)))).collect()
    }

    async fn change(&self, sql: Sql) -> StoreResult<bool> {
        let write = self.store.write();
        Ok(write.execute_raw(sql.on(write.get_database_backend())).await?.rows_affected() > 0)
    }

    async fn must(&self, id: RootId, sql: Sql) -> StoreResult<()> {
        match self.change(sql).await? {
            true => Ok(()),
            false => Err(StoreError::NotFound { what: "folder", id: id.0 }),
        }
    }
}
