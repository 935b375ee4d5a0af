//! Measures that were computed, kept for the bytes they were computed from.

use super::AdapterRepo;
use crate::entity::adapter_measures::{ActiveModel, Column, Entity};
use crate::error::StoreResult;
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;
use sea_orm::sea_query::OnConflict;
use weft_domain::{AdapterId, CheckpointId};

impl AdapterRepo {
    /// The kept measures of an adapter (beside a checkpoint), as they were handed in; None when there are none of this `content`.
    pub async fn measures(&self, id: AdapterId, checkpoint: Option<CheckpointId>, content: &str) -> StoreResult<Option<String>> {
        let key = (id.0, checkpoint.map_or(0, |c| c.0));
        let row = Entity::find_by_id(key).one(self.store.read()).await?;
        Ok(row.filter(|row| row.content == content).map(|row| row.measures))
    }

    /// Keeps measures; those of another content go. Nothing is kept for an adapter that is gone.
    pub async fn keep_measures(
        &self,
        id: AdapterId,
        checkpoint: Option<CheckpointId>,
        content: &str,
        measures: &str,
        now_ms: i64,
    ) -> StoreResult<()> {
        if self.place(id).await?.is_none() {
            return Ok(());
        }
        let row = ActiveModel {
            adapter_id: Set(id.0),
            checkpoint_id: Set(checkpoint.map_or(0, |c| c.0)),
            content: Set(content.to_owned()),
            measures: Set(measures.to_owned()),
            measured_ms: Set(now_ms),
        };
        let replace = OnConflict::columns([Column::AdapterId, Column::CheckpointId])
            .update_columns([Column::Content, Column::Measures, Column::MeasuredMs])
            .to_owned();
        Entity::insert(row).on_conflict(replace).exec_without_returning(self.store.write()).await?;
        Ok(())
    }

    /// Forgets rows below a root whose files have turned out to be something else than an adapter, unless a person wrote about them;
    /// those stay, as missing. Answers how many rows changed.
    pub async fn disown(&self, root: weft_domain::RootId, paths: &[String], now_ms: i64) -> StoreResult<u64> {
        use crate::sql::Sql;
        use sea_orm::ConnectionTrait;
        let mut changed = 0;
        for paths in paths.chunks(super::CHUNK) {
            let tx = self.store.begin().await?;
            let mut gone = Sql::new("DELETE FROM adapters WHERE user_version = 0 AND root_id = ");
            gone.bind(root.0).push(" AND rel_path IN ").bind_list(paths.iter().cloned());
            changed += tx.execute_raw(gone.on(tx.get_database_backend())).await?.rows_affected();
            let mut kept = Sql::new("UPDATE adapters SET state = 'missing', updated_ms = ");
            kept.bind(now_ms).push(" WHERE state <> 'missing' AND root_id = ").bind(root.0);
            kept.push(" AND rel_path IN ").bind_list(paths.iter().cloned());
            changed += tx.execute_raw(kept.on(tx.get_database_backend())).await?.rows_affected();
            tx.commit().await?;
        }
        Ok(changed)
    }
}
