//! Files that go and come back. Their rows stay.

use super::{AdapterRepo, CHUNK, takeover};
use crate::entity::adapter;
use crate::error::StoreResult;
use crate::sql::Sql;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use weft_domain::{AdapterId, RootId};

impl AdapterRepo {
    /// Marks files as vanished from a root that is there. One that a person wrote about moves on to a living copy of the same file that
    /// nobody has touched, if there is one; answers the ids of those copies' own rows, which are gone now.
    pub async fn mark_missing(&self, ids: &[AdapterId], now_ms: i64) -> StoreResult<Vec<AdapterId>> {
        let mut replaced = Vec::new();
        for ids in ids.chunks(CHUNK) {
            let tx = self.store.begin().await?;
            set_state(&tx, "state = 'missing'", ids, "state <> 'missing'", now_ms).await?;
            let touched = adapter::Entity::find()
                .filter(adapter::Column::Id.is_in(ids.iter().map(|id| id.0)))
                .filter(adapter::Column::UserVersion.gt(0))
                .all(&tx)
                .await?;
            for gone in touched {
                if let Some(copy) = takeover::living_copy(&tx, &gone).await? {
                    replaced.push(AdapterId(copy.id));
                    takeover::merge(&tx, gone, copy, now_ms).await?;
                }
            }
            tx.commit().await?;
        }
        Ok(replaced)
    }

    /// Marks files that are back where they were, unchanged.
    pub async fn mark_present(&self, ids: &[AdapterId], now_ms: i64) -> StoreResult<()> {
        for ids in ids.chunks(CHUNK) {
            let state = "state = CASE WHEN error IS NULL THEN 'ready' ELSE 'broken' END";
            set_state(self.store.write(), state, ids, "state = 'missing'", now_ms).await?;
        }
        Ok(())
    }

    /// Marks everything below a root that cannot be read as missing; nothing is forgotten, nothing moves on. Answers how many changed.
    pub async fn mark_root_missing(&self, root: RootId, now_ms: i64) -> StoreResult<u64> {
        let write = self.store.write();
        let mut sql = Sql::new("UPDATE adapters SET state = 'missing', updated_ms = ");
        sql.bind(now_ms).push(" WHERE state <> 'missing' AND root_id = ").bind(root.0);
        Ok(write.execute_raw(sql.on(write.get_database_backend())).await?.rows_affected())
    }
}

async fn set_state<C: ConnectionTrait>(db: &C, set: &str, ids: &[AdapterId], only: &str, now_ms: i64) -> StoreResult<()> {
    let mut sql = Sql::new("UPDATE adapters SET ");
    sql.push(set).push(", updated_ms = ").bind(now_ms).push(" WHERE ").push(only).push(" AND id IN ");
    sql.bind_list(ids.iter().map(|id| id.0));
    db.execute_raw(sql.on(db.get_database_backend())).await?;
    Ok(())
}
